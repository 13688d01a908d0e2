import { createPrivateKey } from 'node:crypto';
import { generateCga, randomModifier } from '../identity/cga.js';
import { generateHbaSet, randomExtendedModifier } from '../identity/hba.js';
import { HbaVerifier, type LocalIdentity } from '../identity/hba-verifier.js';
import { publicKeyOf } from '../identity/signature.js';
import { noVerification, type LocatorVerifier } from '../identity/verifier.js';
import type { SecurityMode } from '../engine/types.js';
import type { Address } from '../wire/address.js';
import { prefixOf } from '../wire/prefix.js';
import type { RandomSource } from '../wire/units.js';

/**
 * The key of every simulated host: a run follows from its seed, and RSA keys cannot be drawn from one. It protects
 * nothing and is no secret.
 */
const SIMULATION_KEY = [
  'MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAJvZqaIaA/CHVbssChxg4Iw8B3h239rQDdZx0TrPZaRlIzLiWNMO',
  'ybrCNPdO/LVnwHNDBuuyny9QS2YVMBh6R5JOG+ryqWYZ3klr+jGtvC+zfXeN63Eu0Ilv2yBX0FFv08D/XkIIXLQp3oCmpU2N+x6Z',
  '0hsOAmjJglZVEHCLZtavAgMBAAECgYAOe3mB8Lzw+wKCdCM0Y+Q549Il5ZYDtVWz2bvBpUgisKtGrTXn1vXz/twBJzvgd5WwoEfi',
  'WyTjtqhrAgkIHUTNNIlMyj/+Fnd9EB1/836xSuxjf9GPGHrtsRt/xk40gZ0PFhxv3GWOf7qNedMa4Jz9xzP5RPzBeoZ981Z98Rez',
  '4QJBAMkD9uoT5tDEWkpSmF4qfcU03tWvtY8LbC7IOFEnola+MdGgPo4Gpy+5Y8xoSk+HRtBhWqmFN/lZpqgD6ilkykkCQQDGewTI',
  'Z2lSyZSvto+ZxyHDVgfFOFTi2856G91w7VY9wgvPA0pQ1DSa7lS+o2IW3Cj+FIEhOuwSfkB0nisZDFk3AkAOeiqeUTCeeIXINIqk',
  'vYqxWU1zNmRtGPWBqQnlTmVyud/8qP3YXMJNvZxibGBtueBvwZM2AlI1sy89ioqi0I+BAkEAnoc5bbuzEw2wtZvSHJhBblxzfmGc',
  '40l/JGbHOuBGBrPLbMALBn5HugtsIowq12lnUHEeJmWCks7GOp7ue2YyhwJBAKnUpvceSr/U7IvwAm+qh8s/asY7Vze3NuAJOVAB',
  '/gLVFNxtHDiZ5Ms01FALhK5IwoCxeltcV1WrYp2DVshgDm8=',
].join('');

const simulationKey = (): ReturnType<typeof createPrivateKey> =>
  createPrivateKey({ key: Buffer.from(SIMULATION_KEY, 'base64'), format: 'der', type: 'pkcs8' });

/** The addresses of a simulated host in the /64s of `plain`, and what proves them; Sec 0, for speed. */
export function simIdentity(
  kind: SecurityMode,
  plain: readonly Address[],
  random: RandomSource,
): { readonly addresses: readonly Address[]; readonly verifier: LocatorVerifier } {
  if (kind === 'none') return { addresses: plain, verifier: noVerification };
  const prefixes = plain.map((a) => prefixOf(a, 64));
  const identities = kind === 'cga' ? cgas(prefixes, random) : [set(kind, prefixes, random)];
  return {
    addresses: identities.flatMap((i) => i.addresses.map((a) => a.address)),
    verifier: new HbaVerifier({ identities }),
  };
}

type Prefixes = readonly ReturnType<typeof prefixOf>[];

function set(kind: 'hba' | 'hybrid', prefixes: Prefixes, random: RandomSource): LocalIdentity {
  const modifier = randomModifier(random);
  if (kind === 'hba') {
    const key = { extendedModifier: randomExtendedModifier(random) };
    return generateHbaSet({ prefixes, sec: 0, key }, modifier);
  }
  const privateKey = simulationKey();
  const key = { publicKey: publicKeyOf(privateKey) };
  const { addresses } = generateHbaSet({ prefixes, sec: 0, key }, modifier);
  return { addresses, privateKey };
}

function cgas(prefixes: Prefixes, random: RandomSource): LocalIdentity[] {
  const privateKey = simulationKey();
  const publicKey = publicKeyOf(privateKey);
  return prefixes.map((prefix) => ({
    addresses: [generateCga({ prefix, publicKey, sec: 0, modifier: randomModifier(random) })],
    privateKey,
  }));
}
