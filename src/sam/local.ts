import type { Address } from '../wire/address.js';
import { RehomeError } from '../wire/errors.js';
import { formatPrefix, prefixOf, type Prefix } from '../wire/prefix.js';
import {
  addressToBits,
  bitsAt,
  bitsToAddress,
  EMPTY,
  firstSetBit,
  placed,
  type BitField,
} from './bits.js';
import { FORMAT } from './constants.js';
import { required, samFailure, type SamFailure } from './result.js';

/** What a subnet prefix says (§3.2.1, figure 4). */
export interface SubnetParts {
  readonly ok: true;
  /** `fcf0::/12`, or a /48 of `fd00::/8`. */
  readonly constant: Prefix;
  readonly subnet: BitField;
}

/** What a SAM local address says: subnet prefix, then IID (§3.2.2, figure 5). Never both fields empty. */
export interface LocalParts extends SubnetParts {
  readonly iid: BitField;
}

/**
 * The constant prefix that an address begins with, read off the address itself: `fcf0::/12`, or 48 bits where it is in
 * `fd00::/8`. Never throws.
 */
export function constantOf(address: Address): { ok: true; constant: Prefix } | SamFailure {
  const bits = addressToBits(address);
  if (bitsAt(bits, 0, 12) === FORMAT.shortConstant) {
    return { ok: true, constant: prefixOf(address, FORMAT.shortConstantLength) };
  }
  if (bitsAt(bits, 0, 8) === FORMAT.ulaOctet) {
    return { ok: true, constant: prefixOf(address, FORMAT.ulaConstantLength) };
  }
  const short = placed({ value: FORMAT.shortConstant, length: FORMAT.shortConstantLength }, 0);
  return samFailure(
    'REHOME_E_SAM_CONSTANT',
    'not-a-sam-prefix',
    firstSetBit(bits ^ short, 0, FORMAT.shortConstantLength) ?? 0,
    'begins with neither fcf0::/12 nor fd00::/8, so it is no SAM local address',
  );
}

/**
 * Checks a constant prefix from a configuration.
 * @throws RehomeError REHOME_E_SAM_CONSTANT
 */
export function checkConstant(prefix: Prefix): Prefix {
  const found = required(constantOf(prefix.address), formatPrefix(prefix)).constant;
  if (found.length === prefix.length) return prefix;
  throw new RehomeError(
    'REHOME_E_SAM_CONSTANT',
    `${formatPrefix(prefix)}: a constant prefix is fcf0::/12 or a /48 of fd00::/8; this one has to be a /${found.length}`,
    prefix,
  );
}

/** The constant prefix of a subnet's /64, as text, to compare: a zone has one (§3.2.1). Undefined: it is no subnet of SAM. */
export function constantText(subnet: Prefix): string | undefined {
  const parts = decodeSubnet(subnet.address);
  return parts.ok ? formatPrefix(parts.constant) : undefined;
}

/** §3.2.1, figure 4: the first 64 bits. Never throws. */
export function decodeSubnet(address: Address): SubnetParts | SamFailure {
  const bits = addressToBits(address);
  const found = constantOf(address);
  if (!found.ok) return found;
  const at = found.constant.length;
  const indicator = FORMAT.subnetIndicatorAt;
  if (bitsAt(bits, indicator, 1) === 1n) {
    return samFailure(
      'REHOME_E_SAM_SUBNET_STRAY',
      'stray-subnet-bit',
      indicator,
      `bit ${indicator}, before the length of the subnet infix, is set and has to be zero`,
    );
  }
  const length = 4 * Number(bitsAt(bits, indicator + 1, 3));
  if (at + length > indicator) return subnetTooLong(length, found.constant);
  const stray = firstSetBit(bits, at + length, indicator);
  if (stray !== undefined) {
    return samFailure(
      'REHOME_E_SAM_SUBNET_STRAY',
      'stray-subnet-bit',
      stray,
      `bit ${stray} is set behind a subnet infix of ${length} bits; bits ${at + length} to ${indicator} have to be zero`,
    );
  }
  return {
    ok: true,
    constant: found.constant,
    subnet: { value: bitsAt(bits, at, length), length },
  };
}

const subnetTooLong = (length: number, constant: Prefix): SamFailure =>
  samFailure(
    'REHOME_E_SAM_SUBNET_LENGTH',
    'subnet-infix-too-long',
    FORMAT.subnetIndicatorAt + 1,
    `a subnet infix of ${length} bits behind a /${constant.length} would run into the length indicator at bit ` +
      `${FORMAT.subnetIndicatorAt}; at most ${4 * maxSubnetDigits(constant)} bits fit`,
  );

/** Half-octets of subnet infix that fit behind a constant prefix: 7 behind a /12, 3 behind a /48. */
export const maxSubnetDigits = (constant: Prefix): number =>
  Math.min(FORMAT.maxSubnetDigits, (FORMAT.subnetIndicatorAt - constant.length) / 4);

/**
 * The /64 of a subnet (§3.2.1, figure 4).
 * @throws RehomeError REHOME_E_SAM_CONSTANT, REHOME_E_SAM_SUBNET_LENGTH
 */
export const encodeSubnet = (constant: Prefix, subnet: BitField): Prefix =>
  required(trySubnet(constant, subnet), formatPrefix(constant)).prefix;

