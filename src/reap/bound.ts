import type { ReapConstants } from './constants.js';

export interface BoundInput {
  readonly constants: ReapConstants;
  /** Pairs of the host that has more of them. */
  readonly pairs: number;
  /** Contexts of one host that may have to explore at the same time. */
  readonly contexts: number;
  /** The longest time between two packets of a session in one direction, milliseconds. */
  readonly interval: number;
  /** The longest one-way delay of a path that works, milliseconds. */
  readonly delay: number;
  /** Probes a second that the host allows itself where nothing answers; undefined: any number. */
  readonly budget: number | undefined;
}

/**
 * Milliseconds after which every session is back, from when on one pair works in each direction without loss, whatever
 * was before: proven in docs/fast.md for pace `sweep`.
 */
export function recoveryBound(input: BoundInput): number {
  const { constants, pairs, contexts, interval, delay, budget } = input;
  const { sendTimeout, sendJitter, maxProbeTimeout, initialProbeTimeout, probeJitter } = constants;
  // The first expiry may be put off by an answer to a ping.
  const noticed = 2 * (interval + sendTimeout * (1 + sendJitter));
  // A pair may be the first of one round and the last of the next.
  const longestRound = (2 * pairs - 1) * maxProbeTimeout * (1 + probeJitter);
  const waiting = budget === undefined ? 0 : (contexts * (2 * pairs - 1) * 1_000) / budget;
  const answered = pairs * 4 * initialProbeTimeout * (1 + probeJitter);
  return noticed + longestRound + waiting + answered + interval + 4 * delay;
}
