import { isMulticast, isUnspecified, type Address } from '../wire/address.js';
import { u8 } from '../wire/bytes.js';
import { buildIcmpError, ICMPV6_TYPE, parseIcmpError } from '../wire/icmpv6.js';
import { IPV6_HEADER, parseIpv6, PROTOCOL, walkHeaders, type Ipv6Header } from '../wire/ipv6.js';
import { prefixContains } from '../wire/prefix.js';
import { failure, type DecodeFailure } from '../wire/result.js';
import { SAM } from './constants.js';
import { delegatedPrefix } from './mapping.js';
import { routeOut } from './route.js';
import { gatewayLocal, matches, type SamTable, type TableZone } from './table.js';

/** Codes of Destination Unreachable (RFC 4443 §3.1) that SAM uses. */
export const UNREACHABLE = { noRoute: 0, address: 3, sourcePolicy: 5 } as const;

/** An ICMPv6 error to be sent about an inner packet. */
export interface ErrorToSend {
  readonly type: number;
  readonly code: number;
  readonly parameter?: number;
}

/**
 * An ICMPv6 error about an inner packet, to its inner source, from an address of ours that can reach it; undefined where
 * there must be none (RFC 4443 §2.4 (e)) or where we have no address for it. `packet` may be cut, as in an error.
 */
export function errorAbout(
  table: SamTable,
  packet: Uint8Array,
  error: ErrorToSend,
): Uint8Array | undefined {
  const parsed = parseIpv6(packet, { allowTruncated: true });
  if (!parsed.ok) return undefined;
  const { header } = parsed;
  const silent =
    isMulticast(header.source) ||
    isUnspecified(header.source) ||
    isMulticast(header.destination) ||
    isIcmpError(packet);
  const from = silent ? undefined : replySource(table, header);
  if (from === undefined) return undefined;
  return buildIcmpError({
    source: from,
    destination: header.source,
    ...error,
    invokingPacket: packet,
  });
}

/** An ICMPv6 error, or an ICMPv6 message whose type was cut off: neither is answered by an error. */
function isIcmpError(packet: Uint8Array): boolean {
  const walk = walkHeaders(packet, { allowTruncated: true });
  if (!walk.ok || walk.upper.protocol !== PROTOCOL.icmpv6) return false;
  if ((walk.fragment?.offset ?? 0) > 0) return false;
  return walk.upper.offset >= walk.end || u8(packet, walk.upper.offset) < 128;
}

/**
 * Our address for an answer to a packet's source: below us, our own under the prefix that the source is in; otherwise our
 * own under the prefix that the packet came to, so that the answer leaves by the way it came.
 */
function replySource(table: SamTable, header: Ipv6Header): Address | undefined {
  for (const { zone, entry } of matches(table, header.source)) {
    if (gatewayLocal(zone, entry) !== undefined) return entry.prefix.address;
  }
  for (const address of [header.destination, header.source]) {
    for (const { zone, entry, own } of matches(table, address)) {
      if (gatewayLocal(zone, entry) !== undefined) return entry.prefix.address;
      const [local] = own;
      const delegated = local === undefined ? undefined : delegatedPrefix(entry.prefix, local);
      if (delegated?.ok === true) return delegated.prefix.address;
    }
  }
  const provider = table.providers.find((p) => prefixContains(p, header.destination));
  return provider?.address ?? anyOwn(table);
}

/** Whatever reaches the source of a packet that has nothing to do with any prefix of ours. */
function anyOwn(table: SamTable): Address | undefined {
  for (const zone of table.zones) {
    for (const { local } of zone.interfaces) {
      for (const { prefix } of zone.prefixes) {
        const delegated = delegatedPrefix(prefix, local);
        if (delegated.ok) return delegated.prefix.address;
      }
    }
  }
  return table.providers[0]?.address;
}

export interface Translated {
  readonly ok: true;
  /** The error about the inner packet; goes where `routeOut` says. */
  readonly packet: Uint8Array;
}

/**
 * An ICMPv6 error about an outer packet of ours, made one about the inner packet (RFC 2473 §8). Believed only if the inner
 * packet would leave here in just that outer one, which needs no memory of packets sent. Never throws.
 * @param packet from a node of the zone to one of our local addresses
 */
export function translateError(
  table: SamTable,
  zone: TableZone,
  packet: Uint8Array,
): Translated | DecodeFailure {
  const error = parseIcmpError(packet);
  if (!error.ok) return error;
  const outer = walkHeaders(error.invokingPacket, { allowTruncated: true });
  if (!outer.ok || outer.truncated || outer.upper.protocol !== PROTOCOL.ipv6) {
    return failure('REHOME_E_TYPE', 0, 'error-not-about-a-tunnel');
  }
  const inner = error.invokingPacket.subarray(outer.upper.offset);
  const parsed = parseIpv6(inner, { allowTruncated: true });
  if (!parsed.ok) return failure('REHOME_E_TRUNCATED', inner.length, 'error-without-inner-packet');
  const route = routeOut(table, parsed.header.source, parsed.header.destination);
  const ours =
    route.to === 'zone' &&
    route.zone.name === zone.name &&
    route.source === outer.header.source &&
    route.destination === outer.header.destination &&
    outer.header.source === error.header.destination;
  if (!ours) return failure('REHOME_E_FIELD', 0, 'error-not-ours');
  const meaning = innerError(error, outer.upper.offset, IPV6_HEADER + parsed.header.payloadLength);
  if (meaning === undefined) return failure('REHOME_E_TYPE', 0, 'error-has-no-inner-meaning');
  const translated = errorAbout(table, inner, meaning);
  if (translated === undefined) return failure('REHOME_E_TYPE', 0, 'error-not-answered');
  return { ok: true, packet: translated };
}

/** RFC 2473 §8.1, §8.2. `overhead`: octets before the inner packet, which had `length`. */
function innerError(
  error: { readonly type: number; readonly mtu?: number; readonly pointer?: number },
  overhead: number,
  length: number,
): ErrorToSend | undefined {
  switch (error.type) {
    case ICMPV6_TYPE.packetTooBig: {
      const mtu = Math.max(SAM.minMtu, (error.mtu ?? 0) - overhead);
      // A packet that every link has to carry cannot be made smaller by its source.
      return length > mtu ? { type: ICMPV6_TYPE.packetTooBig, code: 0, parameter: mtu } : undefined;
    }
    case ICMPV6_TYPE.destinationUnreachable:
    case ICMPV6_TYPE.timeExceeded:
      return { type: ICMPV6_TYPE.destinationUnreachable, code: UNREACHABLE.address };
    case ICMPV6_TYPE.parameterProblem: {
      // About the outer headers: the encapsulation limit, or a mistake of ours. Both are ours to say.
      const inOuter = (error.pointer ?? 0) >= IPV6_HEADER && (error.pointer ?? 0) < overhead;
      return inOuter
        ? { type: ICMPV6_TYPE.destinationUnreachable, code: UNREACHABLE.address }
        : undefined;
    }
    default:
      return undefined;
  }
}
