import { describe, expect, it } from 'vitest';
import { HostEngine } from '../../src/engine/host.js';
import { HbaVerifier } from '../../src/identity/hba-verifier.js';
import { signLocators } from '../../src/identity/signature.js';
import { parseAddress, type Address } from '../../src/wire/address.js';
import {
  buildControlPacket,
  decodeControl,
  findOption,
  type ControlMessage,
  type MessageName,
  type Shim6Option,
} from '../../src/wire/shim6/index.js';
import { flipped, privateKey } from '../identity/support.js';
import { testConfig, Wire, type TestHost } from '../support/engines.js';
import {
  A_PREFIXES,
  addProven,
  addressesIn,
  B_PREFIXES,
  cgaIdentity,
  hbaIdentity,
  hybridIdentity,
} from '../support/identities.js';

const [P1 = '', P2 = '', P3 = ''] = A_PREFIXES;
const METHOD = { hba: 1, cga: 2, none: 254 } as const;

// A's first set proves a1 and a2 by hashes; a3 is of a set made later, and signed.
const FIRST = hybridIdentity([P1, P2], 0x11);
const LATER = hybridIdentity([P3], 0x22);
const OTHER = hybridIdentity([P1, P2], 0x33);
const B_SET = hbaIdentity(B_PREFIXES, 0x44);
const [a1, a2, a3] = addressesIn(FIRST, LATER) as [Address, Address, Address];
const THIEF = parseAddress('2001:db8:bad::1');

const signed = (key: 'rsa512', generation: number, address: string): Uint8Array =>
  signLocators(privateKey(key), generation, [parseAddress(address)]);

type Carrier = 'i2' | 'r2' | 'i2bis' | 'updateRequest';
type Listed = Extract<ControlMessage, { message: Carrier }>;

interface Scene {
  readonly wire: Wire;
  readonly a: TestHost;
  readonly b: TestHost;
  /** Who hears the list of A. */
  hearsA: TestHost;
}

function scene(absent?: string): Scene {
  const wire = new Wire();
  const addresses = addressesIn(FIRST, LATER).filter((x) => x !== absent);
  const a = addProven(wire, 'A', [FIRST, LATER], { addresses });
  const b = addProven(wire, 'B', [B_SET]);
  return { wire, a, b, hearsA: b };
}

/** B forgets everything, as after a crash. */
function crash({ wire, b }: Scene): void {
  const verifier = new HbaVerifier({ identities: [B_SET] });
  b.engine = new HostEngine({ config: testConfig(), random: b.random, now: wire.now, verifier });
  wire.run(b, b.engine.setLocalLocators(b.locators, wire.now));
}

/** Makes A send its list in such a message; `before` is called when everything up to it is done. */
const SENDS: Record<Carrier, (before: (s: Scene) => void) => Scene> = {
  i2: (before) => {
    const s = scene();
    before(s);
    s.wire.establish(s.a, s.b);
    return s;
  },
  r2: (before) => {
    const s = scene();
    before(s);
    s.wire.run(
      s.b,
      s.b.engine.establish({ local: s.b.address(0), peer: s.a.address(0) }, s.wire.now),
    );
    s.wire.pass(1_000);
    return s;
  },
  i2bis: (before) => {
    const s = scene();
    s.wire.establish(s.a, s.b);
    crash(s);
    before(s);
    s.wire.payload(s.a, s.b, true);
    s.wire.pass(17_000); // the send timer, a probe, R1bis
    return s;
  },
  updateRequest: (before) => {
    const s = scene(a3);
    s.wire.establish(s.a, s.b);
    before(s);
    const { locator } = { locator: { ...s.a.locators[0]!, address: parseAddress(a3), ifindex: 3 } };
    s.a.locators.push(locator);
    s.wire.run(s.a, s.a.engine.setLocalLocators(s.a.locators, s.wire.now));
    s.wire.pass(1_000);
    return s;
  },
};
const CARRIERS = Object.keys(SENDS) as Carrier[];

const sent = (s: Scene, from: string, name: MessageName) =>
  s.wire.crossed.filter((c) => c.from === from && c.message.message === name);

