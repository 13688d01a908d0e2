import { addressToBytes, type Address } from '../wire/address.js';
import { RehomeError } from '../wire/errors.js';
import type { Prefix } from '../wire/prefix.js';
import type { RandomSource } from '../wire/units.js';
import {
  ACCEPTED,
  generateAddress,
  refused,
  samePrefix,
  subnetPrefixOf,
  type AddressVerdict,
  type AddressRefusal,
  type GeneratedAddress,
} from './cga.js';
import {
  checkSec,
  hash1,
  hash2,
  matchesIdentifier,
  secOf,
  secOfHash2,
  type Hash2Task,
} from './hashes.js';
import {
  MAX_COLLISION_COUNT,
  encodeExtensions,
  multiPrefixExtension,
  type CgaParameters,
} from './parameters.js';
import { EXTENDED_MODIFIER_LENGTH, checkGenerationKey, encodeExtendedModifier } from './rsa-key.js';

/** Our limit for sets of ours; a peer's set may have as many prefixes as fit in its packet. */
export const MAX_SET_PREFIXES = 16;
/** RFC 5535 §6 and §7 define HBA for Sec 0, 1 and 2, and RFC 4982 §6 has no other entry. */
export const HBA_MAX_SEC = 2;

export interface HbaInput {
  /** 1 to 16 different /64s; their order is the order of the set. */
  readonly prefixes: readonly Prefix[];
  /** 0, 1 or 2. */
  readonly sec: number;
  /**
   * What stands in the Public Key field: a key makes a hybrid CGA/HBA set (P=1), an Extended Modifier of 48 octets an
   * HBA-only set (P=0).
   */
  readonly key: { readonly publicKey: Uint8Array } | { readonly extendedModifier: Uint8Array };
}

/** The addresses of one host that prove each other, in the order of the prefixes. */
export interface HbaSet {
  readonly addresses: readonly GeneratedAddress[];
  readonly modifier: Uint8Array;
  /** 14 octets, the same for the whole set: the subnet prefix is not in its input. */
  readonly hash2: Uint8Array;
  readonly sec: number;
  /** One for the whole set: a collision of any address starts all of them again (RFC 5535 §6 step 6.4). */
  readonly collisionCount: number;
  readonly hybrid: boolean;
}

/**
 * A random Extended Modifier (RFC 5535 §6 step 2). The first bit is set: the number has the 384 bits that the RFC gives
 * it also as an ASN.1 INTEGER, and every set a structure of one length.
 */
export function randomExtendedModifier(random: RandomSource): Uint8Array {
  const out = random.bytes(EXTENDED_MODIFIER_LENGTH);
  out[0] = (out[0] ?? 0) | 0x80;
  return out;
}

/**
 * Steps 1 and 2 of RFC 5535 §6: what the modifier is to be searched for (`searchHash2`; with Sec 0 any will do).
 * @throws RehomeError REHOME_E_PREFIX (none, more than 16, a double, no /64), REHOME_E_SEC (not 0 to 2),
 *   REHOME_E_PUBLIC_KEY, REHOME_E_MODIFIER
 */
export function prepareHbaSet(input: HbaInput): Hash2Task {
  checkHbaSec(input.sec);
  const hybrid = 'publicKey' in input.key;
  const prefixes = checkPrefixes(input.prefixes).map(subnetPrefixOf);
  if ('publicKey' in input.key) checkGenerationKey(input.key.publicKey);
  return {
    publicKey:
      'publicKey' in input.key
        ? input.key.publicKey
        : encodeExtendedModifier(input.key.extendedModifier),
    extensionFields: encodeExtensions([multiPrefixExtension({ publicKey: hybrid, prefixes })]),
    sec: input.sec,
  };
}

/**
 * Steps 5 and 6 of RFC 5535 §6 with the final modifier.
 * @param collisionCount one more after every collision (`nextCollisionCount`): the whole set is made anew
 * @throws RehomeError REHOME_E_HASH2 when the modifier is not good for `sec`, and as `prepareHbaSet`
 */
