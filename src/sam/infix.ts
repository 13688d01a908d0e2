import type { Address } from '../wire/address.js';
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
import { samFailure, type SamFailure } from './result.js';

/** A global infix taken apart (§3.2.3, figure 6). Both fields empty: the interface above it, itself. */
export interface InfixParts {
  readonly ok: true;
  readonly subnet: BitField;
  readonly iid: BitField;
  /** Bits of the whole infix, its header included. */
  readonly length: number;
}

/** Bits of a global infix: 8 + 4 N1 + 8 N2. */
export const infixLength = (subnetBits: number, iidBits: number): number =>
  FORMAT.infixHeader + subnetBits + iidBits;

/** The global infix of a subnet infix and an IID infix whose lengths were checked. */
export function encodeInfix(subnet: BitField, iid: BitField): BitField {
  const header = (BigInt(subnet.length / 4) << 4n) | BigInt(iid.length / 8);
  const value =
    (((header << BigInt(subnet.length)) | subnet.value) << BigInt(iid.length)) | iid.value;
  return { value, length: infixLength(subnet.length, iid.length) };
}

/**
 * The global infix that starts at bit `at` of an address. Bits past the end of the address do not exist: an infix that
 * would need them is refused; nothing but zeros from `at` on is the empty infix, however few they are. Never throws.
 */
export function decodeInfix(address: Address, at: number): InfixParts | SamFailure {
  const bits = addressToBits(address);
  const stray = firstSetBit(bits, at, 128);
  if (stray === undefined) {
    const length = Math.min(FORMAT.infixHeader, 128 - at);
    return { ok: true, subnet: EMPTY, iid: EMPTY, length };
  }
  if (stray === at) {
    return samFailure(
      'REHOME_E_SAM_FORMAT',
      'unknown-infix-format',
      at,
      `bit ${at}, the first of the infix, is set: a format of the future that is not known here`,
    );
  }
  if (at + FORMAT.infixHeader > 128) return tooLong(at, FORMAT.infixHeader);
  const subnetBits = 4 * Number(bitsAt(bits, at + 1, 3));
  const octets = Number(bitsAt(bits, at + 4, 4));
  if (octets > FORMAT.maxIidOctets) {
    return samFailure(
      'REHOME_E_SAM_IID_LENGTH',
      'iid-infix-too-long',
      at + 4,
      `an IID infix of ${octets} octets fits in no IID; at most ${FORMAT.maxIidOctets} do`,
    );
  }
  const length = infixLength(subnetBits, 8 * octets);
  if (length === FORMAT.infixHeader) {
    return samFailure(
      'REHOME_E_SAM_STRAY',
      'stray-after-empty-infix',
      stray,
      `bit ${stray} is set behind an infix with no field (N1 = N2 = 0); what follows has to be zero`,
    );
  }
  if (at + length > 128) return tooLong(at, length);
  const start = at + FORMAT.infixHeader;
  return {
    ok: true,
    subnet: { value: bitsAt(bits, start, subnetBits), length: subnetBits },
    iid: { value: bitsAt(bits, start + subnetBits, 8 * octets), length: 8 * octets },
    length,
  };
}

/** Why a prefix of `at` bits cannot be followed by an infix of `length`. */
export const tooLong = (at: number, length: number): SamFailure =>
  samFailure(
    'REHOME_E_SAM_TOO_LONG',
    'infix-past-the-end',
    at,
    `an infix of ${length} bits behind a /${at} needs ${at + length} bits; an address has 128`,
  );

/** `prefix` bits of an address followed by an infix that fits. */
export const appendInfix = (address: Address, at: number, infix: BitField): Address =>
  bitsToAddress(addressToBits(address) | placed(infix, at));