function trySubnet(constant: Prefix, subnet: BitField): { ok: true; prefix: Prefix } | SamFailure {
  checkConstant(constant);
  if (subnet.length % 4 !== 0 || subnet.length > 4 * maxSubnetDigits(constant)) {
    return subnetTooLong(subnet.length, constant);
  }
  const bits =
    addressToBits(constant.address) |
    placed(subnet, constant.length) |
    placed({ value: BigInt(subnet.length / 4), length: 4 }, FORMAT.subnetIndicatorAt);
  const prefix = { address: bitsToAddress(bits), length: FORMAT.subnetPrefixLength };
  return { ok: true, prefix };
}

/** Whether the last 64 bits carry the SAM tag; every other IID is of RFC 4291 (§3.2.2). */
export const hasSamIid = (address: Address): boolean =>
  bitsAt(addressToBits(address), 68, 4) === FORMAT.iidTag;

/** §3.2.2, figure 5: the last 64 bits. Never throws. */
export function decodeIid(address: Address): { ok: true; iid: BitField } | SamFailure {
  const bits = addressToBits(address);
  if (!hasSamIid(address)) {
    return samFailure(
      'REHOME_E_SAM_IID_TAG',
      'not-a-sam-iid',
      68,
      'bits 68 to 71 are not 1111 (u and g both set), so this IID is not of the SAM format',
    );
  }
  const octets = Number(bitsAt(bits, 64, 4));
  if (octets > FORMAT.maxIidOctets) return iidTooLong(octets);
  const length = 8 * octets;
  const stray = firstSetBit(bits, 72, 128 - length);
  if (stray !== undefined) {
    return samFailure(
      'REHOME_E_SAM_IID_STRAY',
      'stray-iid-bit',
      stray,
      `bit ${stray} is set before an IID infix of ${length} bits; bits 72 to ${127 - length} have to be zero`,
    );
  }
  return { ok: true, iid: { value: bitsAt(bits, 128 - length, length), length } };
}

const iidTooLong = (octets: number): SamFailure =>
  samFailure(
    'REHOME_E_SAM_IID_LENGTH',
    'iid-infix-too-long',
    64,
    `an IID infix of ${octets} octets does not fit behind the tag; at most ${FORMAT.maxIidOctets} do`,
  );

/** A SAM local address taken apart; strict: every bit that the format does not use is zero. Never throws. */
export function decodeLocal(address: Address): LocalParts | SamFailure {
  const subnet = decodeSubnet(address);
  if (!subnet.ok) return subnet;
  const iid = decodeIid(address);
  if (!iid.ok) return iid;
  if (subnet.subnet.length + iid.iid.length === 0) return EMPTY_LOCAL;
  return { ...subnet, iid: iid.iid };
}

const EMPTY_LOCAL = samFailure(
  'REHOME_E_SAM_EMPTY',
  'no-infix',
  61,
  'has neither a subnet infix nor an IID infix; no child interface can have that address (§3.2.3)',
);

/**
 * A SAM local address (§3.2.1, §3.2.2).
 * @throws RehomeError REHOME_E_SAM_CONSTANT, REHOME_E_SAM_SUBNET_LENGTH, REHOME_E_SAM_IID_LENGTH, REHOME_E_SAM_EMPTY
 */
export const encodeLocal = (constant: Prefix, subnet: BitField, iid: BitField): Address =>
  required(tryLocal(constant, subnet, iid), formatPrefix(constant)).local;

/**
 * The same, with lengths that cannot be as a failure.
 * @throws RehomeError REHOME_E_SAM_CONSTANT
 */
export function tryLocal(
  constant: Prefix,
  subnet: BitField,
  iid: BitField,
): { ok: true; local: Address } | SamFailure {
  const found = trySubnet(constant, subnet);
  if (!found.ok) return found;
  const octets = iid.length / 8;
  if (!Number.isInteger(octets) || octets > FORMAT.maxIidOctets) return iidTooLong(octets);
  if (subnet.length + iid.length === 0) return EMPTY_LOCAL;
  return { ok: true, local: localIn(found.prefix, iid) };
}

/** The address of an IID infix under a subnet prefix that is known to be right; also for an empty infix. */
export function localIn(prefix: Prefix, iid: BitField): Address {
  const head = (BigInt(iid.length / 8) << 4n) | FORMAT.iidTag;
  return bitsToAddress(
    addressToBits(prefix.address) |
      placed({ value: head, length: FORMAT.iidHeader }, 64) |
      placed(iid, 128 - iid.length),
  );
}

/**
 * Bits from hexadecimal digits, four each; '' is the empty field.
 * @throws RehomeError REHOME_E_SAM_LENGTH
 */
export function fieldFromHex(text: string, what: string): BitField {
  if (text === '') return EMPTY;
  if (!/^[0-9a-fA-F]{1,16}$/.test(text)) {
    throw new RehomeError(
      'REHOME_E_SAM_LENGTH',
      `${what}: want 1 to 16 hexadecimal digits, without 0x, not ${JSON.stringify(text)}`,
      text,
    );
  }
  return { value: BigInt(`0x${text}`), length: 4 * text.length };
}
