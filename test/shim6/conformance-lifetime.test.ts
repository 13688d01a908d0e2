import { describe, expect, it } from 'vitest';
import { RFC5533 } from '../../src/shim6/constants.js';
import { buildIcmpError } from '../../src/wire/icmpv6.js';
import { seeded, testConfig } from '../support/engines.js';
import { HostEngine } from '../../src/engine/host.js';
import { ms } from '../../src/wire/units.js';
import {
  H0,
  H1,
  i2,
  list,
  OTHER_TAG,
  own,
  P0,
  P1,
  Puppet,
  TAG,
  X,
  raw,
} from '../conformance/puppet.js';

/** RFC 5533 §1.5, §2.3, §7.1, §7.8, §9, §14, §16.2: tags, timers, ends. */

const refused = (p: Puppet) => p.engine.refusals().map((r) => r.state);
const flow = (p: Puppet, peer = P0) =>
  p.do(
    p.engine.offerFlows(
      [
        {
          local: H0,
          peer,
          packets: 1_000,
          bytes: 1_000_000,
          firstSeen: p.now,
          lastSeen: p.now,
          outbound: true,
          protocol: 6,
          peerPort: 443,
        },
      ],
      p.now,
    ),
  );

describe('context tags', () => {
  const tags = (count: number, seed: number): number[] => {
    const config = testConfig({ maxContexts: count + 1 });
    const engine = new HostEngine({ config, random: seeded(seed), now: ms(0) });
    engine.setLocalLocators(own(), ms(0));
    for (let i = 0; i < count; i++) engine.establish({ local: H0, peer: P0 }, ms(0), i);
    return engine.contexts().map((c) => c.localTag ?? -1);
  };

  it('are unique among all contexts of a host [RFC5533-7.1-1]', () => {
    const all = tags(5_000, 3);
    expect(new Set(all).size).toBe(5_000);
    expect(all.every((t) => Number.isInteger(t) && t >= 0 && t < 2 ** 47)).toBe(true);
  });

  it('are unique also when the random source repeats itself [RFC5533-7.1-1]', () => {
    const random = seeded(1);
    let calls = 0;
    const stuttering = {
      ...random,
      bytes: (n: number) => {
        calls++;
        return Uint8Array.from({ length: n }, () => Math.floor(calls / 3) & 0xff);
      },
    };
    const engine = new HostEngine({ config: testConfig(), random: stuttering, now: ms(0) });
    engine.setLocalLocators(own(), ms(0));
    for (let i = 0; i < 20; i++) engine.establish({ local: H0, peer: P0 }, ms(0), i);
    expect(new Set(engine.contexts().map((c) => c.localTag)).size).toBe(20);
  });

  it('have 47 random bits: each is set in about half of them, and no two go together [RFC5533-7.1-2]', () => {
    const all = tags(4_000, 11);
    const bit = (t: number, i: number): boolean => Math.floor(t / 2 ** i) % 2 === 1;
    let unstructured = 0;
    for (let i = 0; i < 47; i++) {
      const ones = all.filter((t) => bit(t, i)).length;
      const alone = Array.from({ length: 47 }, (_, j) => j).every((j) => {
        if (j === i) return true;
        const equal = all.filter((t) => bit(t, i) === bit(t, j)).length;
        return equal > 1_600 && equal < 2_400;
      });
      if (ones > 1_800 && ones < 2_200 && alone) unstructured++;
    }
    expect(unstructured).toBeGreaterThanOrEqual(30);
    expect(unstructured).toBe(47);
  });

  it('do not come back while they are held, and do not follow each other [RFC5533-7.1-3] [RFC5533-9-3]', () => {
    // A random source that would hand out the same tag for ever.
    const random = seeded(5);
    let fixed: Uint8Array | undefined = Uint8Array.of(1, 2, 3, 4, 5, 6);
    const engine = new HostEngine({
      config: testConfig(),
      random: {
        ...random,
        bytes: (n) => {
          const out = n === 6 && fixed ? fixed : random.bytes(n);
          fixed = undefined;
          return out;
        },
      },
      now: ms(0),
    });
    engine.setLocalLocators(own(), ms(0));
    fixed = Uint8Array.of(1, 2, 3, 4, 5, 6);
    engine.establish({ local: H0, peer: P0 }, ms(0));
    const first = engine.contexts()[0]?.localTag;
    expect(first?.toString(16)).toBe('10203040506');
    if (first === undefined) return;
    engine.forget(first, ms(1));
    fixed = Uint8Array.of(1, 2, 3, 4, 5, 6);
    engine.establish({ local: H0, peer: P0 }, ms(2));
    expect(engine.contexts()[0]?.localTag).not.toBe(first);
    const all = tags(1_000, 7);
    const steps = new Set(all.slice(1).map((t, i) => t - (all[i] ?? 0)));
    expect(steps.size).toBe(999);
  });
});

