import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addressFromBytes,
  addressToBytes,
  addressToHex,
  commonPrefixLength,
  isLinkLocal,
  isLoopback,
  isMulticast,
  isUnspecified,
  isUsableLocator,
  pairKey,
  parseAddress,
  samePair,
} from '../../src/wire/address.js';
import { setU47, toHex, u47, fromHex } from '../../src/wire/bytes.js';
import { RehomeError } from '../../src/wire/errors.js';
import {
  formatPrefix,
  maskAddress,
  parsePrefix,
  prefixContains,
  prefixOf,
} from '../../src/wire/prefix.js';
import { contextTag, formatTag, MAX_CONTEXT_TAG } from '../../src/wire/units.js';
import { address } from './arbitrary.js';

/** The WHATWG URL parser of Node writes addresses as RFC 5952 wants, and shares no code with ours. */
const canonical = (text: string): string => new URL(`http://[${text}]/`).hostname.slice(1, -1);
const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return error instanceof RehomeError ? error.code : String(error);
  }
  return 'no error';
};

describe('addresses', () => {
  it('have one text each, that of RFC 5952', () => {
    const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (words) => {
        const text = words.map((w) => w.toString(16).toUpperCase().padStart(4, '0')).join(':');
        const parsed = parseAddress(text);
        expect(parsed).toBe(canonical(text));
        expect(parseAddress(parsed)).toBe(parsed);
        expect(addressFromBytes(addressToBytes(parsed))).toBe(parsed);
        expect(addressToHex(parsed)).toBe(text.replaceAll(':', '').toLowerCase());
      }),
    );
  });

  it('are read in every form of RFC 4291 §2.2', () => {
    expect(parseAddress('2001:DB8:0:0:8:800:200C:417A')).toBe('2001:db8::8:800:200c:417a');
    expect(parseAddress('::')).toBe('::');
    expect(parseAddress('1::')).toBe('1::');
    expect(parseAddress('::13.1.68.3')).toBe('::d01:4403');
    expect(parseAddress('64:ff9b::192.0.2.33')).toBe('64:ff9b::c000:221');
    expect(parseAddress('1:2:3:4:5:6:7::')).toBe('1:2:3:4:5:6:7:0');
  });

  it('are refused as Node refuses them', () => {
    const texts = [
      '',
      ':',
      ':::',
      '1',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1::2::3',
      '12345::',
      'g::',
      ':1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:',
      '1:2:3:4:5:6:7:8::',
      '::1.2.3',
      '::1.2.3.256',
      '::1.2.3.04',
      '1.2.3.4',
      '1.2.3.4::',
      'fe80::1%eth0',
      ' ::1',
    ];
    for (const text of texts) {
      expect(
        codeOf(() => parseAddress(text)),
        text,
      ).toBe('REHOME_E_ADDRESS');
      if (!text.includes('%')) expect(isIPv6(text), text).toBe(false);
    }
  });

  it('what Node takes for an address, we do, and the other way round', () => {
    const text = fc.string({ unit: fc.constantFrom(...'0123:::abf.'.split('')), maxLength: 20 });
    fc.assert(
      fc.property(text, (t) => {
        expect(codeOf(() => parseAddress(t)) === 'no error').toBe(isIPv6(t));
      }),
      { numRuns: 2000 },
    );
  });

  it('fall into classes', () => {
    const of = (text: string): boolean[] => {
      const a = parseAddress(text);
      return [isUsableLocator(a), isMulticast(a), isLinkLocal(a), isLoopback(a), isUnspecified(a)];
    };
    expect(of('2001:db8::1')).toEqual([true, false, false, false, false]);
    expect(of('fd00::1')).toEqual([true, false, false, false, false]);
    expect(of('ff02::1')).toEqual([false, true, false, false, false]);
    expect(of('fe80::1')).toEqual([false, false, true, false, false]);
    expect(of('febf::1')).toEqual([false, false, true, false, false]);
    expect(of('fec0::1')).toEqual([true, false, false, false, false]);
    expect(of('::1')).toEqual([false, false, false, true, false]);
    expect(of('::')).toEqual([false, false, false, false, true]);
  });

  it('pairs compare by both ends', () => {
    const [a, b] = [parseAddress('::a'), parseAddress('::b')];
    expect(samePair({ local: a, peer: b }, { local: a, peer: b })).toBe(true);
    expect(samePair({ local: a, peer: b }, { local: b, peer: a })).toBe(false);
    expect(pairKey({ local: a, peer: b })).not.toBe(pairKey({ local: b, peer: a }));
  });
});

describe('prefixes', () => {
  it('share as many bits as they share', () => {
    fc.assert(
      fc.property(address, address, (a, b) => {
        const bits = (x: typeof a): string =>
          [...addressToBytes(x)].map((o) => o.toString(2).padStart(8, '0')).join('');
        let n = 0;
        while (n < 128 && bits(a)[n] === bits(b)[n]) n++;
        expect(commonPrefixLength(a, b)).toBe(n);
      }),
    );
  });

  it('contain their own addresses, and masking twice changes nothing', () => {
    fc.assert(
      fc.property(address, fc.integer({ min: 0, max: 128 }), (a, length) => {
        const prefix = prefixOf(a, length);
        expect(prefixContains(prefix, a)).toBe(true);
        expect(maskAddress(prefix.address, length)).toBe(prefix.address);
        expect(parsePrefix(formatPrefix(prefix))).toEqual(prefix);
      }),
    );
  });

  it('are refused with bits past the length, or a length that is none', () => {
    expect(parsePrefix('2001:db8::1')).toEqual({ address: '2001:db8::1', length: 128 });
    for (const text of ['::/129', '::/-1', '::/', '::/01', '::/1/2', '::1/64', '2001:db8::/28']) {
      expect(
        codeOf(() => parsePrefix(text)),
        text,
      ).toBe('REHOME_E_PREFIX');
    }
    expect(codeOf(() => parsePrefix('x/64'))).toBe('REHOME_E_ADDRESS');
    expect(parsePrefix('2001:db8::/32').length).toBe(32);
  });
});

describe('47 bits', () => {
  it('are written and read exactly, and leave the bit above alone', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_CONTEXT_TAG }), fc.boolean(), (value, top) => {
        const bytes = new Uint8Array(8).fill(0xff);
        bytes[1] = top ? 0x80 : 0;
        setU47(bytes, 1, value);
        expect(u47(bytes, 1)).toBe(value);
        expect((bytes[1] ?? 0) >>> 7).toBe(top ? 1 : 0);
        expect([bytes[0], bytes[7]]).toEqual([0xff, 0xff]);
        const digits = toHex(bytes.subarray(1, 7));
        if (!top) expect(formatTag(contextTag(value))).toBe(digits);
      }),
    );
  });

  it('hexadecimal digits come back, anything else does not', () => {
    expect(fromHex('00fFa5')).toEqual(new Uint8Array([0, 255, 165]));
    for (const text of ['0', '0g', '0x00', ' 00']) expect(fromHex(text)).toBeUndefined();
  });
});