/** Replaces every such message of A by another; it is found in `made`. */
function tamper(
  s: Scene,
  carrier: Carrier,
  change: (m: Listed) => readonly Shim6Option[],
): Listed[] {
  const made: Listed[] = [];
  s.wire.lose = (c) => {
    if (c.from !== 'A' || c.message.message !== carrier) return false;
    const message = c.message as Listed;
    const packet = buildControlPacket(c.source, c.destination, {
      ...message,
      options: change(message),
    } as ControlMessage);
    s.wire.inject(packet);
    const decoded = decodeControl(packet.subarray(40));
    if (decoded.ok) made.push(decoded.message as Listed);
    return true;
  };
  return made;
}

const without = (m: Listed, name: Shim6Option['option']): Shim6Option[] =>
  m.options.filter((o) => o.option !== name);
const withList = (
  m: Listed,
  change: (list: { address: string; method: number }[]) => { address: string; method: number }[],
): Shim6Option[] =>
  m.options.map((o) =>
    o.option === 'locatorList'
      ? {
          ...o,
          locators: change([...o.locators]).map((l) => ({
            ...l,
            address: parseAddress(l.address),
          })),
        }
      : o,
  );

const knownToB = (s: Scene): string[] => s.b.context()?.peerLocators.map((l) => l.address) ?? [];
const count = (h: TestHost, name: string): number => h.engine.counters()[name] ?? 0;

describe.each(CARRIERS)('a locator list in %s', (carrier) => {
  it('comes with the parameters and, for locators of the CGA method, with a signature [RFC5533-5.6-5] [RFC5533-5.6-6] [RFC5533-5.6-7] [RFC5533-5.7-2] [RFC5533-5.9-3] [RFC5533-7.11-6] [RFC5533-7.18-4] [RFC5533-10.1-1]', () => {
    const s = SENDS[carrier](() => undefined);
    const [message] = sent(s, 'A', carrier);
    const options = (message?.message as Listed).options;
    const list = findOption({ options }, 'locatorList');
    expect(list?.locators).toEqual([
      { address: a1, method: METHOD.hba },
      { address: a2, method: METHOD.hba },
      { address: a3, method: METHOD.cga },
    ]);
    expect(findOption({ options }, 'cgaParameterDataStructure')?.parameters).toEqual(
      FIRST.addresses[0]?.parameters,
    );
    expect(findOption({ options }, 'cgaSignature')?.signature).toHaveLength(128);
    expect(knownToB(s)).toEqual([a1, a2, a3]);
    const verified = s.b.context()?.peerLocators.map((l) => l.verified);
    expect(verified).toEqual([true, true, true]);
    expect(message!.packet.length).toBeLessThanOrEqual(1_280);
  });

  // What stays when A's list is not believed: nothing of a context, or the one there was.
  const before = carrier === 'updateRequest' ? [a1, a2] : [];
  const refused = (
    change: (m: Listed) => readonly Shim6Option[],
    expected: { reason: string; index: number | undefined },
  ): void => {
    let made: Listed[] = [];
    const s = SENDS[carrier]((now) => (made = tamper(now, carrier, change)));
    expect(made.length).toBeGreaterThan(0);
    expect(knownToB(s)).toEqual(before);
    expect(count(s.b, `refused-${expected.reason}`)).toBeGreaterThan(0);
    const errors = sent(s, 'B', 'error').map((c) => c.message);
    if (expected.index === undefined) {
      expect(errors).toEqual([]);
    } else {
      const offset = findOption(made[0]!, 'locatorList')?.offset ?? NaN;
      // IPv6 header; Type, Length, Generation, Number: nine octets before the methods (RFC 5533 §5.15.2).
      expect(errors[0]).toMatchObject({ errorCode: 2, pointer: 40 + offset + 9 + expected.index });
    }
    if (carrier !== 'updateRequest') return;
    expect(sent(s, 'B', 'updateAcknowledgement'), 'not acknowledged').toEqual([]);
  };

  it('is refused whole for one locator that is not of the set; the error points at its method [RFC5533-7.2-1] [RFC5533-7.2-2] [RFC5533-7.13-4] [RFC5533-7.13-6] [RFC5533-7.16-3] [RFC5533-7.20-5]', () => {
    refused((m) => withList(m, (l) => [l[0]!, { address: THIEF, method: METHOD.hba }, l[2]!]), {
      reason: 'prefix-not-in-set',
      index: 1,
    });
    refused(
      (m) =>
        withList(m, (l) => [l[0]!, { address: '2001:db8:a2::666', method: METHOD.hba }, l[2]!]),
      {
        reason: 'hash1-mismatch',
        index: 1,
      },
    );
  });

  it('is refused with a locator that nobody signed, or signed in another order [RFC5533-5.15.5-1]', () => {
    const thief = { address: THIEF, method: METHOD.cga };
    refused((m) => withList(m, (l) => [...l, thief]), { reason: 'bad-signature', index: 2 });
    const spoilt = (m: Listed): Shim6Option[] =>
      m.options.map((o) =>
        o.option === 'cgaSignature' ? { ...o, signature: flipped(o.signature, 5) } : o,
      );
    refused(spoilt, { reason: 'bad-signature', index: 2 });
    refused((m) => without(m, 'cgaSignature'), { reason: 'no-signature', index: 2 });
  });

  it('is refused without proof: a downgrade to "not verified", or to methods nobody knows', () => {
    refused((m) => withList(m, (l) => l.map((x) => ({ ...x, method: METHOD.none }))), {
      reason: 'unsupported-verification-method',
      index: 1,
    });
    refused((m) => withList(m, (l) => [{ ...l[0]!, method: 77 }, l[1]!, l[2]!]), {
      reason: 'unsupported-verification-method',
      index: 0,
    });
  });

  it('is silently discarded with parameters of another ULID [RFC5533-7.13-3] [RFC5533-7.16-2] [RFC5533-7.20-3] [RFC5533-10.4-4]', () => {
    const others = OTHER.addresses[0]!.parameters;
    const change = (m: Listed): Shim6Option[] =>
      m.options.map((o) =>
        o.option === 'cgaParameterDataStructure' ? { ...o, parameters: others } : o,
      );
    refused(change, { reason: 'hash1-mismatch', index: undefined });
    // The parameters count also when they come without a list.
    const alone = (m: Listed): Shim6Option[] => [
      ...m.options.filter(
        (o) =>
          o.option !== 'locatorList' &&
          o.option !== 'cgaSignature' &&
          o.option !== 'cgaParameterDataStructure',
      ),
      { option: 'cgaParameterDataStructure', parameters: others },
    ];
    refused(alone, { reason: 'hash1-mismatch', index: undefined });
  });
});

