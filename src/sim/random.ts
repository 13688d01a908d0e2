import type { RandomSource } from '../wire/units.js';

/** SplitMix32: spreads a seed over the generator's state. */
function splitMix(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
}

/** FNV-1a over the characters: any text may be a seed. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

const rotl = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

/**
 * Repeatable randomness (xoshiro128**, Blackman and Vigna). The same seed gives the same draws on every machine.
 * For simulations and tests only: whoever sees a few draws can tell the rest.
 */
export class SeededRandom implements RandomSource {
  readonly seed: string;
  readonly #state: Int32Array;

  constructor(seed: string | number) {
    this.seed = String(seed);
    const next = splitMix(hash(this.seed));
    this.#state = Int32Array.from({ length: 4 }, next);
  }

  /** A generator of its own for a part of the simulation: its draws do not shift those of the others. */
  fork(name: string): SeededRandom {
    return new SeededRandom(`${this.seed}/${name}`);
  }

  uint32(): number {
    const s = this.#state;
    const [a, b, c, d] = s as unknown as [number, number, number, number];
    const result = Math.imul(rotl(Math.imul(b, 5), 7), 9) >>> 0;
    const x = c ^ a;
    const y = d ^ b;
    s[1] = b ^ x;
    s[0] = a ^ y;
    s[2] = x ^ (b << 9);
    s[3] = rotl(y, 11);
    return result;
  }

  uniform(): number {
    return this.uint32() / 2 ** 32;
  }

  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length);
    for (let i = 0; i < length; i += 4) {
      const word = this.uint32();
      for (let j = 0; j < 4 && i + j < length; j++) out[i + j] = word >>> (8 * j);
    }
    return out;
  }

  /** Uniform in [0, limit), an integer; `limit` well under 2^32. */
  below(limit: number): number {
    return Math.floor(this.uniform() * limit);
  }

  /** Uniform in [from, to). */
  between(from: number, to: number): number {
    return from + this.uniform() * (to - from);
  }

  chance(probability: number): boolean {
    return this.uniform() < probability;
  }

  /** @throws RangeError for an empty list */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('nothing to pick from');
    return items[this.below(items.length)] as T;
  }

  /** A shuffled copy (Fisher and Yates). */
  shuffled<T>(items: readonly T[]): T[] {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [out[i], out[j]] = [out[j] as T, out[i] as T];
    }
    return out;
  }
}
