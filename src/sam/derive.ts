import type { Address } from '../wire/address.js';
import { formatPrefix, type Prefix } from '../wire/prefix.js';
import { ms, type Millis } from '../wire/units.js';
import { delegatedPrefix, ownAddress } from './mapping.js';
import { PROVABLE_LENGTH } from './infix-length.js';
import type { SamTable, TableInterface, TablePrefix, TableZone } from './table.js';
import type { GlobalAddress, ProviderPrefix } from './types.js';

/** A prefix of a zone at one parent interface. Times may be infinite. */
export interface Parameter {
  readonly parent: Address;
  readonly prefix: Prefix;
  readonly validUntil: Millis;
  readonly preferredUntil: Millis;
}

/** A prefix that we hold and may delegate on. */
export interface Held {
  readonly prefix: Prefix;
  readonly validUntil: Millis;
  readonly preferredUntil: Millis;
}

/** What is known of a zone at one moment. */
export interface ZoneState {
  readonly name: string;
  readonly constant: Prefix | undefined;
  /** With our own, where we are a gateway. */
  readonly parameters: readonly Parameter[];
  readonly interfaces: readonly TableInterface[];
}

/** The prefixes of a zone with all the parents of each: those not deprecated first, the longest prefix first. */
export function prefixesOf(parameters: readonly Parameter[], now: Millis): TablePrefix[] {
  const all = new Map<string, Parameter[]>();
  for (const p of parameters) {
    const key = formatPrefix(p.prefix);
    all.set(key, [...(all.get(key) ?? []), p]);
  }
  const late = (p: Parameter): number => Number(p.preferredUntil <= now);
  return [...all.values()]
    .map((list) => ({
      prefix: (list[0] as Parameter).prefix,
      parents: [...list]
        .sort((a, b) => late(a) - late(b) || compare(a.parent, b.parent))
        .map((p) => p.parent),
    }))
    .sort(
      (a, b) => b.prefix.length - a.prefix.length || compare(a.prefix.address, b.prefix.address),
    );
}

export function tableOf(
  zones: readonly ZoneState[],
  providers: readonly ProviderPrefix[],
  now: Millis,
): SamTable {
  const usable: TableZone[] = zones.flatMap(({ name, constant, parameters, interfaces }) =>
    constant === undefined || interfaces.length === 0
      ? []
      : [{ name, constant, interfaces, prefixes: prefixesOf(parameters, now) }],
  );
  return { zones: usable, providers: providers.map((p) => p.prefix) };
}

/** What a zone delegates to our interfaces in it (§3.3): every prefix of the zone, followed by each interface's infix. */
export function delegatedTo(zone: ZoneState): (Held & {
  readonly parameter: Parameter;
  readonly link: TableInterface;
})[] {
  return zone.interfaces.flatMap((link) =>
    zone.parameters.flatMap((parameter) => {
      const found = delegatedPrefix(parameter.prefix, link.local);
      if (!found.ok) return [];
      const { validUntil, preferredUntil } = parameter;
      return [{ prefix: found.prefix, validUntil, preferredUntil, parameter, link }];
    }),
  );
}

/** The zone's prefixes under which none of our interfaces gets a prefix: with its infix there would be more than 128 bits. */
export const unusable = (zone: ZoneState): Prefix[] =>
  zone.interfaces.length === 0
    ? []
    : zone.parameters
        .map((p) => p.prefix)
        .filter((prefix) => zone.interfaces.every((i) => !delegatedPrefix(prefix, i.local).ok));

/**
 * Our own global addresses: each delegated prefix with trailing zeros (§3.2.3), preferred ones first. A prefix that
 * several parents have gives one address.
 */
export function addressesOf(
  zones: readonly ZoneState[],
  providers: readonly ProviderPrefix[],
  now: Millis,
): GlobalAddress[] {
  const finite = (t: Millis | undefined): Millis | undefined => (t === Infinity ? undefined : t);
  const out = new Map<string, GlobalAddress>();
  for (const zone of zones) {
    for (const { prefix, validUntil, preferredUntil, parameter, link } of delegatedTo(zone)) {
      const key = formatPrefix(prefix);
      const other = out.get(key);
      const valid = Math.max(validUntil, other ? (other.validUntil ?? Infinity) : 0);
      const preferred = Math.max(preferredUntil, other ? (other.preferredUntil ?? Infinity) : 0);
      out.set(key, {
        address: ownAddress(prefix),
        delegated: prefix,
        local: link.local,
        interface: link.index,
        zone: zone.name,
        zonePrefix: parameter.prefix,
        parents: [...(other?.parents ?? []), parameter.parent],
        validUntil: finite(ms(valid)),
        preferredUntil: finite(ms(preferred)),
        deprecated: preferred <= now,
        provable: prefix.length <= PROVABLE_LENGTH,
      });
    }
  }
  for (const { prefix, validUntil, preferredUntil } of providers) {
    out.set(formatPrefix(prefix), {
      address: ownAddress(prefix),
      delegated: prefix,
      local: undefined,
      interface: undefined,
      zone: '',
      zonePrefix: prefix,
      parents: [],
      validUntil: finite(validUntil),
      preferredUntil: finite(preferredUntil),
      deprecated: preferredUntil !== undefined && preferredUntil <= now,
      provable: prefix.length <= PROVABLE_LENGTH,
    });
  }
  return [...out.values()].sort(
    (a, b) => Number(a.deprecated) - Number(b.deprecated) || compare(a.address, b.address),
  );
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
