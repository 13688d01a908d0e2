import { SeededRandom } from '../../../src/sim/random.js';
import { Corpus, loadCorpus } from './corpus.js';
import type { Coverage } from './coverage.js';
import { dictionaryOf } from './dictionary.js';
import { loadVectors, signatureOf, textOfError, type Finding } from './findings.js';
import { minimise } from './minimise.js';
import { mutate, type Sources } from './mutate.js';
import type { Target } from './target.js';

export interface Budget {
  /** Stops after so many seconds ... */
  readonly seconds?: number;
  /** ... or so many runs, which the seed decides down to the last octet. */
  readonly executions?: number;
}

export interface FuzzerOptions {
  readonly target: Target;
  readonly coverage: Coverage;
  /** Any text. The same seed, the same corpus and the same code give the same inputs in the same order. */
  readonly seed: string;
  readonly budget: Budget;
  /** Told of every input before it is run, so that whoever watches knows what it hangs in. */
  readonly before?: (input: Uint8Array) => void;
  readonly onFinding: (finding: Finding) => void;
}

export interface Summary {
  readonly target: string;
  readonly executions: number;
  readonly seconds: number;
  /** Counters of the target's code that ever counted, and how many it has. */
  readonly covered: number;
  readonly counters: number;
  readonly corpus: number;
  /** Inputs that brought something new since the corpus was loaded. */
  readonly news: number;
  readonly findings: number;
}

/** Different ways to fail that one run reports of one target; more are the same one in other words. */
const MAX_FINDINGS = 8;
/** Share of the mutations that begin with a seed. */
const SEEDS = 0.125;
/** Between two looks at the clock. */
const BATCH = 32;

/** Fuzzes one target: keeps what reaches new code, mutates what it kept. */
export class Fuzzer {
  readonly corpus = new Corpus();
  readonly #options: FuzzerOptions;
  readonly #random: SeededRandom;
  readonly #signatures = new Set<string>();
  readonly #start = performance.now();
  #seeds: readonly Uint8Array[] = [];
  #executions = 0;
  #news = 0;

  constructor(options: FuzzerOptions) {
    this.#options = options;
    this.#random = new SeededRandom(`${options.seed}/${options.target.name}`);
  }

  async run(): Promise<Summary> {
    const { target, coverage } = this.#options;
    const vectors = loadVectors(target.name).map((v) => v.input);
    this.#seeds = target.seeds();
    for (const input of [...this.#seeds, ...loadCorpus(target.name), ...vectors]) {
      await this.#execute(input);
    }
    if (this.corpus.size === 0) this.corpus.consider(new Uint8Array(), [0]);
    this.#news = 0;
    const sources: Sources = {
      random: this.#random,
      target,
      dictionary: dictionaryOf(target, coverage.literals()),
      other: () => this.#pick(),
    };
    while (!this.#isOver()) {
      for (let i = 0; i < BATCH; i++) {
        await this.#execute(mutate(this.#pick(), sources));
      }
      // Lets the watcher be answered, and sockets and timers have their turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return this.#summary();
  }

  /**
   * The part of the corpus to be committed: the shortest inputs that together reach all that the whole reaches, however
   * often. What is left out is found again in seconds.
   */
  async reduced(): Promise<Uint8Array[]> {
    const { target, coverage, before } = this.#options;
    const reached = new Set<number>();
    const kept: Uint8Array[] = [];
    for (const input of [...this.corpus.inputs()].sort((a, b) => a.length - b.length)) {
      before?.(input);
      coverage.reset();
      await target.run(input);
      const news = coverage
        .features()
        .map((f) => f >> 3)
        .filter((f) => !reached.has(f));
      for (const f of news) reached.add(f);
      if (news.length > 0) kept.push(input);
    }
    return kept;
  }

  /** Now and then a seed: the corpus keeps the shortest inputs, and what makes them short is often what made sense. */
  #pick(): Uint8Array {
    const seed = this.#random.chance(SEEDS) && this.#seeds.length > 0;
    return seed ? this.#random.pick(this.#seeds) : this.corpus.pick(this.#random);
  }

  #isOver(): boolean {
    const { seconds = Infinity, executions = Infinity } = this.#options.budget;
    return (
      this.#signatures.size >= MAX_FINDINGS ||
      this.#executions >= executions ||
      this.#seconds() >= seconds
    );
  }

  #seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }

  async #execute(input: Uint8Array): Promise<void> {
    const { target, coverage, before } = this.#options;
    this.#executions++;
    before?.(input);
    coverage.reset();
    try {
      const result = target.run(input);
      if (result !== undefined) await result;
    } catch (error) {
      await this.#found(input, error);
      return;
    }
    if (this.corpus.consider(input, coverage.features()) === 'new') this.#news++;
  }

  async #found(input: Uint8Array, error: unknown): Promise<void> {
    const signature = signatureOf(error);
    if (this.#signatures.has(signature)) return;
    this.#signatures.add(signature);
    const { target, onFinding, before } = this.#options;
    const [executions, seconds] = [this.#executions, this.#seconds()];
    let last = error;
    const fails = async (candidate: Uint8Array): Promise<boolean> => {
      before?.(candidate);
      try {
        await target.run(candidate);
        return false;
      } catch (again) {
        if (signatureOf(again) !== signature) return false;
        last = again;
        return true;
      }
    };
    const small = await minimise(input.slice(), fails, target.units?.bind(target));
    const finding = { target: target.name, input: small, signature, executions, seconds };
    onFinding({ ...finding, error: textOfError(last) });
  }

  #summary(): Summary {
    const { target, coverage } = this.#options;
    return {
      target: target.name,
      executions: this.#executions,
      seconds: this.#seconds(),
      covered: coverage.hit,
      counters: coverage.total,
      corpus: this.corpus.size,
      news: this.#news,
      findings: this.#signatures.size,
    };
  }
}
