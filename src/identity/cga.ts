import { addressFromBytes, addressToBytes, type Address } from '../wire/address.js';
import { RehomeError } from '../wire/errors.js';
import type { Prefix } from '../wire/prefix.js';
import type { RandomSource } from '../wire/units.js';
import {
  checkSec,
  formAddress,
  hash1,
  hash2,
  matchesIdentifier,
  secOf,
  secOfHash2,
} from './hashes.js';
import {
  MAX_COLLISION_COUNT,
  MODIFIER_LENGTH,
  SUBNET_PREFIX_LENGTH,
  encodeParameters,
  type CgaParameters,
} from './parameters.js';
import { checkGenerationKey } from './rsa-key.js';

/** One address and what proves it. */
export interface GeneratedAddress {
  readonly address: Address;
  /** The CGA Parameters data structure of this very address. */
  readonly parameters: Uint8Array;
  /** 8 octets. */
  readonly hash1: Uint8Array;
  /** 14 octets. */
  readonly hash2: Uint8Array;
}

/** Why an address is not what its parameters say; the names under which refusals are counted. */
export type AddressRefusal =
  | 'collision-count'
  | 'subnet-prefix'
  | 'hash1-mismatch'
  | 'hash2-not-zero'
  | 'no-multi-prefix'
  | 'prefix-not-in-set'
  | 'sec-undefined';

export type AddressVerdict =
  { readonly ok: true } | { readonly ok: false; readonly reason: AddressRefusal };

export const refused = (reason: AddressRefusal): AddressVerdict => ({ ok: false, reason });
export const ACCEPTED: AddressVerdict = { ok: true };

export interface CgaInput {
  /** A /64. */
  readonly prefix: Prefix;
  /** DER SubjectPublicKeyInfo, RSA, 384 bits or more. */
  readonly publicKey: Uint8Array;
  readonly sec: number;
  /** The final one: what `searchHash2` found, or any with Sec 0. */
  readonly modifier: Uint8Array;
  /** 0, or how many times duplicate address detection found the address taken. */
  readonly collisionCount?: number;
  /** Extension fields, encoded (RFC 4581). */
  readonly extensionFields?: Uint8Array;
}

const NONE = new Uint8Array(0);

/** A random modifier (RFC 3972 §4 step 1). */
export const randomModifier = (random: RandomSource): Uint8Array => random.bytes(MODIFIER_LENGTH);

/**
 * The 8 octets of a /64.
 * @throws RehomeError REHOME_E_PREFIX for any other length
 */
export function subnetPrefixOf(prefix: Prefix): Uint8Array {
  if (prefix.length !== 64) {
    throw new RehomeError(
      'REHOME_E_PREFIX',
      `${prefix.address}/${prefix.length} is not a /64; a CGA has a 64-bit subnet prefix (RFC 3972 §2)`,
      prefix,
    );
  }
  return addressToBytes(prefix.address).slice(0, SUBNET_PREFIX_LENGTH);
}

/**
 * Steps 4 to 7 and 9 of RFC 3972 §4.
 * @throws RehomeError REHOME_E_HASH2 when the modifier is not good for `sec` (search first), REHOME_E_PUBLIC_KEY,
 *   REHOME_E_PREFIX, REHOME_E_SEC, REHOME_E_MODIFIER, REHOME_E_COLLISION_COUNT
 */
export function generateCga(input: CgaInput): GeneratedAddress {
  checkGenerationKey(input.publicKey);
  return generateAddress({
    subnetPrefix: subnetPrefixOf(input.prefix),
    publicKey: input.publicKey,
    sec: input.sec,
    modifier: input.modifier,
    collisionCount: input.collisionCount ?? 0,
    extensionFields: input.extensionFields ?? NONE,
  });
}

/** What CGA and HBA generation have in common; the key is the caller's to check. */
export function generateAddress(fields: {
  readonly subnetPrefix: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly sec: number;
  readonly modifier: Uint8Array;
  readonly collisionCount: number;
  readonly extensionFields: Uint8Array;
}): GeneratedAddress {
  checkSec(fields.sec);
  const parameters = encodeParameters(fields);
  const second = hash2(parameters);
  if (secOfHash2(second) < fields.sec) {
    throw new RehomeError(
      'REHOME_E_HASH2',
      `this modifier does not make the first ${16 * fields.sec} bits of Hash2 zero: search one first (RFC 3972 §4)`,
      fields.modifier,
    );
  }
  const first = hash1(parameters);
  const address = addressFromBytes(formAddress(fields.subnetPrefix, first, fields.sec));
  return { address, parameters, hash1: first, hash2: second };
}

/**
 * The collision count to go on with after duplicate address detection found the address taken (RFC 3972 §4 step 8).
 * @throws RehomeError REHOME_E_COLLISION_COUNT after the third collision
 */
export function nextCollisionCount(count: number): number {
  if (count < MAX_COLLISION_COUNT) return count + 1;
  throw new RehomeError(
    'REHOME_E_COLLISION_COUNT',
    'three addresses in a row are taken: somebody answers for all of them, or two hosts share these parameters',
    count,
  );
}

/**
 * RFC 3972 §5, any Sec. At most two hashes, none when collision count or prefix are wrong, one when Hash1 is.
 */
export function verifyCga(address: Address, parameters: CgaParameters): AddressVerdict {
  const bytes = addressToBytes(address);
  if (parameters.collisionCount > MAX_COLLISION_COUNT) return refused('collision-count');
  if (!samePrefix(parameters.subnetPrefix, bytes)) return refused('subnet-prefix');
  if (!matchesIdentifier(hash1(parameters.octets), bytes)) return refused('hash1-mismatch');
  const sec = secOf(bytes);
  if (sec > 0 && secOfHash2(hash2(parameters.octets)) < sec) return refused('hash2-not-zero');
  return ACCEPTED;
}

/** The first 8 octets are equal. */
export function samePrefix(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < SUBNET_PREFIX_LENGTH; i++) if (a[i] !== b[i]) return false;
  return true;
}
