import { HbaVerifier, type LocalIdentity } from '../../../../src/identity/hba-verifier.js';
import { parseAddress, type Address } from '../../../../src/wire/address.js';
import { makeSet, privateKey } from '../../../identity/support.js';

/** Who there is: host A, host B, and X, who is neither. */
export type Name = 'A' | 'B' | 'X';

/** The addresses that each may ever have. */
export interface People {
  readonly addresses: Readonly<Record<Name, readonly Address[]>>;
  /** Undefined: `security = "none"`. */
  readonly identities: Readonly<Record<Name, LocalIdentity>> | undefined;
}

const numbered = (letter: string, count: number): Address[] =>
  Array.from({ length: count }, (_, i) => parseAddress(`2001:db8:${letter}${i + 1}::1`));

export const OPEN: People = {
  addresses: { A: numbered('a', 4), B: numbered('b', 4), X: numbered('e', 2) },
  identities: undefined,
};

/**
 * A has a hash-based set, B a hybrid one and so may sign for its fourth address, X a set of its own. A's fourth address
 * is one that it cannot prove.
 */
export const proven = (): People => (cached ??= makeProven());
let cached: People | undefined;

function makeProven(): People {
  const prefixes = (letter: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => `2001:db8:${letter}${i + 1}::/64`);
  const a = makeSet({ prefixes: prefixes('a', 3), seed: 0x61 });
  const b = makeSet({ prefixes: prefixes('b', 3), key: 'rsa1024', seed: 0x62 });
  const x = makeSet({ prefixes: prefixes('e', 2), seed: 0x63 });
  const of = (set: typeof a): Address[] => set.addresses.map((m) => m.address);
  return {
    addresses: {
      A: [...of(a), parseAddress('2001:db8:a4::1')],
      B: [...of(b), parseAddress('2001:db8:b4::1')],
      X: of(x),
    },
    identities: {
      A: { addresses: a.addresses },
      B: { addresses: b.addresses, privateKey: privateKey('rsa1024') },
      X: { addresses: x.addresses },
    },
  };
}

export const ownerOf = (people: People, address: Address): Name | undefined =>
  (['A', 'B', 'X'] as const).find((name) => people.addresses[name].includes(address));

/** May a host that checks proofs ever believe that this locator belongs to that ULID? */
export function belongs(people: People, ulid: Address, locator: Address): boolean {
  if (ulid === locator) return true;
  const owner = ownerOf(people, ulid);
  if (owner === undefined || owner !== ownerOf(people, locator)) return false;
  const set = people.identities?.[owner].addresses.map((a) => a.address) ?? [];
  // Only B has a key to sign with.
  return set.includes(ulid) && (set.includes(locator) || owner === 'B');
}

const provers = new Map<Name, HbaVerifier>();

/** What a host proves of itself to anybody: not for what it believes, which is remembered. */
export function proverOf(people: People, name: Name): HbaVerifier | undefined {
  if (people.identities === undefined) return undefined;
  const prover = provers.get(name) ?? new HbaVerifier({ identities: [people.identities[name]] });
  provers.set(name, prover);
  return prover;
}

/** A new one, which remembers nobody yet. */
export const verifierOf = (people: People, name: Name): HbaVerifier | undefined =>
  people.identities && new HbaVerifier({ identities: [people.identities[name]] });
