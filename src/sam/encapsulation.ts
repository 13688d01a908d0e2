import type { Address } from '../wire/address.js';
import { concatBytes, u16, u8 } from '../wire/bytes.js';
import {
  buildIpv6,
  IPV6_HEADER,
  parseIpv6,
  PROTOCOL,
  walkHeaders,
  type Ipv6Header,
} from '../wire/ipv6.js';
import { failure, type DecodeFailure } from '../wire/result.js';
import { SAM } from './constants.js';

/** RFC 2473 §4.1.1 */
const TUNNEL_ENCAPSULATION_LIMIT = 4;
const PAD1 = 0;
const PADN = 1;
/** Of the Destination Options header with that option alone (RFC 2473 §5.1). */
const LIMIT_HEADER = 8;

/** Octets before an inner packet: an IPv6 header, and one more header where the inner packet limits encapsulation. */
export const overheadFor = (limit: EncapsulationLimit | undefined): number =>
  IPV6_HEADER + (limit === undefined ? 0 : LIMIT_HEADER);

export interface EncapsulationLimit {
  /** How often the packet may be encapsulated again. */
  readonly value: number;
  /** Octets from the start of the packet to that value: what a Parameter Problem points at. */
  readonly offset: number;
}

/**
 * The Tunnel Encapsulation Limit of a packet that is itself a tunnel packet (RFC 2473 §4.1.1 (a)): in a Destination
 * Options header before the first header that is none of Hop-by-Hop, Routing, Destination Options and Fragment.
 */
export function encapsulationLimit(packet: Uint8Array): EncapsulationLimit | undefined {
  const walk = walkHeaders(packet, { allowTruncated: true });
  if (!walk.ok) return undefined;
  for (const header of walk.extensions) {
    if (header.protocol !== PROTOCOL.destinationOptions) continue;
    const end = header.offset + header.length;
    for (let at = header.offset + 2; at < end;) {
      const type = u8(packet, at);
      if (type === PAD1) {
        at++;
        continue;
      }
      const length = u8(packet, at + 1);
      if (type === TUNNEL_ENCAPSULATION_LIMIT && length === 1 && at + 2 < end) {
        return { value: u8(packet, at + 2), offset: at + 2 };
      }
      at += 2 + length;
    }
  }
  return undefined;
}

/**
 * An inner packet in an outer one (RFC 2473 §3.1, §5). The outer hop limit has nothing to do with the inner one; traffic
 * class and flow label are the inner packet's, so that routers of the zone treat it as they would have (RFC 6040 §4.1 for
 * the ECN bits, RFC 6438 for equal-cost paths). An encapsulation limit goes on, one lower.
 * @throws WireError REHOME_E_RANGE when the outer packet would be too long for any packet
 */
export function encapsulate(
  inner: Uint8Array,
  outer: { readonly source: Address; readonly destination: Address },
  limit = encapsulationLimit(inner),
): Uint8Array {
  const head =
    limit === undefined
      ? new Uint8Array(0)
      : Uint8Array.of(
          PROTOCOL.ipv6,
          0,
          TUNNEL_ENCAPSULATION_LIMIT,
          1,
          Math.max(0, limit.value - 1),
          PADN,
          1,
          0,
        );
  return buildIpv6({
    ...outer,
    nextHeader: limit === undefined ? PROTOCOL.ipv6 : PROTOCOL.destinationOptions,
    hopLimit: SAM.hopLimit,
    trafficClass: trafficClass(inner),
    flowLabel: ((u8(inner, 1) & 0x0f) << 16) | u16(inner, 2),
    payload: concatBytes(head, inner),
  });
}

const trafficClass = (packet: Uint8Array): number => (u16(packet, 0) >>> 4) & 0xff;

export interface Decapsulated {
  readonly ok: true;
  readonly outer: Ipv6Header;
  /** A copy, with the congestion mark of the outer header. */
  readonly inner: Uint8Array;
}

const CE = 3;
const ECT_1 = 1;

/**
 * The inner packet of an outer one (RFC 2473 §3.3). Fragments of outer packets are refused: nobody makes them here
 * (docs/decisions/sam-encapsulation.md). Never throws.
 */
export function decapsulate(packet: Uint8Array): Decapsulated | DecodeFailure {
  const walk = walkHeaders(packet);
  if (!walk.ok) return walk;
  const { header: outer, upper, end } = walk;
  if (walk.fragment !== undefined)
    return failure('REHOME_E_FRAGMENT', upper.offset, 'outer-fragment');
  if (upper.protocol !== PROTOCOL.ipv6)
    return failure('REHOME_E_TYPE', upper.offset, 'not-a-tunnel');
  const inner = packet.slice(upper.offset, end);
  const parsed = parseIpv6(inner);
  if (!parsed.ok || parsed.end !== inner.length) {
    return failure('REHOME_E_LENGTH', upper.offset, 'inner-malformed');
  }
  const mark = trafficClass(packet) & 3;
  const before = trafficClass(inner) & 3;
  const after = decapsulatedEcn(before, mark);
  if (after === undefined) return failure('REHOME_E_FIELD', upper.offset, 'congestion-mark');
  if (after !== before) inner[1] = (u8(inner, 1) & 0xcf) | (after << 4);
  return { ok: true, outer, inner };
}

/**
 * RFC 6040 §4.2: the ECN field of the inner packet after decapsulation; undefined: the packet has to be dropped, it was
 * marked and its sender could not be told.
 */
export function decapsulatedEcn(inner: number, outer: number): number | undefined {
  if (outer === CE) return inner === 0 ? undefined : CE;
  if (outer === ECT_1 && inner === 2) return ECT_1;
  return inner;
}
