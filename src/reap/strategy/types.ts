import type { LocatorPair } from '../../wire/address.js';
import type { Millis, RandomSource } from '../../wire/units.js';

/** A pair we may send over. Lower ranks are tried first: what users and peers prefer, strategies do not overrule. */
export interface RankedPair {
  readonly pair: LocatorPair;
  readonly rank: number;
}

/** What a host remembers of one pair, from all of its contexts. */
export interface PairOutcome {
  /** Milliseconds from a message over it to its answer, smoothed; undefined: never measured. */
  readonly rtt: number | undefined;
  /** When something of ours over it was last confirmed. */
  readonly worked: Millis | undefined;
  /** When it was last given up. */
  readonly failed: Millis | undefined;
}

/** What strategies may know. Old outcomes are forgotten (seed 002: an ageing local cache). */
export interface PathMemory {
  of(pair: LocatorPair, now: Millis): PairOutcome | undefined;
  /** Share of the sessions in use over this locator of ours that are in trouble now, 0 to 1; several have to be. */
  localTrouble(pair: LocatorPair, now: Millis): number;
  /** The same of sessions with the site of the pair's peer locator, the /48. */
  peerTrouble(pair: LocatorPair, now: Millis): number;
}

export interface StrategyQuestion {
  readonly pairs: readonly RankedPair[];
  readonly current: LocatorPair;
  readonly random: RandomSource;
  readonly memory: PathMemory;
  readonly now: Millis;
}

/** In which order pairs are probed (RFC 5534 §4.3). Pure: what a strategy knows is in the question. */
export interface PathStrategy {
  readonly name: string;
  /** Probes sent at once when an exploration begins, 1 or more. */
  readonly burst: number;
  /** Whether knowing which sessions are in trouble is of use. */
  readonly watches: boolean;
  /** Whether knowing pairs before a failure is of use: the engine then measures them, within its budget. */
  readonly measures: boolean;
  /** Whether contexts learn from each other: those that share a pair, an exit or a site (`src/policy/fate.ts`). */
  readonly shares: boolean;
  /** Every pair once. Called anew when all have been tried. */
  order(question: StrategyQuestion): readonly LocatorPair[];
}

/** Nothing known of anything. */
export const NO_MEMORY: PathMemory = {
  of: () => undefined,
  localTrouble: () => 0,
  peerTrouble: () => 0,
};