export function generateHbaSet(input: HbaInput, modifier: Uint8Array, collisionCount = 0): HbaSet {
  const { publicKey, extensionFields, sec } = prepareHbaSet(input);
  const addresses = input.prefixes.map((prefix) =>
    generateAddress({
      subnetPrefix: subnetPrefixOf(prefix),
      publicKey,
      sec,
      modifier,
      collisionCount,
      extensionFields,
    }),
  );
  const second = addresses[0]?.hash2 ?? new Uint8Array(0);
  return {
    addresses,
    modifier: new Uint8Array(modifier),
    hash2: second,
    sec,
    collisionCount,
    hybrid: 'publicKey' in input.key,
  };
}

function checkHbaSec(sec: number): void {
  checkSec(sec);
  if (sec <= HBA_MAX_SEC) return;
  throw new RehomeError(
    'REHOME_E_SEC',
    `hash-based addresses are defined for Sec 0, 1 and 2, not ${sec} (RFC 5535 §6)`,
    sec,
  );
}

function checkPrefixes(prefixes: readonly Prefix[]): readonly Prefix[] {
  const count = prefixes.length;
  if (count < 1 || count > MAX_SET_PREFIXES) {
    throw new RehomeError(
      'REHOME_E_PREFIX',
      `a set has 1 to ${MAX_SET_PREFIXES} prefixes, not ${count}`,
      count,
    );
  }
  const double = prefixes.find((p, i) => prefixes.findIndex((q) => q.address === p.address) < i);
  if (double !== undefined) {
    throw new RehomeError(
      'REHOME_E_PREFIX',
      `${double.address}/${double.length} is given twice`,
      double,
    );
  }
  return prefixes;
}

/**
 * A structure with a Multi-Prefix extension as a verifier sees it. Hash2 is computed once for the set and Hash1 once for
 * each prefix that is asked for: what a peer costs does not grow with the messages that it sends.
 */
export class HbaMembers {
  readonly #parameters: CgaParameters;
  readonly #hash1 = new Map<number, Uint8Array>();
  #sec: number | undefined;

  constructor(parameters: CgaParameters) {
    this.#parameters = parameters;
  }

  /** RFC 5535 §7.2. */
  verify(address: Address): AddressVerdict {
    const { multiPrefix, collisionCount, octets } = this.#parameters;
    if (multiPrefix === undefined) return refused('no-multi-prefix');
    const bytes = addressToBytes(address);
    const index = multiPrefix.prefixes.findIndex((prefix) => samePrefix(prefix, bytes));
    if (index < 0) return refused('prefix-not-in-set');
    if (collisionCount > MAX_COLLISION_COUNT) return refused('collision-count');
    const sec = secOf(bytes);
    // A later RFC may give these values another hash (RFC 4982 §4.1): this one would say nothing.
    if (sec > HBA_MAX_SEC) return refused('sec-undefined');
    let first = this.#hash1.get(index);
    if (first === undefined) {
      first = hash1(octets, multiPrefix.prefixes[index]);
      this.#hash1.set(index, first);
    }
    if (!matchesIdentifier(first, bytes)) return refused('hash1-mismatch');
    if (sec > 0) {
      this.#sec ??= secOfHash2(hash2(octets));
      if (this.#sec < sec) return refused('hash2-not-zero');
    }
    return ACCEPTED;
  }
}

/** Does one address belong to the set of these parameters (RFC 5535 §7.2)? */
export const verifyHba = (address: Address, parameters: CgaParameters): AddressVerdict =>
  new HbaMembers(parameters).verify(address);

/** A whole list against one structure: all of them, or the index of the first that is not of the set. */
export function verifyHbaList(
  addresses: readonly Address[],
  parameters: CgaParameters,
):
  | { readonly ok: true }
  | { readonly ok: false; readonly index: number; readonly reason: AddressRefusal } {
  const members = new HbaMembers(parameters);
  for (const [index, address] of addresses.entries()) {
    const verdict = members.verify(address);
    if (!verdict.ok) return { ...verdict, index };
  }
  return { ok: true };
}
