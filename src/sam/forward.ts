import type { Address } from '../wire/address.js';
import { u8 } from '../wire/bytes.js';
import { ICMPV6_TYPE } from '../wire/icmpv6.js';
import { IPV6_HEADER, parseIpv6, PROTOCOL, walkHeaders, type Ipv6Header } from '../wire/ipv6.js';
import { checkConsistency, isArrival, type CheckFailure } from './check.js';
import { SAM } from './constants.js';
import { decapsulate, encapsulate, encapsulationLimit, overheadFor } from './encapsulation.js';
import { errorAbout, translateError, UNREACHABLE, type ErrorToSend } from './icmp.js';
import { isBelow, isGlobal, routeBelow, routeOut, type NoRoute, type Route } from './route.js';
import { prefixOf } from '../wire/prefix.js';
import { isOurs, type SamTable, type TableInterface, type TableZone } from './table.js';

/** Why a packet is dropped; every one is counted under its name. */
export type DropReason =
  | CheckFailure
  | NoRoute
  /** Not IPv6, or not as long as it says. */
  | 'malformed'
  | 'inner-malformed'
  | 'outer-fragment'
  /** A local, link-local, multicast, loopback or unspecified address in an inner packet. */
  | 'inner-not-global'
  /** Came from above with a source of ours or of somebody below: forged, or on its way round. */
  | 'source-is-below'
  | 'hop-limit'
  | 'too-big'
  /** Would need an outer packet larger than the zone's link carries, and has no more than 1280 octets. */
  | 'zone-mtu-too-small'
  | 'encapsulation-limit'
  | 'congestion-mark'
  | 'error-malformed'
  | 'error-not-about-a-tunnel'
  | 'error-without-inner-packet'
  | 'error-not-ours'
  | 'error-has-no-inner-meaning'
  | 'error-not-answered';

export type Verdict =
  /** To the host's own stack. */
  | { readonly verdict: 'deliver'; readonly packet: Uint8Array }
  /** An outer packet, out of that interface. */
  | { readonly verdict: 'send'; readonly interface: number; readonly packet: Uint8Array }
  /** As it is, to the provider of its source. */
  | { readonly verdict: 'provider'; readonly packet: Uint8Array }
  /** Not SAM's: ordinary forwarding or delivery of local packets. */
  | { readonly verdict: 'pass' }
  | {
      readonly verdict: 'drop';
      readonly reason: DropReason;
      /**
       * An ICMPv6 error about it, and where that goes: never a drop again. Whoever carries it out limits the rate of such
       * errors (RFC 4443 §2.4 (f)); error-budget.ts does.
       */
      readonly reply?: Verdict;
    };

/** Octets behind an IPv6 header. */
const MAX_PAYLOAD = 0xffff;

type Dropped = Extract<Verdict, { verdict: 'drop' }>;
const drop = (reason: DropReason, reply?: Verdict): Dropped =>
  reply === undefined ? { verdict: 'drop', reason } : { verdict: 'drop', reason, reply };

/**
 * A global packet that the host itself sends, or an ICMPv6 error of ours. Its hop limit is not touched.
 */
export function fromHost(table: SamTable, packet: Uint8Array): Verdict {
  const found = innerPacket(packet);
  if (found === undefined) return drop('malformed');
  const { header, inner } = found;
  if (!isGlobal(header.source) || !isGlobal(header.destination)) return drop('inner-not-global');
  return send(table, inner, routeOut(table, header.source, header.destination), false);
}

/** A packet that came from a provider: for somebody below, or for nobody. */
export function fromProvider(table: SamTable, packet: Uint8Array): Verdict {
  const found = innerPacket(packet);
  if (found === undefined) return drop('malformed');
  return fromAbove(table, found.inner, found.header);
}

/** A packet with local addresses that came in over an interface of the zone. */
export function fromZone(table: SamTable, zoneName: string, packet: Uint8Array): Verdict {
  const zone = table.zones.find((z) => z.name === zoneName);
  const walk = walkHeaders(packet);
  if (zone === undefined || !walk.ok || !isOurs(zone, walk.header.destination)) {
    return { verdict: 'pass' };
  }
  const { protocol, offset } = walk.upper;
  // No router answers in fragments (RFC 4443 §2.4 (c)); they are of something that the host was sent.
  const error = protocol === PROTOCOL.icmpv6 && walk.fragment === undefined;
  if (error && u8(packet, offset) < 128) return errorFromZone(table, zone, packet);
  const found = decapsulate(packet);
  if (!found.ok) {
    switch (found.reason) {
      case 'not-a-tunnel':
        return { verdict: 'pass' };
      case 'outer-fragment':
        // Of something else than a tunnel packet, perhaps; that is the host's.
        return protocol === PROTOCOL.ipv6 ? drop('outer-fragment') : { verdict: 'pass' };
      case 'congestion-mark':
        return drop('congestion-mark');
      default:
        return drop('inner-malformed');
    }
  }
  const { outer, inner } = found;
  const header = innerPacket(inner)?.header;
  if (header === undefined) return drop('inner-malformed');
  if (!isGlobal(header.source) || !isGlobal(header.destination)) return drop('inner-not-global');
  const arrival = checkConsistency(zone, outer, header);
  // Nobody is told: the inner source may be anybody's, and the outer one is not to be believed either.
  if (!isArrival(arrival)) return drop(arrival);
  if (arrival === 'down') return fromAbove(table, inner, header);
  const route =
    arrival === 'up'
      ? routeOut(table, header.source, header.destination)
      : (routeBelow(table, header.destination) ?? { to: 'nowhere', reason: 'not-below' });
  return send(table, inner, route, true);
}

