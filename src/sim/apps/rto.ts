/** Retransmission timing as Linux has it (RFC 6298, RFC 8985 §7); all values in milliseconds. */

const INITIAL_RTO = 1_000; // RFC 6298 §2
const MIN_RTO = 200; // TCP_RTO_MIN
const MAX_RTO = 120_000; // TCP_RTO_MAX
/** An answer to a single segment may wait that long at the receiver. */
const MAX_DELAYED_ACK = 200;
/** Two jiffies at 1000 Hz. */
const TIMER_SLACK = 2;

export class RtoEstimator {
  #smoothed: number | undefined;
  #variance = 0;
  #backoff = 0;
  fastest = Infinity;

  /** One round trip of a segment that was sent once. */
  sample(rtt: number): void {
    this.fastest = Math.min(this.fastest, rtt);
    if (this.#smoothed === undefined) {
      this.#smoothed = rtt;
      this.#variance = rtt / 2;
    } else {
      this.#variance = 0.75 * this.#variance + 0.25 * Math.abs(this.#smoothed - rtt);
      this.#smoothed = 0.875 * this.#smoothed + 0.125 * rtt;
    }
  }

  /** The retransmission timeout, doubled for each one that ran out since the last progress. */
  get rto(): number {
    const base =
      this.#smoothed === undefined
        ? INITIAL_RTO
        : this.#smoothed + Math.max(MIN_RTO, 4 * this.#variance);
    return Math.min(MAX_RTO, base * 2 ** this.#backoff);
  }

  ranOut(): void {
    this.#backoff++;
  }

  /** Something new was acknowledged: the backoff is over. */
  progress(): void {
    this.#backoff = 0;
  }

  /** When to send a tail loss probe; undefined: no round trip is known yet. */
  probeTimeout(segmentsInFlight: number): number | undefined {
    if (this.#smoothed === undefined) return undefined;
    const patience = segmentsInFlight === 1 ? MAX_DELAYED_ACK : TIMER_SLACK;
    return Math.min(2 * this.#smoothed + patience, this.rto);
  }
}
