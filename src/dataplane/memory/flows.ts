import { addressFromBytes, isUsableLocator } from '../../wire/address.js';
import { u16, u8 } from '../../wire/bytes.js';
import { IPV6_HEADER, PROTOCOL, walkHeaders } from '../../wire/ipv6.js';
import type { Millis } from '../../wire/units.js';
import type { FlowSample } from '../datapath.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** How long a silent flow is still reported, in milliseconds. */
export const FLOW_LIFETIME = 60_000;
export const MAX_FLOWS = 4_096;

/** The upper-layer protocol, and the port on the far side where the packet shows one. */
function upperLayer(packet: Uint8Array, outbound: boolean): { protocol: number; port: number } {
  const first = u8(packet, 6);
  if ((first === PROTOCOL.tcp || first === PROTOCOL.udp) && packet.length >= IPV6_HEADER + 4) {
    return { protocol: first, port: u16(packet, outbound ? IPV6_HEADER + 2 : IPV6_HEADER) };
  }
  const walk = walkHeaders(packet);
  if (!walk.ok) return { protocol: PROTOCOL.none, port: 0 };
  const { protocol, offset } = walk.upper;
  const ported = protocol === PROTOCOL.tcp || protocol === PROTOCOL.udp;
  const visible = (walk.fragment?.offset ?? 0) === 0 && offset + 4 <= walk.end;
  return {
    protocol,
    port: ported && visible ? u16(packet, outbound ? offset + 2 : offset) : 0,
  };
}

/** RFC 4443 §2.1. An answer to whatever came, from anybody, is no flow that deserves a context. */
const isIcmpError = (packet: Uint8Array): boolean =>
  u8(packet, 6) === PROTOCOL.icmpv6 && packet.length > IPV6_HEADER && u8(packet, IPV6_HEADER) < 128;

/**
 * Pairs of addresses that have no context yet. Keyed by the 32 octets of our address and the peer's, so that the many
 * packets of a known flow cost no text; bounded, the longest silent goes first.
 */
export class FlowTable {
  readonly #flows = new Map<string, Mutable<FlowSample>>();
  readonly #evicted: () => void;

  constructor(evicted: () => void) {
    this.#evicted = evicted;
  }

  get size(): number {
    return this.#flows.size;
  }

  /** Counts a packet; false when it is not of a kind that could ever have a context (multicast, link-local, errors). */
  record(key: string, packet: Uint8Array, outbound: boolean, now: Millis): boolean {
    if (isIcmpError(packet)) return false;
    const known = this.#flows.get(key);
    const upper = upperLayer(packet, outbound);
    if (known !== undefined) {
      known.packets++;
      known.bytes += packet.length;
      known.lastSeen = now;
      known.protocol = upper.protocol;
      known.peerPort = upper.port;
      this.#flows.delete(key); // to the newest end
      this.#flows.set(key, known);
      return true;
    }
    const local = addressFromBytes(packet, outbound ? 8 : 24);
    const peer = addressFromBytes(packet, outbound ? 24 : 8);
    if (!isUsableLocator(local) || !isUsableLocator(peer)) return false;
    this.#makeRoom();
    this.#flows.set(key, {
      local,
      peer,
      packets: 1,
      bytes: packet.length,
      firstSeen: now,
      lastSeen: now,
      outbound,
      protocol: upper.protocol,
      peerPort: upper.port,
    });
    return true;
  }

  forget(key: string): void {
    this.#flows.delete(key);
  }

  list(now: Millis): FlowSample[] {
    for (const [key, flow] of this.#flows) {
      if (now - flow.lastSeen <= FLOW_LIFETIME) break;
      this.#flows.delete(key);
    }
    return Array.from(this.#flows.values(), (flow) => ({ ...flow }));
  }

  #makeRoom(): void {
    if (this.#flows.size < MAX_FLOWS) return;
    const [oldest] = this.#flows.keys();
    if (oldest !== undefined) this.#flows.delete(oldest);
    this.#evicted();
  }
}

const word = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) << 8) | (bytes[at + 1] as number);

/** The 16 octets of an address at `at` as a string of 8 characters: a Map key that costs little. */
export const addressKey = (bytes: Uint8Array, at: number): string =>
  String.fromCharCode(
    word(bytes, at),
    word(bytes, at + 2),
    word(bytes, at + 4),
    word(bytes, at + 6),
    word(bytes, at + 8),
    word(bytes, at + 10),
    word(bytes, at + 12),
    word(bytes, at + 14),
  );

/** The two addresses of a packet; `swap`: destination first. */
export const pairKeyOf = (packet: Uint8Array, swap = false): string =>
  swap
    ? addressKey(packet, 24) + addressKey(packet, 8)
    : addressKey(packet, 8) + addressKey(packet, 24);
