/** Where RFC 5534 leaves a choice, and measurements depend on which is taken. */
export interface ReapRules {
  /**
   * What the interval between probes counts (§4.3). `timer`: only the probes that the timer sends; an answer to a
   * probe of the peer neither delays nor slows them. `every-probe`: each probe doubles the interval and starts it anew.
   * `sweep`: as `timer`, but every pair once before the interval doubles, faster where the peer is known to be heard, and
   * from the start again when it is heard for the first time (docs/decisions/0014-fast.md).
   */
  readonly pace: 'timer' | 'every-probe' | 'sweep';
  /**
   * Which of several pairs that the peer reports is taken (§6.8). `keep-current`: the current one where it is among
   * them, else the one it heard last. `first-heard`: the one it heard first, and only while exploring. `best`: the
   * current one, else the first in the strategy's order.
   */
  readonly choice: 'keep-current' | 'first-heard' | 'best';
}

/** Ours: docs/decisions/0008-reports.md. */
export const RULES: ReapRules = { pace: 'timer', choice: 'keep-current' };

/** RFC 5534 §7, in milliseconds; every one can be overridden by configuration. */
export interface ReapConstants {
  readonly sendTimeout: number;
  /** The send timer is drawn from [1, 1 + this] times its value, so that hosts do not fall into step (§4.1). */
  readonly sendJitter: number;
  /** Used until the peer's Keepalive Timeout option says otherwise. */
  readonly keepaliveTimeout: number;
  readonly initialProbeTimeout: number;
  readonly initialProbes: number;
  readonly maxProbeTimeout: number;
  /** Each interval is multiplied by a uniform draw from [1 - jitter, 1 + jitter]. */
  readonly probeJitter: number;
  /** Probe reports carried at most, each way: 1 to 15. */
  readonly maxReports: number;
  /** Undefined: `RULES`. Not for configuration files: a profile has them, or an experiment. */
  readonly rules?: ReapRules;
}

export const RFC5534: ReapConstants = {
  sendTimeout: 15_000,
  sendJitter: 0.02,
  keepaliveTimeout: 15_000,
  initialProbeTimeout: 500,
  initialProbes: 4,
  maxProbeTimeout: 60_000,
  probeJitter: 0.2,
  maxReports: 15,
};

/**
 * Barré and Bonaventure, 2007 (seed 001): the send timer of their measurements (section 5.2), and the rules of LinShim6
 * as far as their figures depend on them (docs/decisions/paper-rules.md).
 */
export const PAPER: ReapConstants = {
  ...RFC5534,
  sendTimeout: 3_000,
  rules: { pace: 'every-probe', choice: 'first-heard' },
};

/**
 * Failures found by measurement, every pair tried within a fraction of a second, and one answer used by all contexts
 * (docs/decisions/0014-fast.md). The send timer is for peers that answer no pings.
 */
export const FAST: ReapConstants = {
  ...RFC5534,
  sendTimeout: 10_000,
  initialProbeTimeout: 40,
  maxProbeTimeout: 2_000,
  rules: { pace: 'sweep', choice: 'best' },
};

export const REAP_PROFILES = { rfc: RFC5534, paper: PAPER, fast: FAST } as const;
export type ReapProfileName = keyof typeof REAP_PROFILES;

/** What users get who do not choose: docs/results.md says why. */
export const DEFAULT_PROFILE: ReapProfileName = 'fast';

/** The path strategy of a profile, where no other is asked for. */
export const PROFILE_STRATEGIES: Readonly<Record<ReapProfileName, string>> = {
  rfc: 'shuffle',
  paper: 'shuffle',
  fast: 'informed',
};
