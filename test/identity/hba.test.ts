import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { verifyCga } from '../../src/identity/cga.js';
import {
  generateHbaSet,
  prepareHbaSet,
  randomExtendedModifier,
  verifyHba,
  verifyHbaList,
} from '../../src/identity/hba.js';
import { secOf } from '../../src/identity/hashes.js';
import { decodeParameters } from '../../src/identity/parameters.js';
import { SeededRandom } from '../../src/sim/random.js';
import { addressFromBytes, addressToBytes, parseAddress } from '../../src/wire/address.js';
import {
  A,
  B,
  C,
  addressesOf,
  flipped,
  flippedAddress,
  makeSet,
  octet,
  prefixes,
  publicKey,
  read,
} from './support.js';

describe('HBA set generation', () => {
  it.each([
    ['HBA-only', undefined],
    ['hybrid', 'rsa1024' as const],
  ])('%s: one address for each prefix, in their order [RFC5535 §6]', (_what, key) => {
    for (let n = 1; n <= 16; n++) {
      const names = Array.from(
        { length: n },
        (_, i) => `2001:db8:${(n * 16 + i).toString(16)}::/64`,
      );
      const set = makeSet({ prefixes: names, ...(key ? { key } : {}) });
      expect(set.addresses).toHaveLength(n);
      expect(set.hybrid).toBe(key !== undefined);
      set.addresses.forEach(({ address, parameters }, i) => {
        const read_ = read(parameters);
        const wanted = addressToBytes(prefixes(...names)[i]!.address).subarray(0, 8);
        expect(addressToBytes(address).subarray(0, 8)).toEqual(wanted);
        expect(read_.subnetPrefix).toEqual(wanted);
        expect(read_.multiPrefix?.prefixes).toHaveLength(n);
        expect(read_.multiPrefix?.publicKey).toBe(key !== undefined);
        expect(read_.publicKey.length).toBe(key ? publicKey(key).length : 78);
        // Each verifies against its own as a CGA (RFC 5535 §7.1), and all against the first.
        expect(verifyCga(address, read_)).toEqual({ ok: true });
        expect(verifyHba(address, read(set.addresses[0]!.parameters))).toEqual({ ok: true });
      });
      const identifiers = new Set(addressesOf(set).map((a) => addressToBytes(a).slice(8).join()));
      expect(identifiers.size, 'each prefix has its own identifier').toBe(n);
    }
  });

  it('another order of the prefixes is another set [RFC5535 §6]', () => {
    const one = addressesOf(makeSet({ prefixes: [A, B] }));
    const other = addressesOf(makeSet({ prefixes: [B, A] }));
    expect(other).not.toContain(one[0]);
    expect(other).not.toContain(one[1]);
  });

  it('with Sec 1 writes Sec into every address and needs one search for all [RFC5535 §6]', () => {
    const set = makeSet({ sec: 1 });
    for (const { address, hash2, parameters } of set.addresses) {
      expect(secOf(addressToBytes(address))).toBe(1);
      expect(hash2.subarray(0, 2)).toEqual(octet(0, 2));
      expect(hash2).toEqual(set.hash2);
      expect(verifyHba(address, read(parameters)).ok).toBe(true);
    }
  });

  it('a collision of one address makes all of them anew [RFC5535 §6] [RFC5535-6-3]', () => {
    const sets = [0, 1, 2].map((collisionCount) => makeSet({ collisionCount }));
    expect(new Set(sets.flatMap(addressesOf)).size).toBe(9);
    for (const set of sets) {
      expect(
        set.addresses.every((a) => read(a.parameters).collisionCount === set.collisionCount),
      ).toBe(true);
      expect(verifyHbaList(addressesOf(set), read(set.addresses[1]!.parameters))).toEqual({
        ok: true,
      });
      expect(set.modifier).toEqual(sets[0]?.modifier);
    }
    expect(() => makeSet({ collisionCount: 3 })).toThrow(
      expect.objectContaining({ code: 'REHOME_E_COLLISION_COUNT' }),
    );
  });

  it.each([
    ['no prefix', [], 'REHOME_E_PREFIX'],
    ['17 prefixes', Array.from({ length: 17 }, (_, i) => `2001:db8:${i}::/64`), 'REHOME_E_PREFIX'],
    ['a prefix given twice', [A, B, A], 'REHOME_E_PREFIX'],
    ['a /48', ['2001:db8:1::/48'], 'REHOME_E_PREFIX'],
  ])('refuses %s', (_what, names, code) => {
    expect(() => makeSet({ prefixes: names })).toThrow(expect.objectContaining({ code }));
  });

  it('knows Sec 0, 1 and 2 only [RFC5535 §6] [RFC4982-4.1-1]', () => {
    const input = { prefixes: prefixes(A), key: { extendedModifier: octet(0x81, 48) } };
    expect(prepareHbaSet({ ...input, sec: 2 }).sec).toBe(2);
    expect(() => prepareHbaSet({ ...input, sec: 3 })).toThrow(/Sec 0, 1 and 2/);
    expect(() => generateHbaSet({ ...input, sec: 2 }, octet(1, 16))).toThrow(
      expect.objectContaining({ code: 'REHOME_E_HASH2' }),
    );
  });

  it('takes 384 random bits for the Extended Modifier [RFC5535 §6]', () => {
    const random = new SeededRandom('extended modifiers');
    const values = Array.from({ length: 50 }, () => randomExtendedModifier(random));
    expect(values.every((v) => v.length === 48 && (v[0] ?? 0) >= 0x80)).toBe(true);
    expect(new Set(values.map((v) => v.join())).size).toBe(50);
  });
});

