import type { Address } from '../wire/address.js';
import { gatewayLocal, isOurs, matchesIn, type TableZone } from './table.js';

/** From which side of us a packet came. */
export type Arrival = 'up' | 'down' | 'sibling';

export type CheckFailure =
  /** From a child: the inner source is in no prefix of the zone. */
  | 'source-not-in-zone'
  /** From a child: the inner source is another child's. */
  | 'source-mismatch'
  /** From a child: the inner source goes out by another gateway. */
  | 'wrong-gateway'
  /** From a parent: the inner destination is in no prefix of the zone. */
  | 'destination-not-in-zone'
  /** From a parent or a sibling: the inner destination is another child's. */
  | 'destination-mismatch'
  /** From a parent: the inner destination comes in by another gateway. */
  | 'wrong-parent';

export interface Addresses {
  readonly source: Address;
  readonly destination: Address;
}

/**
 * §5: do inner and outer addresses belong together? This is the whole protection against spoofing, and is asked at every
 * decapsulation. `outer.destination` is one of our local addresses in the zone. Accepted are
 * - from a child to the gateway that its source belongs to (`up`),
 * - from a gateway to the child that the destination belongs to (`down`),
 * - from a child to a child of the same zone (`sibling`).
 */
export function checkConsistency(
  zone: TableZone,
  outer: Addresses,
  inner: Addresses,
): Arrival | CheckFailure {
  const sources = matchesIn(zone, inner.source);
  const destinations = matchesIn(zone, inner.destination);
  const sent = sources.filter((m) => m.locals.includes(outer.source));
  const meant = destinations.filter((m) => m.locals.includes(outer.destination));
  if (sent.length > 0 && meant.length > 0) return 'sibling';
  if (meant.some((m) => m.entry.parents.includes(outer.source))) return 'down';
  if (sent.some((m) => m.entry.parents.includes(outer.destination))) return 'up';
  const isParent = zone.prefixes.some((p) => p.parents.includes(outer.source));
  if (isParent && sent.length === 0) {
    if (destinations.length === 0) return 'destination-not-in-zone';
    return meant.length > 0 ? 'wrong-parent' : 'destination-mismatch';
  }
  if (sources.length === 0) return 'source-not-in-zone';
  if (sent.length === 0) return 'source-mismatch';
  const weAreGateway = zone.prefixes.some((p) => gatewayLocal(zone, p) !== undefined);
  return weAreGateway ? 'wrong-gateway' : 'destination-mismatch';
}

export const isArrival = (verdict: Arrival | CheckFailure): verdict is Arrival =>
  verdict === 'up' || verdict === 'down' || verdict === 'sibling';

/** The zone's outer packets that are for us. */
export const isForUs = (zone: TableZone, outer: Addresses): boolean =>
  isOurs(zone, outer.destination);
