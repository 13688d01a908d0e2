import { isUsableLocator, type Address } from '../wire/address.js';
import { parsePrefix, prefixContains } from '../wire/prefix.js';
import { gatewayLocal, matches, matchesIn, type SamTable, type TableZone } from './table.js';

/** Where a global packet goes from here. */
export type Route =
  | { readonly to: 'host' }
  /** In an outer packet from one local address of the zone to another. */
  | {
      readonly to: 'zone';
      readonly zone: TableZone;
      readonly source: Address;
      readonly destination: Address;
    }
  | { readonly to: 'provider' }
  | { readonly to: 'nowhere'; readonly reason: NoRoute };

export type NoRoute =
  /** The destination is in a prefix of ours or of our zone, with an infix that nobody can have. */
  | 'no-such-child'
  /** The source is in no prefix by which we reach the Internet (RFC 4443 §3.1 code 5). */
  | 'source-policy'
  /** It came from above and is for nobody below. */
  | 'not-below';

const UNIQUE_LOCAL = parsePrefix('fc00::/7');

/** Whether an address may stand in an inner packet: local ones never do (§2.2). */
export const isGlobal = (address: Address): boolean =>
  isUsableLocator(address) && !prefixContains(UNIQUE_LOCAL, address);

/**
 * The way of a packet for ourselves or for somebody below, or undefined. The longest prefix of ours that the destination
 * is in decides: a zone of which we are a gateway before the zone that delegated to us.
 */
export function routeBelow(table: SamTable, destination: Address): Route | undefined {
  for (const { zone, entry, locals, own } of matches(table, destination)) {
    const gateway = gatewayLocal(zone, entry);
    if (own.length > 0) return { to: 'host' };
    if (gateway === undefined) continue;
    const [child] = locals;
    if (child === undefined) return { to: 'nowhere', reason: 'no-such-child' };
    return { to: 'zone', zone, source: gateway, destination: child };
  }
  const provider = table.providers.find((p) => prefixContains(p, destination));
  if (provider === undefined) return undefined;
  // Its zone has no local address of ours yet; the prefix's own address is ours in any case.
  return provider.address === destination
    ? { to: 'host' }
    : { to: 'nowhere', reason: 'no-such-child' };
}

/**
 * The way of a packet from ourselves or from somebody below: downwards, straight to a sibling, or out by the parent
 * interface that the source belongs to (§2.3).
 */
export function routeOut(table: SamTable, source: Address, destination: Address): Route {
  return (
    routeBelow(table, destination) ??
    routeToSibling(table, source, destination) ??
    routeUp(table, source)
  );
}

/** A destination in a prefix of the zone that the source is ours in: no way over the gateway and back. */
function routeToSibling(table: SamTable, source: Address, destination: Address): Route | undefined {
  for (const { zone, own } of matches(table, source)) {
    const [local] = own;
    if (local === undefined) continue;
    const [match] = matchesIn(zone, destination);
    if (match === undefined) continue;
    const [sibling] = match.locals;
    return sibling === undefined
      ? { to: 'nowhere', reason: 'no-such-child' }
      : { to: 'zone', zone, source: local, destination: sibling };
  }
  return undefined;
}

function routeUp(table: SamTable, source: Address): Route {
  for (const { zone, entry, own } of matches(table, source)) {
    const [local] = own;
    const [parent] = entry.parents;
    if (local === undefined || parent === undefined) continue;
    if (gatewayLocal(zone, entry) !== undefined) continue; // there we are the parent: further up
    return { to: 'zone', zone, source: local, destination: parent };
  }
  return table.providers.some((p) => prefixContains(p, source))
    ? { to: 'provider' }
    : { to: 'nowhere', reason: 'source-policy' };
}

/** Whether an address is ours, or somebody's below us: what cannot come from above. */
export const isBelow = (table: SamTable, address: Address): boolean =>
  matches(table, address).some(
    ({ zone, entry, own }) => own.length > 0 || gatewayLocal(zone, entry) !== undefined,
  ) || table.providers.some((p) => prefixContains(p, address));
