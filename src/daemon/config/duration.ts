import { RehomeError } from '../../wire/errors.js';

const UNITS = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000 } as const;
const TEXT = /^(\d+(?:\.\d+)?)\s*(ms|s|min|h)$/;

/**
 * A duration of the configuration in milliseconds: `"500ms"`, `"3s"`, `"1.5min"`, `"1h"`, or a number of seconds.
 * @throws RehomeError REHOME_E_DURATION for anything else, negative and infinite numbers included.
 */
export function parseDuration(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0)
    return round(value * 1_000);
  const match = typeof value === 'string' ? TEXT.exec(value.trim()) : null;
  const [, amount, unit] = match ?? [];
  if (amount === undefined || unit === undefined) {
    throw new RehomeError('REHOME_E_DURATION', `not a duration: ${JSON.stringify(value)}`, value);
  }
  return round(Number(amount) * UNITS[unit as keyof typeof UNITS]);
}

/** Microseconds are enough, and 0.1 s must not become 100.00000000000001 ms. */
const round = (milliseconds: number): number => Math.round(milliseconds * 1_000) / 1_000;

/** The shortest text that `parseDuration` reads back as the same number. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s';
  for (const unit of ['h', 'min', 's'] as const) {
    const amount = milliseconds / UNITS[unit];
    if (Number.isInteger(amount)) return `${amount}${unit}`;
  }
  return `${milliseconds}ms`;
}
