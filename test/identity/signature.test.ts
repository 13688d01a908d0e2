import { constants, createPublicKey, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  SHIM6_MESSAGE_TYPE,
  checkLocators,
  loadPublicKey,
  signLocators,
  signedOctets,
} from '../../src/identity/signature.js';
import { parseAddress } from '../../src/wire/address.js';
import { toHex } from '../../src/wire/bytes.js';
import { flipped, octet, privateKey, publicKey } from './support.js';

const x = parseAddress('2001:db8:1::1');
const y = parseAddress('2001:db8:2::2');
const KEY = privateKey('rsa1024');
const PUBLIC = loadPublicKey(publicKey('rsa1024'))!;

describe('signatures over locator lists', () => {
  it('are over message type, generation and locators in order [RFC5533 §5.15.5] [RFC3972-7.4-1]', () => {
    expect(toHex(SHIM6_MESSAGE_TYPE)).toBe('4a3056624858574b3655416f506a6d48');
    expect(toHex(signedOctets(0x01020304, [x, y]))).toBe(
      '4a3056624858574b3655416f506a6d48' +
        '01020304' +
        '20010db8000100000000000000000001' +
        '20010db8000200000000000000000002',
    );
    expect(signedOctets(0, [])).toHaveLength(20);
    expect(() => signedOctets(2 ** 32, [])).toThrow(
      expect.objectContaining({ code: 'REHOME_E_RANGE' }),
    );
  });

  it.each(['rsa384', 'rsa512', 'rsa1024', 'rsa2048'] as const)(
    'with %s are PKCS #1 v1.5 with SHA-1 [RFC3972 §6]',
    (name) => {
      const signature = signLocators(privateKey(name), 7, [x, y]);
      const standard = {
        key: createPublicKey(privateKey(name)),
        padding: constants.RSA_PKCS1_PADDING,
      };
      expect(verify('sha1', signedOctets(7, [x, y]), standard, signature)).toBe(true);
      expect(checkLocators(loadPublicKey(publicKey(name))!, 7, [x, y], signature)).toBe(true);
      expect(signLocators(privateKey(name), 7, [x, y]), 'no randomness in it').toEqual(signature);
    },
  );

  it('do not fit another generation, another order, a part of the list, another key [RFC5533 §5.15.5]', () => {
    const signature = signLocators(KEY, 7, [x, y]);
    expect(checkLocators(PUBLIC, 7, [x, y], signature)).toBe(true);
    expect(checkLocators(PUBLIC, 8, [x, y], signature)).toBe(false);
    expect(checkLocators(PUBLIC, 7, [y, x], signature)).toBe(false);
    expect(checkLocators(PUBLIC, 7, [x], signature)).toBe(false);
    expect(checkLocators(PUBLIC, 7, [x, y, y], signature)).toBe(false);
    expect(checkLocators(loadPublicKey(publicKey('rsa2048'))!, 7, [x, y], signature)).toBe(false);
  });

  it('are refused with any one bit wrong, cut, or longer', () => {
    const signature = signLocators(KEY, 7, [x]);
    for (let bit = 0; bit < signature.length * 8; bit++) {
      expect(checkLocators(PUBLIC, 7, [x], flipped(signature, bit)), `bit ${bit}`).toBe(false);
    }
    for (const wrong of [octet(0, 0), signature.slice(1), octet(0, 128), octet(0xff, 129)]) {
      expect(checkLocators(PUBLIC, 7, [x], wrong)).toBe(false);
    }
  });

  it('cannot be made with a public key', () => {
    expect(() => signLocators(createPublicKey(KEY), 1, [x])).toThrow(
      expect.objectContaining({ code: 'REHOME_E_PRIVATE_KEY' }),
    );
  });

  it('octets that are no key give no key', () => {
    expect(loadPublicKey(octet(0x30, 40))).toBeUndefined();
  });
});
