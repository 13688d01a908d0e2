import type { SamTable } from '../../src/sam/table.js';
import { delegate } from '../../src/sam/mapping.js';
import { parseAddress, type Address } from '../../src/wire/address.js';
import { parsePrefix, type Prefix } from '../../src/wire/prefix.js';

/**
 * §5, exhaustively: two gateways m and n, two prefixes of A and one of B, children h and k, and everything that an outer
 * or an inner address can be. Who may send what to whom is stated here in names, apart from the mapping.
 */
export const local = (digits: string): Address => parseAddress(`fcf9:0:0:1:2f00::${digits}`);
export const LOCAL = {
  m: local('5555'),
  n: local('6666'),
  h: local('7777'),
  k: local('8888'),
  x: local('9999'),
};
export type Name = keyof typeof LOCAL;
export const PREFIX = {
  A: parsePrefix('2001:db8:a::/48'),
  A2: parsePrefix('2001:db8:100::/40'),
  B: parsePrefix('2001:db8:b::/56'),
};
type PrefixName = keyof typeof PREFIX;
const GATEWAY: Readonly<Record<PrefixName, Name>> = { A: 'm', A2: 'm', B: 'n' };

/** A global address by what it means. */
export interface Global {
  readonly name: string;
  readonly address: Address;
  /** Whom it designates; undefined: nobody of this zone. */
  readonly who?: Name;
  readonly prefix?: PrefixName;
}
export const GLOBALS: readonly Global[] = [
  ...(['A', 'A2', 'B'] as const).flatMap((prefix) => [
    ...(['m', 'n', 'h', 'k', 'x'] as const).map((who) => ({
      name: `${prefix}+${who}`,
      address: delegate(PREFIX[prefix], LOCAL[who]).address,
      who,
      prefix,
    })),
    // N1 = N2 = 0: the gateway itself.
    { name: prefix, address: PREFIX[prefix].address, who: GATEWAY[prefix], prefix },
  ]),
  { name: 'impossible infix', address: parseAddress('2001:db8:a:9297:7770::'), prefix: 'A' },
  { name: 'Internet', address: parseAddress('2001:db8:ffff::1') },
];
export const OUTER = { ...LOCAL, stranger: parseAddress('fcf9:0:0:1:211:22ff:fe33:4455') };

const entry = (name: PrefixName): SamTable['zones'][number]['prefixes'][number] => ({
  prefix: PREFIX[name],
  parents: [LOCAL[GATEWAY[name]]],
});
const tableFor = (who: Name, providers: readonly Prefix[] = []): SamTable => ({
  zones: [
    {
      name: 'site',
      constant: parsePrefix('fcf0::/12'),
      prefixes: [entry('B'), entry('A'), entry('A2')],
      interfaces: [{ index: 1, local: LOCAL[who], mtu: 1500 }],
    },
  ],
  providers,
});
export const TABLES: Readonly<Record<'m' | 'k', SamTable>> = {
  m: tableFor('m', [PREFIX.A, PREFIX.A2]),
  k: tableFor('k'),
};

/** The rules of §2.3 and §5, in names. */
export function mayPass(
  receiver: 'm' | 'k',
  sender: string,
  source: Global,
  destination: Global,
): boolean {
  const fromChild = source.who === sender;
  const toUs = destination.who === receiver;
  const fromSibling = fromChild && toUs;
  const fromParent = toUs && destination.prefix !== undefined && GATEWAY[destination.prefix] === sender; // prettier-ignore
  const throughUs = fromChild && source.prefix !== undefined && GATEWAY[source.prefix] === receiver;
  return fromSibling || fromParent || throughUs;
}
