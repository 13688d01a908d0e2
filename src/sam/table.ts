import type { Address } from '../wire/address.js';
import { prefixContains, type Prefix } from '../wire/prefix.js';
import { resolve } from './mapping.js';

/**
 * All that a packet's way depends on, as plain data: what a data path has to know, in memory or in the kernel. Its size
 * grows with our interfaces and the zones' prefixes, never with children, flows or packets.
 */
export interface SamTable {
  readonly zones: readonly TableZone[];
  /** Prefixes that providers route to us: their packets leave natively. */
  readonly providers: readonly Prefix[];
}

/** A zone in which we have a local address. */
export interface TableZone {
  readonly name: string;
  /** Of its local addresses. */
  readonly constant: Prefix;
  /** Every prefix of the zone, the longest first. */
  readonly prefixes: readonly TablePrefix[];
  readonly interfaces: readonly TableInterface[];
}
export interface TablePrefix {
  readonly prefix: Prefix;
  /** Parent interfaces of the zone that have it, the one to use first. We are one of them: we are its gateway. */
  readonly parents: readonly Address[];
}
export interface TableInterface {
  readonly index: number;
  readonly local: Address;
  /** Octets. */
  readonly mtu: number;
}

export const EMPTY_TABLE: SamTable = { zones: [], providers: [] };

/** What an address is under one prefix of a zone. */
export interface Match {
  readonly zone: TableZone;
  readonly entry: TablePrefix;
  /** The local addresses it designates: one child's, or the prefix's parents for N1 = N2 = 0; none: an impossible infix. */
  readonly locals: readonly Address[];
  /** Those of `locals` that are ours. */
  readonly own: readonly Address[];
}

/** Every prefix of the zone that an address is in, the longest first, with whom it designates there. */
export function matchesIn(zone: TableZone, address: Address): Match[] {
  const out: Match[] = [];
  for (const entry of zone.prefixes) {
    if (!prefixContains(entry.prefix, address)) continue;
    const found = resolve(entry.prefix, zone.constant, address);
    const locals = !found.ok ? [] : found.kind === 'child' ? [found.local] : entry.parents;
    out.push({ zone, entry, locals, own: locals.filter((local) => isOurs(zone, local)) });
  }
  return out;
}

/** The same in all zones, the longest prefix first. */
export const matches = (table: SamTable, address: Address): Match[] =>
  table.zones
    .flatMap((zone) => matchesIn(zone, address))
    .sort((a, b) => b.entry.prefix.length - a.entry.prefix.length);

export const isOurs = (zone: TableZone, local: Address): boolean =>
  zone.interfaces.some((i) => i.local === local);

/** Our local address among the parents of a prefix, if we are one of its gateways. */
export const gatewayLocal = (zone: TableZone, entry: TablePrefix): Address | undefined =>
  entry.parents.find((parent) => isOurs(zone, parent));
