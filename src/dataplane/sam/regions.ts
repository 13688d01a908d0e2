import { delegatedPrefix } from '../../sam/mapping.js';
import {
  gatewayLocal,
  isOurs,
  type SamTable,
  type TablePrefix,
  type TableZone,
} from '../../sam/table.js';
import type { Address } from '../../wire/address.js';
import { formatPrefix, prefixContains, type Prefix } from '../../wire/prefix.js';

/** A prefix of a zone, with where it is in the table. */
export interface Placed {
  readonly zone: TableZone;
  readonly z: number;
  readonly entry: TablePrefix;
}

/** All prefixes of all zones in the order in which they decide: the longest first (as `matches` of sam/table.ts). */
export const inOrder = (table: SamTable): Placed[] =>
  table.zones
    .flatMap((zone, z) => zone.prefixes.map((entry) => ({ zone, z, entry })))
    .sort((a, b) => b.entry.prefix.length - a.entry.prefix.length);

export const contains = (outer: Prefix, inner: Prefix): boolean =>
  outer.length <= inner.length && prefixContains(outer, inner.address);

const itself = ({ address }: Prefix): Prefix => ({ address, length: 128 });

/** What all addresses of a region have in common under one prefix that it lies in. */
export interface Claim extends Placed {
  /** Our local address that they belong to. */
  readonly own: Address | undefined;
  readonly gateway: Address | undefined;
}

/**
 * The address space in regions within which every address has the same claims in the same order: what is delegated to
 * us, what we delegate, our addresses as a gateway, what providers give us. An address belongs to the smallest region
 * that it is in. So one look for the longest prefix decides what `matches` decides by going through a list.
 */
export function regionsOf(table: SamTable): Prefix[] {
  const out = new Map<string, Prefix>();
  const add = (prefix: Prefix): void => void out.set(formatPrefix(prefix), prefix);
  for (const { zone, entry } of inOrder(table)) {
    if (gatewayLocal(zone, entry) !== undefined) {
      add(entry.prefix);
      add(itself(entry.prefix));
    }
    for (const { local } of zone.interfaces) {
      const delegated = delegatedPrefix(entry.prefix, local);
      if (delegated.ok) add(delegated.prefix);
    }
  }
  for (const prefix of table.providers) {
    add(prefix);
    add(itself(prefix));
  }
  return [...out.values()];
}

/** The claims on a region, the one that decides first. */
export function claimsOn(ordered: readonly Placed[], region: Prefix): Claim[] {
  return ordered
    .filter(({ entry }) => contains(entry.prefix, region))
    .map((placed) => {
      const gateway = gatewayLocal(placed.zone, placed.entry);
      return { ...placed, gateway, own: ownIn(placed, region, gateway) };
    });
}

function ownIn(
  { zone, entry }: Placed,
  region: Prefix,
  gateway: Address | undefined,
): Address | undefined {
  if (formatPrefix(region) === formatPrefix(itself(entry.prefix))) return gateway;
  return zone.interfaces
    .map((i) => i.local)
    .find((local) => {
      const delegated = delegatedPrefix(entry.prefix, local);
      return delegated.ok && contains(delegated.prefix, region) && isOurs(zone, local);
    });
}
