import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateCga, nextCollisionCount, verifyCga } from '../../src/identity/cga.js';
import {
  addToModifier,
  checkSec,
  estimateSearch,
  matchesIdentifier,
  searchHash2,
  secOf,
  secOfHash2,
} from '../../src/identity/hashes.js';
import { decodeParameters, encodeExtensions } from '../../src/identity/parameters.js';
import { addressFromBytes, addressToBytes } from '../../src/wire/address.js';
import { concatBytes, toHex } from '../../src/wire/bytes.js';
import { parsePrefix } from '../../src/wire/prefix.js';
import {
  A,
  findModifier,
  flipped,
  flippedAddress,
  hex,
  octet,
  publicKey,
  read,
  type KeyName,
} from './support.js';

const prefix = parsePrefix(A);
const make = (
  options: { sec?: number; key?: KeyName; collisionCount?: number; ext?: Uint8Array } = {},
): ReturnType<typeof generateCga> => {
  const key = publicKey(options.key ?? 'rsa1024');
  const extensionFields = options.ext ?? new Uint8Array(0);
  const sec = options.sec ?? 0;
  const task = { publicKey: key, extensionFields, sec };
  const modifier = findModifier(task, octet(3, 16));
  const { collisionCount = 0 } = options;
  return generateCga({ prefix, publicKey: key, sec, modifier, collisionCount, extensionFields });
};
const IDENTIFIER = 64;
const IGNORED = [6, 7].map((bit) => IDENTIFIER + bit);
const SEC_BITS = [0, 1, 2].map((bit) => IDENTIFIER + bit);

describe('CGA generation', () => {
  it.each([0, 1] as const)(
    'makes addresses that verify, with Sec %i [RFC3972 §4] [RFC3972-4-3]',
    (sec) => {
      for (const key of ['rsa384', 'rsa512', 'rsa1024', 'rsa2048'] as const) {
        for (const collisionCount of [0, 1, 2]) {
          const made = make({ sec, key, collisionCount });
          const bytes = addressToBytes(made.address);
          expect(verifyCga(made.address, read(made.parameters))).toEqual({ ok: true });
          expect(secOf(bytes)).toBe(sec);
          expect((bytes[8] ?? 0) & 3, 'u and g are zero').toBe(0);
          expect(toHex(bytes.subarray(0, 8))).toBe('20010db8000a0001');
        }
      }
    },
  );

  it('makes another address for every collision count, and stops after the third [RFC3972 §4] [RFC3972-4-2]', () => {
    const addresses = [0, 1, 2].map((collisionCount) => make({ collisionCount }).address);
    expect(new Set(addresses).size).toBe(3);
    expect(nextCollisionCount(0)).toBe(1);
    expect(nextCollisionCount(1)).toBe(2);
    expect(() => nextCollisionCount(2)).toThrow(/three addresses/);
  });

  it('refuses a prefix that is not 64 bits long and a Sec out of range', () => {
    const input = { publicKey: publicKey('rsa512'), modifier: octet(0, 16) };
    expect(() => generateCga({ ...input, sec: 0, prefix: parsePrefix('2001:db8::/56') })).toThrow(
      expect.objectContaining({ code: 'REHOME_E_PREFIX' }),
    );
    for (const sec of [-1, 8, 1.5]) {
      expect(() => generateCga({ ...input, sec, prefix })).toThrow(
        expect.objectContaining({ code: 'REHOME_E_SEC' }),
      );
    }
    expect(() => checkSec(7)).not.toThrow();
  });
});

