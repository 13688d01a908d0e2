import { shuffle, type PathStrategy } from '../../reap/strategy.js';

/**
 * What `strategy = "..."` may say: one entry for each path strategy. A strategy that learns keeps its memory per host,
 * so that each host gets one of its own.
 */
export const STRATEGIES = {
  shuffle: () => shuffle,
} as const satisfies Record<string, () => PathStrategy>;

export type StrategyName = keyof typeof STRATEGIES;
