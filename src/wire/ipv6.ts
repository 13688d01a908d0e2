import { addressFromBytes, addressToBytes, type Address } from './address.js';
import { inRange, setU16, setU32, u16, u32, u8 } from './bytes.js';
import { PROTOCOL } from './protocols.js';
import { failure, type DecodeFailure } from './result.js';

export { PROTOCOL };

export const IPV6_HEADER = 40;

/** The fixed IPv6 header (RFC 8200 §3). */
export interface Ipv6Header {
  readonly source: Address;
  readonly destination: Address;
  readonly nextHeader: number;
  readonly hopLimit: number;
  readonly payloadLength: number;
  readonly trafficClass: number;
  readonly flowLabel: number;
}

export interface Ipv6Build {
  readonly source: Address;
  readonly destination: Address;
  readonly nextHeader: number;
  /** Default 64. */
  readonly hopLimit?: number;
  readonly trafficClass?: number;
  readonly flowLabel?: number;
  readonly payload: Uint8Array;
}

/**
 * An IPv6 packet.
 * @throws WireError REHOME_E_RANGE for a field its bits cannot hold, a payload over 65535 octets included
 */
export function buildIpv6(packet: Ipv6Build): Uint8Array {
  const out = new Uint8Array(IPV6_HEADER + packet.payload.length);
  const trafficClass = inRange('traffic class', packet.trafficClass ?? 0, 255);
  const flowLabel = inRange('flow label', packet.flowLabel ?? 0, 0xfffff);
  setU32(out, 0, 0x60000000 + trafficClass * 2 ** 20 + flowLabel);
  setU16(out, 4, inRange('payload length', packet.payload.length, 0xffff));
  out[6] = inRange('next header', packet.nextHeader, 255);
  out[7] = inRange('hop limit', packet.hopLimit ?? 64, 255);
  out.set(addressToBytes(packet.source), 8);
  out.set(addressToBytes(packet.destination), 24);
  out.set(packet.payload, IPV6_HEADER);
  return out;
}

export interface Ipv6Packet {
  readonly ok: true;
  readonly header: Ipv6Header;
  /** One past the last octet of the packet; octets after it are the link's padding. */
  readonly end: number;
  /** Only with `allowTruncated`: octets that the header announces and that are not here. 0 otherwise. */
  readonly missing: number;
}

export interface ParseOptions {
  /** For the packet inside an ICMPv6 or Shim6 error, which is cut to fit (RFC 4443 §2.4). */
  readonly allowTruncated?: boolean;
}

/** The fixed header, checked against the octets at hand; never throws. */
export function parseIpv6(
  packet: Uint8Array,
  options: ParseOptions = {},
): Ipv6Packet | DecodeFailure {
  if (packet.length > 0 && u8(packet, 0) >>> 4 !== 6) {
    return failure('REHOME_E_VERSION', 0, 'not-ipv6');
  }
  if (packet.length < IPV6_HEADER) {
    return failure('REHOME_E_TRUNCATED', packet.length, 'truncated');
  }
  const payloadLength = u16(packet, 4);
  const missing = Math.max(0, IPV6_HEADER + payloadLength - packet.length);
  if (missing > 0 && options.allowTruncated !== true) {
    return failure('REHOME_E_LENGTH', 4, 'bad-length');
  }
  const header: Ipv6Header = {
    source: addressFromBytes(packet, 8),
    destination: addressFromBytes(packet, 24),
    nextHeader: u8(packet, 6),
    hopLimit: u8(packet, 7),
    payloadLength,
    trafficClass: (u16(packet, 0) >>> 4) & 0xff,
    flowLabel: u32(packet, 0) & 0xfffff,
  };
  return { ok: true, header, end: IPV6_HEADER + payloadLength - missing, missing };
}

export interface ExtensionHeader {
  readonly protocol: number;
  readonly offset: number;
  readonly length: number;
}
export interface FragmentInfo {
  /** Octets. */
  readonly offset: number;
  readonly more: boolean;
  readonly identification: number;
}
export interface HeaderWalk {
  readonly ok: true;
  readonly header: Ipv6Header;
  readonly extensions: readonly ExtensionHeader[];
  /**
   * What the walk ended at: an upper-layer protocol, ESP, No Next Header, a Shim6 control message, or an unknown
   * protocol. After a fragment header with an offset, `offset` is in the middle of the fragmented part.
   */
  readonly upper: { readonly protocol: number; readonly offset: number };
  readonly end: number;
  readonly fragment?: FragmentInfo;
  /** Only with `allowTruncated`: the packet ends inside the header chain. */
  readonly truncated: boolean;
}

