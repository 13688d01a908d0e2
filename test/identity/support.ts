import type { LocalIdentity } from '../../src/identity/hba-verifier.js';
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { generateHbaSet, prepareHbaSet, type HbaSet } from '../../src/identity/hba.js';
import { searchHash2, type Hash2Task } from '../../src/identity/hashes.js';
import { decodeParameters, type CgaParameters } from '../../src/identity/parameters.js';
import { publicKeyOf } from '../../src/identity/signature.js';
import { addressFromBytes, type Address } from '../../src/wire/address.js';
import { fromHex } from '../../src/wire/bytes.js';
import { parsePrefix, type Prefix } from '../../src/wire/prefix.js';
import type { LocatorList } from '../../src/wire/shim6/message.js';

export type KeyName = 'rsa384' | 'rsa512' | 'rsa1024' | 'rsa2048';
export const keyFile = (name: KeyName | 'ec256'): URL =>
  new URL(`./keys/${name}.pem`, import.meta.url);
export const privateKey = (name: KeyName): KeyObject =>
  createPrivateKey(readFileSync(keyFile(name)));
export const publicKey = (name: KeyName): Uint8Array => publicKeyOf(privateKey(name));

/** Hexadecimal with any white space. */
export function hex(text: string): Uint8Array {
  const bytes = fromHex(text.replace(/\s+/g, ''));
  if (bytes === undefined) throw new Error(`not hexadecimal: ${text}`);
  return bytes;
}

export const prefixes = (...names: readonly string[]): Prefix[] => names.map((n) => parsePrefix(n));
export const A = '2001:db8:a:1::/64';
export const B = '2001:db8:b:2::/64';
export const C = '2001:db8:c:3::/64';

export const octet = (value: number, length: number): Uint8Array =>
  new Uint8Array(length).fill(value);

/** Searches to the end: for Sec 0 and 1. */
export function findModifier(task: Hash2Task, from: Uint8Array): Uint8Array {
  const { modifier } = searchHash2(task, from, 2_000_000);
  if (modifier === undefined) throw new Error('no modifier in two million: not a matter of luck');
  return modifier;
}

/** A set that is always the same. */
export function makeSet(
  options: {
    prefixes?: readonly string[];
    key?: KeyName;
    sec?: number;
    collisionCount?: number;
    seed?: number;
  } = {},
): HbaSet {
  const seed = options.seed ?? 0x42;
  const input = {
    prefixes: prefixes(...(options.prefixes ?? [A, B, C])),
    sec: options.sec ?? 0,
    key:
      options.key === undefined
        ? { extendedModifier: octet(seed | 0x80, 48) }
        : { publicKey: publicKey(options.key) },
  };
  const modifier = findModifier(prepareHbaSet(input), octet(seed, 16));
  return generateHbaSet(input, modifier, options.collisionCount);
}

export function read(octets: Uint8Array): CgaParameters {
  const decoded = decodeParameters(octets);
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.parameters;
}

export const addressesOf = (set: LocalIdentity): Address[] => set.addresses.map((a) => a.address);

/** A copy with one bit the other way; bit 0 is the first of octet 0. */
export function flipped(octets: Uint8Array, bit: number): Uint8Array {
  const out = octets.slice();
  out[bit >> 3] = (out[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7));
  return out;
}
export const flippedAddress = (octets: Uint8Array, bit: number): Address =>
  addressFromBytes(flipped(octets, bit));

export const list = (
  generation: number,
  ...locators: readonly (readonly [Address, number])[]
): LocatorList => ({
  option: 'locatorList',
  generation,
  locators: locators.map(([address, method]) => ({ address, method })),
});
