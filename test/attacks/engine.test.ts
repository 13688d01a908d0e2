import { describe, expect, it } from 'vitest';
import { HostEngine } from '../../src/engine/host.js';
import { HbaVerifier } from '../../src/identity/hba-verifier.js';
import { Budget } from '../../src/shim6/budget.js';
import { SeededRandom } from '../../src/sim/random.js';
import { addressFromBytes, parseAddress, type Address } from '../../src/wire/address.js';
import { parseIpv6 } from '../../src/wire/ipv6.js';
import {
  buildControlPacket,
  decodeControl,
  type ControlMessage,
  type MessageOf,
  type Shim6Option,
} from '../../src/wire/shim6/index.js';
import { contextTag, MAX_CONTEXT_TAG, ms, type Millis } from '../../src/wire/units.js';
import { locator, seeded, testConfig } from '../support/engines.js';
import { addressesIn, B_PREFIXES, cgaIdentity, hbaIdentity } from '../support/identities.js';
import { anywhere } from './stranger.js';

/** Rows of docs/threats.md that need many packets, or much time, and no kernel. */

const random = new SeededRandom('attacks');
const IDENTITY = hbaIdentity(B_PREFIXES, 0x44);
const [B] = addressesIn(IDENTITY) as [Address];

/** One host under attack. */
class Victim {
  now: Millis = ms(0);
  readonly engine: HostEngine;

  constructor(maxContexts = 1_000) {
    this.engine = new HostEngine({
      config: testConfig({ maxContexts, security: 'hba' }),
      random: seeded(3),
      now: ms(0),
      verifier: new HbaVerifier({ identities: [IDENTITY] }),
    });
    this.engine.setLocalLocators([locator(B)], this.now);
  }

  /** What the host answers. */
  hear(source: Address, message: ControlMessage, destination: Address = B): ControlMessage[] {
    const packet = buildControlPacket(source, destination, message);
    return this.engine.receive(packet, this.now).flatMap((effect) => {
      if (effect.kind !== 'send' || !parseIpv6(effect.packet).ok) return [];
      const decoded = decodeControl(effect.packet.subarray(40));
      return decoded.ok ? [decoded.message] : [];
    });
  }

  count(name: string): number {
    return this.engine.counters()[name] ?? 0;
  }

  /** The first three messages of a peer that has one address. @returns the I2, which may be sent again */
  handshake(peer: Address, tag: number, extra: readonly Shim6Option[] = []): MessageOf<'i2'> {
    const [r1] = this.hear(peer, i1(tag)) as [MessageOf<'r1'>];
    return {
      message: 'i2',
      initiatorContextTag: contextTag(tag),
      initiatorNonce: 2,
      responderNonce: r1.responderNonce,
      options: [...r1.options, ...extra],
    };
  }

  establish(peer: Address, tag: number): ControlMessage[] {
    return this.hear(peer, this.handshake(peer, tag));
  }
}

const i1 = (tag: number): ControlMessage => ({
  message: 'i1',
  initiatorContextTag: contextTag(tag),
  initiatorNonce: tag % 2 ** 32,
  options: [],
});
/** Number `n` in a /48 of its own, or in one that all share. */
const inSite = (site: number, n: number): Address =>
  addressFromBytes(
    Uint8Array.of(
      0x20,
      0x01,
      0xd,
      0xb8,
      site >> 8,
      site & 255,
      0,
      0,
      0,
      0,
      0,
      1,
      0,
      n >> 16,
      (n >> 8) & 255,
      n & 255,
    ),
  );
const randomTag = (): number => random.below(2 ** 24) * 2 ** 23 + random.below(2 ** 23);

describe('floods of I1', () => {
  it('leave no state: not a context, not a deadline, not an entry anywhere [RFC4218 §7]', () => {
    const victim = new Victim();
    for (let i = 0; i < 100_000; i++) {
      if (i % 100 === 0) victim.now = ms(victim.now + 20);
      victim.hear(anywhere(random), i1(i));
    }
    expect(victim.engine.contexts()).toEqual([]);
    expect(victim.engine.nextDeadline()).toBeUndefined();
    expect(victim.engine.refusals()).toEqual([]);
    expect(victim.count('sent-r1')).toBeGreaterThan(50_000);
    expect(victim.count('sent-r1') + victim.count('drop-i1-limited')).toBe(100_000);
  });

  it('of one site are answered at its own expense', () => {
    const victim = new Victim();
    for (let i = 0; i < 20_000; i++) {
      if (i % 20 === 0) victim.now = ms(victim.now + 1);
      victim.hear(inSite(0x6666, i), i1(i));
      if (i % 500 === 0) expect(victim.hear(anywhere(random), i1(i))).toHaveLength(1);
    }
    // One second of 2,000, and what was saved up.
    expect(victim.count('sent-r1')).toBeLessThan(4_200);
  });

  it('are answered with one packet of 80 octets each: nobody can be flooded by way of us', () => {
    const victim = new Victim();
    const packet = buildControlPacket(anywhere(random), B, i1(7));
    const [effect] = victim.engine.receive(packet, victim.now);
    expect([packet.length, effect?.kind === 'send' && effect.packet.length]).toEqual([56, 80]);
  });
});