describe('HBA verification', () => {
  it('accepts every address of the set with the parameters of every other [RFC5535 §7.2]', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.nat(255), fc.boolean(), (n, seed, hybrid) => {
        const names = Array.from({ length: n }, (_, i) => `2001:db8:${seed}:${i}::/64`);
        const set = makeSet({
          prefixes: names,
          seed,
          ...(hybrid ? { key: 'rsa512' as const } : {}),
        });
        for (const { parameters } of set.addresses) {
          expect(verifyHbaList(addressesOf(set), read(parameters))).toEqual({ ok: true });
        }
      }),
      { numRuns: 20 },
    );
  });

  it('refuses every address with one wrong bit [RFC5535 §7.2] [RFC5535-7.2-1]', () => {
    const set = makeSet({ sec: 1 });
    const parameters = read(set.addresses[2]!.parameters);
    for (const { address } of set.addresses) {
      for (let bit = 0; bit < 128; bit++) {
        const verdict = verifyHba(flippedAddress(addressToBytes(address), bit), parameters);
        const ignored = [70, 71].includes(bit) || bit === 66; // u, g, and Sec lowered to 0
        expect(verdict.ok, `${address} bit ${bit}`).toBe(ignored);
      }
    }
  });

  it('refuses the parameters with one wrong bit in any field but the subnet prefix [RFC5535 §7.2]', () => {
    const set = makeSet({ prefixes: [A, B] });
    const octets = set.addresses[0]!.parameters;
    for (const { address } of set.addresses) {
      for (let bit = 0; bit < octets.length * 8; bit++) {
        const decoded = decodeParameters(flipped(octets, bit));
        const verdict = decoded.ok ? verifyHba(address, decoded.parameters) : decoded;
        // RFC 5535 §7.2 step 1 replaces that field, octets 16 to 23.
        const replaced = bit >= 128 && bit < 192;
        expect(verdict.ok, `bit ${bit}`).toBe(replaced);
      }
    }
  });

  it('gives the reason: prefix, extension, collision count, Sec', () => {
    const set = makeSet({ prefixes: [A, B] });
    const address = set.addresses[0]!.address;
    const parameters = set.addresses[0]!.parameters;
    const reasonOf = (a: typeof address, octets: Uint8Array): string => {
      const verdict = verifyHba(a, read(octets));
      return verdict.ok ? 'ok' : verdict.reason;
    };
    expect(reasonOf(parseAddress('2001:db8:c:3::1'), parameters)).toBe('prefix-not-in-set');
    const counted = parameters.slice();
    counted[24] = 3;
    expect(reasonOf(address, counted)).toBe('collision-count');
    const bare = parameters.slice(0, 25 + 78);
    expect(reasonOf(address, bare)).toBe('no-multi-prefix');
    const high = addressToBytes(address).slice();
    high[8] = (high[8] ?? 0) | 0x60;
    expect(reasonOf(addressFromBytes(high), parameters)).toBe('sec-undefined');
  });

  it('a list is of the set as a whole, or the first that is not is named', () => {
    const set = makeSet({ prefixes: [A, B, C] });
    const parameters = read(set.addresses[0]!.parameters);
    const [a, b, c] = addressesOf(set) as [
      ReturnType<typeof parseAddress>,
      ...ReturnType<typeof parseAddress>[],
    ];
    const foreign = parseAddress('2001:db8:b:2::bad');
    expect(verifyHbaList([], parameters)).toEqual({ ok: true });
    expect(verifyHbaList([c!, a, b!, a], parameters)).toEqual({ ok: true });
    expect(verifyHbaList([a, foreign, c!, foreign], parameters)).toEqual({
      ok: false,
      index: 1,
      reason: 'hash1-mismatch',
    });
  });
});
