/** A length of time for people: `350 ms`, `1.2 s`, `12 s`, `5 min`, `3 h`, `4 d`. */
export function span(milliseconds: number): string {
  const t = Math.max(0, milliseconds);
  if (t < 1_000) return `${Math.round(t)} ms`;
  if (t < 9_950) return `${(t / 1_000).toFixed(1)} s`;
  if (t < 99_500) return `${Math.round(t / 1_000)} s`;
  if (t < 99.5 * 60_000) return `${Math.round(t / 60_000)} min`;
  if (t < 48 * 3_600_000) return `${Math.round(t / 3_600_000)} h`;
  return `${Math.round(t / 86_400_000)} d`;
}

/** How long before `now` (both ISO 8601) something was; `never` for null. */
export function ago(now: string, at: string | null): string {
  if (at === null) return 'never';
  const t = Date.parse(now) - Date.parse(at);
  if (t < -1_000) return `in ${span(-t)}`;
  return t < 1_000 ? 'just now' : `${t < 9_950 ? Math.round(t / 1_000) + ' s' : span(t)} ago`;
}

/** A measured round trip: three digits are what it is worth. */
export function rtt(milliseconds: number | null): string {
  if (milliseconds === null) return '-';
  const digits = milliseconds < 10 ? 2 : milliseconds < 100 ? 1 : 0;
  return `${milliseconds.toFixed(digits)} ms`;
}
