import { addMs, type Millis } from '../wire/units.js';

export interface ProbeBudgetRates {
  /** Probes and pings a second that this host begins by itself, all contexts together. */
  readonly perSecond: number;
  /** Saved up at most. */
  readonly burst: number;
}

/** Where nothing answers, 10,000 contexts together send no more than this; each answer allows two more at once. */
export const PROBE_BUDGET: ProbeBudgetRates = { perSecond: 100, burst: 200 };
/** What an answer gives back: where answers come, the number in flight doubles in each round trip. */
const REWARD = 2;
/** What measuring leaves for failures. */
const RESERVE = 0.5;
/** Less would be due within rounding, and whoever comes back then would come back for ever. */
const ONE = 1 - 1e-9;

/**
 * How many probes a host may begin, whatever its number of contexts (RFC 5534 §4.3 fears a "signaling storm"). Answers to
 * probes of peers are not counted: they are as many as the peer's.
 */
export class ProbeBudget {
  readonly #rates: ProbeBudgetRates;
  #tokens: number;
  #at: Millis;

  constructor(rates: ProbeBudgetRates, now: Millis) {
    this.#rates = rates;
    this.#tokens = rates.burst;
    this.#at = now;
  }

  /** Takes one; false: none is left. */
  take(now: Millis): boolean {
    this.#fill(now);
    if (this.#tokens < ONE) return false;
    this.#tokens = Math.max(0, this.#tokens - 1);
    return true;
  }

  /** Takes one for something that can wait: only while at least half is left. */
  takeSpare(now: Millis): boolean {
    this.#fill(now);
    return this.#tokens >= 1 + this.#rates.burst * RESERVE && this.take(now);
  }

  /** When it is worth asking again. */
  nextAt(now: Millis): Millis {
    this.#fill(now);
    const missing = Math.max(0, 1 - this.#tokens);
    return addMs(now, (missing * 1_000) / this.#rates.perSecond);
  }

  answered(now: Millis): void {
    this.#fill(now);
    this.#tokens = Math.min(this.#rates.burst, this.#tokens + REWARD);
  }

  #fill(now: Millis): void {
    const { perSecond, burst } = this.#rates;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#at) * perSecond) / 1_000);
    this.#at = now;
  }
}
