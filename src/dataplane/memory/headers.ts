import { setU16, setU47, u16, u8 } from '../../wire/bytes.js';
import { IPV6_HEADER, PROTOCOL } from '../../wire/ipv6.js';
import { isPayloadHeader, PAYLOAD_HEADER } from '../../wire/shim6/index.js';
import type { ContextTag } from '../../wire/units.js';

/** Where a header starts, and which octet before it holds its protocol number. */
export interface HeaderSpot {
  readonly offset: number;
  readonly nextHeaderAt: number;
}

/** Octets of the whole packet as its IPv6 header has it, or undefined: not an IPv6 packet, or less than it claims. */
export function packetEnd(packet: Uint8Array): number | undefined {
  if (packet.length < IPV6_HEADER || u8(packet, 0) >>> 4 !== 6) return undefined;
  const end = IPV6_HEADER + u16(packet, 4);
  return end <= packet.length ? end : undefined;
}

const NEXT_HEADER_AT = 6;
const lengthOf = (packet: Uint8Array, offset: number): number => 8 * (u8(packet, offset + 1) + 1);

/**
 * Where the Payload Extension header goes (RFC 5533 §4.6, §11.1): behind Hop-by-Hop, Routing, and a Destination
 * Options header that a Routing header follows; before everything else. Undefined: the chain runs past `end`.
 */
export function insertionSpot(packet: Uint8Array, end: number): HeaderSpot | undefined {
  let nextHeaderAt = NEXT_HEADER_AT;
  let offset = IPV6_HEADER;
  for (;;) {
    const protocol = u8(packet, nextHeaderAt);
    const routing =
      protocol === PROTOCOL.hopByHop ||
      protocol === PROTOCOL.routing ||
      (protocol === PROTOCOL.destinationOptions && u8(packet, offset) === PROTOCOL.routing);
    if (!routing) return { offset, nextHeaderAt };
    if (offset + 8 > end || offset + lengthOf(packet, offset) > end) return undefined;
    nextHeaderAt = offset;
    offset += lengthOf(packet, offset);
  }
}

/**
 * The first protocol-140 header a host meets when it reads the chain in order, `none` when it meets something else
 * first (a fragment is reassembled before its inside is read), `malformed` when the chain runs past `end`.
 */
export function findShim(packet: Uint8Array, end: number): HeaderSpot | 'none' | 'malformed' {
  let nextHeaderAt = NEXT_HEADER_AT;
  let offset = IPV6_HEADER;
  for (;;) {
    const protocol = u8(packet, nextHeaderAt);
    if (protocol === PROTOCOL.shim6) {
      return offset + PAYLOAD_HEADER <= end ? { offset, nextHeaderAt } : 'malformed';
    }
    if (
      protocol !== PROTOCOL.hopByHop &&
      protocol !== PROTOCOL.routing &&
      protocol !== PROTOCOL.destinationOptions
    ) {
      return 'none';
    }
    if (offset + 8 > end || offset + lengthOf(packet, offset) > end) return 'malformed';
    nextHeaderAt = offset;
    offset += lengthOf(packet, offset);
  }
}

/** P=1, and the eight octets that a Payload Extension header has (RFC 5533 §5.2). */
export const isPayload = (packet: Uint8Array, spot: HeaderSpot): boolean =>
  isPayloadHeader(packet, spot.offset);

/**
 * A copy of the packet with the locators in its header and a Payload Extension header at `spot`. Nothing behind it
 * changes, transport checksums least of all (RFC 5533 §11.1).
 */
export function insertShim(
  packet: Uint8Array,
  end: number,
  spot: HeaderSpot,
  tag: ContextTag,
  locators: Uint8Array,
): Uint8Array {
  const out = new Uint8Array(end + PAYLOAD_HEADER);
  out.set(packet.subarray(0, spot.offset));
  out.set(packet.subarray(spot.offset, end), spot.offset + PAYLOAD_HEADER);
  out[spot.offset] = u8(packet, spot.nextHeaderAt);
  out[spot.offset + 2] = 0x80;
  setU47(out, spot.offset + 2, tag);
  out[spot.nextHeaderAt] = PROTOCOL.shim6;
  setU16(out, 4, u16(packet, 4) + PAYLOAD_HEADER);
  out.set(locators, 8);
  return out;
}

/** The way back (RFC 5533 §12.2). `ulids`: 32 octets, source then destination. */
export function removeShim(
  packet: Uint8Array,
  end: number,
  spot: HeaderSpot,
  ulids: Uint8Array,
): Uint8Array {
  const out = new Uint8Array(end - PAYLOAD_HEADER);
  out.set(packet.subarray(0, spot.offset));
  out.set(packet.subarray(spot.offset + PAYLOAD_HEADER, end), spot.offset);
  out[spot.nextHeaderAt] = u8(packet, spot.offset);
  setU16(out, 4, u16(packet, 4) - PAYLOAD_HEADER);
  out.set(ulids, 8);
  return out;
}