describe('I1 without an answer', () => {
  it('is repeated I1_RETRIES_MAX times with binary back-off times 0.5 to 1.5 [RFC5533-7.8-1] [RFC5533-14-1]', () => {
    const factors: number[] = [];
    for (let seed = 1; seed <= 60; seed++) {
      const p = new Puppet({}, seed).start();
      p.pass(600_000);
      const sent = p.heard();
      expect(sent.map((s) => s.message.message)).toEqual(['i1', 'i1', 'i1', 'i1', 'i1']);
      sent.slice(1).forEach((s, i) => {
        factors.push((s.at - (sent[i]?.at ?? 0)) / (4_000 * 2 ** i));
        expect(s.packet).toEqual(sent[0]?.packet);
      });
      expect(p.engine.contexts()).toEqual([]);
    }
    expect(Math.min(...factors)).toBeGreaterThanOrEqual(0.5);
    expect(Math.max(...factors)).toBeLessThanOrEqual(1.5);
    // Spread over the range, not only inside it.
    for (const edge of [0.6, 0.8, 1.0, 1.2, 1.4]) {
      expect(factors.some((f) => f < edge)).toBe(true);
      expect(factors.some((f) => f > edge)).toBe(true);
    }
  });

  it('leaves the peer alone for NO_R1_HOLDDOWN_TIME, and asks again after it [RFC5533-7.8-2]', () => {
    const p = new Puppet();
    flow(p);
    for (let i = 0; i < 1_000 && refused(p).length === 0; i++) p.pass(1_000);
    expect(refused(p)).toEqual(['E-FAILED']);
    const until = p.engine.refusals()[0]?.until ?? 0;
    expect(until - p.now).toBeLessThanOrEqual(RFC5533.noR1HolddownTime);
    p.heard();
    p.pass(until - p.now - 1);
    flow(p);
    expect(p.names()).toEqual([]);
    flow(p, P1); // somebody else may be asked
    expect(p.one('i1').destination).toBe(P1);
    p.pass(2);
    p.heard();
    flow(p);
    expect(p.names()).toContain('i1');
  });

  it('is what the ICMPv6 error (4, 1) about it means: alone for ICMP_HOLDDOWN_TIME [RFC5533-7.8-3]', () => {
    const p = new Puppet();
    flow(p);
    const { packet } = p.one('i1');
    const icmp = (invokingPacket: Uint8Array, type = 4, code = 1): Uint8Array =>
      buildIcmpError({ source: P0, destination: H0, type, code, parameter: 6, invokingPacket });
    // Not ours, not what we sent, not that error: the exchange goes on.
    const octets = packet.slice(40);
    octets[15] = (octets[15] ?? 0) ^ 1; // another nonce
    const other = raw(H0, P0, octets);
    for (const wrong of [icmp(other), icmp(packet, 1, 0), icmp(packet, 4, 0)]) {
      p.do(p.engine.icmp(wrong, p.now));
      expect(p.state).toBe('I1-SENT');
    }
    p.do(p.engine.icmp(icmp(packet), p.now));
    expect(p.engine.contexts()).toEqual([]);
    expect(refused(p)).toEqual(['NO-SUPPORT']);
    expect((p.engine.refusals()[0]?.until ?? 0) - p.now).toBe(600_000);
    p.pass(599_999);
    flow(p);
    expect(p.names()).toEqual([]);
    p.pass(1);
    flow(p);
    expect(p.names()).toEqual(['i1']);
  });

  it('does not keep the peer from asking us: packets are processed as in IDLE [RFC5533 §7.8]', () => {
    const p = new Puppet();
    flow(p);
    p.pass(300_000);
    p.responded();
    expect(p.state).toBe('ESTABLISHED');
  });
});

