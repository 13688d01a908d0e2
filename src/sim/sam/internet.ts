import { addressFromBytes, type Address } from '../../wire/address.js';
import { prefixContains, type Prefix } from '../../wire/prefix.js';
import { addMs } from '../../wire/units.js';
import type { Clock } from '../../daemon/clock.js';

/** Where packets for a prefix go: a customer's gateway, or a plain host. */
interface Attached {
  readonly prefix: Prefix;
  readonly deliver: (packet: Uint8Array) => void;
}

/**
 * The global Internet: routes by the longest prefix, and lets nobody in with a source that is not his (RFC 3704: strict
 * ingress filters at every provider). Local addresses are in no prefix of it.
 */
export class GlobalInternet {
  readonly #clock: Clock;
  readonly #attached: Attached[] = [];
  /** One way, milliseconds. */
  delay = 5;
  /** Packets whose source was not the sender's. */
  filtered = 0;
  unroutable = 0;
  /** Sees every packet that a customer or host sends, filtered ones included. */
  tap: ((packet: Uint8Array, provider: Prefix) => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns what the attached one sends with */
  attach(prefix: Prefix, deliver: (packet: Uint8Array) => void): (packet: Uint8Array) => void {
    const attached = { prefix, deliver };
    this.#attached.push(attached);
    return (packet) => this.#send(attached, packet);
  }

  detach(prefix: Prefix): void {
    const at = this.#attached.findIndex(
      (a) => a.prefix.address === prefix.address && a.prefix.length === prefix.length,
    );
    if (at >= 0) this.#attached.splice(at, 1);
  }

  #send(from: Attached, packet: Uint8Array): void {
    this.tap?.(packet, from.prefix);
    // A prefix that was taken back is not routed any more, in either direction.
    const valid = this.#attached.includes(from);
    if (!valid || !prefixContains(from.prefix, addressFromBytes(packet, 8))) {
      this.filtered++;
      return;
    }
    const to = this.#route(addressFromBytes(packet, 24));
    if (to === undefined) {
      this.unroutable++;
      return;
    }
    const copy = packet.slice();
    this.#clock.at(addMs(this.#clock.now(), this.delay), () => to.deliver(copy));
  }

  #route(destination: Address): Attached | undefined {
    return this.#attached
      .filter((a) => prefixContains(a.prefix, destination))
      .sort((a, b) => b.prefix.length - a.prefix.length)[0];
  }
}
