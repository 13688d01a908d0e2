import type { Millis } from '../../wire/units.js';
import type { Liveness } from '../datapath.js';

/** Keeps one context's `Liveness` (RFC 5534 §6.1, §6.2). */
export class Meter {
  #sentPackets = 0;
  #sentBytes = 0;
  #receivedPackets = 0;
  #receivedBytes = 0;
  #lastSent: Millis | undefined;
  #lastReceived: Millis | undefined;
  #unansweredSince: Millis | undefined;
  #owedSince: Millis | undefined;

  sent(bytes: number, now: Millis): void {
    this.#sentPackets++;
    this.#sentBytes += bytes;
    this.#lastSent = now;
    this.#unansweredSince ??= now;
    this.#owedSince = undefined;
  }

  received(bytes: number, now: Millis): void {
    this.#receivedPackets++;
    this.#receivedBytes += bytes;
    this.#lastReceived = now;
    this.#owedSince ??= now;
    this.#unansweredSince = undefined;
  }

  read(): Liveness {
    return {
      sentPackets: this.#sentPackets,
      sentBytes: this.#sentBytes,
      receivedPackets: this.#receivedPackets,
      receivedBytes: this.#receivedBytes,
      lastSent: this.#lastSent,
      lastReceived: this.#lastReceived,
      unansweredSince: this.#unansweredSince,
      owedSince: this.#owedSince,
    };
  }
}
