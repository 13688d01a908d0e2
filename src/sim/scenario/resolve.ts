import { applyTimers } from '../../daemon/config/timers.js';
import type { EngineConfig } from '../../engine/types.js';
import {
  PROFILE_STRATEGIES,
  RULES,
  type ReapConstants,
  type ReapRules,
} from '../../reap/constants.js';
import type { PathSettings } from '../link.js';
import type { TrafficSpec } from '../traffic/types.js';
import { simConfig } from '../world.js';
import type { LinkFields, Scenario, TrafficFields } from './schema.js';

const defined = <T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(values).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

/** The engine's configuration in a scenario; `constants` and `rules` are changes that an experiment makes. */
export function engineConfig(
  scenario: Pick<Scenario, 'profile' | 'strategy' | 'timers' | 'rules'>,
  constants: Partial<Omit<ReapConstants, 'rules'>> = {},
  rules: Partial<ReapRules> = {},
): EngineConfig {
  const { profile, strategy } = scenario;
  const overrides = Object.entries(scenario.timers ?? {}).filter(
    (entry): entry is [string, number] => entry[1] !== undefined,
  );
  const { shim6, reap } = applyTimers(profile, Object.fromEntries(overrides));
  const own = { ...(reap.rules ?? RULES), ...defined(scenario.rules ?? {}), ...rules };
  return simConfig(profile, {
    shim6,
    reap: { ...reap, ...constants, rules: own },
    strategy: strategy ?? PROFILE_STRATEGIES[profile],
    maxContexts: 1_000_000,
  });
}

/** A link's settings; what is not said stays as it is. */
export function linkSettings(fields: LinkFields): Partial<PathSettings> {
  const { rate, delay, jitter, loss, duplicate, queue } = fields;
  return {
    ...defined({ delay, jitter, loss, duplicate, queue }),
    ...(rate === undefined ? {} : { rate: rate === 'off' ? undefined : (rate * 1e6) / 8 }),
  };
}

/** A flow as the traffic models take it. */
export function trafficSpec(fields: TrafficFields): TrafficSpec {
  if (fields.model !== 'mix') return fields;
  const { mean_size, ...rest } = fields;
  return { ...rest, meanSize: mean_size };
}
