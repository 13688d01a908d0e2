import { samePair } from '../../wire/address.js';
import { diversity, MOST } from './diverse.js';
import { orderBy, rank } from './sort.js';
import type { PathStrategy, RankedPair, StrategyQuestion } from './types.js';

/** Round-trip times that differ by less are the same, in milliseconds: jitter does not choose paths. */
const RTT_STEP = 4;
/** A pair that was given up so long ago, in milliseconds, may work again. */
const FORGIVEN = 120_000;

/** 0: confirmed after it failed, or never failed; 1: given up lately, and not confirmed since. */
const failed =
  ({ memory, now }: StrategyQuestion) =>
  ({ pair }: RankedPair): number => {
    const outcome = memory.of(pair, now);
    if (outcome?.failed === undefined || now - outcome.failed > FORGIVEN) return 0;
    return outcome.worked !== undefined && outcome.worked > outcome.failed ? 0 : 1;
  };

const rtt =
  ({ memory, now }: StrategyQuestion) =>
  ({ pair }: RankedPair): number => {
    const measured = memory.of(pair, now)?.rtt;
    return measured === undefined ? Infinity : Math.floor(measured / RTT_STEP);
  };

const current =
  (question: StrategyQuestion) =>
  ({ pair }: RankedPair): number =>
    samePair(pair, question.current) ? 1 : 0;

/** Measured round-trip time and past success; what was never measured comes after what was. */
export const ranked: PathStrategy = {
  name: 'ranked',
  burst: 1,
  watches: true,
  measures: true,
  shares: false,
  order: (q) => orderBy(q, current(q), failed(q), rank, rtt(q)),
};

/** Pairs over a locator that other sessions are in trouble with; both: twice as bad. */
const trouble =
  ({ memory, now }: StrategyQuestion) =>
  ({ pair }: RankedPair): number =>
    (memory.localTrouble(pair, now) > MOST ? 1 : 0) +
    (memory.peerTrouble(pair, now) > MOST ? 1 : 0);

/** All of the above, and what other contexts of this host have just learned about the same locators. */
export const informed: PathStrategy = {
  name: 'informed',
  burst: 1,
  watches: true,
  measures: true,
  shares: true,
  order: (q) => orderBy(q, current(q), failed(q), trouble(q), rank, rtt(q), diversity(q)),
};