/** A packet without the octets that its link put behind it: they would make it longer than it says. */
function innerPacket(
  packet: Uint8Array,
): { readonly header: Ipv6Header; readonly inner: Uint8Array } | undefined {
  const parsed = parseIpv6(packet);
  return parsed.ok ? { header: parsed.header, inner: packet.subarray(0, parsed.end) } : undefined;
}

/** What comes from above goes down or nowhere: never up again, never sideways. So nothing can go round. */
function fromAbove(table: SamTable, packet: Uint8Array, header: Ipv6Header): Verdict {
  if (!isGlobal(header.source) || !isGlobal(header.destination)) return drop('inner-not-global');
  if (isBelow(table, header.source)) return drop('source-is-below');
  const route = routeBelow(table, header.destination);
  return send(table, packet, route ?? { to: 'nowhere', reason: 'not-below' }, true);
}

/** @param forwarded the packet is not ours: its hop limit counts (RFC 2473 §3.1) */
function send(table: SamTable, packet: Uint8Array, route: Route, forwarded: boolean): Verdict {
  const answer = (reason: DropReason, error: ErrorToSend): Dropped => {
    const reply = errorAbout(table, packet, error);
    if (reply === undefined) return drop(reason);
    // A program of our own is told right here: its source may be one that no error could be sent to.
    if (!forwarded) return drop(reason, { verdict: 'deliver', packet: reply });
    const way = fromHost(table, reply);
    return drop(reason, way.verdict === 'drop' ? undefined : way);
  };
  if (route.to === 'host') return { verdict: 'deliver', packet };
  if (route.to === 'nowhere') return answer(route.reason, NO_ROUTE[route.reason]);
  let out = packet;
  if (forwarded) {
    const hopLimit = u8(packet, 7);
    if (hopLimit <= 1) return answer('hop-limit', { type: ICMPV6_TYPE.timeExceeded, code: 0 });
    out = packet.slice();
    out[7] = hopLimit - 1;
  }
  if (route.to === 'provider') return { verdict: 'provider', packet: out };
  const limit = encapsulationLimit(out);
  if (limit?.value === 0) {
    const pointer = { type: ICMPV6_TYPE.parameterProblem, code: 0, parameter: limit.offset };
    return answer('encapsulation-limit', pointer);
  }
  const { zone, source, destination } = route;
  const egress = egressOf(zone, source, destination);
  // A link may carry more than a packet can be long (RFC 8200 §3).
  const room = Math.min(egress.mtu, IPV6_HEADER + MAX_PAYLOAD) - overheadFor(limit);
  if (out.length > room) {
    // RFC 2473 §7.1: (a); and no (b), because nothing is fragmented here.
    if (packet.length <= SAM.minMtu) return drop('zone-mtu-too-small');
    const parameter = Math.max(room, SAM.minMtu);
    return answer('too-big', { type: ICMPV6_TYPE.packetTooBig, code: 0, parameter });
  }
  const outer = encapsulate(out, { source, destination }, limit);
  return { verdict: 'send', interface: egress.index, packet: outer };
}

const NO_ROUTE: Readonly<Record<NoRoute, ErrorToSend>> = {
  'no-such-child': { type: ICMPV6_TYPE.destinationUnreachable, code: UNREACHABLE.address },
  'source-policy': { type: ICMPV6_TYPE.destinationUnreachable, code: UNREACHABLE.sourcePolicy },
  'not-below': { type: ICMPV6_TYPE.destinationUnreachable, code: UNREACHABLE.noRoute },
};

const sameSubnet = (a: Address, b: Address): boolean =>
  a === b || prefixOf(a, 64).address === prefixOf(b, 64).address;

/** The interface of an outer packet: the source's own, unless only another one is on the destination's subnet. */
function egressOf(zone: TableZone, source: Address, destination: Address): TableInterface {
  const own = zone.interfaces.find((i) => i.local === source);
  if (own !== undefined && sameSubnet(own.local, destination)) return own;
  const near = zone.interfaces.find((i) => sameSubnet(i.local, destination));
  const chosen = near ?? own;
  if (chosen === undefined) throw new Error(`${source} is no local address of ours`);
  return chosen;
}

function errorFromZone(table: SamTable, zone: TableZone, packet: Uint8Array): Verdict {
  const found = translateError(table, zone, packet);
  if (found.ok) return fromHost(table, found.packet);
  switch (found.reason) {
    // About a packet of the host's own with local addresses: its business.
    case 'error-not-about-a-tunnel':
      return { verdict: 'pass' };
    case 'error-without-inner-packet':
    case 'error-not-ours':
    case 'error-has-no-inner-meaning':
    case 'error-not-answered':
      return drop(found.reason);
    default:
      return drop('error-malformed');
  }
}
