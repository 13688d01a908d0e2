import { setU16, setU32, u16, u32, u8 } from '../../wire/bytes.js';
import { foldChecksum, sumWords } from '../../wire/checksum.js';
import { IPV6_HEADER, PROTOCOL } from '../../wire/ipv6.js';
import { PAYLOAD_HEADER } from '../../wire/shim6/index.js';
import { findShim, removeShim, type HeaderSpot } from './headers.js';

const ICMP_HEADER = 8;
const TYPE = {
  destinationUnreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
} as const; // RFC 4443 §3
const PORT_UNREACHABLE = 4;

/** An ICMPv6 error and the packet in it. Offsets count from the start of the outer IPv6 header. */
export interface IcmpError {
  readonly type: number;
  readonly code: number;
  /** Where the ICMPv6 header starts; the packet in error is eight octets on. */
  readonly at: number;
  /** The packet in error, as much of it as is there (RFC 4884 extensions cut off). */
  readonly inner: Uint8Array;
  /** The first protocol-140 header of the packet in error. */
  readonly shim: HeaderSpot | undefined;
}

function checksum(packet: Uint8Array, at: number, end: number): number {
  const length = end - at;
  const pseudo = sumWords(packet, 8, 40) + (length >>> 16) + (length & 0xffff) + PROTOCOL.icmpv6;
  return foldChecksum(sumWords(packet, at, end, pseudo));
}

/**
 * Reads an ICMPv6 error whose packet in error is long enough to have addresses. `none`: it is another packet;
 * `malformed`: the checksum is wrong or the packet in error is too short.
 */
export function readIcmpError(packet: Uint8Array, end: number): IcmpError | 'none' | 'malformed' {
  if (u8(packet, 6) !== PROTOCOL.icmpv6) return 'none';
  const at = IPV6_HEADER;
  const type = u8(packet, at);
  if (end < at + ICMP_HEADER || type === 0 || type >= 128) return 'none';
  const start = at + ICMP_HEADER;
  if (checksum(packet, at, end) !== 0 || end < start + IPV6_HEADER) return 'malformed';
  const limit = extensionsAt(packet, at, end);
  const inner = packet.subarray(start, limit);
  const innerEnd = Math.min(inner.length, IPV6_HEADER + u16(inner, 4));
  const shim = findShim(inner, innerEnd);
  return {
    type,
    code: u8(packet, at + 1),
    at,
    inner,
    shim: typeof shim === 'string' ? undefined : shim,
  };
}

/** Where the original datagram ends: RFC 4884 §4.2 has its length, in 8-octet words, for two of the types. */
function extensionsAt(packet: Uint8Array, at: number, end: number): number {
  const type = u8(packet, at);
  const extensible = type === TYPE.destinationUnreachable || type === TYPE.timeExceeded;
  const words = extensible ? u8(packet, at + 4) : 0;
  return words === 0 ? end : Math.min(end, at + ICMP_HEADER + 8 * words);
}

/** The errors that RFC 5533 §8 lets Shim6 act on; the others are the transport's. */
export function shimCanAct(packet: Uint8Array, error: IcmpError): boolean {
  switch (error.type) {
    case TYPE.destinationUnreachable:
      return error.code !== PORT_UNREACHABLE;
    case TYPE.timeExceeded:
      return true;
    case TYPE.parameterProblem: {
      if (error.shim === undefined) return false;
      const pointer = u32(packet, error.at + 4);
      return pointer >= error.shim.offset && pointer < error.shim.offset + PAYLOAD_HEADER;
    }
    default:
      return false;
  }
}

/**
 * The error as the transport would have got it without Shim6: ULIDs in the packet in error, its Payload Extension
 * header gone, a Packet Too Big saying eight octets less (RFC 5533 §8). `ulids`: 32 octets, as the transport sent them.
 */
export function translateIcmpError(
  packet: Uint8Array,
  end: number,
  error: IcmpError & { readonly shim: HeaderSpot },
  ulids: Uint8Array,
): Uint8Array {
  const start = error.at + ICMP_HEADER;
  const inner = removeShim(error.inner, error.inner.length, error.shim, ulids);
  const rest = start + error.inner.length;
  // With extensions behind it the datagram keeps its announced length: zero padding is what RFC 4884 §4.2 uses.
  const padding = rest < end ? PAYLOAD_HEADER : 0;
  const out = new Uint8Array(start + inner.length + padding + (end - rest));
  out.set(packet.subarray(0, start));
  out.set(inner, start);
  out.set(packet.subarray(rest, end), start + inner.length + padding);
  setU16(out, 4, out.length - IPV6_HEADER);
  adjustField(out, error);
  setU16(out, error.at + 2, 0);
  setU16(out, error.at + 2, checksum(out, error.at, out.length));
  return out;
}

function adjustField(out: Uint8Array, error: IcmpError & { readonly shim: HeaderSpot }): void {
  const field = u32(out, error.at + 4);
  const beyond = field >= error.shim.offset + PAYLOAD_HEADER;
  const shorter =
    error.type === TYPE.packetTooBig || (error.type === TYPE.parameterProblem && beyond);
  if (shorter) setU32(out, error.at + 4, Math.max(0, field - PAYLOAD_HEADER));
}

/** A Packet Too Big (RFC 4443 §3.2) about `packet`, from its destination to its source. */
export function packetTooBig(packet: Uint8Array, mtu: number): Uint8Array {
  const inner = packet.subarray(0, 1280 - IPV6_HEADER - ICMP_HEADER);
  const out = new Uint8Array(IPV6_HEADER + ICMP_HEADER + inner.length);
  out[0] = 0x60;
  setU16(out, 4, ICMP_HEADER + inner.length);
  out[6] = PROTOCOL.icmpv6;
  out[7] = 64;
  out.set(packet.subarray(24, 40), 8);
  out.set(packet.subarray(8, 24), 24);
  out[IPV6_HEADER] = TYPE.packetTooBig;
  setU32(out, IPV6_HEADER + 4, mtu);
  out.set(inner, IPV6_HEADER + ICMP_HEADER);
  setU16(out, IPV6_HEADER + 2, checksum(out, IPV6_HEADER, out.length));
  return out;
}
