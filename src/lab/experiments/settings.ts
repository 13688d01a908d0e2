import { TIMER_KEYS } from '../../daemon/config/timers.js';
import type { SecurityMode } from '../../engine/types.js';
import type { Scenario } from '../../sim/scenario/schema.js';
import { linkSettings } from '../../sim/scenario/resolve.js';
import { RehomeError } from '../../wire/errors.js';
import type { CrowdSize } from './crowd.js';
import type { DaemonSettings } from '../config.js';
import type { PathParameters } from '../emulator/path.js';
import { HOSTS, uplinkName, UPLINKS } from '../paths.js';

/** What a lab for an experiment is made with. Trials with the same can use the same lab one after the other. */
export interface BedSettings {
  readonly daemon: DaemonSettings;
  readonly paths: Partial<PathParameters>;
  /** Uplinks without address, where a scenario has fewer providers than the lab. */
  readonly absent: readonly string[];
  /** Many identities in each host, instead of one. */
  readonly crowd?: CrowdSize;
}

/** A context that was forgotten stays away, whatever has flowed before. */
const ONLY_ON_REQUEST = { packets: 'off', bytes: 'off', seconds: 'off' } as const;

/** Milliseconds, as configuration files have them. */
const milliseconds = (value: number): string => `${value}ms`;

/**
 * What a scenario says, as the daemons and the path emulator are told it.
 * @param timers changes that an experiment makes, keys of `[timers]`
 * @throws RehomeError REHOME_E_SCENARIO when the daemon has no key for something in it
 */
export function bedSettings(
  scenario: Scenario,
  identity: SecurityMode,
  timers: Readonly<Record<string, number>> = {},
): BedSettings {
  if (scenario.rules !== undefined) {
    throw new RehomeError(
      'REHOME_E_SCENARIO',
      "[rules] are the simulator's alone: the daemon takes those of its profile. Leave the table out, or use `rehome sim run`",
      'rules',
    );
  }
  const overrides = { ...scenario.timers, ...timers } as Readonly<
    Record<string, number | undefined>
  >;
  const written = TIMER_KEYS.flatMap(({ key, kind }) => {
    const value = overrides[key];
    if (value === undefined) return [];
    return [[key, kind === 'duration' ? milliseconds(value) : value] as const];
  });
  const { providers, ...link } = scenario.network;
  if (providers > UPLINKS.length) {
    throw new RehomeError(
      'REHOME_E_SCENARIO',
      `the lab's hosts have ${UPLINKS.length} providers, not ${providers}: write providers = ${UPLINKS.length} or less, or use \`rehome sim run\``,
      providers,
    );
  }
  return {
    daemon: {
      profile: scenario.profile,
      ...(scenario.strategy === undefined ? {} : { strategy: scenario.strategy }),
      identity,
      timers: Object.fromEntries(written),
      trigger: ONLY_ON_REQUEST,
    },
    paths: pathParameters(link),
    absent: HOSTS.flatMap((host) => UPLINKS.slice(providers).map((u) => uplinkName(host, u))),
  };
}

/** Paths of a simulator without delay have a millisecond; so has the lab. */
const DEFAULT_DELAY = 1;

/** A link of a scenario as the emulator's paths have it. */
export function pathParameters(fields: Parameters<typeof linkSettings>[0]): PathParameters {
  const { delay, jitter, loss, duplicate, queue, rate } = linkSettings(fields);
  return {
    stopped: false,
    // A scenario's jitter is added; the emulator's goes both ways.
    delayMs: (delay ?? DEFAULT_DELAY) + (jitter ?? 0) / 2,
    jitterMs: (jitter ?? 0) / 2,
    loss: loss ?? 0,
    duplicate: duplicate ?? 0,
    queueBytes: queue ?? 256 * 1024,
    rate: rate ?? null,
    reorder: 0,
  };
}
