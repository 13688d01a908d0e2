import { PROTOCOL } from '../../wire/ipv6.js';
import { MESSAGE_TYPE } from '../../wire/shim6/constants.js';
import type { Millis } from '../../wire/units.js';

/** An Update Request without options: IPv6 header, 16 octets. */
const PING_LENGTH = 40 + 16;

/** What control messages are sent from a time on: those that look for paths, and those that tell of them. */
export class MessageCount {
  readonly #since: Millis;
  readonly #window: number;
  readonly #windows: number[] = [];
  #probes = 0;
  #pings = 0;
  #updates = 0;
  #acknowledgements = 0;

  /** @param window milliseconds */
  constructor(since: Millis, window: number) {
    this.#since = since;
    this.#window = window;
  }

  count(packet: Uint8Array, now: Millis): void {
    if (packet[6] !== PROTOCOL.shim6) return;
    const type = packet[42];
    const isPing = type === MESSAGE_TYPE.updateRequest && packet.length === PING_LENGTH;
    if (type === MESSAGE_TYPE.updateAcknowledgement) this.#acknowledgements++;
    else if (type === MESSAGE_TYPE.updateRequest && !isPing) this.#updates++;
    if (type !== MESSAGE_TYPE.probe && !isPing) return;
    if (isPing) this.#pings++;
    else this.#probes++;
    const at = Math.floor((now - this.#since) / this.#window);
    this.#windows[at] = (this.#windows[at] ?? 0) + 1;
  }

  get totals(): {
    readonly probes: number;
    readonly pings: number;
    readonly updates: number;
    readonly acknowledgements: number;
  } {
    return {
      probes: this.#probes,
      pings: this.#pings,
      updates: this.#updates,
      acknowledgements: this.#acknowledgements,
    };
  }

  /** Probes and pings in each window. */
  get windows(): readonly number[] {
    return Array.from(this.#windows, (n) => n ?? 0); // without holes
  }

  get peakPerSecond(): number {
    return (this.windows.reduce((a, b) => Math.max(a, b), 0) * 1_000) / this.#window;
  }
}
