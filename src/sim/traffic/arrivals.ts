import type { Millis } from '../../wire/units.js';

/** What one end of a flow got, and when. */
export class Arrivals {
  packets = 0;
  octets = 0;
  firstAt: Millis | undefined;
  lastAt: Millis | undefined;
  /** The longest time without an arrival, from `watchFrom` on; the time up to now is not in it. */
  longestGap = 0;
  #watchFrom: number = -Infinity;

  note(octets: number, now: Millis): void {
    this.packets++;
    this.octets += octets;
    const since = Math.max(this.lastAt ?? now, this.#watchFrom);
    if (now >= this.#watchFrom) this.longestGap = Math.max(this.longestGap, now - since);
    this.firstAt ??= now;
    this.lastAt = now;
  }

  /**
   * Forgets gaps so far. `since`: the gap that is open counts from then on, so that what was quiet before is not held
   * against what happens now; default: it counts from the last arrival.
   */
  watchGaps(since?: Millis): void {
    this.longestGap = 0;
    this.#watchFrom = since ?? -Infinity;
  }
}
