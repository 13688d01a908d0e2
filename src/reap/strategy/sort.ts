import type { LocatorPair } from '../../wire/address.js';
import type { RandomSource } from '../../wire/units.js';
import type { RankedPair, StrategyQuestion } from './types.js';

export function shuffled<T>(items: readonly T[], random: RandomSource): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random.uniform() * (i + 1));
    const [a, b] = [out[i], out[j]];
    if (a !== undefined && b !== undefined) [out[i], out[j]] = [b, a];
  }
  return out;
}

/** Ordered by one key after the other, lower first; what all keys leave open, at random. */
export function orderBy(
  { pairs, random }: StrategyQuestion,
  ...keys: readonly ((pair: RankedPair) => number)[]
): LocatorPair[] {
  const decorated = shuffled(pairs, random).map((p) => ({ p, values: keys.map((key) => key(p)) }));
  decorated.sort((a, b) => {
    for (const [i, value] of a.values.entries()) {
      const other = b.values[i] ?? 0;
      if (value !== other) return value < other ? -1 : 1; // two infinities have no difference
    }
    return 0;
  });
  return decorated.map(({ p }) => p.pair);
}

export const rank = ({ rank: value }: RankedPair): number => value;

/** How much of the current pair a pair does not share: 2, 1 or 0 locators. */
export const differences = (a: LocatorPair, b: LocatorPair): number =>
  (a.local === b.local ? 0 : 1) + (a.peer === b.peer ? 0 : 1);
