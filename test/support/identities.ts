import { generateCga } from '../../src/identity/cga.js';
import { HbaVerifier, type LocalIdentity } from '../../src/identity/hba-verifier.js';
import type { Address } from '../../src/wire/address.js';
import { parsePrefix } from '../../src/wire/prefix.js';
import { addressesOf, makeSet, octet, privateKey, publicKey } from '../identity/support.js';
import type { TestHost, Wire } from './engines.js';

export const A_PREFIXES = ['2001:db8:a1::/64', '2001:db8:a2::/64', '2001:db8:a3::/64'];
export const B_PREFIXES = ['2001:db8:b1::/64', '2001:db8:b2::/64', '2001:db8:b3::/64'];

/** Identities made for tests; the same arguments give the same addresses. */
export const hbaIdentity = (prefixes: readonly string[], seed: number): LocalIdentity =>
  makeSet({ prefixes, seed });

export const hybridIdentity = (prefixes: readonly string[], seed: number): LocalIdentity => ({
  addresses: makeSet({ prefixes, seed, key: 'rsa1024' }).addresses,
  privateKey: privateKey('rsa1024'),
});

export const cgaIdentity = (
  prefix: string,
  seed: number,
  key: 'rsa512' | 'rsa1024' = 'rsa1024',
): LocalIdentity => ({
  addresses: [
    generateCga({
      prefix: parsePrefix(prefix),
      publicKey: publicKey(key),
      sec: 0,
      modifier: octet(seed, 16),
    }),
  ],
  privateKey: privateKey(key),
});

export const addressesIn = (...identities: readonly LocalIdentity[]): Address[] =>
  identities.flatMap((i) => addressesOf(i));

/** A host whose locators are those of its identities, or those of them that are named. */
export function addProven(
  wire: Wire,
  name: string,
  identities: readonly LocalIdentity[],
  options: { addresses?: readonly Address[]; firstGeneration?: number } = {},
): TestHost & { readonly verifier: HbaVerifier } {
  const verifier = new HbaVerifier({ identities });
  const addresses = options.addresses ?? addressesIn(...identities);
  const { firstGeneration } = options;
  const host = wire.add(name, addresses, undefined, undefined, {
    verifier,
    ...(firstGeneration === undefined ? {} : { firstGeneration }),
  });
  return Object.assign(host, { verifier });
}