describe('contexts that are there already', () => {
  it('a list in a later I2 is verified before it replaces the old one [RFC5533-7.13-8] [RFC5533-7.20-7] [RFC5533-7.20-9]', () => {
    const s = scene();
    s.wire.establish(s.a, s.b);
    const known = knownToB(s);
    // A starts anew: B has the context, A does not.
    const verifier = new HbaVerifier({ identities: [FIRST, LATER] });
    s.a.engine = new HostEngine({
      config: testConfig(),
      random: s.a.random,
      now: s.wire.now,
      verifier,
    });
    s.wire.run(s.a, s.a.engine.setLocalLocators(s.a.locators, s.wire.now));
    tamper(s, 'i2', (m) =>
      withList(m, (l) => [...l.slice(0, 2), { address: THIEF, method: METHOD.cga }]),
    );
    s.wire.establish(s.a, s.b);
    expect(knownToB(s)).toEqual(known);
    expect(count(s.b, 'refused-bad-signature')).toBeGreaterThan(0);
    s.wire.lose = () => false;
    s.wire.pass(60_000);
    expect(s.a.context()?.state).toBe('ESTABLISHED');
    expect(s.b.context()?.peerTag).toBe(s.a.context()?.localTag);
  });

  it('a list that leaves the parameters out is checked against those that came before [RFC5533 §10.1]', () => {
    let made: Listed[] = [];
    const s = SENDS.updateRequest((now) => {
      // Not even the cache of verified peers remembers them: the context does.
      now.b.engine.counters();
      (now.b as ReturnType<typeof addProven>).verifier.forgetPeer(now.a.address(0));
      made = tamper(now, 'updateRequest', (m) => without(m, 'cgaParameterDataStructure'));
    });
    expect(made).toHaveLength(1);
    expect(knownToB(s)).toEqual([a1, a2, a3]);
  });

  it('a signed list that was replaced long ago is a replay, whatever was forgotten meanwhile [RFC4218 §4.1.4]', () => {
    const wire = new Wire();
    const a = addProven(wire, 'A', [FIRST, LATER], { firstGeneration: 1_000_000 });
    const b = addProven(wire, 'B', [B_SET]);
    wire.establish(a, b);
    const old = wire.crossed.find((c) => c.message.message === 'i2')?.message as Listed;
    // A runs for a year, is started anew, and has given a3 back.
    const verifier = new HbaVerifier({ identities: [FIRST, LATER] });
    a.locators.pop();
    a.engine = new HostEngine({
      config: testConfig(),
      random: a.random,
      now: wire.now,
      verifier,
      firstGeneration: 1_000_000 + 31_536_000,
    });
    const more = cgaIdentity('2001:db8:a4::/64', 0x55);
    verifier.add(more);
    const [a4 = ''] = addressesIn(more);
    a.locators.push({ ...a.locators[0]!, address: parseAddress(a4) });
    wire.run(a, a.engine.setLocalLocators(a.locators, wire.now));
    wire.establish(a, b);
    expect(b.context()?.peerLocators.map((l) => l.address)).toEqual([a1, a2, a4]);
    // Whoever heard the old list and the new tag sends the old list once more.
    const update: ControlMessage = {
      message: 'updateRequest',
      receiverContextTag: b.context()!.localTag!,
      requestNonce: 7,
      options: old.options.filter((o) =>
        ['locatorList', 'cgaParameterDataStructure', 'cgaSignature'].includes(o.option),
      ),
    };
    wire.inject(buildControlPacket(a.address(0), b.address(0), update));
    wire.pass(1_000);
    expect(b.context()?.peerLocators.map((l) => l.address)).toEqual([a1, a2, a4]);
    expect(count(b, 'drop-update-stale')).toBe(1);
  });

  it('a context of others does not end because a key signs for their address [RFC5533 §7.6]', () => {
    const wire = new Wire();
    const a = addProven(wire, 'A', [FIRST]);
    const b = addProven(wire, 'B', [B_SET]);
    wire.establish(a, b);
    const victim = b.context()!;
    // X has a key, and signs that A's address were its own; it has seen A's tag.
    const mine = cgaIdentity('2001:db8:c1::/64', 0x66);
    const [x = ''] = addressesIn(mine);
    const thief = new HbaVerifier({ identities: [mine] });
    const host = wire.add('X', [x], undefined, 9, { verifier: thief });
    wire.lose = (c) => {
      if (c.from !== 'X') return false;
      if (c.message.message === 'i1' || c.message.message === 'i2') {
        const message = { ...c.message, initiatorContextTag: victim.peerTag! };
        const lie = [parseAddress(x), a.address(0)];
        const { methods, ...proof } = thief.prove(parseAddress(x), lie, 5);
        const options: Shim6Option[] = message.options.flatMap((o): Shim6Option[] => {
          if (o.option === 'cgaSignature') return [];
          if (o.option !== 'locatorList') return [o];
          const locators = lie.map((address, i) => ({ address, method: methods[i]! }));
          return [
            { option: 'locatorList', generation: 5, locators },
            { option: 'cgaSignature', signature: proof.signature! },
          ];
        });
        wire.inject(buildControlPacket(c.source, c.destination, { ...message, options }));
        return true;
      }
      return false;
    };
    wire.establish(host, b);
    expect(b.engine.contexts(), 'X is believed what it signed').toHaveLength(2);
    expect(b.context({ local: b.address(0), peer: a.address(0) })?.localTag).toBe(victim.localTag);
    expect(count(b, 'confusions')).toBe(0);
  });
});

