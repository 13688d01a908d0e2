import type { Refusal } from '../../dataplane/exit/layout.js';
import { isMulticast, isUnspecified, type Address } from '../../wire/address.js';
import { u8 } from '../../wire/bytes.js';
import { buildIcmpError, ICMPV6_TYPE } from '../../wire/icmpv6.js';
import { PROTOCOL, walkHeaders } from '../../wire/ipv6.js';

/** Codes of Destination Unreachable (RFC 4443 §3.1). */
const NO_ROUTE = 0;
const SOURCE_POLICY = 5;

/** Whom a refused packet's notice goes to; undefined where there must be none (RFC 4443 §2.4 (e)). */
export function noticeTo(packet: Uint8Array): Address | undefined {
  const walk = walkHeaders(packet, { allowTruncated: true });
  if (!walk.ok) return undefined;
  const { source, destination } = walk.header;
  if (isMulticast(source) || isUnspecified(source) || isMulticast(destination)) return undefined;
  const { upper } = walk;
  if (upper.protocol !== PROTOCOL.icmpv6 || (walk.fragment?.offset ?? 0) > 0) return source;
  // An ICMPv6 error, or one whose type was cut off.
  const error = upper.offset >= walk.end || u8(packet, upper.offset) < 128;
  return error ? undefined : source;
}

/**
 * What a host is told of its packet: that its source leads out nowhere at present (code 0, no route), or that it never
 * does here (code 5, source address failed ingress policy).
 * @param from an address of ours that the host can be reached from
 */
export const buildNotice = (refusal: Refusal, from: Address, to: Address): Uint8Array =>
  buildIcmpError({
    source: from,
    destination: to,
    type: ICMPV6_TYPE.destinationUnreachable,
    code: refusal.reason === 'uplink-down' ? NO_ROUTE : SOURCE_POLICY,
    invokingPacket: refusal.packet,
  });
