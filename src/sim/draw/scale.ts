/** Round numbers for an axis from 0 to at least `max`: steps of 1, 2 or 5 times a power of ten, about `count` of them. */
export function ticks(max: number, count: number): number[] {
  if (!(max > 0)) return [0, 1];
  const rough = max / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? 10 * power;
  const last = Math.ceil(max / step - 1e-9);
  return Array.from({ length: last + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

/** `500 kbit/s`, `12.5 Mbit/s` for octets per second. */
export function formatRate(bytesPerSecond: number): string {
  const bits = bytesPerSecond * 8;
  const [divisor, unit] =
    bits >= 1e9 ? [1e9, 'G'] : bits >= 1e6 ? [1e6, 'M'] : bits >= 1e3 ? [1e3, 'k'] : [1, ''];
  const value = bits / divisor;
  return `${value >= 100 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)} ${unit}bit/s`;
}

/** `512 ms` under ten seconds, then `12.3 s`. */
export const formatMs = (ms: number | null): string =>
  ms === null ? '-' : ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;

/** `1.2 GB`, in powers of ten. */
export function formatBytes(bytes: number): string {
  for (const [divisor, unit] of [
    [1e9, 'GB'],
    [1e6, 'MB'],
    [1e3, 'kB'],
  ] as const) {
    if (bytes >= divisor) return `${(bytes / divisor).toFixed(1)} ${unit}`;
  }
  return `${bytes} octets`;
}