describe('which locators are told', () => {
  it('HBA: those of the set and no other; an address without proof stands alone [RFC5533-3-1]', () => {
    const wire = new Wire();
    const set = hbaIdentity([P1, P2], 0x77);
    const plain = '2001:db8:a1::10';
    const a = addProven(wire, 'A', [set], {
      addresses: [...addressesIn(set), parseAddress(plain)],
    });
    const b = addProven(wire, 'B', [B_SET]);
    wire.establish(a, b);
    expect(knownToB({ wire, a, b, hearsA: b })).toEqual(addressesIn(set));
    wire.establish(a, b, 2);
    const alone = b.context({ local: b.address(0), peer: parseAddress(plain) });
    expect(alone?.peerLocators.map((l) => [l.address, l.verified])).toEqual([[plain, false]]);
    // The peer's locators are of use all the same.
    expect(
      a.context({ local: parseAddress(plain), peer: b.address(0) })?.peerLocators,
    ).toHaveLength(3);
  });

  it('CGA: the ULID is a CGA, and everything is signed by its key [RFC5533-3-1]', () => {
    const wire = new Wire();
    const cgas = [cgaIdentity(P1, 1), cgaIdentity(P2, 2)];
    const a = addProven(wire, 'A', cgas);
    const b = addProven(wire, 'B', [B_SET]);
    wire.establish(a, b);
    expect(b.context()?.peerLocators.map((l) => [l.method, l.verified])).toEqual([
      [METHOD.cga, true],
      [METHOD.cga, true],
    ]);
    expect(a.context()?.localLocators.map((l) => l.method)).toEqual([METHOD.cga, METHOD.cga]);
  });

  it('a key of fewer than 1024 bits signs nothing that counts [RFC5533-16-1]', () => {
    const wire = new Wire();
    const a = addProven(wire, 'A', [cgaIdentity(P1, 1), cgaIdentity(P2, 2)]);
    const b = addProven(wire, 'B', [B_SET]);
    const s = { wire, a, b, hearsA: b };
    const short = cgaIdentity(P1, 1, 'rsa512');
    // With the short key the host would be another; the list is made by hand for its address.
    const [ulid = ''] = addressesIn(short);
    const host = wire.add('S', [ulid], undefined, 5, { verifier: new HbaVerifier() });
    wire.lose = (c) => {
      if (c.from !== 'S' || c.message.message !== 'i2') return false;
      const options: Shim6Option[] = [
        ...c.message.options.filter((o) => o.option === 'responderValidator'),
        {
          option: 'locatorList',
          generation: 1,
          locators: [{ address: parseAddress(ulid), method: METHOD.cga }],
        },
        { option: 'cgaParameterDataStructure', parameters: short.addresses[0]!.parameters },
        { option: 'cgaSignature', signature: signed('rsa512', 1, ulid) },
      ];
      wire.inject(buildControlPacket(c.source, c.destination, { ...c.message, options }));
      return true;
    };
    wire.establish(host, b);
    expect(b.engine.contexts()).toEqual([]);
    expect(count(s.b, 'refused-key-too-short')).toBeGreaterThan(0);
  });

  it('contexts of one ULID share list, generation and signature, however many they are', () => {
    const wire = new Wire();
    const a = addProven(wire, 'A', [FIRST, LATER]);
    const b = addProven(wire, 'B', [B_SET]);
    for (const j of [0, 1, 2]) wire.establish(a, b, 0, j);
    const lists = wire.crossed
      .filter((c) => c.from === 'A' && c.message.message === 'i2')
      .map((c) => findOption(c.message as Listed, 'locatorList')?.generation);
    expect(new Set(lists).size).toBe(1);
    a.locators.pop();
    wire.run(a, a.engine.setLocalLocators(a.locators, wire.now));
    wire.pass(1_000);
    const updates = wire.crossed.filter(
      (c) => c.from === 'A' && c.message.message === 'updateRequest',
    );
    const generations = updates.map(
      (c) => findOption(c.message as Listed, 'locatorList')?.generation,
    );
    expect(generations).toEqual(Array(3).fill((lists[0]! + 1) >>> 0));
    expect(b.engine.contexts().every((c) => c.peerLocators.length === 2)).toBe(true);
  });
});