/** Longer chains are only seen in attacks; the walk must be bounded (our limit, not RFC 8200's). */
export const MAX_EXTENSION_HEADERS = 16;

/** Octets of the extension header at `offset` (8 of them are there), or undefined: not an extension header. */
function extensionLength(packet: Uint8Array, protocol: number, offset: number): number | undefined {
  switch (protocol) {
    case PROTOCOL.hopByHop:
    case PROTOCOL.routing:
    case PROTOCOL.destinationOptions:
    case PROTOCOL.mobility:
      return 8 * (u8(packet, offset + 1) + 1);
    case PROTOCOL.fragment:
      return 8;
    case PROTOCOL.ah: // in 4-octet units minus 2 (RFC 4302 §2.2)
      return 4 * (u8(packet, offset + 1) + 2);
    case PROTOCOL.shim6: // P=1 only: a control message is what the packet is for
      return u8(packet, offset + 2) >= 0x80 ? 8 * (u8(packet, offset + 1) + 1) : undefined;
    default:
      return undefined;
  }
}

const isExtension = (protocol: number): boolean =>
  extensionLength(new Uint8Array([0, 0, 0x80]), protocol, 0) !== undefined;
const EXTENSIONS = new Set(Array.from({ length: 256 }, (_, i) => i).filter(isExtension));

/**
 * Walks the extension headers to the upper layer: bounded, and stopping at a fragment that isn't the first, where no
 * header follows. Never throws.
 */
export function walkHeaders(
  packet: Uint8Array,
  options: ParseOptions = {},
): HeaderWalk | DecodeFailure {
  const parsed = parseIpv6(packet, options);
  if (!parsed.ok) return parsed;
  const { header, end } = parsed;
  const extensions: ExtensionHeader[] = [];
  let fragment: FragmentInfo | undefined;
  let protocol = header.nextHeader;
  let offset = IPV6_HEADER;
  const done = (truncated: boolean): HeaderWalk => ({
    ok: true,
    header,
    extensions,
    upper: { protocol, offset },
    end,
    truncated,
    ...(fragment === undefined ? {} : { fragment }),
  });
  while (EXTENSIONS.has(protocol) && (fragment?.offset ?? 0) === 0) {
    const length = offset + 8 <= end ? extensionLength(packet, protocol, offset) : Infinity;
    if (length === undefined) return done(false);
    if (offset + length > end) {
      if (options.allowTruncated === true && parsed.missing > 0) return done(true);
      return failure('REHOME_E_LENGTH', offset, 'bad-extension-header');
    }
    if (extensions.length === MAX_EXTENSION_HEADERS) {
      return failure('REHOME_E_HEADERS', offset, 'too-many-headers');
    }
    if (protocol === PROTOCOL.hopByHop && offset !== IPV6_HEADER) {
      return failure('REHOME_E_HEADERS', offset, 'misplaced-hop-by-hop'); // RFC 8200 §4.1
    }
    extensions.push({ protocol, offset, length });
    if (protocol === PROTOCOL.fragment) fragment = readFragment(packet, offset);
    protocol = u8(packet, offset);
    offset += length;
  }
  return done(false);
}

/** RFC 8200 §4.5. */
const readFragment = (packet: Uint8Array, offset: number): FragmentInfo => ({
  offset: u16(packet, offset + 2) & 0xfff8,
  more: (u8(packet, offset + 3) & 1) === 1,
  identification: u32(packet, offset + 4),
});

/**
 * Where the packet's first protocol-140 header starts, control or payload, or undefined. Reads a packet that was cut
 * (the one inside an error) as far as it goes; at least the 8 octets at the offset are there.
 */
export function shim6Offset(packet: Uint8Array): number | undefined {
  const walk = walkHeaders(packet, { allowTruncated: true });
  if (!walk.ok) return undefined;
  const payload = walk.extensions.find((e) => e.protocol === PROTOCOL.shim6);
  if (payload !== undefined) return payload.offset;
  const { protocol, offset } = walk.upper;
  const inside = (walk.fragment?.offset ?? 0) === 0 && offset + 8 <= walk.end;
  return protocol === PROTOCOL.shim6 && inside ? offset : undefined;
}
