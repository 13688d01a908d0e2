import {
  addressFromBytes,
  addressToBytes,
  commonPrefixLength,
  parseAddress,
  type Address,
} from './address.js';
import { RehomeError } from './errors.js';

/** An IPv6 prefix; the bits of `address` past `length` are zero. */
export interface Prefix {
  readonly address: Address;
  readonly length: number;
}

/**
 * Parses `address/length`; a bare address is a /128.
 * @throws RehomeError REHOME_E_PREFIX when the length is not 0..128 or bits past it are set; REHOME_E_ADDRESS.
 */
export function parsePrefix(text: string): Prefix {
  const [head = '', tail, ...more] = text.split('/');
  const address = parseAddress(head);
  if (
    more.length > 0 ||
    (tail !== undefined && !/^(0|[1-9]\d{0,2})$/.test(tail)) ||
    Number(tail ?? 128) > 128
  ) {
    throw new RehomeError(
      'REHOME_E_PREFIX',
      `not an IPv6 prefix: ${JSON.stringify(text)} (want address/0..128)`,
      text,
    );
  }
  const length = Number(tail ?? 128);
  const masked = maskAddress(address, length);
  if (masked !== address) {
    throw new RehomeError(
      'REHOME_E_PREFIX',
      `${text} has bits set past /${length}, the first of them bit ${commonPrefixLength(masked, address)} ` +
        `(counted from 0); did you mean ${masked}/${length}?`,
      text,
    );
  }
  return { address, length };
}

/** `address` with every bit past `length` cleared. */
export function maskAddress(address: Address, length: number): Address {
  const out = new Uint8Array(addressToBytes(address));
  for (let i = 0; i < 16; i++) {
    const keep = Math.max(0, Math.min(8, length - 8 * i));
    out[i] = (out[i] ?? 0) & (0xff << (8 - keep)) & 0xff;
  }
  return addressFromBytes(out);
}

export const prefixOf = (address: Address, length: number): Prefix => ({
  address: maskAddress(address, length),
  length,
});

export const prefixContains = (prefix: Prefix, address: Address): boolean =>
  commonPrefixLength(prefix.address, address) >= prefix.length;

export const formatPrefix = (prefix: Prefix): string => `${prefix.address}/${prefix.length}`;
