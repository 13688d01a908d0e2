import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkGenerationKey,
  encodeExtendedModifier,
  keyRefusal,
  parseRsaKey,
} from '../../src/identity/rsa-key.js';
import { publicKeyOf } from '../../src/identity/signature.js';
import { concatBytes } from '../../src/wire/bytes.js';
import { flipped, hex, octet, privateKey, publicKey, type KeyName } from './support.js';

describe('RSA keys as DER SubjectPublicKeyInfo', () => {
  it.each(['rsa384', 'rsa512', 'rsa1024', 'rsa2048'] as const)(
    'reads %s, whatever follows it [RFC3972 §3] [RFC3972-3-2]',
    (name: KeyName) => {
      const octets = publicKey(name);
      const bits = Number(name.slice(3));
      const expected = { ok: true, length: octets.length, modulusBits: bits, exponentBits: 17 };
      expect(parseRsaKey(octets)).toMatchObject(expected);
      expect(parseRsaKey(concatBytes(octet(7, 3), octets, octet(9, 5)), 3)).toMatchObject(expected);
      const inner = createPublicKey(privateKey(name)).export({ type: 'pkcs1', format: 'der' });
      expect(parseRsaKey(octets)).toMatchObject({ keyOffset: octets.length - inner.length });
    },
  );

  it('refuses every truncation', () => {
    const octets = publicKey('rsa1024');
    for (let length = 0; length < octets.length; length++) {
      expect(parseRsaKey(octets.subarray(0, length)).ok).toBe(false);
    }
  });

  it.each([
    ['an indefinite length', '3080 300d 0609 2a86 4886 f70d 0101 0105 00'],
    [
      'a long length that would fit in one octet',
      '3081 12 300d 0609 2a86 4886 f70d 0101 0105 00 03 01 00',
    ],
    ['a long length with a leading zero', '3082 0080'],
    ['a length of three octets', '3083 000080'],
    ['nothing', ''],
  ])('refuses %s', (_what, text) => {
    const padded = concatBytes(hex(text), octet(0, 200));
    expect(parseRsaKey(padded)).toMatchObject({ ok: false, code: 'REHOME_E_PUBLIC_KEY' });
  });

  it('refuses integers that are negative or not in their shortest form', () => {
    const key = (modulus: string, exponent: string): Uint8Array => {
      const n = hex(modulus);
      const e = hex(exponent);
      const length = n.length + e.length + 4;
      const header = hex('300d 0609 2a86 4886 f70d 0101 0105 00');
      return concatBytes(
        Uint8Array.of(0x30, header.length + length + 5),
        header,
        Uint8Array.of(0x03, length + 3, 0, 0x30, length, 0x02, n.length),
        n,
        Uint8Array.of(0x02, e.length),
        e,
      );
    };
    expect(parseRsaKey(key('00ff', '03'))).toMatchObject({
      ok: true,
      modulusBits: 8,
      exponentBits: 2,
    });
    expect(parseRsaKey(key('7f', '010001'))).toMatchObject({
      ok: true,
      modulusBits: 7,
      exponentBits: 17,
    });
    expect(parseRsaKey(key('00', '03'))).toMatchObject({ ok: true, modulusBits: 0 });
    expect(parseRsaKey(key('ff', '03')).ok).toBe(false);
    expect(parseRsaKey(key('007f', '03')).ok).toBe(false);
    expect(parseRsaKey(key('', '03')).ok).toBe(false);
    expect(parseRsaKey(key('00ff', '83')).ok).toBe(false);
  });

  it('refuses other algorithms [RFC3972 §3] [RFC3972-3-3]', () => {
    const { publicKey: ec } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const octets = ec.export({ type: 'spki', format: 'der' });
    expect(parseRsaKey(octets)).toMatchObject({ ok: false, reason: 'not-an-rsa-key' });
    expect(() => publicKeyOf(ec)).toThrow(expect.objectContaining({ code: 'REHOME_E_PUBLIC_KEY' }));
    const { publicKey: pss } = generateKeyPairSync('rsa-pss', { modulusLength: 1024 });
    expect(() => publicKeyOf(pss)).toThrow(/rsa-pss/);
  });

  it('never throws, whatever the octets', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 64 }),
        fc.nat(publicKey('rsa512').length * 8 - 1),
        (noise, bit) => {
          parseRsaKey(noise);
          const result = parseRsaKey(flipped(publicKey('rsa512'), bit));
          if (result.ok) expect(result.length).toBeLessThanOrEqual(publicKey('rsa512').length);
        },
      ),
    );
  });

  it('takes 384 bits and more for generation, not less [RFC3972 §3] [RFC3972-3-4]', () => {
    expect(checkGenerationKey(publicKey('rsa384')).modulusBits).toBe(384);
    const short = encodeExtendedModifier(concatBytes(octet(0, 1), octet(0xff, 47)));
    const code = expect.objectContaining({ code: 'REHOME_E_PUBLIC_KEY' });
    expect(() => checkGenerationKey(short)).toThrow(code);
    expect(() => checkGenerationKey(concatBytes(publicKey('rsa512'), octet(0, 1)))).toThrow(code);
  });

  it('asks for 1024 bits where Shim6 relies on a signature [RFC5533 §16]', () => {
    const sized = (modulusBits: number, exponentBits = 17): string | undefined =>
      keyRefusal({ length: 0, keyOffset: 0, modulusBits, exponentBits });
    expect(sized(1023)).toBe('key-too-short');
    expect(sized(1024)).toBeUndefined();
    expect(sized(4096)).toBeUndefined();
    expect(sized(4097)).toBe('key-too-long');
    expect(sized(2048, 33)).toBe('key-too-long');
  });
});

describe('the Extended Modifier as a key [RFC5535 §6]', () => {
  it('is a SubjectPublicKeyInfo with rsaEncryption that others can read [RFC5535 §6] [RFC5535-6-1]', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 48, maxLength: 48 }), (value) => {
        value[0] = (value[0] ?? 0) | 0x80;
        value[47] = (value[47] ?? 0) | 1;
        const octets = encodeExtendedModifier(value);
        expect(parseRsaKey(octets)).toMatchObject({ ok: true, modulusBits: 384 });
        const key = createPublicKey({ key: Buffer.from(octets), format: 'der', type: 'spki' });
        const n = Buffer.from(key.export({ format: 'jwk' }).n ?? '', 'base64url');
        expect(new Uint8Array(n)).toEqual(value);
      }),
      { numRuns: 30 },
    );
  });

  it('keeps to the shortest form when the number begins with zeros', () => {
    const octets = encodeExtendedModifier(concatBytes(octet(0, 2), octet(0x81, 46)));
    expect(parseRsaKey(octets)).toMatchObject({
      ok: true,
      modulusBits: 368,
      length: octets.length,
    });
    expect(parseRsaKey(encodeExtendedModifier(octet(0, 48)))).toMatchObject({ modulusBits: 0 });
  });

  it('has 384 bits, nothing else', () => {
    for (const length of [0, 47, 49]) {
      expect(() => encodeExtendedModifier(octet(1, length))).toThrow(
        expect.objectContaining({ code: 'REHOME_E_MODIFIER' }),
      );
    }
  });
});