describe('CGA verification', () => {
  it.each([0, 1] as const)(
    'refuses every address with one wrong bit, Sec %i [RFC3972 §5]',
    (sec) => {
      const { address, parameters } = make({ sec });
      const bytes = addressToBytes(address);
      for (let bit = 0; bit < 128; bit++) {
        const verdict = verifyCga(flippedAddress(bytes, bit), read(parameters));
        const lowersSec = sec === 1 && bit === IDENTIFIER + 2;
        if (IGNORED.includes(bit) || lowersSec) expect(verdict, `bit ${bit}`).toEqual({ ok: true });
        else {
          const reason =
            bit < IDENTIFIER
              ? 'subnet-prefix'
              : SEC_BITS.includes(bit)
                ? 'hash2-not-zero'
                : 'hash1-mismatch';
          expect(verdict, `bit ${bit}`).toEqual({ ok: false, reason });
        }
      }
    },
  );

  it('ignores u, g and a Sec that is lower: 4 (Sec + 1) addresses match [RFC3972 §5] [RFC3972-5-1]', () => {
    const { address, parameters } = make({ sec: 1 });
    const accepted = Array.from({ length: 32 }, (_, i) => {
      const bytes = addressToBytes(address).slice();
      bytes[8] = ((bytes[8] ?? 0) & 0x1c) | ((i >> 2) << 5) | (i & 3);
      return verifyCga(addressFromBytes(bytes), read(parameters)).ok;
    });
    expect(accepted.filter(Boolean)).toHaveLength(8);
    expect(accepted.slice(0, 8)).toEqual(Array(8).fill(true));
  });

  it('refuses parameters with one wrong bit, wherever it is [RFC3972 §5] [RFC3972-5-1]', () => {
    const { address, parameters } = make({
      sec: 1,
      key: 'rsa512',
      ext: encodeExtensions([{ type: 0xfffd, data: octet(5, 9) }]),
    });
    const reasons = new Set<string>();
    for (let bit = 0; bit < parameters.length * 8; bit++) {
      const decoded = decodeParameters(flipped(parameters, bit));
      const verdict = decoded.ok ? verifyCga(address, decoded.parameters) : decoded;
      expect(verdict.ok, `bit ${bit}`).toBe(false);
      if (!verdict.ok) reasons.add(verdict.reason);
    }
    expect([...reasons].sort()).toEqual([
      'collision-count',
      'hash1-mismatch',
      'malformed-extension',
      'malformed-public-key',
      'not-an-rsa-key',
      'subnet-prefix',
    ]);
  });

  it('refuses collision counts over 2 before anything else [RFC3972 §5] [RFC3972-5-2]', () => {
    const { address, parameters } = make();
    for (const count of [3, 128, 255]) {
      const octets = parameters.slice();
      octets[24] = count;
      expect(verifyCga(address, read(octets))).toEqual({ ok: false, reason: 'collision-count' });
    }
  });

  it('does not look into extensions that it does not know, and hashes them [RFC3972 §5] [RFC3972-5-5] [RFC3972-3-5]', () => {
    const ext = encodeExtensions([{ type: 0xfffe, data: octet(1, 4) }]);
    const { address, parameters } = make({ ext });
    expect(verifyCga(address, read(parameters))).toEqual({ ok: true });
    expect(verifyCga(address, read(parameters.slice(0, -ext.length))).ok).toBe(false);
  });

  it('knows all eight values of Sec [RFC3972 §5] [RFC3972-5-4]', () => {
    for (let sec = 0; sec <= 7; sec++) {
      const value = concatBytes(octet(0, 2 * sec), octet(1, 14 - 2 * sec));
      expect(secOfHash2(value)).toBe(sec);
      if (sec > 0) {
        // One bit in the last of the 16 Sec bits is enough.
        expect(secOfHash2(flipped(value, 16 * sec - 1))).toBe(sec - 1);
      }
    }
    const { address, parameters } = make();
    for (let sec = 1; sec <= 7; sec++) {
      const bytes = addressToBytes(address).slice();
      bytes[8] = ((bytes[8] ?? 0) & 0x1f) | (sec << 5);
      expect(secOf(bytes)).toBe(sec);
      expect(verifyCga(addressFromBytes(bytes), read(parameters))).toEqual({
        ok: false,
        reason: 'hash2-not-zero',
      });
    }
  });

  it('compares with the mask of the RFC [RFC3972 §2]', () => {
    const mask = hex('1cffffffffffffff');
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 8, maxLength: 8 }),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.boolean(),
        (value, address, equal) => {
          if (equal) address.set(value, 8);
          address[8] = (address[8] ?? 0) ^ ((address[0] ?? 0) & 0xe3);
          const want = mask.every((m, i) => ((value[i] ?? 0) & m) === ((address[8 + i] ?? 0) & m));
          expect(matchesIdentifier(value, address)).toBe(want);
        },
      ),
    );
  });
});

describe('the search for a modifier', () => {
  const task = { publicKey: publicKey('rsa512'), extensionFields: new Uint8Array(0), sec: 1 };

  it('goes on where it stopped: steps of any size find the same [RFC3972 §4]', () => {
    const whole = findModifier(task, octet(9, 16));
    let from: Uint8Array = octet(9, 16);
    let found: Uint8Array | undefined;
    while (found === undefined) {
      found = searchHash2(task, from, 7_001).modifier;
      from = addToModifier(from, 7_001);
    }
    expect(found).toEqual(whole);
  });

  it('wraps around at 2^128', () => {
    expect(addToModifier(octet(0xff, 16), 1)).toEqual(octet(0, 16));
    expect(toHex(addToModifier(octet(0, 16), 2 ** 40 + 5))).toBe('0'.repeat(21) + '10000000005');
    const { modifier } = searchHash2({ ...task, sec: 0 }, octet(0xff, 16), 1);
    expect(modifier).toEqual(octet(0xff, 16));
    const after = findModifier(task, octet(0xff, 16));
    expect(toHex(after)).toMatch(/^0{20}/);
  });

  it('costs nothing with Sec 0, and 2^(16 Sec) hashes on average [RFC3972 §4]', () => {
    expect(searchHash2({ ...task, sec: 0 }, octet(1, 16), 10).hashes).toBe(1);
    expect(estimateSearch(1, 65_536)).toEqual({ expectedHashes: 65_536, seconds: 1 });
    expect(estimateSearch(2, 65_536).seconds).toBe(65_536);
  });
});
