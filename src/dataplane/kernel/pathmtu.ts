import { samePair } from '../../wire/address.js';
import { monotonicMs } from '../../linux/clock.js';
import type { ContextHandle } from '../datapath.js';
import type { Installed } from './bindings.js';

/** Payload Extension header (RFC 5533 §5.2). */
const SHIM = 8;
const IPV6_MIN_MTU = 1280;
const ICMP_OFFSET = 40;
const PACKET_TOO_BIG = 2;
/** As long as the kernel believes a Packet Too Big (net.ipv6.route.mtu_expires). */
const LIFETIME = 600_000;

/**
 * What a transport may send: eight octets less than the uplink carries, re-homed or not, so that a switch never finds
 * segments that are too long. The kernel learns path MTUs from translated Packet Too Big messages by itself, but not
 * below 1280 (docs/decisions/mtu.md): those are kept here and become the MTU of the context's route.
 */
export class PathMtu {
  readonly #learned = new Map<ContextHandle, { mtu: number; until: number }>();

  of({ handle, uplink }: Installed): number {
    const learned = this.#learned.get(handle)?.mtu ?? Infinity;
    return Math.min(uplink.mtu, learned) - SHIM;
  }

  /** Reads a Packet Too Big about an encoded packet; true when the route's MTU changes by it. */
  learn(installed: Installed, packet: Uint8Array): boolean {
    const { handle, binding } = installed;
    if (packet.length < ICMP_OFFSET + 8 || packet[ICMP_OFFSET] !== PACKET_TOO_BIG) return false;
    if (samePair(binding.pair, binding.ulids)) return false;
    const reported = new DataView(packet.buffer, packet.byteOffset).getUint32(ICMP_OFFSET + 4);
    if (reported >= IPV6_MIN_MTU + SHIM || reported < IPV6_MIN_MTU) return false;
    const before = this.of(installed);
    this.#learned.set(handle, { mtu: reported, until: monotonicMs() + LIFETIME });
    return this.of(installed) !== before;
  }

  forget(handle: ContextHandle): void {
    this.#learned.delete(handle);
  }

  expire(): void {
    const now = monotonicMs();
    for (const [handle, { until }] of this.#learned) if (until <= now) this.#learned.delete(handle);
  }
}
