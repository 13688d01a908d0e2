import { addressFromBytes, addressToBytes, type Address } from '../wire/address.js';
import { setU32, u32 } from '../wire/bytes.js';

/** A run of bits with its length; leading zeros count. `value < 2 ** length`. */
export interface BitField {
  readonly value: bigint;
  /** Bits. */
  readonly length: number;
}

export const EMPTY: BitField = { value: 0n, length: 0 };

/** An address as a number of 128 bits. */
export function addressToBits(address: Address): bigint {
  const bytes = addressToBytes(address);
  const word = (i: number): bigint => BigInt(u32(bytes, 4 * i));
  return (word(0) << 96n) | (word(1) << 64n) | (word(2) << 32n) | word(3);
}

export function bitsToAddress(value: bigint): Address {
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 4; i++) {
    setU32(bytes, 4 * i, Number((value >> BigInt(96 - 32 * i)) & 0xffff_ffffn));
  }
  return addressFromBytes(bytes);
}

/** `length` bits from bit `from` on; bits are counted from 0 at the left, as in the RFCs' figures. */
export const bitsAt = (value: bigint, from: number, length: number): bigint =>
  (value >> BigInt(128 - from - length)) & ((1n << BigInt(length)) - 1n);

/** A field's bits moved to where they start at bit `from` of an address. */
export const placed = (field: BitField, from: number): bigint =>
  field.value << BigInt(128 - from - field.length);

/** The first set bit in `[from, to)`, or undefined. */
export function firstSetBit(value: bigint, from: number, to: number): number | undefined {
  const found = bitsAt(value, from, to - from);
  return found === 0n ? undefined : to - found.toString(2).length;
}

/** Hexadecimal digits of a field whose length is a multiple of 4; '' for an empty one. */
export const fieldHex = (field: BitField): string =>
  field.length === 0 ? '' : field.value.toString(16).padStart(field.length / 4, '0');

export const sameField = (a: BitField, b: BitField): boolean =>
  a.length === b.length && a.value === b.value;
