import type { HostEvent } from './event-watch.js';

/** When a failure was noticed and when it was over, monotonic milliseconds. */
export interface Recovery {
  /** The first host left Operational. */
  readonly detectedAt: number | undefined;
  /** Both hosts are Operational again. */
  readonly recoveredAt: number | undefined;
}

/** Reads a recovery from what the daemons told since the cut (seed 001, section 5.3). */
export function measureRecovery(events: readonly HostEvent[], cutAt: number): Recovery {
  const troubled = new Set<string>();
  let detectedAt: number | undefined;
  let recoveredAt: number | undefined;
  for (const { at, name, host } of [...events].sort((a, b) => a.at - b.at)) {
    // Daemons tell whole milliseconds.
    if (at < Math.floor(cutAt)) continue;
    if (name === 'failure-suspected') {
      detectedAt ??= at;
      recoveredAt = undefined;
      troubled.add(host);
    } else if (name === 'operational') {
      troubled.delete(host);
      if (troubled.size === 0 && detectedAt !== undefined) recoveredAt ??= at;
    }
  }
  return { detectedAt, recoveredAt };
}
