import type { EngineConfig } from '../engine/types.js';
import { PROBE_BUDGET } from '../policy/probe-budget.js';
import { recoveryBound } from '../reap/bound.js';
import { PROFILE_STRATEGIES, REAP_PROFILES, type ReapProfileName } from '../reap/constants.js';
import type { SimHost } from './host.js';
import type { PathSettings } from './link.js';
import type { SeededRandom } from './random.js';
import { simConfig } from './world.js';

export interface HistoryOptions {
  readonly seed: string;
  /** Undefined: one of those that follow the RFC. */
  readonly profile?: ReapProfileName;
  /**
   * `anything` (default), or `paths`: only the network misbehaves, and where both ends know each other the bound of
   * docs/fast.md holds.
   */
  readonly kind?: 'anything' | 'paths';
  /** Told every action, engine event and verdict; for reading a failed history. */
  readonly trace?: (line: string) => void;
}

export interface HistoryResult {
  readonly seed: string;
  /** Broken invariants in words; empty: all held. */
  readonly problems: readonly string[];
  readonly packets: number;
  readonly recoveries: number;
  readonly established: number;
  /** Virtual milliseconds from peace to payload flowing in every direction. */
  readonly healedAfter: number | undefined;
  /** What that may be at most; undefined: no bound is claimed. */
  readonly bound: number | undefined;
}

/** What random histories are made of; milliseconds. */
export const INTERVAL = 1_000;
export const IDLE_TEARDOWN = 300_000;
/** One way. */
const SLOWEST = 120;

/** The configuration of both hosts; `profile` undefined: one of those that follow the RFC. */
export function historyConfig(
  random: SeededRandom,
  profile: ReapProfileName = random.pick(['rfc', 'paper'] as const),
): EngineConfig {
  const base = simConfig(profile);
  return {
    ...base,
    reap: REAP_PROFILES[profile],
    strategy: PROFILE_STRATEGIES[profile],
    shim6: { ...base.shim6, idleTeardown: IDLE_TEARDOWN },
    trigger: {
      ...base.trigger,
      packets: random.pick([1, 3, 8]),
      outboundOnly: random.chance(0.7),
    },
  };
}

/** Of all paths, until it changes. */
export const weather = (random: SeededRandom): Partial<PathSettings> => ({
  delay: random.between(0.5, SLOWEST),
  jitter: random.chance(0.4) ? random.between(1, 400) : 0,
  loss: random.chance(0.5) ? random.between(0, 0.3) : 0,
  duplicate: random.chance(0.3) ? random.between(0, 0.3) : 0,
});

/** The bound of docs/fast.md; `streams` counts both directions of each session. */
export function historyBound(
  profile: ReapProfileName = 'rfc',
  [a, b]: readonly [SimHost, SimHost],
  streams: number,
): number {
  return recoveryBound({
    constants: REAP_PROFILES[profile],
    pairs: a.locators.length * b.locators.length,
    contexts: streams / 2,
    interval: INTERVAL,
    delay: SLOWEST,
    budget: PROBE_BUDGET.perSecond,
  });
}
