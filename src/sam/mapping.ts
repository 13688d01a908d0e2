import type { Address } from '../wire/address.js';
import { formatPrefix, prefixContains, prefixOf, type Prefix } from '../wire/prefix.js';
import { addressToBits, firstSetBit, type BitField } from './bits.js';
import { appendInfix, decodeInfix, encodeInfix, tooLong } from './infix.js';
import { decodeLocal, encodeLocal, maxSubnetDigits } from './local.js';
import { required, samFailure, type SamFailure } from './result.js';

/** A child's global prefix (§2.4). */
export interface Delegated {
  readonly ok: true;
  readonly prefix: Prefix;
  readonly infix: BitField;
}

/** Whom a global address designates in a zone. */
export type Designated =
  | {
      readonly ok: true;
      readonly kind: 'child';
      readonly local: Address;
      /** The child's delegated prefix: the zone's, followed by the infix. */
      readonly prefix: Prefix;
    }
  /** N1 = N2 = 0: the interface that the zone prefix belongs to, at its own level (§3.2.3). */
  | { readonly ok: true; readonly kind: 'itself' };

/** The global prefix of the child at a local address, under one prefix of its zone. Never throws. */
export function delegatedPrefix(zone: Prefix, local: Address): Delegated | SamFailure {
  const parts = decodeLocal(local);
  if (!parts.ok) return parts;
  const infix = encodeInfix(parts.subnet, parts.iid);
  const length = zone.length + infix.length;
  if (length > 128) return tooLong(zone.length, infix.length);
  const prefix = { address: appendInfix(zone.address, zone.length, infix), length };
  return { ok: true, prefix, infix };
}

/**
 * Whom a global address designates in a zone whose local addresses have the given constant prefix. What follows the infix
 * is the child's own business. Never throws.
 */
export function resolve(zone: Prefix, constant: Prefix, address: Address): Designated | SamFailure {
  if (!prefixContains(zone, address)) return outside(zone, address);
  const infix = decodeInfix(address, zone.length);
  if (!infix.ok) return infix;
  const { subnet, iid, length } = infix;
  if (subnet.length + iid.length === 0) return { ok: true, kind: 'itself' };
  if (subnet.length > 4 * maxSubnetDigits(constant)) {
    return samFailure(
      'REHOME_E_SAM_SUBNET_LENGTH',
      'subnet-infix-too-long',
      zone.length + 1,
      `a subnet infix of ${subnet.length} bits fits in no subnet prefix under ${formatPrefix(constant)}; ` +
        `at most ${4 * maxSubnetDigits(constant)} bits do`,
    );
  }
  const local = encodeLocal(constant, subnet, iid);
  return { ok: true, kind: 'child', local, prefix: prefixOf(address, zone.length + length) };
}

/** The other direction of `delegatedPrefix`: the prefix has to be exactly a child's, no longer and no shorter. Never throws. */
export function localOfPrefix(
  zone: Prefix,
  constant: Prefix,
  delegated: Prefix,
): { ok: true; local: Address } | SamFailure {
  const found = resolve(zone, constant, delegated.address);
  if (!found.ok) return found;
  const length = found.kind === 'child' ? found.prefix.length : zone.length;
  if (found.kind === 'child' && length === delegated.length)
    return { ok: true, local: found.local };
  return samFailure(
    'REHOME_E_SAM_LENGTH',
    'not-a-delegated-prefix',
    delegated.length,
    found.kind === 'child'
      ? `the infix in it makes a /${length}, not a /${delegated.length}`
      : 'has an infix with no field: it is the prefix of no child',
  );
}

/** The address of an interface itself under its prefix: trailing zeros (§3.2.3, §4). */
export const ownAddress = (delegated: Prefix): Address => delegated.address;

function outside(zone: Prefix, address: Address): SamFailure {
  const difference = addressToBits(zone.address) ^ addressToBits(address);
  return samFailure(
    'REHOME_E_SAM_OUTSIDE',
    'outside-prefix',
    firstSetBit(difference, 0, zone.length) ?? 0,
    `is not in ${formatPrefix(zone)}`,
  );
}

/**
 * `delegatedPrefix` for configured values.
 * @throws RehomeError REHOME_E_SAM_...
 */
export const delegate = (zone: Prefix, local: Address): Prefix =>
  required(delegatedPrefix(zone, local), local).prefix;
