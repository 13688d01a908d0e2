import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/wire/address.js';
import { concatBytes, setU16, setU32 } from '../../src/wire/bytes.js';
import { buildNd, parseNd, type NdOption } from '../../src/wire/nd.js';
import { formatPrefix, parsePrefix, prefixOf } from '../../src/wire/prefix.js';
import {
  decodeSamOption,
  encodeSamOption,
  samOptionSize,
  splitSamParameters,
  viewSamOption,
  type SamParameters,
  type SamPrefix,
} from '../../src/wire/sam-option.js';
import { address, octets, uint32, uint8 } from './arbitrary.js';
import { vectorBytes } from './vectors.js';

const samPrefix: fc.Arbitrary<SamPrefix> = fc
  .tuple(address, fc.integer({ min: 0, max: 128 }), uint32, uint32)
  .map(([a, length, x, y]) => ({
    prefix: prefixOf(a, length),
    validLifetime: Math.max(x, y),
    preferredLifetime: Math.min(x, y),
  }));
const samParameters = (maxPrefixes: number): fc.Arbitrary<SamParameters> =>
  fc.record({
    option: fc.constant('samParameters' as const),
    hopCount: uint8,
    sequence: uint32,
    parent: address,
    prefixes: fc.array(samPrefix, { maxLength: maxPrefixes }),
  });

/** The second option of the vector: parent n with three prefixes, 4 octets of padding. */
const known = vectorBytes('nd/router-advertisement-sam').slice(40 + 16 + 48 + 2);
const edited = (change: (octets: Uint8Array) => void): Uint8Array => {
  const out = known.slice();
  change(out);
  return out;
};
const said = (contents: Uint8Array): string => {
  const result = decodeSamOption(contents);
  return result.ok ? 'ok' : `${result.code} ${result.reason} @${result.offset}`;
};

