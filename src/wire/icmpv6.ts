import type { Address } from './address.js';
import { concatBytes, inRange, setU16, setU32, u16, u32, u8 } from './bytes.js';
import { upperLayerChecksum } from './checksum.js';
import { buildIpv6, IPV6_HEADER, PROTOCOL, walkHeaders, type Ipv6Header } from './ipv6.js';
import { failure, type DecodeFailure } from './result.js';

/** RFC 4443 §2.1, RFC 4861 §4. */
export const ICMPV6_TYPE = {
  destinationUnreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighborSolicitation: 135,
  neighborAdvertisement: 136,
  redirect: 137,
} as const;

/** Of Parameter Problem: what a host without Shim6 answers to protocol 140 (RFC 4443 §3.4). */
export const UNRECOGNIZED_NEXT_HEADER = 1;

/** RFC 4443 §2.4(c): an error message is not longer than the minimum MTU. */
const MAX_ERROR_PACKET = 1280;

export interface Icmpv6Message {
  readonly ok: true;
  /** Of the IPv6 packet that carried it. */
  readonly header: Ipv6Header;
  readonly type: number;
  readonly code: number;
  /** What follows the 4 octets of type, code and checksum. */
  readonly body: Uint8Array;
  /** Octets from the start of the packet to the ICMPv6 header. */
  readonly offset: number;
}

/** The ICMPv6 message in an IPv6 packet, checksum verified; never throws. Fragments are refused. */
export function parseIcmpv6(packet: Uint8Array): Icmpv6Message | DecodeFailure {
  const walk = walkHeaders(packet);
  if (!walk.ok) return walk;
  const { protocol, offset } = walk.upper;
  const { fragment } = walk;
  if (protocol !== PROTOCOL.icmpv6) return failure('REHOME_E_TYPE', offset, 'not-icmpv6');
  if (fragment !== undefined && (fragment.offset > 0 || fragment.more)) {
    return failure('REHOME_E_FRAGMENT', offset, 'fragment');
  }
  if (offset + 4 > walk.end) return failure('REHOME_E_LENGTH', offset, 'bad-length');
  const bytes = packet.subarray(offset, walk.end);
  const { source, destination } = walk.header;
  if (upperLayerChecksum(source, destination, PROTOCOL.icmpv6, bytes) !== 0) {
    return failure('REHOME_E_CHECKSUM', offset + 2, 'bad-checksum');
  }
  const { header } = walk;
  return { ok: true, header, type: u8(bytes, 0), code: u8(bytes, 1), body: bytes.slice(4), offset };
}

export interface Icmpv6Build {
  readonly source: Address;
  readonly destination: Address;
  readonly type: number;
  readonly code?: number;
  readonly body: Uint8Array;
  readonly hopLimit?: number;
}

/**
 * An IPv6 packet with an ICMPv6 message, checksum filled in.
 * @throws WireError REHOME_E_RANGE
 */
export function buildIcmpv6(message: Icmpv6Build): Uint8Array {
  const { source, destination, hopLimit } = message;
  const payload = concatBytes(new Uint8Array(4), message.body);
  payload[0] = inRange('type', message.type, 255);
  payload[1] = inRange('code', message.code ?? 0, 255);
  setU16(payload, 2, upperLayerChecksum(source, destination, PROTOCOL.icmpv6, payload));
  return buildIpv6({
    source,
    destination,
    nextHeader: PROTOCOL.icmpv6,
    payload,
    ...(hopLimit === undefined ? {} : { hopLimit }),
  });
}

/** An ICMPv6 error (RFC 4443 §3; types 0 to 127). */
export interface IcmpError {
  readonly ok: true;
  readonly header: Ipv6Header;
  readonly type: number;
  readonly code: number;
  /** The 32 bits before the invoking packet: MTU or Pointer, unused in other types. */
  readonly parameter: number;
  /** Of Packet Too Big only; octets. */
  readonly mtu?: number;
  /** Of Parameter Problem only; octets into the invoking packet, possibly past its cut. */
  readonly pointer?: number;
  /** As much of it as came back: `parseIpv6(…, { allowTruncated: true })` reads it. */
  readonly invokingPacket: Uint8Array;
}

/** An ICMPv6 error with the packet that it is about; never throws. Other messages are refused as `not-an-error`. */
export function parseIcmpError(packet: Uint8Array): IcmpError | DecodeFailure {
  const message = parseIcmpv6(packet);
  if (!message.ok) return message;
  const { header, type, code, body, offset } = message;
  if (type >= 128) return failure('REHOME_E_TYPE', offset, 'not-an-error');
  if (body.length < 4) return failure('REHOME_E_LENGTH', offset + 4, 'bad-length');
  const parameter = u32(body, 0);
  return {
    ok: true,
    header,
    type,
    code,
    parameter,
    ...(type === ICMPV6_TYPE.packetTooBig ? { mtu: parameter } : {}),
    ...(type === ICMPV6_TYPE.parameterProblem ? { pointer: parameter } : {}),
    invokingPacket: body.slice(4),
  };
}

export interface IcmpErrorBuild {
  readonly source: Address;
  readonly destination: Address;
  readonly type: number;
  readonly code: number;
  /** MTU or Pointer; default 0. */
  readonly parameter?: number;
  readonly invokingPacket: Uint8Array;
  readonly hopLimit?: number;
}

/**
 * An ICMPv6 error packet; the invoking packet is cut so that the whole has at most 1280 octets (RFC 4443 §2.4).
 * @throws WireError REHOME_E_RANGE
 */
export function buildIcmpError(error: IcmpErrorBuild): Uint8Array {
  const parameter = new Uint8Array(4);
  setU32(parameter, 0, inRange('parameter', error.parameter ?? 0, 0xffffffff));
  const room = MAX_ERROR_PACKET - IPV6_HEADER - 8;
  const body = concatBytes(parameter, error.invokingPacket.subarray(0, room));
  return buildIcmpv6({ ...error, body });
}

/** Echo Request or Reply (RFC 4443 §4). */
export interface IcmpEcho {
  readonly reply: boolean;
  readonly identifier: number;
  readonly sequence: number;
  readonly data: Uint8Array;
}

/** Undefined when the message is not an echo. */
export function readEcho(message: Icmpv6Message): IcmpEcho | undefined {
  const { type, body } = message;
  if (type !== ICMPV6_TYPE.echoRequest && type !== ICMPV6_TYPE.echoReply) return undefined;
  if (body.length < 4) return undefined;
  const reply = type === ICMPV6_TYPE.echoReply;
  return { reply, identifier: u16(body, 0), sequence: u16(body, 2), data: body.slice(4) };
}

/** @throws WireError REHOME_E_RANGE */
export function buildEcho(source: Address, destination: Address, echo: IcmpEcho): Uint8Array {
  const head = new Uint8Array(4);
  setU16(head, 0, inRange('identifier', echo.identifier, 0xffff));
  setU16(head, 2, inRange('sequence', echo.sequence, 0xffff));
  const type = echo.reply ? ICMPV6_TYPE.echoReply : ICMPV6_TYPE.echoRequest;
  return buildIcmpv6({ source, destination, type, body: concatBytes(head, echo.data) });
}
