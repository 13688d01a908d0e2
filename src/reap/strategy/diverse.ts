import { differences, orderBy, rank } from './sort.js';
import type { PathStrategy, RankedPair, StrategyQuestion } from './types.js';

/** From this share of sessions in trouble on, "most" of them are. */
export const MOST = 0.5;

/**
 * Seed 004, section III-E, as a sort key: the pair that shares nothing with the current one copes with a failure at
 * either end. Next, the other locator of ours while most sessions over it fail, or else the other one of the peer:
 * where most sessions work, the failure is at the remote site. The current pair comes last.
 */
export function diversity({ current, memory, now }: StrategyQuestion): (p: RankedPair) => number {
  const ours = memory.localTrouble(current, now) > MOST;
  return ({ pair }) => {
    const different = differences(pair, current);
    if (different !== 1) return 3 - 1.5 * different;
    return (pair.local !== current.local) === ours ? 1 : 2;
  };
}

export const diverse: PathStrategy = {
  name: 'diverse',
  burst: 1,
  watches: true,
  measures: false,
  shares: false,
  order: (question) => orderBy(question, rank, diversity(question)),
};
