import { addressFromBytes, isMulticast, parseAddress, type Address } from '../../wire/address.js';
import { ALL_NODES, ALL_ROUTERS } from '../../wire/multicast.js';
import { addMs } from '../../wire/units.js';
import type { Clock } from '../../daemon/clock.js';
import type { SeededRandom } from '../random.js';

/** A node's place on a link. */
export interface Port {
  readonly index: number;
  readonly linkLocal: Address;
  /** Local addresses that the interface has now. */
  readonly addresses: ReadonlySet<Address>;
  readonly groups: ReadonlySet<Address>;
  /** Whether the node would take a packet for that local address and send it on over another link of the zone. */
  leadsTo(destination: Address): boolean;
  receive(packet: Uint8Array): void;
}

export interface LinkOptions {
  readonly name: string;
  /** Octets. */
  readonly mtu?: number;
  /** One way, milliseconds. */
  readonly delay?: number;
  readonly loss?: number;
}

/** An Ethernet in virtual time: multicast goes to who has joined, unicast to who has the address or leads to it. */
export class SamLink {
  readonly name: string;
  readonly mtu: number;
  delay: number;
  loss: number;
  /** False: nothing passes. */
  up = true;
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  readonly #ports: Port[] = [];
  #stations = 0;
  /** Sees every packet that is sent. */
  tap: ((packet: Uint8Array, from: Port) => void) | undefined;
  /** Unicast packets that nobody on the link takes. */
  unresolved = 0;

  constructor(clock: Clock, random: SeededRandom, options: LinkOptions) {
    this.#clock = clock;
    this.#random = random;
    this.name = options.name;
    this.mtu = options.mtu ?? 1500;
    this.delay = options.delay ?? 0.1;
    this.loss = options.loss ?? 0;
  }

  /** Link-local addresses in the order of asking. */
  newLinkLocal(): Address {
    this.#stations++;
    return parseAddress(`fe80::${this.#stations.toString(16)}`);
  }

  attach(port: Port): void {
    this.#ports.push(port);
  }

  /** False: there is nobody to take it (RFC 4861 §7.2.2: address unreachable). */
  send(from: Port, packet: Uint8Array): boolean {
    this.tap?.(packet, from);
    if (!this.up) return true;
    const destination = addressFromBytes(packet, 24);
    const to = isMulticast(destination)
      ? this.#ports.filter((p) => p !== from && hears(p, destination))
      : this.#takers(from, destination);
    if (to.length === 0 && !isMulticast(destination)) {
      this.unresolved++;
      return false;
    }
    for (const port of to) {
      if (this.loss > 0 && this.#random.chance(this.loss)) continue;
      const copy = packet.slice();
      this.#clock.at(addMs(this.#clock.now(), this.delay), () => port.receive(copy));
    }
    return true;
  }

  #takers(from: Port, destination: Address): Port[] {
    const others = this.#ports.filter((p) => p !== from);
    const holder = others.find((p) => p.linkLocal === destination || p.addresses.has(destination));
    const taker = holder ?? others.find((p) => p.leadsTo(destination));
    return taker === undefined ? [] : [taker];
  }
}

const hears = (port: Port, group: Address): boolean =>
  group === ALL_NODES || group === ALL_ROUTERS || port.groups.has(group);
