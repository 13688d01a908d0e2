import { createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { generateCga } from '../../src/identity/cga.js';
import { HbaVerifier, type LocalIdentity } from '../../src/identity/hba-verifier.js';
import { signLocators } from '../../src/identity/signature.js';
import type { LocatorProof } from '../../src/identity/verifier.js';
import { parseAddress, type Address } from '../../src/wire/address.js';
import { parsePrefix } from '../../src/wire/prefix.js';
import type { LocatorList } from '../../src/wire/shim6/message.js';
import { A, addressesOf, flipped, list, makeSet, octet, privateKey, publicKey } from './support.js';

const HBA = 1;
const CGA = 2;
const NONE = 254;
const hba = makeSet();
const hybrid = makeSet({ key: 'rsa1024', seed: 0x17 });
const [a, b, c] = addressesOf(hba) as [Address, Address, Address];
const [h, i] = addressesOf(hybrid) as [Address, Address, Address];
const extra = parseAddress('2001:db8:dead::5');
const extra2 = parseAddress('2001:db8:dead::6');
const pds = (set: typeof hba, index = 0): Uint8Array => set.addresses[index]!.parameters;
const proof = (parameters?: Uint8Array, signature?: Uint8Array): LocatorProof => ({
  parameters,
  signature,
});
const key = privateKey('rsa1024');
const hybridIdentity: LocalIdentity = { addresses: hybrid.addresses, privateKey: key };
const cgaOf = (prefix: string, name: 'rsa512' | 'rsa1024' = 'rsa1024') =>
  generateCga({
    prefix: parsePrefix(prefix),
    publicKey: publicKey(name),
    sec: 0,
    modifier: octet(5, 16),
  });

/** What a message of `verifier` would carry. */
function said(
  verifier: HbaVerifier,
  ulid: Address,
  locators: readonly Address[],
  generation = 1,
): [LocatorList, LocatorProof] {
  const { methods, ...rest } = verifier.prove(ulid, locators, generation);
  return [list(generation, ...locators.map((l, n) => [l, methods[n] ?? 0] as const)), rest];
}

describe('the HBA method', () => {
  it('accepts the set, in any order, for any ULID of it [RFC5533 §7.2]', () => {
    for (const ulid of [a, b, c]) {
      for (const index of [0, 1, 2]) {
        const result = new HbaVerifier().verify(
          ulid,
          list(1, [c, HBA], [a, HBA], [b, HBA]),
          proof(pds(hba, index)),
        );
        expect(result).toEqual({ ok: true });
      }
    }
  });

  it('refuses the whole list for one bad locator, and points at it [RFC5533 §7.2]', () => {
    const verifier = new HbaVerifier();
    expect(
      verifier.verify(a, list(1, [a, HBA], [b, HBA], [extra, HBA], [extra2, HBA]), proof(pds(hba))),
    ).toEqual({
      ok: false,
      index: 2,
      reason: 'prefix-not-in-set',
    });
    const neighbour = parseAddress('2001:db8:b:2::1');
    expect(verifier.verify(a, list(1, [neighbour, HBA], [b, HBA]), proof(pds(hba)))).toMatchObject({
      index: 0,
      reason: 'hash1-mismatch',
    });
  });

  it('refuses parameters that are not of the ULID, without naming a locator [RFC5533 §7.13]', () => {
    const verifier = new HbaVerifier();
    const whole = list(1, [a, HBA], [b, HBA]);
    expect(verifier.verify(a, whole, proof(pds(hybrid)))).toMatchObject({
      ok: false,
      index: undefined,
    });
    expect(verifier.verify(extra, whole, proof(pds(hba)))).toMatchObject({
      ok: false,
      index: undefined,
    });
    expect(verifier.verify(a, whole, proof(octet(0, 10)))).toMatchObject({
      index: undefined,
      reason: 'parameters-too-short',
    });
    for (let bit = 0; bit < pds(hba).length * 8; bit++) {
      const replaced = bit >= 128 && bit < 192; // the subnet prefix: RFC 5535 §7.2 step 1
      expect(verifier.verify(a, whole, proof(flipped(pds(hba), bit))).ok, `bit ${bit}`).toBe(
        replaced,
      );
    }
  });

  it('is inconsistent with parameters without the extension [RFC5533 §7.2]', () => {
    const cga = cgaOf(A);
    const result = new HbaVerifier().verify(
      cga.address,
      list(1, [cga.address, HBA]),
      proof(cga.parameters),
    );
    expect(result).toEqual({ ok: false, index: 0, reason: 'no-multi-prefix' });
  });

  it('is inconsistent with no parameters at all, unless they came before [RFC5533 §7.2]', () => {
    const verifier = new HbaVerifier();
    const whole = list(1, [a, HBA], [b, HBA]);
    expect(verifier.verify(a, whole, proof())).toEqual({
      ok: false,
      index: 0,
      reason: 'no-parameters',
    });
    expect(verifier.verify(a, whole, proof(pds(hba))).ok).toBe(true);
    expect(verifier.verify(a, whole, proof())).toEqual({ ok: true });
    expect(verifier.verify(b, whole, proof()), 'remembered for that ULID only').toMatchObject({
      reason: 'no-parameters',
    });
    verifier.forgetPeer(a);
    expect(verifier.verify(a, whole, proof()).ok).toBe(false);
  });
});

describe('the CGA method', () => {
  const signature = signLocators(key, 9, [extra, extra2]);

  it('accepts signed locators beside those of the set [RFC5533 §7.2]', () => {
    const mixed = list(9, [h, HBA], [extra, CGA], [i, HBA], [extra2, CGA]);
    expect(new HbaVerifier().verify(h, mixed, proof(pds(hybrid), signature))).toEqual({ ok: true });
  });

  it('asks the ULID to be a CGA, not the locators [RFC5533 §3]', () => {
    const cga = cgaOf(A);
    const whole = list(9, [extra, CGA], [extra2, CGA]);
    expect(new HbaVerifier().verify(cga.address, whole, proof(cga.parameters, signature))).toEqual({
      ok: true,
    });
  });

  it('refuses a signature over another list, order or generation, at the first signed locator [RFC5533 §5.15.5]', () => {
    const verifier = new HbaVerifier();
    const refusedAt = (l: LocatorList, s = signature): unknown =>
      verifier.verify(h, l, proof(pds(hybrid), s));
    const bad = { ok: false, index: 1, reason: 'bad-signature' };
    expect(refusedAt(list(9, [h, HBA], [extra2, CGA], [extra, CGA]))).toEqual(bad);
    expect(refusedAt(list(8, [h, HBA], [extra, CGA], [extra2, CGA]))).toEqual(bad);
    expect(refusedAt(list(9, [h, HBA], [extra, CGA]))).toEqual(bad);
    expect(refusedAt(list(9, [h, HBA], [extra, CGA], [h, CGA], [extra2, CGA]))).toEqual(bad);
    expect(
      refusedAt(list(9, [h, HBA], [extra, CGA], [extra2, CGA]), flipped(signature, 9)),
    ).toEqual(bad);
  });

  it('refuses a missing signature, a random number for a key, a short key [RFC5533 §16] [RFC3972-6-2]', () => {
    const verifier = new HbaVerifier();
    expect(verifier.verify(h, list(9, [h, HBA], [extra, CGA]), proof(pds(hybrid)))).toEqual({
      ok: false,
      index: 1,
      reason: 'no-signature',
    });
    expect(verifier.verify(a, list(9, [extra, CGA]), proof(pds(hba), signature))).toEqual({
      ok: false,
      index: 0,
      reason: 'no-public-key',
    });
    const short = cgaOf(A, 'rsa512');
    const own = signLocators(privateKey('rsa512'), 9, [extra]);
    expect(
      verifier.verify(short.address, list(9, [extra, CGA]), proof(short.parameters, own)),
    ).toEqual({ ok: false, index: 0, reason: 'key-too-short' });
  });

  it('a bad locator of the set beside good signed ones refuses all of them', () => {
    const mixed = list(9, [extra, CGA], [extra2, CGA], [parseAddress('2001:db8:b:2::1'), HBA]);
    expect(new HbaVerifier().verify(h, mixed, proof(pds(hybrid), signature))).toMatchObject({
      index: 2,
    });
  });
});

describe('what no proof helps', () => {
  it.each([0, 3, 200, 201, 253, 255, NONE])('method %i is refused [RFC5533 §7.2]', (method) => {
    expect(new HbaVerifier().verify(a, list(1, [a, HBA], [b, method]), proof(pds(hba)))).toEqual({
      ok: false,
      index: 1,
      reason: 'unsupported-verification-method',
    });
  });

  it.each(['ff02::1', '::', '::1', 'fe80::1'])('%s is no locator, also signed', (text) => {
    const address = parseAddress(text);
    const signature = signLocators(key, 1, [address]);
    expect(
      new HbaVerifier().verify(h, list(1, [address, CGA]), proof(pds(hybrid), signature)),
    ).toMatchObject({ index: 0, reason: 'unusable-locator' });
  });

  it('a host with one address needs no proof for it, and gets nothing more [RFC5533 §3]', () => {
    const verifier = new HbaVerifier();
    expect(verifier.verify(extra, list(1, [extra, NONE]), proof())).toEqual({ ok: true });
    expect(verifier.verify(extra, list(1), proof())).toEqual({ ok: true });
    expect(verifier.verify(extra, list(1, [extra, NONE], [extra2, NONE]), proof())).toMatchObject({
      index: 1,
    });
    expect(
      verifier.verify(extra, list(1, [extra, NONE]), proof(pds(hba))),
      'wrong parameters',
    ).toMatchObject({ ok: false, index: undefined });
  });
});

describe('the memory of peers', () => {
  it('is bounded, and the peers heard of last stay', () => {
    const verifier = new HbaVerifier({ peers: 2 });
    for (const ulid of [a, b, a, c])
      expect(verifier.verifyParameters(ulid, pds(hba))).toEqual({ ok: true });
    expect(verifier.rememberedPeers).toBe(2);
    expect(verifier.verify(b, list(1, [b, HBA]), proof()).ok, 'b was the oldest').toBe(false);
    expect(verifier.verify(a, list(1, [b, HBA]), proof()).ok).toBe(true);
  });

  it('takes nothing from parameters that are refused', () => {
    const verifier = new HbaVerifier();
    verifier.verifyParameters(a, pds(hba));
    expect(verifier.verifyParameters(a, pds(hybrid))).toMatchObject({
      ok: false,
      index: undefined,
    });
    expect(verifier.verifyParameters(extra, pds(hba)).ok).toBe(false);
    expect(verifier.rememberedPeers).toBe(1);
    expect(verifier.verify(a, list(1, [b, HBA]), proof()).ok).toBe(true);
  });
});

describe('our own lists', () => {
  it('HBA-only: what a peer accepts is what we said', () => {
    const mine = new HbaVerifier({ identities: [{ addresses: hba.addresses }] });
    for (const ulid of [a, b, c]) {
      const [l, p] = said(mine, ulid, [a, b, c]);
      expect(l.locators.map((x) => x.method)).toEqual([HBA, HBA, HBA]);
      expect(p.signature).toBeUndefined();
      expect(new HbaVerifier().verify(ulid, l, p)).toEqual({ ok: true });
    }
    expect(mine.provable(a, [a, extra, b])).toEqual([a, b]);
    expect(new HbaVerifier().verify(a, ...said(mine, a, [a, extra]))).toMatchObject({ index: 1 });
  });

  it('hybrid: locators outside of the set are signed [RFC5535 §8.1] [RFC5535-8.1-1]', () => {
    const mine = new HbaVerifier({ identities: [hybridIdentity] });
    const [l, p] = said(mine, h, [h, extra, i], 77);
    expect(l.locators.map((x) => x.method)).toEqual([HBA, CGA, HBA]);
    expect(new HbaVerifier().verify(h, l, p)).toEqual({ ok: true });
    expect(mine.provable(h, [extra]), 'nobody made it').toEqual([]);
    expect(said(mine, h, [h, extra, i], 77)[1].signature).toBe(p.signature);
    expect(said(mine, h, [h, extra, i], 78)[1].signature).not.toEqual(p.signature);
  });

  it('CGA: everything is signed', () => {
    const one = cgaOf(A);
    const mine = new HbaVerifier({ identities: [{ addresses: [one], privateKey: key }] });
    const [l, p] = said(mine, one.address, [one.address, extra]);
    expect(l.locators.map((x) => x.method)).toEqual([CGA, CGA]);
    expect(new HbaVerifier().verify(one.address, l, p)).toEqual({ ok: true });
  });

  it('two sets side by side, until the old one goes', () => {
    const old: LocalIdentity = { addresses: hba.addresses };
    const mine = new HbaVerifier({ identities: [old] });
    mine.add(hybridIdentity);
    expect(mine.provable(a, [b, h])).toEqual([b]);
    expect(mine.provable(h, [h, i])).toEqual([h, i]);
    mine.remove(old);
    expect(mine.prove(a, [a, b], 1)).toEqual({
      methods: [NONE, NONE],
      parameters: undefined,
      signature: undefined,
    });
    expect(
      new HbaVerifier().verify(extra, ...said(mine, extra, [extra])),
      'no identity: the ULID alone',
    ).toEqual({ ok: true });
  });

  it('renumbered: the old set, and of the newest one what leads elsewhere [RFC5533 §10.1]', () => {
    const fresh = makeSet({
      key: 'rsa1024',
      seed: 0x71,
      prefixes: [A, '2001:db8:f:1::/64', '2001:db8:e:1::/64'],
    });
    const newer: LocalIdentity = { addresses: fresh.addresses, privateKey: key };
    const between = cgaOf('2001:db8:f:1::/64');
    const mine = new HbaVerifier({
      identities: [hybridIdentity, { addresses: [between], privateKey: key }, newer],
    });
    const [inA, inF, inE] = addressesOf(fresh) as [Address, Address, Address];
    const all = [h, i, inA, inF, between.address, inE, extra];
    expect(mine.provable(h, all)).toEqual([h, i, inF, inE]);
    expect(mine.provable(inA, all), 'and what only the old one has').toEqual(
      [inA, inF, inE, i].sort((x, y) => all.indexOf(x) - all.indexOf(y)),
    );
    const [l, p] = said(mine, h, mine.provable(h, all));
    expect(l.locators.map((x) => x.method)).toEqual([HBA, HBA, CGA, CGA]);
    expect(new HbaVerifier().verify(h, l, p)).toEqual({ ok: true });
    // Without a key nothing can be added.
    expect(
      new HbaVerifier({ identities: [{ addresses: hba.addresses }, newer] }).provable(a, [
        a,
        b,
        inF,
      ]),
    ).toEqual([a, b]);
  });

  it('refuses an identity that a peer would refuse', () => {
    const wrong = (identity: LocalIdentity): void =>
      expect(() => new HbaVerifier().add(identity)).toThrow(
        expect.objectContaining({ code: 'REHOME_E_IDENTITY' }),
      );
    wrong({ addresses: [{ address: extra, parameters: pds(hba) }] });
    wrong({ addresses: [{ address: a, parameters: octet(0, 30) }] });
    wrong({ addresses: hybrid.addresses, privateKey: privateKey('rsa2048') });
    wrong({ addresses: hybrid.addresses, privateKey: createPublicKey(key) });
  });
});

describe('what a list costs', () => {
  it('is counted in hashes before any is made, and nothing is paid twice', () => {
    const verifier = new HbaVerifier();
    const whole = list(1, [a, HBA], [b, HBA], [c, HBA]);
    expect(verifier.cost(a, whole, proof(pds(hba)))).toBe(5);
    expect(verifier.cost(a, undefined, proof(pds(hba)))).toBe(2);
    expect(verifier.cost(a, list(1, [a, NONE]), proof())).toBe(0);
    expect(verifier.verify(a, whole, proof(pds(hba))).ok).toBe(true);
    expect(verifier.cost(a, whole, proof(pds(hba)))).toBe(0);
    expect(verifier.cost(a, whole, proof())).toBe(0);
    expect(verifier.cost(a, whole, proof(pds(hybrid))), 'other parameters').toBe(5);
  });

  it('counts a signature as many hashes, until that very list was found good', () => {
    const mine = new HbaVerifier({ identities: [hybridIdentity] });
    const verifier = new HbaVerifier();
    const [l, p] = said(mine, h, [h, extra, i], 5);
    const first = verifier.cost(h, l, p);
    expect(first).toBeGreaterThan(20);
    expect(verifier.verify(h, l, p).ok).toBe(true);
    expect(verifier.cost(h, l, p)).toBe(0);
    expect(verifier.verify(h, l, p).ok).toBe(true);
    const forged = { ...p, signature: flipped(p.signature ?? new Uint8Array(0), 9) };
    expect(verifier.cost(h, l, forged)).toBeGreaterThan(20);
    expect(verifier.verify(h, l, forged)).toMatchObject({ reason: 'bad-signature', index: 1 });
    const again = { ...l, generation: 6 };
    expect(verifier.verify(h, again, p)).toMatchObject({ reason: 'bad-signature' });
  });
});
