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

/** Barré and Bonaventure, 2007: the send timer of their measurements (seed 001, section 5.2). */
export const PAPER: ReapConstants = { ...RFC5534, sendTimeout: 3_000 };

export const REAP_PROFILES = { rfc: RFC5534, paper: PAPER } as const;
export type ReapProfileName = keyof typeof REAP_PROFILES;
