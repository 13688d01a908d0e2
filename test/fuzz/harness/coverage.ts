/**
 * What a run touched. Every instrumented module (`instrument.mjs`) counts in its part of one array of octets; targets
 * add notes of their own, such as the states that an engine was in. A feature is a counter together with how often, in
 * eight classes: a loop that ran three times is news after one that ran once.
 */

interface Module {
  readonly name: string;
  readonly from: number;
  readonly count: number;
  /** Line of each counter. */
  readonly lines: readonly number[];
  readonly literals: readonly (string | number)[];
}
/** What `register.mjs` keeps; nothing but notes where nothing is instrumented (in the tests). */
interface Store {
  readonly counters: Uint8Array;
  /** Counters at the start that belong to notes. */
  readonly notes: number;
  readonly modules: readonly Module[];
}
const EMPTY: Store = { counters: new Uint8Array(1 << 13), notes: 1 << 13, modules: [] };
const registered = Reflect.get(globalThis, '__rehomeFuzzStore') as Store | undefined;
const { counters, notes: NOTES, modules } = registered ?? EMPTY;
const SIZE = counters.length;
/** The same, four at a time: most are zero. */
const words = new Uint32Array(counters.buffer);
let noted = false;

/** 1, 2, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127, more. */
const CLASS = Uint8Array.from({ length: 256 }, (_, n) =>
  n <= 3 ? Math.max(0, n - 1) : n < 8 ? 3 : n < 16 ? 4 : n < 32 ? 5 : n < 128 ? 6 : 7,
);

/** Counts something that is not code as if it were: the same text is the same counter. */
export function note(what: string): void {
  let hash = 0x811c9dc5;
  for (let i = 0; i < what.length; i++) hash = Math.imul(hash ^ what.charCodeAt(i), 0x01000193);
  const at = (hash ^ (hash >>> 15)) & (NOTES - 1);
  noted = true;
  if (counters[at] !== 255) counters[at] = (counters[at] ?? 0) + 1;
}

/** The coverage of the modules below some paths, and of notes. */
export class Coverage {
  readonly #paths: readonly string[];
  #ranges: readonly (readonly [number, number])[] = [];
  #modules: readonly Module[] = [];
  #known = 0;
  readonly #seen = new Uint8Array(SIZE);
  #hit = 0;

  /** @param paths from the root of the repository; a module counts when its path begins with one of them */
  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  /** Some modules are loaded by the first run that needs them. */
  #look(): void {
    if (this.#known === modules.length) return;
    this.#known = modules.length;
    this.#modules = modules.filter((m) => this.#paths.some((path) => m.name.startsWith(path)));
    this.#ranges = this.#modules.map((m) => [m.from, m.from + m.count] as const);
  }

  /** How many counters there are, notes not among them. */
  get total(): number {
    return this.#modules.reduce((sum, m) => sum + m.count, 0);
  }
  /** How many of them have ever counted. */
  get hit(): number {
    return this.#hit;
  }
  /** The constants that the code of these modules is written with. */
  literals(): (string | number)[] {
    return [...new Set(this.#modules.flatMap((m) => m.literals))];
  }

  /** To be called right before a run. */
  reset(): void {
    this.#look();
    if (noted) counters.fill(0, 0, NOTES);
    noted = false;
    for (const [from, to] of this.#ranges) counters.fill(0, from, to);
  }

  /** The features of the run since `reset`. */
  features(): number[] {
    const out: number[] = [];
    this.#look();
    if (noted) this.#collect(0, NOTES, out);
    for (const [from, to] of this.#ranges) this.#collect(from, to, out);
    return out;
  }

  #collect(from: number, to: number, out: number[]): void {
    for (let word = from >> 2; word < (to + 3) >> 2; word++) {
      if (words[word] === 0) continue;
      for (let i = 4 * word; i < 4 * word + 4; i++) {
        const n = counters[i] ?? 0;
        if (n === 0) continue;
        if (this.#seen[i] === 0) {
          this.#seen[i] = 1;
          if (i >= NOTES) this.#hit++;
        }
        // How often a note was taken says little, and would fill the corpus.
        out.push(i < NOTES ? i * 8 : i * 8 + (CLASS[n] ?? 0));
      }
    }
  }

  /** Counters that never counted, by module: where a target does not get to. */
  missed(): { readonly module: string; readonly lines: readonly number[]; readonly of: number }[] {
    return this.#modules.map((m) => ({
      module: m.name,
      lines: m.lines.filter((_, i) => this.#seen[m.from + i] === 0),
      of: m.count,
    }));
  }
}

/** Features are below this. */
export const FEATURES = SIZE * 8;
