import { generateCga } from '../../../src/identity/cga.js';
import type { LocalIdentity } from '../../../src/identity/hba-verifier.js';
import {
  addressesOf,
  makeSet,
  octet,
  prefixes,
  privateKey,
  publicKey,
} from '../../identity/support.js';

const PREFIXES = ['2001:db8:a1::/64', '2001:db8:a2::/64', '2001:db8:a3::/64'];

/** One of each kind, always the same: HBA-only, hybrid, CGA with a key that may sign, and CGA with one too short. */
export const identities = (): readonly LocalIdentity[] => (cached ??= make());
let cached: readonly LocalIdentity[] | undefined;

function make(): readonly LocalIdentity[] {
  const hba = makeSet({ prefixes: PREFIXES, seed: 0x51 });
  const hybrid = makeSet({ prefixes: PREFIXES, key: 'rsa1024', seed: 0x52 });
  const strong = makeSet({ prefixes: PREFIXES.slice(0, 2), seed: 0x53, sec: 1 });
  const cga = (key: 'rsa1024' | 'rsa384', seed: number): LocalIdentity => ({
    addresses: prefixes(...PREFIXES).map((prefix) =>
      generateCga({ prefix, publicKey: publicKey(key), sec: 0, modifier: octet(seed, 16) }),
    ),
    privateKey: privateKey(key),
  });
  return [
    { addresses: hba.addresses },
    { addresses: hybrid.addresses, privateKey: privateKey('rsa1024') },
    { addresses: strong.addresses },
    cga('rsa1024', 0x54),
    cga('rsa384', 0x55),
  ];
}

export { addressesOf };