describe('floods of I2', () => {
  it('with guessed validators cost one keyed hash each and nothing else', () => {
    const victim = new Victim();
    for (let i = 0; i < 5_000; i++) {
      victim.hear(anywhere(random), {
        message: 'i2',
        initiatorContextTag: contextTag(i),
        initiatorNonce: i,
        responderNonce: random.uint32(),
        options: [
          { option: 'responderValidator', validator: random.bytes(20) },
          { option: 'locatorList', generation: 1, locators: [{ address: B, method: 1 }] },
          { option: 'cgaParameterDataStructure', parameters: random.bytes(200) },
        ],
      });
    }
    expect(victim.count('drop-i2-validator')).toBe(5_000);
    expect(victim.count('drop-locator-verification')).toBe(0);
    expect(victim.engine.contexts()).toEqual([]);
  });

  it('that were heard are of no use after 30 seconds, or from elsewhere [RFC4218 §4.1.4]', () => {
    const victim = new Victim();
    const peer = inSite(1, 1);
    const i2 = victim.handshake(peer, 5);
    expect(victim.hear(inSite(1, 2), i2)).toEqual([]);
    expect(victim.hear(peer, i2).map((m) => m.message)).toEqual(['r2']);
    const [context] = victim.engine.contexts();
    expect(
      victim.hear(peer, i2).map((m) => m.message),
      'a duplicate',
    ).toEqual(['r2']);
    expect(victim.engine.contexts()).toMatchObject([
      { id: context?.id, peerTag: context?.peerTag },
    ]);
    victim.now = ms(36_000);
    expect(victim.hear(peer, i2)).toEqual([]);
    expect(victim.count('drop-i2-validator')).toBe(2);
  });

  it('with valid validators and forged signatures: the work has a limit, and others pay none of it', () => {
    const victim = new Victim();
    const forged = cgaIdentity('2001:db8:6666:1::/64', 9);
    const thief = forged.addresses[0]!;
    const i2 = victim.handshake(thief.address, 9);
    const before = victim.now;
    for (let i = 0; i < 2_000; i++) {
      victim.hear(thief.address, {
        ...i2,
        options: [
          ...i2.options,
          {
            option: 'locatorList',
            generation: i,
            locators: [{ address: thief.address, method: 2 }],
          },
          { option: 'cgaParameterDataStructure', parameters: thief.parameters },
          { option: 'cgaSignature', signature: random.bytes(128) },
        ],
      });
    }
    expect(victim.now).toBe(before);
    expect(victim.count('refused-bad-signature')).toBeLessThan(200);
    expect(victim.count('drop-verification-budget')).toBeGreaterThan(1_800);
    // At the same moment an honest peer is let in.
    const honest = hbaIdentity(['2001:db8:1:1::/64', '2001:db8:2:1::/64'], 0x12);
    const [ulid] = addressesIn(honest) as [Address];
    const r2 = victim.hear(
      ulid,
      victim.handshake(ulid, 77, [
        {
          option: 'locatorList',
          generation: 1,
          locators: addressesIn(honest).map((address) => ({ address, method: 1 })),
        },
        { option: 'cgaParameterDataStructure', parameters: honest.addresses[0]!.parameters },
      ]),
    );
    expect(r2.map((m) => m.message)).toEqual(['r2']);
    expect(victim.engine.contexts()[0]?.peerLocators.map((l) => l.verified)).toEqual([true, true]);
  });
});

describe('the name of another', () => {
  it('is not believed from a foreign address, with a list or without, before its owner comes [RFC4218 §4.1.3]', () => {
    const victim = new Victim();
    const [owner, thief] = [inSite(1, 1), inSite(0x6666, 1)];
    const thiefs = hbaIdentity(['2001:db8:6666::/64', '2001:db8:6667::/64'], 0x13);
    const pair: Shim6Option = { option: 'ulidPair', senderUlid: owner, receiverUlid: B };
    const [r1] = victim.hear(thief, {
      ...(i1(9) as MessageOf<'i1'>),
      options: [pair],
    }) as [MessageOf<'r1'>];
    for (const extra of [
      [],
      [{ option: 'locatorList', generation: 1, locators: [{ address: owner, method: 254 }] }],
      [
        { option: 'locatorList', generation: 1, locators: [{ address: thief, method: 1 }] },
        { option: 'cgaParameterDataStructure', parameters: thiefs.addresses[0]!.parameters },
      ],
    ] as const) {
      const i2: ControlMessage = {
        message: 'i2',
        initiatorContextTag: contextTag(9),
        initiatorNonce: 2,
        responderNonce: r1.responderNonce,
        options: [...r1.options, pair, ...extra],
      };
      expect(victim.hear(thief, i2)).toEqual([]);
    }
    expect(victim.engine.contexts()).toEqual([]);
    expect(victim.count('drop-i2-foreign-source')).toBe(2);
    expect(victim.establish(owner, 10).map((m) => m.message)).toEqual(['r2']);
  });
});

