import { addressToBytes, type Address } from './address.js';
import { u8 } from './bytes.js';

/**
 * Adds `bytes[from, to)` as big-endian 16-bit words (an odd last octet is padded with zero) to a running sum.
 * The sum is a plain number: 2^53 leaves room for any packet, folding is left to `foldChecksum`.
 */
export function sumWords(bytes: Uint8Array, from = 0, to = bytes.length, sum = 0): number {
  // The hottest loop of the simulator: the bounds are checked once, before it.
  const end = Math.min(to, bytes.length);
  let i = from;
  let words = 0;
  for (; i + 1 < end; i += 2) words += ((bytes[i] as number) << 8) | (bytes[i + 1] as number);
  if (i < end) words += u8(bytes, i) << 8;
  return sum + words;
}

/** The one's complement of the one's complement sum, 16 bits (RFC 1071). */
export function foldChecksum(sum: number): number {
  while (sum > 0xffff) sum = Math.floor(sum / 0x10000) + (sum % 0x10000);
  return ~sum & 0xffff;
}

/**
 * The internet checksum over `bytes[from, to)`. Over octets that include a right checksum field, it is 0.
 * Shim6 uses it as it is, without a pseudo-header (RFC 5533 §5.3).
 */
export const internetChecksum = (bytes: Uint8Array, from = 0, to = bytes.length): number =>
  foldChecksum(sumWords(bytes, from, to));

/** The sum of the IPv6 pseudo-header (RFC 8200 §8.1). `length`: octets of the upper-layer packet. */
export function pseudoHeaderSum(
  source: Address,
  destination: Address,
  length: number,
  protocol: number,
): number {
  const sum = sumWords(addressToBytes(destination), 0, 16, sumWords(addressToBytes(source)));
  return sum + Math.floor(length / 0x10000) + (length % 0x10000) + protocol;
}

/**
 * The checksum of an upper-layer packet with its pseudo-header. 0 over octets that hold a right checksum.
 * @param protocol the upper-layer protocol, not the Next Header of the IPv6 header when extension headers intervene
 */
export const upperLayerChecksum = (
  source: Address,
  destination: Address,
  protocol: number,
  bytes: Uint8Array,
): number =>
  foldChecksum(
    sumWords(bytes, 0, bytes.length, pseudoHeaderSum(source, destination, bytes.length, protocol)),
  );
