import {
  PAPER,
  RFC5534,
  REAP_PROFILES,
  type ReapConstants,
  type ReapProfileName,
} from '../../reap/constants.js';
import { RFC5533, type Shim6Constants } from '../../shim6/constants.js';

/** One constant of a specification that `[timers]` can override. */
export interface TimerKey {
  /** As written in the file. */
  readonly key: string;
  readonly owner: 'shim6' | 'reap';
  readonly field: keyof Shim6Constants | keyof ReapConstants;
  readonly kind: 'duration' | 'count' | 'ratio';
  /** Inclusive bounds: milliseconds, a count or a ratio. */
  readonly min: number;
  readonly max: number;
  readonly section: string;
}

const DAY = 86_400_000;
const snake = (name: string): string => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

const shim6 = (
  field: keyof Shim6Constants,
  section: string,
  kind: TimerKey['kind'] = 'duration',
  [min, max]: readonly [number, number] = [1, 7 * DAY],
): TimerKey => ({ key: snake(field), owner: 'shim6', field, kind, min, max, section });

const reap = (
  field: keyof ReapConstants,
  section: string,
  kind: TimerKey['kind'] = 'duration',
  [min, max]: readonly [number, number] = [1, DAY],
): TimerKey => ({ key: snake(field), owner: 'reap', field, kind, min, max, section });

/** Everything of `shim6/constants.ts` and `reap/constants.ts`. */
export const TIMER_KEYS: readonly TimerKey[] = [
  reap('sendTimeout', 'RFC 5534 §7', 'duration', [1_000, 65_535_000]), // told in 16 bits of whole seconds (§5.3)
  reap('keepaliveTimeout', 'RFC 5534 §7', 'duration', [10, 65_535_000]),
  reap('sendJitter', 'RFC 5534 §4.1', 'ratio', [0, 1]),
  reap('initialProbeTimeout', 'RFC 5534 §7'),
  reap('initialProbes', 'RFC 5534 §7', 'count', [1, 1_000]),
  reap('maxProbeTimeout', 'RFC 5534 §4.3'),
  reap('probeJitter', 'RFC 5534 §4.3', 'ratio', [0, 0.99]),
  reap('maxReports', 'RFC 5534 §5.2', 'count', [1, 15]),
  shim6('i1RetriesMax', 'RFC 5533 §14', 'count', [0, 100]),
  shim6('i1Timeout', 'RFC 5533 §14'),
  shim6('noR1HolddownTime', 'RFC 5533 §14'),
  shim6('icmpHolddownTime', 'RFC 5533 §14'),
  shim6('i2Timeout', 'RFC 5533 §14'),
  shim6('i2RetriesMax', 'RFC 5533 §14', 'count', [0, 100]),
  shim6('i2bisTimeout', 'RFC 5533 §14'),
  shim6('i2bisRetriesMax', 'RFC 5533 §14', 'count', [0, 100]),
  shim6('validatorMinLifetime', 'RFC 5533 §14'),
  shim6('updateTimeout', 'RFC 5533 §14'),
  shim6('maxUpdateTimeout', 'RFC 5533 §14'),
  shim6('idleTeardown', 'RFC 5533 §9'),
  shim6('tagHolddown', 'RFC 5533 §9'),
];

/** Values by field, in engine units (milliseconds, counts, ratios). */
export type TimerOverrides = Readonly<Record<string, number>>;

/** A profile's constants with the overrides of `[timers]`, keyed as in the file. */
export function applyTimers(
  profile: ReapProfileName,
  overrides: TimerOverrides,
): { shim6: Shim6Constants; reap: ReapConstants } {
  const pick = (owner: TimerKey['owner']): Record<string, number> =>
    Object.fromEntries(
      TIMER_KEYS.filter((t) => t.owner === owner && overrides[t.key] !== undefined).map((t) => [
        t.field,
        overrides[t.key] as number,
      ]),
    );
  return {
    shim6: { ...RFC5533, ...pick('shim6') },
    reap: { ...REAP_PROFILES[profile], ...pick('reap') },
  };
}

/** A complaint that does not stop the daemon. */
export interface ConfigWarning {
  /** The key under `[timers]` that it is about. */
  readonly key: string;
  readonly message: string;
}

/** What the RFCs recommend and this configuration does not do. */
export function timerWarnings(constants: {
  shim6: Shim6Constants;
  reap: ReapConstants;
}): ConfigWarning[] {
  const { reap: r, shim6: s } = constants;
  const warnings: ConfigWarning[] = [];
  const warn = (key: string, message: string): number => warnings.push({ key, message });
  if (r.sendTimeout < 10_000 || r.sendTimeout > 100_000) {
    const side =
      r.sendTimeout < 10_000
        ? 'below 10 s (may take delay for failure)'
        : 'above 100 s (TCP may give up first)';
    const profile = r.sendTimeout === PAPER.sendTimeout ? ', as the profile "paper" has it' : '';
    warn(
      'send_timeout',
      `send_timeout is ${r.sendTimeout / 1_000} s${profile}: ${side}; RFC 5534 §7 recommends 10 s to 100 s, default ${RFC5534.sendTimeout / 1_000} s`,
    );
  }
  if (r.sendTimeout % 1_000 !== 0)
    warn(
      'send_timeout',
      `send_timeout is ${r.sendTimeout} ms: peers are told whole seconds (RFC 5534 §5.3), rounded, and may keep alive too seldom`,
    );
  if (s.idleTeardown < 300_000)
    warn(
      'idle_teardown',
      `idle_teardown is ${s.idleTeardown / 1_000} s: RFC 5533 §9 wants contexts kept for at least 5 min without traffic`,
    );
  if (r.maxProbeTimeout < r.initialProbeTimeout)
    warn(
      'max_probe_timeout',
      'max_probe_timeout is below initial_probe_timeout: probes would come faster as failures last',
    );
  return warnings;
}