describe('a table full of contexts that nobody uses', () => {
  it('one site gets no more than a quarter once half is taken', () => {
    const victim = new Victim(400);
    for (let n = 0; n < 600; n++) {
      victim.now = ms(victim.now + 10);
      victim.establish(inSite(0x6666, n), 1_000 + n);
    }
    expect(victim.engine.contexts()).toHaveLength(200);
    expect(victim.count('drop-context-limit-site')).toBe(400);
    expect(victim.establish(inSite(1, 1), 5).map((m) => m.message)).toEqual(['r2']);
  });

  it('makes room for whoever comes, but not at the expense of those in use', () => {
    const victim = new Victim(100);
    const used: number[] = [];
    for (let n = 0; n < 100; n++) {
      victim.now = ms(victim.now + 1);
      victim.establish(inSite(n, 1), 1_000 + n);
      if (n % 2 === 1) continue;
      const [last] = victim.engine.contexts().slice(-1);
      used.push(last!.id);
      victim.engine.observe(
        last!.id,
        {
          sentPackets: 1,
          receivedPackets: 1,
          lastSent: victim.now,
          lastReceived: victim.now,
          unansweredSince: undefined,
          owedSince: undefined,
        },
        victim.now,
      );
    }
    expect(victim.establish(inSite(200, 1), 9), 'too young to be put out').toEqual([]);
    expect(victim.count('drop-context-limit')).toBe(1);
    victim.now = ms(victim.now + 10_000);
    for (let n = 0; n < 50; n++) {
      expect(victim.establish(inSite(300 + n, 1), 2_000 + n).map((m) => m.message)).toEqual(['r2']);
    }
    expect(victim.count('contexts-evicted')).toBe(50);
    const ids = victim.engine.contexts().map((c) => c.id);
    expect(ids).toHaveLength(100);
    expect(ids).toEqual(expect.arrayContaining(used));
  });
});

describe('guessing a context tag', () => {
  it('has the chance it should have, and finds nothing at the rate it is allowed [RFC5533 §16.2]', () => {
    const victim = new Victim(1_000);
    const known = new Set<number>();
    for (let n = 0; n < 1_000; n++) {
      victim.now = ms(victim.now + 1);
      victim.establish(inSite(n, 1), 1 + n);
    }
    for (const c of victim.engine.contexts()) known.add(c.localTag ?? 0);
    expect(known.size).toBe(1_000);
    // Every bit of a tag is drawn: over a thousand of them each is set about half of the time.
    for (let bit = 0; bit < 47; bit++) {
      const set = [...known].filter((t) => Math.floor(t / 2 ** bit) % 2 === 1).length;
      expect(set, `bit ${bit}`).toBeGreaterThan(400);
      expect(set, `bit ${bit}`).toBeLessThan(600);
    }
    const tries = 50_000;
    let hits = 0;
    const before = JSON.stringify(victim.engine.contexts().map((c) => [c.id, c.peerLocators]));
    for (let i = 0; i < tries; i++) {
      if (i % 10 === 0) victim.now = ms(victim.now + 1);
      const tag = randomTag();
      if (known.has(tag)) hits++;
      victim.hear(inSite(i % 1_000, 1), {
        message: 'updateRequest',
        receiverContextTag: contextTag(tag),
        requestNonce: i,
        options: [{ option: 'locatorList', generation: i, locators: [{ address: B, method: 1 }] }],
      });
    }
    expect(hits).toBe(0);
    expect(victim.count('unknown-tag')).toBe(tries);
    expect(JSON.stringify(victim.engine.contexts().map((c) => [c.id, c.peerLocators]))).toBe(
      before,
    );
    // docs/threats.md: 8,000 guesses a second pass the kernel; the source must be the peer's as well.
    const secondsToHit = (contexts: number): number => (MAX_CONTEXT_TAG + 1) / contexts / 8_000;
    expect(secondsToHit(1) / 86_400 / 365.25).toBeGreaterThan(500);
    expect(secondsToHit(16_384) / 86_400).toBeGreaterThan(12);
  });
});

describe('Budget', () => {
  it('gives everybody a second’s worth, and each site its own part of it', () => {
    const budget = new Budget({ total: 100, perSite: 20 }, seeded(5), ms(0));
    const from = (site: number): Address => parseAddress(`2001:db8:${site.toString(16)}::1`);
    let spent = 0;
    for (let i = 0; i < 50; i++) if (budget.spend(1, from(1), ms(0))) spent++;
    expect(spent).toBe(20);
    for (let site = 2; site < 40; site++) if (budget.spend(5, from(site), ms(0))) spent += 5;
    expect(spent).toBe(100);
    expect(budget.spend(0, from(1), ms(0)), 'what costs nothing is free').toBe(true);
    expect(budget.spend(20, from(1), ms(500))).toBe(false);
    expect(budget.spend(10, from(1), ms(500))).toBe(true);
    expect(budget.spend(40, from(2), ms(1_500)), 'more than a site may ever have').toBe(false);
    expect(budget.spend(20, from(1), ms(60_000)), 'never more than a second’s worth').toBe(true);
    expect(budget.spend(1, from(1), ms(60_000))).toBe(false);
  });
});