describe('the constants of section 14', () => {
  it('have their values [RFC5533-14-1]', () => {
    expect(RFC5533).toMatchObject({
      i1RetriesMax: 4,
      i1Timeout: 4_000,
      noR1HolddownTime: 60_000,
      icmpHolddownTime: 600_000,
      i2Timeout: 4_000,
      i2RetriesMax: 2,
      i2bisTimeout: 4_000,
      i2bisRetriesMax: 2,
      validatorMinLifetime: 30_000,
      updateTimeout: 4_000,
      maxUpdateTimeout: 120_000,
    });
  });

  it('can be changed, and the change is seen from outside [RFC5533-2.3-1]', () => {
    const shim6 = { ...RFC5533, i1Timeout: 100, i1RetriesMax: 1, noR1HolddownTime: 5_000 };
    const p = new Puppet({ shim6 });
    flow(p);
    p.pass(1_000);
    expect(p.names()).toEqual(['i1', 'i1']);
    expect((p.engine.refusals()[0]?.until ?? 0) - p.now).toBeLessThanOrEqual(5_000);
  });
});

describe('the end of a context', () => {
  it('does not come before five quiet minutes, and comes without a word [RFC5533-9-2]', () => {
    const p = new Puppet().initiated();
    p.pass(10_000).payload('sent').payload('received');
    p.pass(30_000);
    p.heard();
    p.pass(5 * 60_000 - 30_000);
    expect(p.state).toBe('ESTABLISHED');
    p.pass(20 * 60_000);
    expect(p.engine.contexts()).toEqual([]);
    expect(p.names()).toEqual([]);
    expect(p.effects.at(-2)?.kind === 'remove' || p.effects.at(-1)?.kind === 'remove').toBe(true);
  });

  it('is put off by payload in either direction, with or without header [RFC5533-9-2] [RFC5533-12.1-1]', () => {
    for (const what of ['sent', 'received'] as const) {
      const p = new Puppet().initiated();
      for (let minutes = 0; minutes < 30; minutes++) {
        p.pass(60_000).payload(what);
        // Keep REAP content: somebody answers.
        p.payload(what === 'sent' ? 'received' : 'sent');
      }
      expect(p.state).toBe('ESTABLISHED');
    }
  });

  it('comes at once when its ULID becomes invalid, for every context that has it [RFC5533-1.5-1]', () => {
    const p = new Puppet().initiated([list(7, [P0])]);
    const answer = p.r1For(OTHER_TAG, [], X, H1);
    p.say(i2(answer, OTHER_TAG, [list(8, [X])]), X, H1);
    expect(p.engine.contexts()).toHaveLength(2);
    p.do(p.engine.invalidateUlid(H0, p.now));
    expect(p.engine.contexts().map((c) => c.ulids.local)).toEqual([H1]);
    // A peer that goes on is told that the context is gone (§1.5).
    p.heard();
    const lost = p.effects.some((e) => e.kind === 'remove');
    expect(lost).toBe(true);
  });

  it('can be asked for', () => {
    const p = new Puppet().initiated();
    p.heard();
    p.do(p.engine.forget(p.localTag, p.now));
    expect(p.engine.contexts()).toEqual([]);
    expect(p.names()).toEqual([]);
  });
});

describe('the secret behind the validators', () => {
  it('changes: after half an hour an R1 is worth nothing even if its nonce were recent [RFC5533-16.2-1]', () => {
    const p = new Puppet();
    const first = p.r1For(TAG);
    const then = p.now;
    for (let minutes = 0; minutes < 30; minutes++) {
      p.pass(60_000);
      p.r1For(TAG);
    }
    // The clock goes back, against the contract: the nonce is recent again, what is left to refuse it is the key.
    p.now = then;
    p.say(i2(first, TAG));
    expect(p.engine.contexts()).toEqual([]);
    expect(p.counter('drop-i2-validator')).toBe(1);
    const control = new Puppet();
    control.say(i2(control.r1For(TAG), TAG));
    expect(control.state).toBe('ESTABLISHED');
  });

  it('is accepted once more after a change, so that no exchange fails by it', () => {
    for (let offset = 0; offset < 300_000; offset += 7_300) {
      const p = new Puppet();
      p.r1For(TAG);
      p.pass(offset);
      const answer = p.r1For(TAG);
      p.pass(25_000).say(i2(answer, TAG));
      expect([offset, p.state]).toEqual([offset, 'ESTABLISHED']);
    }
  });
});

describe('repetitions of I2', () => {
  it('follow the same rule [RFC5533-14-1]', () => {
    const p = new Puppet().toI2Sent();
    expect(p.names()).toEqual(['i2']);
    const start = p.now;
    p.pass(6_000 + 12_000);
    const times = p.heard().map((s) => s.at - start);
    expect(times.length).toBeGreaterThanOrEqual(1);
    expect(times[0]).toBeGreaterThanOrEqual(2_000);
    expect(times[0]).toBeLessThanOrEqual(6_000);
  });
});
