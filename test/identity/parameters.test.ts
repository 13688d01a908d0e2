import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  MAX_PARAMETERS_LENGTH,
  decodeParameters,
  encodeExtensions,
  encodeParameters,
  hasPublicKey,
  multiPrefixExtension,
} from '../../src/identity/parameters.js';
import { hash1, hash2 } from '../../src/identity/hashes.js';
import { concatBytes, toHex } from '../../src/wire/bytes.js';
import { addressToBytes } from '../../src/wire/address.js';
import { A, B, flipped, hex, makeSet, octet, prefixes, publicKey, read } from './support.js';

const KEY = publicKey('rsa512');
const with_ = (extensionFields: Uint8Array): Uint8Array =>
  encodeParameters({
    modifier: octet(1, 16),
    subnetPrefix: octet(2, 8),
    collisionCount: 1,
    publicKey: KEY,
    extensionFields,
  });

describe('the CGA Parameters data structure', () => {
  it('has its fields where RFC 3972 puts them [RFC3972 §3]', () => {
    const octets = with_(new Uint8Array(0));
    expect(toHex(octets)).toBe('01'.repeat(16) + '02'.repeat(8) + '01' + toHex(KEY));
    expect(read(octets)).toMatchObject({
      modifier: octet(1, 16),
      subnetPrefix: octet(2, 8),
      collisionCount: 1,
      publicKey: KEY,
      extensions: [],
      multiPrefix: undefined,
    });
  });

  it('round-trips with any extensions [RFC4581 §2] [RFC4581-2-1]', () => {
    const extension = fc.record({
      type: fc.integer({ min: 0, max: 0xffff }).filter((type) => type !== 0x0012),
      data: fc.uint8Array({ maxLength: 40 }),
    });
    fc.assert(
      fc.property(fc.array(extension, { maxLength: 5 }), (extensions) => {
        const octets = with_(encodeExtensions(extensions));
        const parameters = read(octets);
        expect(parameters.extensions).toEqual(extensions);
        expect(parameters.octets).toEqual(octets);
      }),
    );
  });

  it('encodes an extension as type, length, data [RFC4581 §2] [RFC4581-2-1]', () => {
    expect(toHex(encodeExtensions([{ type: 0xfffd, data: octet(7, 3) }]))).toBe('fffd0003070707');
  });

  it.each([
    ['cut in its header', 'fffd00'],
    ['longer than what is left', 'fffd 0004 070707'],
    ['followed by an octet of nothing', 'fffd 0001 07 00'],
  ])('refuses an extension %s [RFC4581 §2]', (_what, text) => {
    expect(decodeParameters(with_(hex(text)))).toMatchObject({
      ok: false,
      code: 'REHOME_E_CGA_PARAMETERS',
      reason: 'malformed-extension',
    });
  });

  it('refuses what is too short, too long, or has no key', () => {
    expect(decodeParameters(octet(0, 24))).toMatchObject({ reason: 'parameters-too-short' });
    expect(decodeParameters(octet(0, 25))).toMatchObject({ reason: 'malformed-public-key' });
    expect(decodeParameters(octet(0, MAX_PARAMETERS_LENGTH + 1))).toMatchObject({
      reason: 'parameters-too-long',
    });
  });

  it('never throws, whatever the octets', () => {
    const base = makeSet().addresses[0]?.parameters ?? KEY;
    fc.assert(
      fc.property(
        fc.array(fc.nat(base.length * 8 - 1), { maxLength: 4 }),
        fc.nat(base.length),
        fc.uint8Array({ maxLength: 30 }),
        (bits, length, tail) => {
          const mutated = bits.reduce((octets, bit) => flipped(octets, bit), base);
          const result = decodeParameters(concatBytes(mutated.subarray(0, length), tail));
          if (!result.ok) expect(result.reason).toMatch(/^[a-z-]+$/);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('encodes no collision count but 0, 1 and 2 [RFC3972 §3] [RFC3972-3-1]', () => {
    for (const collisionCount of [-1, 3, 255, 0.5, NaN]) {
      const fields = {
        modifier: octet(1, 16),
        subnetPrefix: octet(2, 8),
        collisionCount,
        publicKey: KEY,
        extensionFields: new Uint8Array(0),
      };
      expect(() => encodeParameters(fields)).toThrow(
        expect.objectContaining({ code: 'REHOME_E_COLLISION_COUNT' }),
      );
    }
  });

  it('keeps no reference to the octets it was read from, and changes none, Buffer or not', () => {
    for (const octets of [with_(new Uint8Array(0)), Buffer.from(with_(new Uint8Array(0)))]) {
      const before = toHex(octets);
      hash1(octets, octet(9, 8));
      hash2(octets);
      expect(toHex(octets)).toBe(before);
      const parameters = read(octets);
      octets.fill(0);
      expect(parameters.modifier).toEqual(octet(1, 16));
    }
  });
});

describe('the Multi-Prefix extension', () => {
  const bytes = prefixes(A, B).map((p) => addressToBytes(p.address).subarray(0, 8));

  it('has P in the first bit of the first octet after the length, and 31 zero bits [RFC5535 §5] [RFC5535-5-1]', () => {
    const encoded = (publicKey: boolean): string =>
      toHex(encodeExtensions([multiPrefixExtension({ publicKey, prefixes: bytes })]));
    expect(encoded(true)).toBe('0012001480000000' + '20010db8000a0001' + '20010db8000b0002');
    expect(encoded(false)).toBe('0012001400000000' + '20010db8000a0001' + '20010db8000b0002');
  });

  it('says with P whether there is a public key [RFC5535 §5] [RFC5535-5-2]', () => {
    for (const publicKey of [true, false]) {
      const parameters = read(
        with_(encodeExtensions([multiPrefixExtension({ publicKey, prefixes: bytes })])),
      );
      expect(parameters.multiPrefix).toEqual({ publicKey, prefixes: bytes });
      expect(hasPublicKey(parameters)).toBe(publicKey);
    }
    expect(hasPublicKey(read(with_(new Uint8Array(0))))).toBe(true);
  });

  it('is read with any reserved bits set, which is not P [RFC5535 §5] [RFC5535-5-1]', () => {
    const octets = with_(hex('0012 000c 7fffffff 20010db8000a0001'));
    expect(read(octets).multiPrefix?.publicKey).toBe(false);
    expect(read(with_(hex('0012 000c ffffffff 20010db8000a0001'))).multiPrefix?.publicKey).toBe(
      true,
    );
  });

  it.each([
    ['without prefixes', '0012 0004 80000000'],
    ['without flags', '0012 0000'],
    ['with half a prefix', '0012 0008 80000000 20010db8'],
  ])('is refused %s', (_what, text) => {
    expect(decodeParameters(with_(hex(text)))).toMatchObject({ reason: 'malformed-multi-prefix' });
  });

  it('is refused twice: two readers could choose differently', () => {
    const one = '0012 000c 80000000 20010db8000a0001';
    expect(decodeParameters(with_(hex(one + one)))).toMatchObject({
      reason: 'duplicate-multi-prefix',
    });
  });
});
