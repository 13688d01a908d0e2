import { Buffer } from 'node:buffer';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { SeededRandom } from '../../../src/sim/random.js';
import { FEATURES } from './coverage.js';

/** An input worth keeping: the shortest known with some feature. */
interface Entry {
  readonly input: Uint8Array;
  /** Features it is the shortest input of. */
  owned: number;
}

/** Newest entries that get a quarter of the attention. */
const NEWEST = 8;

/**
 * The inputs that together have every feature seen so far, each as short as known. An entry whose features shorter
 * ones have too goes away by itself, so that what is committed stays small.
 */
export class Corpus {
  #entries: Entry[] = [];
  readonly #owner: (Entry | undefined)[] = [];
  readonly #shortest = new Uint32Array(FEATURES).fill(0xffffffff);

  get size(): number {
    return this.#entries.length;
  }
  inputs(): readonly Uint8Array[] {
    return this.#entries.map((e) => e.input);
  }

  /** Keeps the input when it has a feature that no entry has, or that only longer ones have. */
  consider(input: Uint8Array, features: readonly number[]): 'new' | 'shorter' | 'known' {
    const better = features.filter((f) => input.length < (this.#shortest[f] ?? 0));
    if (better.length === 0) return 'known';
    const isNew = better.some((f) => this.#owner[f] === undefined);
    const entry: Entry = { input: input.slice(), owned: better.length };
    let orphans = false;
    for (const f of better) {
      const before = this.#owner[f];
      if (before !== undefined && --before.owned === 0) orphans = true;
      this.#owner[f] = entry;
      this.#shortest[f] = input.length;
    }
    if (orphans) this.#entries = this.#entries.filter((e) => e.owned > 0);
    this.#entries.push(entry);
    return isNew ? 'new' : 'shorter';
  }

  pick(random: SeededRandom): Uint8Array {
    const { length } = this.#entries;
    const from = random.chance(0.25) ? Math.max(0, length - NEWEST) : 0;
    return this.#entries[from + random.below(length - from)]?.input ?? new Uint8Array();
  }
}

const file = (name: string): URL => new URL(`../corpus/${name}.b64`, import.meta.url);

/** The committed corpus of a target: one input a line, base64. */
export function loadCorpus(name: string): Uint8Array[] {
  if (!existsSync(file(name))) return [];
  return readFileSync(file(name), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => new Uint8Array(Buffer.from(line.replace(/^-$/, ''), 'base64')));
}

/** Shortest first, so that the same inputs are the same file. */
export function saveCorpus(name: string, inputs: readonly Uint8Array[]): void {
  const lines = inputs
    .map((input) => Buffer.from(input).toString('base64') || '-')
    .sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  mkdirSync(new URL('.', file(name)), { recursive: true });
  const head = `# Inputs that together reach all that is known to be reached. npm run fuzz -- --target ${name} --save`;
  writeFileSync(file(name), `${[head, ...new Set(lines)].join('\n')}\n`);
}
