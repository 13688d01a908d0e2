import fc from 'fast-check';
import { encodeLocal } from '../../src/sam/local.js';
import { delegatedPrefix } from '../../src/sam/mapping.js';
import type { SamTable, TablePrefix, TableZone } from '../../src/sam/table.js';
import { addressFromBytes, addressToBytes, type Address } from '../../src/wire/address.js';
import { prefixOf, type Prefix } from '../../src/wire/prefix.js';
import { bits, constant } from '../sam/arbitrary.js';
import { maxSubnetDigits } from '../../src/sam/local.js';

/** Random tables and the addresses that matter under them. */
const localUnder = (c: Prefix): fc.Arbitrary<Address> =>
  fc
    .tuple(fc.integer({ min: 0, max: maxSubnetDigits(c) }), fc.integer({ min: 0, max: 4 }))
    .filter(([digits, octets]) => digits + octets > 0)
    .chain(([digits, octets]) => fc.tuple(bits(4 * digits), bits(8 * octets)))
    .map(([subnet, iid]) => encodeLocal(c, subnet, iid));

const globalAddress = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((b) => addressFromBytes(Uint8Array.of(0x20 | ((b[0] ?? 0) & 0x1f), ...b.subarray(1))));
const globalPrefix = fc
  .tuple(globalAddress, fc.integer({ min: 12, max: 104 }))
  .map(([a, length]) => prefixOf(a, length));

interface Shape {
  readonly constant: Prefix;
  readonly gateway: boolean;
  readonly ours: readonly Address[];
  readonly others: readonly Address[];
  readonly prefixes: readonly {
    readonly prefix: Prefix;
    /** Which of `others` are parents, and whether we are one. */
    readonly parents: readonly number[];
    readonly withUs: boolean;
    /** Instead: what this one delegates to one of the others, so that prefixes lie inside each other. */
    readonly nested: boolean;
  }[];
}

const shape = (gateway: boolean): fc.Arbitrary<Shape> =>
  constant.chain((c) =>
    fc.record({
      constant: fc.constant(c),
      gateway: fc.constant(gateway),
      ours: fc.uniqueArray(localUnder(c), { minLength: 1, maxLength: 2 }),
      others: fc.uniqueArray(localUnder(c), { minLength: 2, maxLength: 4 }),
      prefixes: fc.array(
        fc.record({
          prefix: globalPrefix,
          parents: fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 2 }),
          withUs: fc.boolean(),
          nested: fc.boolean(),
        }),
        { minLength: 1, maxLength: 4 },
      ),
    }),
  );

function zoneOf(s: Shape, name: string, indexes: readonly number[]): TableZone {
  const ours = s.ours.filter((a) => !s.others.includes(a));
  const prefixes: TablePrefix[] = [];
  for (const p of s.prefixes) {
    const [first, other] = [prefixes[0], s.others[0]];
    const inner =
      p.nested && first !== undefined && other !== undefined
        ? delegatedPrefix(first.prefix, other)
        : undefined;
    const prefix = inner?.ok === true ? inner.prefix : p.prefix;
    if (prefixes.some((o) => o.prefix.address === prefix.address && o.prefix.length === prefix.length)) continue; // prettier-ignore
    const parents = p.parents.flatMap((i) => s.others[i] ?? []);
    const own = s.gateway && p.withUs ? ours.slice(0, 1) : [];
    const all = [...own, ...parents];
    if (all.length > 0) prefixes.push({ prefix, parents: all });
  }
  prefixes.sort((a, b) => b.prefix.length - a.prefix.length);
  const interfaces = ours.flatMap((local, i) => {
    const index = indexes[i];
    return index === undefined ? [] : [{ index, local, mtu: 1500 }];
  });
  return { name, constant: s.constant, prefixes, interfaces };
}

/** A node that is a child in one zone, and perhaps a gateway of another, with interfaces of these indexes. */
export const randomTable = (indexes: readonly number[]): fc.Arbitrary<SamTable> =>
  fc
    .tuple(shape(false), fc.option(shape(true)), fc.array(globalPrefix, { maxLength: 2 }))
    .map(([above, below, given]) => ({
      zones: [
        zoneOf(above, 'above', indexes.slice(0, 2)),
        ...(below === null ? [] : [zoneOf(below, 'below', indexes.slice(2, 4))]),
      ].filter((z) => z.interfaces.length > 0),
      providers: given,
    }));

/** Local addresses that occur in a zone: ours, parents, and one of nobody. */
export const localsOf = (zone: TableZone): Address[] => [
  ...zone.interfaces.map((i) => i.local),
  ...zone.prefixes.flatMap((p) => p.parents),
  encodeLocal(zone.constant, { value: 0n, length: 0 }, { value: 0x77n, length: 8 }),
];

/** Global addresses that mean something under a table, and some that do not. */
export function globalsOf(table: SamTable): fc.Arbitrary<Address> {
  const out: Prefix[] = [...table.providers];
  for (const zone of table.zones) {
    for (const { prefix } of zone.prefixes) {
      out.push(prefix);
      for (const local of localsOf(zone)) {
        const delegated = delegatedPrefix(prefix, local);
        if (delegated.ok) out.push(delegated.prefix);
      }
    }
  }
  if (out.length === 0) return globalAddress;
  const meaningful = out.map(({ address }) => address);
  const inside = fc
    .tuple(fc.constantFrom(...out), fc.uint8Array({ minLength: 16, maxLength: 16 }))
    .map(([{ address, length }, tail]) => within(address, length, tail));
  return fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...meaningful) },
    { weight: 3, arbitrary: inside },
    { weight: 1, arbitrary: globalAddress },
  );
}

/** `tail` behind the first `length` bits of an address. */
function within(address: Address, length: number, tail: Uint8Array): Address {
  const out = addressToBytes(address).slice();
  for (let bit = length; bit < 128; bit++) {
    const mask = 0x80 >> (bit & 7);
    out[bit >> 3] = ((out[bit >> 3] ?? 0) & ~mask) | ((tail[bit >> 3] ?? 0) & mask);
  }
  return addressFromBytes(out);
}
