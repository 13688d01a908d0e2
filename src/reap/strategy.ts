import type { LocatorPair } from '../wire/address.js';
import type { RandomSource } from '../wire/units.js';

/** A pair we may send over. Lower ranks are tried first; equal ranks in random order. */
export interface RankedPair {
  readonly pair: LocatorPair;
  readonly rank: number;
}

/** In which order pairs are probed (RFC 5534 §4.3). Stateless here; strategies that learn keep their own memory. */
export interface PathStrategy {
  readonly name: string;
  /** Every pair once. Called anew when all have been tried. */
  order(
    pairs: readonly RankedPair[],
    current: LocatorPair,
    random: RandomSource,
  ): readonly LocatorPair[];
}

/** Address selection and preferences first, what they leave open shuffled: the paper's behaviour among equals. */
export const shuffle: PathStrategy = {
  name: 'shuffle',
  order(pairs, _current, random) {
    const out = [...pairs];
    for (let i = out.length - 1; i > 0; i--) {
      const j = Math.floor(random.uniform() * (i + 1));
      const [a, b] = [out[i], out[j]];
      if (a && b) [out[i], out[j]] = [b, a];
    }
    return out.sort((a, b) => a.rank - b.rank).map((p) => p.pair);
  },
};
