import { gatewayLocal, isOurs, type SamTable } from '../../sam/table.js';
import {
  addressFromBytes,
  addressToBytes,
  parseAddress,
  type Address,
} from '../../wire/address.js';
import { RehomeError } from '../../wire/errors.js';
import { formatPrefix, prefixOf, type Prefix } from '../../wire/prefix.js';
import {
  aboveOctets,
  belowOctets,
  entryOctets,
  FACT,
  factKey,
  LIMITS,
  lpmKey,
  numberAsAddress,
  u32Octets,
  u64Octets,
  type Above,
  type Below,
  type FactKind,
} from './layout.js';
import { claimsOn, contains, inOrder, regionsOf, type Placed } from './regions.js';

/** One element of one map. */
export interface Element {
  readonly map: 'entries' | 'prefixes' | 'below' | 'above' | 'facts';
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** A provider's prefix and the interface that it comes in by. */
export interface ProviderLink {
  readonly prefix: Prefix;
  readonly ifindex: number;
}

const NOTHING = parseAddress('::');

/**
 * A table as elements of the programs' maps, all under the number of one generation: whoever follows the number in
 * `settings` sees this table and no other. Its size is that of `SamTable`: children are not in it.
 * @throws RehomeError REHOME_E_SAM_TABLE where the programs have no room
 */
export function elementsOf(
  table: SamTable,
  links: readonly ProviderLink[],
  generation: number,
): Element[] {
  const ordered = inOrder(table);
  const regions = regionsOf(table);
  if (ordered.length > LIMITS.entries) tooLarge(`${ordered.length} prefixes`);
  if (regions.length > LIMITS.regions) tooLarge(`${regions.length} regions`);
  const base = (generation % LIMITS.tables) * LIMITS.entries;
  return [
    ...factsOf(table, ordered, generation),
    ...entriesOf(ordered, base, generation),
    ...regions.flatMap((region): Element[] => {
      const key = lpmKey(generation, 0, region);
      const claims = claimsOn(ordered, region);
      const below = belowIn(claims, ordered, base, table.providers, region);
      const above = aboveIn(claims, table.providers, links, region);
      return [
        { map: 'above', key, value: aboveOctets(above) },
        ...(below === undefined ? [] : [{ map: 'below' as const, key, value: belowOctets(below) }]),
      ];
    }),
  ];
}

function factsOf(table: SamTable, ordered: readonly Placed[], generation: number): Element[] {
  const out: Element[] = [];
  const fact = (kind: FactKind, scope: number, address: Address, value = 1): void => {
    const key = factKey(generation, kind, scope, address);
    out.push({ map: 'facts', key, value: u64Octets(value) });
  };
  table.zones.forEach((zone, z) => {
    fact(FACT.constant, 0, constantKey(zone.constant));
    for (const { local, index } of zone.interfaces) {
      fact(FACT.local, z, local, index);
      fact(FACT.link, 0, numberAsAddress(index), z);
    }
    // Of several interfaces in a subnet the first is used, as in forward.ts.
    for (const { local, index } of [...zone.interfaces].reverse()) {
      fact(FACT.subnet, z, prefixOf(local, 64).address, index);
    }
    for (const parent of new Set(zone.prefixes.flatMap((p) => p.parents))) {
      fact(FACT.zoneParent, z, parent);
      if (isOurs(zone, parent)) fact(FACT.zoneParent, z, NOTHING);
    }
  });
  ordered.forEach(({ entry }, i) => entry.parents.forEach((p) => fact(FACT.parent, i, p)));
  return out;
}

function entriesOf(ordered: readonly Placed[], base: number, generation: number): Element[] {
  return ordered.flatMap(({ zone, z, entry }, i): Element[] => {
    const { prefix, parents } = entry;
    const outer = ordered.filter((o, j) => j > i && o.z === z && contains(o.entry.prefix, prefix));
    if (outer.length >= LIMITS.chain) {
      tooLarge(`${formatPrefix(prefix)} lies in ${outer.length} prefixes of its zone`);
    }
    const [next] = outer;
    const value = entryOctets({
      prefix,
      parent: parents[0] ?? NOTHING,
      gateway: gatewayLocal(zone, entry),
      constant: zone.constant,
      next: next === undefined ? 0 : base + ordered.indexOf(next) + 1,
      index: i,
      zone: z,
    });
    const slot = u32Octets(base + i);
    return [
      { map: 'entries', key: slot, value },
      { map: 'prefixes', key: lpmKey(generation, z, prefix), value: slot },
    ];
  });
}

type Claims = ReturnType<typeof claimsOn>;

/** routeBelow of sam/route.ts, for a whole region. */
function belowIn(
  claims: Claims,
  ordered: readonly Placed[],
  base: number,
  providers: readonly Prefix[],
  region: Prefix,
): Below | undefined {
  for (const { own, gateway, zone, entry } of claims) {
    if (own !== undefined) return { region: 'host', entry: 0 };
    if (gateway === undefined) continue;
    const at = ordered.findIndex((o) => o.zone === zone && o.entry === entry);
    return { region: 'child', entry: base + at };
  }
  const provider = providers.find((p) => contains(p, region));
  if (provider === undefined) return undefined;
  const itself = region.length === 128 && region.address === provider.address;
  return { region: itself ? 'host' : 'provider', entry: 0 };
}

/** routeToSibling and routeUp of sam/route.ts, for a whole region. */
function aboveIn(
  claims: Claims,
  providers: readonly Prefix[],
  links: readonly ProviderLink[],
  region: Prefix,
): Above {
  const ours = claims.flatMap((c) => (c.own === undefined ? [] : [{ ...c, own: c.own }]));
  const siblings = ours
    .filter(({ z }, i) => ours.findIndex((o) => o.z === z) === i)
    .slice(0, LIMITS.siblings)
    .map(({ z, own }) => ({ zone: z, local: own }));
  const up = ours.find((c) => c.gateway === undefined && c.entry.parents.length > 0);
  const [parent] = up?.entry.parents ?? [];
  if (up !== undefined && parent !== undefined) {
    return { siblings, way: { region: 'zone', zone: up.z, local: up.own, parent } };
  }
  const provider = providers.find((p) => contains(p, region));
  if (provider === undefined) return { siblings, way: { region: 'nowhere' } };
  const link = links.find((l) => formatPrefix(l.prefix) === formatPrefix(provider));
  return { siblings, way: { region: 'provider', ifindex: link?.ifindex ?? 0 } };
}

/** Upper 64 bits of the prefix, and its length in the lower ones. */
function constantKey({ address, length }: Prefix): Address {
  const bytes = addressToBytes(address).slice();
  bytes[15] = length;
  return addressFromBytes(bytes);
}

function tooLarge(what: string): never {
  throw new RehomeError(
    'REHOME_E_SAM_TABLE',
    `the SAM table is too large for the kernel programs: ${what}`,
    what,
  );
}
