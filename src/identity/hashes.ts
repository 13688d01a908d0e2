import { RehomeError } from '../wire/errors.js';
import {
  MODIFIER_LENGTH,
  PUBLIC_KEY_OFFSET,
  SUBNET_PREFIX_LENGTH,
  checkModifier,
} from './parameters.js';
import { sha1 } from './sha1.js';

export const HASH1_LENGTH = 8;
export const HASH2_LENGTH = 14;
export const MAX_SEC = 7;

/** Mask1 of RFC 3972 §2: without Sec (bits 0 to 2), u and g (bits 6 and 7). */
const MASK_FIRST = 0x1c;

/** @throws RehomeError REHOME_E_SEC unless it is 0 to 7 */
export function checkSec(sec: number): void {
  if (Number.isInteger(sec) && sec >= 0 && sec <= MAX_SEC) return;
  throw new RehomeError('REHOME_E_SEC', `Sec is 0 to ${MAX_SEC}, not ${sec} (RFC 3972 §2)`, sec);
}

/**
 * Hash1, 8 octets, over the structure with `subnetPrefix` in its place (RFC 3972 §3; RFC 5535 §7.2 substitutes the
 * prefix of every address of a set).
 */
export function hash1(octets: Uint8Array, subnetPrefix?: Uint8Array): Uint8Array {
  let input = octets;
  if (subnetPrefix !== undefined) {
    input = new Uint8Array(octets);
    input.set(subnetPrefix, MODIFIER_LENGTH);
  }
  return Uint8Array.from(sha1(input).subarray(0, HASH1_LENGTH));
}

/** Hash2, 14 octets: subnet prefix and collision count are zero in its input (RFC 3972 §3). */
export function hash2(octets: Uint8Array): Uint8Array {
  // Not slice(): that of a Buffer would share its octets.
  const input = new Uint8Array(octets);
  input.fill(0, MODIFIER_LENGTH, PUBLIC_KEY_OFFSET);
  return Uint8Array.from(sha1(input).subarray(0, HASH2_LENGTH));
}

/** The highest Sec that this Hash2 is good for: how many of its leading 16-bit groups are zero. */
export function secOfHash2(value: Uint8Array): number {
  let octet = 0;
  while (octet < HASH2_LENGTH && value[octet] === 0) octet++;
  return octet >> 1;
}

/** Sec of an address: bits 0 to 2 of its interface identifier (RFC 3972 §2). */
export const secOf = (address: Uint8Array): number => (address[SUBNET_PREFIX_LENGTH] ?? 0) >>> 5;

/** Hash1 equals the interface identifier of these 16 octets, but for the five bits that do not count (RFC 3972 §5). */
export function matchesIdentifier(value: Uint8Array, address: Uint8Array): boolean {
  const at = SUBNET_PREFIX_LENGTH;
  if ((((value[0] ?? 0) ^ (address[at] ?? 0)) & MASK_FIRST) !== 0) return false;
  for (let i = 1; i < HASH1_LENGTH; i++) if (value[i] !== address[at + i]) return false;
  return true;
}

/** The 16 octets of an address: Sec written over Hash1, u and g zero (RFC 3972 §4 steps 6 and 7). */
export function formAddress(subnetPrefix: Uint8Array, value: Uint8Array, sec: number): Uint8Array {
  const out = new Uint8Array(16);
  out.set(subnetPrefix);
  out.set(value, SUBNET_PREFIX_LENGTH);
  out[SUBNET_PREFIX_LENGTH] = ((value[0] ?? 0) & MASK_FIRST) | (sec << 5);
  return out;
}

// -- the search of RFC 3972 §4 steps 2 and 3 ------------------------------------------------------------------------

/** Everything that Hash2 is over, except the modifier that is looked for. */
export interface Hash2Task {
  readonly publicKey: Uint8Array;
  /** Encoded extension fields. */
  readonly extensionFields: Uint8Array;
  readonly sec: number;
}

/** `modifier + steps`, as 128-bit unsigned integers that wrap around. */
export function addToModifier(modifier: Uint8Array, steps: number): Uint8Array {
  const out = new Uint8Array(modifier);
  let carry = steps;
  for (let i = out.length - 1; i >= 0 && carry > 0; i--) {
    const sum = (out[i] ?? 0) + (carry % 256);
    out[i] = sum & 0xff;
    carry = Math.floor(carry / 256) + (sum >>> 8);
  }
  return out;
}

/**
 * Tries the modifiers `from`, `from`+1, ... (RFC 3972 §4 steps 2 and 3), at most `count` of them. A step of the search:
 * whoever calls decides how long it may take, and where (a thread, an idle moment).
 * @returns the first good modifier, and how many were tried
 * @throws RehomeError REHOME_E_SEC, REHOME_E_MODIFIER
 */
export function searchHash2(
  task: Hash2Task,
  from: Uint8Array,
  count: number,
): { readonly modifier: Uint8Array | undefined; readonly hashes: number } {
  checkSec(task.sec);
  checkModifier(from);
  const octets = 2 * task.sec;
  const input = new Uint8Array(
    PUBLIC_KEY_OFFSET + task.publicKey.length + task.extensionFields.length,
  );
  input.set(from);
  input.set(task.publicKey, PUBLIC_KEY_OFFSET);
  input.set(task.extensionFields, PUBLIC_KEY_OFFSET + task.publicKey.length);
  for (let tried = 0; tried < count; tried++) {
    const digest = sha1(input);
    let zero = 0;
    while (zero < octets && digest[zero] === 0) zero++;
    if (zero === octets) return { modifier: input.slice(0, MODIFIER_LENGTH), hashes: tried + 1 };
    for (let i = MODIFIER_LENGTH - 1; i >= 0; i--) {
      const next = ((input[i] ?? 0) + 1) & 0xff;
      input[i] = next;
      if (next !== 0) break;
    }
  }
  return { modifier: undefined, hashes: count };
}

/** What a search costs on average (RFC 3972 §4: 2^(16 Sec) iterations). */
export interface SearchEstimate {
  readonly expectedHashes: number;
  readonly seconds: number;
}

/** @param hashesPerSecond of all threads together, measured */
export function estimateSearch(sec: number, hashesPerSecond: number): SearchEstimate {
  checkSec(sec);
  const expectedHashes = 2 ** (16 * sec);
  return { expectedHashes, seconds: expectedHashes / hashesPerSecond };
}
