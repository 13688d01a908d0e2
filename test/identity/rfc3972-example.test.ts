import { describe, expect, it } from 'vitest';
import { generateCga, verifyCga } from '../../src/identity/cga.js';
import { hash1, hash2, searchHash2, secOfHash2 } from '../../src/identity/hashes.js';
import { encodeParameters } from '../../src/identity/parameters.js';
import { concatBytes, toHex } from '../../src/wire/bytes.js';
import { parseAddress } from '../../src/wire/address.js';
import { parsePrefix } from '../../src/wire/prefix.js';
import { hex, read } from './support.js';

// Every number of RFC 3972 appendix A.
const KEY = hex(`
  305c 300d 0609 2a86 4886 f70d 0101 0105 0003 4b00 3048 0241
  00c2 c2f1 3730 5454 f10b d9ce a368 44b5 30e9 211a 4b26 2b16
  467c b7df ba1f 595c 0194 f275 be5a 4d38 6f2c 3c23 8250 8773
  c786 7f9b 3b9e 63a0 9c7b c48f 7a54 ebef af02 0301 0001`);
const FIRST = hex('89a8 a8b2 e858 d8b8 f263 3f44 d2d4 ce9a');
const FINAL = hex('89a8 a8b2 e858 d8b8 f263 3f44 d2d4 ce9b');
const PREFIX = hex('fe80 0000 0000 0000');
const none = new Uint8Array(0);
const task = { publicKey: KEY, extensionFields: none, sec: 1 };

const parametersWith = (modifier: Uint8Array): Uint8Array =>
  encodeParameters({
    modifier,
    subnetPrefix: PREFIX,
    collisionCount: 0,
    publicKey: KEY,
    extensionFields: none,
  });

describe('the example of RFC 3972 appendix A', () => {
  it('Hash2 of the first modifier does not begin with 16 zero bits', () => {
    const value = hash2(parametersWith(FIRST));
    expect(toHex(value)).toBe('436b9a70dbfddbf1926e6e6629c0');
    expect(secOfHash2(value)).toBe(0);
  });

  it('Hash2 of the next one does', () => {
    const value = hash2(parametersWith(FINAL));
    expect(toHex(value)).toBe('000001ca680b83888d0912dffcce');
    expect(secOfHash2(value)).toBe(1);
  });

  it('the search finds it with the second hash, and not with the first [RFC3972 §4] [RFC3972-4-1]', () => {
    expect(searchHash2(task, FIRST, 1)).toEqual({ modifier: undefined, hashes: 1 });
    expect(searchHash2(task, FIRST, 100)).toEqual({ modifier: FINAL, hashes: 2 });
  });

  it('Hash1 is over the whole structure', () => {
    const octets = parametersWith(FINAL);
    expect(octets).toEqual(concatBytes(FINAL, PREFIX, Uint8Array.of(0), KEY));
    expect(toHex(hash1(octets))).toBe('fd4a5bf6ffb4ca6c');
  });

  it('the address and its parameters [RFC3972 §4] [RFC3972-3-6]', () => {
    const made = generateCga({
      prefix: parsePrefix('fe80::/64'),
      publicKey: KEY,
      sec: 1,
      modifier: FINAL,
    });
    expect(made.address).toBe('fe80::3c4a:5bf6:ffb4:ca6c');
    expect(made.parameters).toEqual(parametersWith(FINAL));
  });

  it('the address verifies; with the first modifier it does not [RFC3972 §5] [RFC3972-5-1]', () => {
    const address = parseAddress('fe80::3c4a:5bf6:ffb4:ca6c');
    expect(verifyCga(address, read(parametersWith(FINAL)))).toEqual({ ok: true });
    expect(verifyCga(address, read(parametersWith(FIRST)))).toEqual({
      ok: false,
      reason: 'hash1-mismatch',
    });
  });

  it('generation refuses a modifier that Hash2 does not allow [RFC3972 §4]', () => {
    const prefix = parsePrefix('fe80::/64');
    expect(() => generateCga({ prefix, publicKey: KEY, sec: 1, modifier: FIRST })).toThrow(
      expect.objectContaining({ code: 'REHOME_E_HASH2' }),
    );
  });
});
