import fc from 'fast-check';
import type { BitField } from '../../src/sam/bits.js';
import { maxSubnetDigits } from '../../src/sam/local.js';
import { addressFromBytes, parseAddress } from '../../src/wire/address.js';
import { prefixOf, type Prefix } from '../../src/wire/prefix.js';
import { address } from '../wire/arbitrary.js';

/** Generators of SAM values. */
export const bits = (length: number): fc.Arbitrary<BitField> =>
  fc.bigInt({ min: 0n, max: (1n << BigInt(length)) - 1n }).map((value) => ({ value, length }));

export const constant: fc.Arbitrary<Prefix> = fc.oneof(
  fc.constant(prefixOf(parseAddress('fcf0::'), 12)),
  fc
    .uint8Array({ minLength: 5, maxLength: 5 })
    .map((octets) => prefixOf(addressFromBytes(Uint8Array.of(0xfd, ...octets)), 48)),
);

export const localParts = constant.chain((c) =>
  fc
    .tuple(fc.integer({ min: 0, max: maxSubnetDigits(c) }), fc.integer({ min: 0, max: 7 }))
    .filter(([digits, octets]) => digits + octets > 0)
    .chain(([digits, octets]) =>
      fc.record({ constant: fc.constant(c), subnet: bits(4 * digits), iid: bits(8 * octets) }),
    ),
);

export const zonePrefix = fc
  .tuple(address, fc.integer({ min: 0, max: 128 }))
  .map(([a, length]) => prefixOf(a, length));
