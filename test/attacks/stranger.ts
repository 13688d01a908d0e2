import { FdPoller } from '../../src/linux/poller.js';
import { RawSocket, SHIM6_PROTOCOL } from '../../src/linux/rawsocket.js';
import type { Lab } from '../../src/lab/lab.js';
import { STRANGER_ADDRESS } from '../../src/lab/topology.js';
import { addressFromBytes, parseAddress, type Address } from '../../src/wire/address.js';
import { buildIcmpv6 } from '../../src/wire/icmpv6.js';
import { parseIpv6 } from '../../src/wire/ipv6.js';
import {
  buildControlPacket,
  decodeControl,
  type ControlMessage,
} from '../../src/wire/shim6/index.js';
import type { RandomSource } from '../../src/wire/units.js';

export interface Heard {
  readonly source: Address;
  readonly destination: Address;
  readonly message: ControlMessage;
  readonly packet: Uint8Array;
}

/**
 * Somebody at the third host of the lab. It can send anything with anybody's address, and hears what is sent to its own
 * /48: an off-path attacker without ingress filter, the strongest there is.
 */
export class Stranger {
  readonly address = STRANGER_ADDRESS;
  readonly heard: Heard[] = [];
  readonly #poller = new FdPoller();
  readonly #shim6: RawSocket;
  readonly #icmp: RawSocket;
  #answer: (heard: Heard) => void = () => undefined;

  constructor(lab: Lab) {
    const options = { poller: this.#poller, namespace: lab.entry.namespace('X') };
    this.#shim6 = new RawSocket(SHIM6_PROTOCOL, {
      ...options,
      onPacket: ({ packet }) => this.#hear(packet),
    });
    this.#icmp = new RawSocket(58, { ...options, onPacket: () => undefined });
  }

  /** Called with every control message that comes. */
  onMessage(answer: (heard: Heard) => void): void {
    this.#answer = answer;
  }

  /** A whole packet as it is. @returns false when the queue is full */
  raw(packet: Uint8Array): boolean {
    return this.#shim6.send(packet) === 0;
  }

  say(source: Address, destination: Address, message: ControlMessage): boolean {
    return this.raw(buildControlPacket(source, destination, message));
  }

  /** An ICMPv6 error about a packet, from whoever. */
  icmp(source: Address, destination: Address, type: number, code: number, about: Uint8Array): void {
    const body = new Uint8Array(4 + about.length);
    body.set(about, 4);
    this.#icmp.send(buildIcmpv6({ source, destination, type, code, body, hopLimit: 64 }));
  }

  /** An address of its own /48: it is reached there. */
  own(random: RandomSource): Address {
    return addressFromBytes(Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0, 0xc1, ...random.bytes(10)));
  }

  close(): void {
    this.#shim6.close();
    this.#icmp.close();
    this.#poller.close();
  }

  #hear(packet: Uint8Array): void {
    const ip = parseIpv6(packet);
    if (!ip.ok) return;
    const decoded = decodeControl(packet.subarray(40));
    if (!decoded.ok) return;
    const { source, destination } = ip.header;
    const heard = { source, destination, message: decoded.message, packet };
    this.heard.push(heard);
    this.#answer(heard);
  }
}

/** Any address of the documentation prefix: most of them nobody's. */
export const anywhere = (random: RandomSource): Address =>
  addressFromBytes(Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, ...random.bytes(12)));

export const NOBODY = parseAddress('2001:db8:dead::1');
