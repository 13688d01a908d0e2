/** RFC 5533 §14, in milliseconds; every one can be overridden by configuration. */
export interface Shim6Constants {
  readonly i1RetriesMax: number;
  readonly i1Timeout: number;
  readonly noR1HolddownTime: number;
  readonly icmpHolddownTime: number;
  readonly i2Timeout: number;
  readonly i2RetriesMax: number;
  readonly i2bisTimeout: number;
  readonly i2bisRetriesMax: number;
  readonly validatorMinLifetime: number;
  readonly updateTimeout: number;
  readonly maxUpdateTimeout: number;
  /** A context with no packet either way for this long is torn down (§9 says at least 5 minutes). */
  readonly idleTeardown: number;
  /** A freed CT(local) is not used again for this long (§9). */
  readonly tagHolddown: number;
}

export const RFC5533: Shim6Constants = {
  i1RetriesMax: 4,
  i1Timeout: 4_000,
  noR1HolddownTime: 60_000,
  icmpHolddownTime: 600_000,
  i2Timeout: 4_000,
  i2RetriesMax: 2,
  i2bisTimeout: 4_000,
  i2bisRetriesMax: 2,
  validatorMinLifetime: 30_000,
  updateTimeout: 4_000,
  maxUpdateTimeout: 120_000,
  idleTeardown: 600_000,
  tagHolddown: 3_600_000,
};
