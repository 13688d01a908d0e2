import type { Millis } from '../wire/units.js';

/** RFC 4443 §2.4 (f): ICMPv6 errors that a node may send, so many a second on average and so many at once. */
export class ErrorBudget {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #at: Millis | undefined;

  constructor(perSecond = 100, burst = 50) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** Whether one may be sent now. */
  take(now: Millis): boolean {
    const passed = this.#at === undefined ? 0 : Math.max(0, now - this.#at);
    this.#at = now;
    this.#tokens = Math.min(this.#burst, this.#tokens + (passed / 1_000) * this.#perSecond);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