describe('the SAM option of Router Advertisements', () => {
  it('any parameters survive encoding and decoding, in whole units of 8 octets [SAM-3.1-1]', () => {
    fc.assert(
      fc.property(samParameters(60), (parameters) => {
        const contents = encodeSamOption(parameters);
        expect(contents.length + 2).toBe(samOptionSize(parameters.prefixes));
        expect((contents.length + 2) % 8).toBe(0);
        expect(decodeSamOption(contents)).toEqual({ ok: true, parameters });
      }),
    );
  });

  it('reserved fields and padding are not looked at', () => {
    const noisy = edited((o) => {
      o[5] = 0xff;
      o.fill(0xff, 27, 30);
      o.fill(0xff, o.length - 4);
    });
    expect(decodeSamOption(noisy)).toEqual(decodeSamOption(known));
    expect(viewSamOption(noisy)).toMatchObject({
      reserved: 0xff,
      padding: 4,
      entries: [{ reserved: 0xffffff }, { reserved: 0 }, { reserved: 0 }],
    });
  });

  it.each([
    ['another experiment', 'other-experiment @0', edited((o) => setU16(o, 0, 0x5342))],
    ['no contents', 'other-experiment @0', new Uint8Array(0)],
    ['a version of the future', 'unknown-version @2', edited((o) => (o[2] = 2))],
    ['a header that is cut', 'truncated @22', known.slice(0, 22)],
    ['an entry that is cut', 'truncated @62', known.slice(0, 78)],
    ['one prefix too many announced', 'truncated @82', edited((o) => (o[4] = 4))],
    ['one too few', 'trailing-octets @62', edited((o) => (o[4] = 2))],
    ['a prefix length of 129', 'bad-prefix-length @26', edited((o) => (o[26] = 129))],
    ['a bit past the prefix length', 'stray-prefix-bit @38', edited((o) => (o[45] = 1))],
    ['preferred longer than valid', 'bad-lifetimes @54', edited((o) => setU32(o, 54, 1))],
  ])('%s is refused', (_what, reason, contents) => {
    expect(said(contents)).toBe(`REHOME_E_SAM_OPTION ${reason}`);
  });

  it('shows what is there of an option that is refused', () => {
    expect(viewSamOption(known.slice(0, 78))).toMatchObject({
      prefixCount: 3,
      entries: [
        { offset: 26, prefixLength: 56, address: '2001:db8:b::' },
        { offset: 46, prefixLength: 16, address: '2002::' },
      ],
    });
    expect(viewSamOption(known.slice(0, 25))).toBeUndefined();
  });

  it('refuses to encode what the fields cannot hold', () => {
    const code = (change: Partial<SamParameters>): string => {
      const parameters = decodeSamOption(known);
      if (!parameters.ok) throw new Error(parameters.reason);
      try {
        encodeSamOption({ ...parameters.parameters, ...change });
      } catch (error) {
        return (error as { code: string }).code;
      }
      return 'ok';
    };
    const one = { prefix: parsePrefix('2001:db8::/32'), validLifetime: 1, preferredLifetime: 1 };
    expect(code({})).toBe('ok');
    expect(code({ hopCount: 256 })).toBe('REHOME_E_RANGE');
    expect(code({ sequence: 2 ** 32 })).toBe('REHOME_E_RANGE');
    expect(code({ prefixes: Array(127).fill(one) })).toBe('REHOME_E_RANGE');
    expect(code({ prefixes: [{ ...one, preferredLifetime: 2 }] })).toBe('REHOME_E_RANGE');
    expect(code({ prefixes: [{ ...one, validLifetime: 2 ** 32 }] })).toBe('REHOME_E_RANGE');
  });

  it('an advertisement with an option it does not understand is read all the same', () => {
    const strange: NdOption[] = [
      { option: 'unknown', type: 253, contents: edited((o) => (o[26] = 129)) },
      { option: 'unknown', type: 253, contents: Uint8Array.of(1, 2, 3, 4, 5, 6) },
      { option: 'mtu', mtu: 1500 },
    ];
    const packet = buildNd(parseAddress('fe80::1'), parseAddress('ff02::1'), {
      message: 'routerSolicitation',
      options: strange,
    });
    expect(parseNd(packet)).toMatchObject({ ok: true, message: { options: strange } });
  });

  it('octets of any kind never throw; what is accepted is written the same way again', () => {
    const mutated = fc
      .tuple(
        samParameters(4).map(encodeSamOption),
        fc.array(fc.tuple(fc.nat(), uint8), { maxLength: 3 }),
        fc.integer({ min: -20, max: 8 }),
      )
      .map(([contents, changes, size]) => {
        const out = concatBytes(contents, new Uint8Array(Math.max(0, size)));
        for (const [at, value] of changes) out[at % out.length] = value;
        return out.slice(0, contents.length + size);
      });
    fc.assert(
      fc.property(fc.oneof(octets(120), mutated), (contents) => {
        viewSamOption(contents);
        const result = decodeSamOption(contents);
        if (!result.ok) {
          expect(result.offset).toBeLessThanOrEqual(contents.length);
          return;
        }
        expect(decodeSamOption(encodeSamOption(result.parameters))).toEqual(result);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('parameters over several advertisements', () => {
  const all = fc.array(samParameters(90), { maxLength: 6 });
  const line = (p: SamParameters): string[] =>
    p.prefixes.map(
      (x) =>
        `${p.parent} ${p.hopCount} ${p.sequence} ${formatPrefix(x.prefix)} ${x.validLifetime} ${x.preferredLifetime}`,
    );

  it('every prefix is there once, in order, and nothing is larger than the room [SAM-3.1-1]', () => {
    fc.assert(
      fc.property(all, fc.integer({ min: 56, max: 3_000 }), (parameters, room) => {
        const parts = splitSamParameters(parameters, room);
        expect(parts.flat().flatMap(line)).toEqual(parameters.flatMap(line));
        for (const part of parts) {
          const size = part.reduce((sum, p) => sum + encodeSamOption(p).length + 2, 0);
          expect(size).toBeLessThanOrEqual(room);
          expect(part.length).toBeGreaterThan(0);
        }
      }),
    );
  });

  it('fills advertisements before it begins new ones', () => {
    const prefixes = Array.from({ length: 100 }, (_, i) => ({
      prefix: parsePrefix(`2001:db8:${(i + 1).toString(16)}::/48`),
      validLifetime: 3600,
      preferredLifetime: 1800,
    }));
    const parents = ['fcf9:0:0:1:2f00::5555', 'fcf9:0:0:1:2f00::6666'].map((text) => ({
      option: 'samParameters' as const,
      hopCount: 0,
      sequence: 1,
      parent: parseAddress(text),
      prefixes,
    }));
    // 20 octets a prefix, 28 before them: 2 x 2028 octets and some, at 1208 octets of room.
    const parts = splitSamParameters(parents, 1_208);
    expect(parts.map((part) => part.map((p) => p.prefixes.length))).toEqual([
      [59],
      [41, 16],
      [59],
      [25],
    ]);
  });

  it('room for less than one parent with one prefix is refused', () => {
    expect(() => splitSamParameters([], 55)).toThrow(/room is not in 56/);
  });
});
