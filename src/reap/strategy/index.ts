import { RehomeError } from '../../wire/errors.js';
import { diverse } from './diverse.js';
import { informed, ranked } from './ranked.js';
import { burst, shuffle } from './shuffle.js';
import type { PathStrategy } from './types.js';

export * from './types.js';
export { burst, diverse, informed, ranked, shuffle };

const PLAIN = { shuffle, diverse, ranked, informed } as const;
/** More probes at once are a flood, not a strategy. */
const MAX_BURST = 16;

/** What may be written for a strategy, for people. */
export const STRATEGY_NAMES = [...Object.keys(PLAIN), 'burst:N'].join(', ');

export function isStrategy(name: string): boolean {
  try {
    strategyOf(name);
    return true;
  } catch {
    return false;
  }
}

/**
 * `shuffle`, `burst:N` with N from 1 to 16, `diverse`, `ranked` or `informed`.
 * @throws RehomeError REHOME_E_STRATEGY
 */
export function strategyOf(name: string): PathStrategy {
  if (Object.hasOwn(PLAIN, name)) return PLAIN[name as keyof typeof PLAIN];
  const count = /^burst:([1-9][0-9]?)$/.exec(name)?.[1];
  if (count !== undefined && Number(count) <= MAX_BURST) return burst(Number(count));
  throw new RehomeError(
    'REHOME_E_STRATEGY',
    `no path strategy is called ${JSON.stringify(name)}: ${STRATEGY_NAMES}, N from 1 to ${MAX_BURST}`,
    name,
  );
}
