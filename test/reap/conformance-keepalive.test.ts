import { describe, expect, it } from 'vitest';
import { RFC5533 } from '../../src/shim6/constants.js';
import { PAPER, RFC5534 } from '../../src/reap/constants.js';
import {
  H0,
  has,
  list,
  only,
  option,
  OTHER_TAG,
  own,
  P0,
  P1,
  payloadPacket,
  i2bis,
  Puppet,
  TAG,
} from '../conformance/puppet.js';

/** RFC 5534 §4.1, §5.1, §5.3, §6.1 to §6.3, §6.6, §7: forced bidirectional detection while all is well. */

const keepalive = (p: Puppet, receiverContextTag = p.localTag) =>
  ({ message: 'keepalive', receiverContextTag, options: [] }) as const;
const timeoutOption = (keepaliveTimeout: number) =>
  ({ option: 'keepaliveTimeout', keepaliveTimeout }) as const;
/** ESTABLISHED, and what the exchange itself started is over. */
const quiet = (options: Parameters<Puppet['initiated']>[0] = [list(7)], seed = 1): Puppet => {
  const p = new Puppet({}, seed).initiated(options).pass(90_000);
  p.heard();
  return p;
};
const keepalivesOf = (p: Puppet): number[] => only(p.heard(), 'keepalive').map((s) => s.at);
const gapsOf = (times: readonly number[]): number[] =>
  times.slice(1).map((t, i) => t - (times[i] ?? 0));

describe('keepalives', () => {
  it('answer one-way traffic for as long as it lasts, over the current pair [RFC5534-4.1-3] [RFC5534-6.1-2] [RFC5534-6.1-3] [RFC5534-3.3-1]', () => {
    const p = quiet();
    const start = p.now;
    for (let s = 0; s < 600; s++) p.payload('received').pass(1_000);
    const sent = p.heard();
    expect(new Set(sent.map((s) => s.message.message))).toEqual(new Set(['keepalive']));
    for (const s of sent) {
      expect([s.source, s.destination]).toEqual([H0, P0]);
      expect(s.message).toMatchObject({ receiverContextTag: TAG });
    }
    const times = [start, ...sent.map((s) => s.at)];
    // One packet a second: nothing is forgotten for longer than an interval and the wait for the next packet.
    expect(Math.max(...gapsOf(times))).toBeLessThanOrEqual(7_500 + 1_000);
    // ... and not at an excessive rate (§4.1, point 5).
    expect(times.length).toBeLessThan(600_000 / 4_000);
  });

  it('come at one third to one half of the timeout, until a last one at its end [RFC5534-4.1-2] [RFC5534-6.3-1] [RFC5534-7-3]', () => {
    const first: number[] = [];
    for (let seed = 1; seed <= 30; seed++) {
      const p = quiet([list(7)], seed);
      const start = p.now;
      p.payload('received').pass(300_000);
      const times = keepalivesOf(p);
      first.push((times[0] ?? 0) - start);
      expect(times.at(-1)).toBe(start + 15_000);
      for (const gap of gapsOf([start, ...times]).slice(0, -1)) {
        expect(gap).toBeGreaterThanOrEqual(5_000);
        expect(gap).toBeLessThanOrEqual(7_500);
      }
      expect(times.length).toBeGreaterThanOrEqual(2);
    }
    expect(new Set(first).size).toBeGreaterThan(20); // drawn, not fixed
  });

  it('do not come while payload is sent, and not when nothing flows [RFC5534-4.1-5]', () => {
    const p = quiet();
    p.pass(400_000);
    expect(p.names()).toEqual([]);
    for (let s = 0; s < 120; s++) p.payload('received').pass(500).payload('sent').pass(500);
    expect(p.names()).toEqual([]);
  });

  it('stop when payload is sent: now the peer has to answer [RFC5534-6.2-1]', () => {
    const p = quiet();
    p.payload('received').pass(6_000).payload('sent');
    const sentAt = p.now;
    p.heard();
    p.pass(14_999);
    expect(p.names()).toEqual([]);
    p.pass(302);
    expect(p.names()[0]).toBe('probe');
    expect(p.now - sentAt).toBeGreaterThanOrEqual(15_000);
  });

  it('never come while an answer is expected, whatever happens before [RFC5534-6-2]', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const p = quiet([list(7)], seed);
      let owing = false;
      let x = seed;
      for (let i = 0; i < 200; i++) {
        x = (x * 48_271) % 0x7fffffff;
        if (x % 5 === 0) {
          p.payload('sent');
          owing = false;
        } else if (x % 5 === 1) {
          p.payload('received');
          owing = true;
        }
        p.heard();
        p.pass(x % 1_500);
        if (!owing || p.view?.reap?.state !== 'operational') {
          expect(p.names()).not.toContain('keepalive');
        }
        if (p.view?.reap?.state !== 'operational') break;
      }
    }
  });
});

describe('the Keepalive Timeout option', () => {
  it('of the peer sets our Keepalive Timeout, in R2, I2 and Update Request alike [RFC5534-5.3-3] [RFC5534-7-3]', () => {
    const intervalAfter = (p: Puppet): number => {
      p.pass(200_000).payload('received');
      p.heard();
      const start = p.now;
      p.pass(100_000);
      return (keepalivesOf(p)[0] ?? Infinity) - start;
    };
    const expectThird = (interval: number, timeout: number): void => {
      expect(interval).toBeGreaterThanOrEqual(timeout / 3);
      expect(interval).toBeLessThanOrEqual(timeout / 2);
    };
    const p = new Puppet().initiated([list(7), timeoutOption(60)]);
    expect(p.view?.reap?.keepaliveTimeout).toBe(60_000);
    expectThird(intervalAfter(p), 60_000);
    p.say({
      message: 'updateRequest',
      receiverContextTag: p.localTag,
      requestNonce: 1,
      options: [timeoutOption(6)],
    });
    expect(p.view?.reap?.keepaliveTimeout).toBe(6_000);
    p.say(keepalive(p)); // our Update Acknowledgement is payload to REAP and waits for an answer
    expectThird(intervalAfter(p), 6_000);
    const q = new Puppet().responded([list(7), timeoutOption(30)]);
    q.say(keepalive(q));
    expectThird(intervalAfter(q), 30_000);
    const none = new Puppet().initiated();
    expectThird(intervalAfter(none), 15_000);
  });

  it('of the peer is remembered when later messages do not repeat it [RFC5534-5.3-2]', () => {
    const p = new Puppet().initiated([list(7), timeoutOption(40)]);
    p.say({
      message: 'updateRequest',
      receiverContextTag: p.localTag,
      requestNonce: 1,
      options: [list(8, [P0, P1])],
    });
    p.toI2bisSent();
    const { initiatorNonce } = p.last('i2bis').message;
    p.say({ message: 'r2', responderContextTag: OTHER_TAG, initiatorNonce, options: [list(9)] });
    expect(p.view).toMatchObject({ state: 'ESTABLISHED', peerTag: OTHER_TAG });
    expect(p.view?.reap?.keepaliveTimeout).toBe(40_000);
  });

  it('tells our Send Timeout when it is not the default: in I2, R2 and I2bis [RFC5534-5.3-1]', () => {
    const config = { reap: PAPER };
    const seconds = (p: Puppet, name: 'i2' | 'r2' | 'i2bis'): number =>
      option(p.last(name).message, 'keepaliveTimeout').keepaliveTimeout;
    expect(seconds(new Puppet(config).initiated(), 'i2')).toBe(3);
    expect(seconds(new Puppet(config).responded(), 'r2')).toBe(3);
    expect(seconds(new Puppet(config).initiated().toI2bisSent(), 'i2bis')).toBe(3);
    const recovered = new Puppet(config);
    recovered.packet(payloadPacket(P0, H0, OTHER_TAG));
    recovered.say(i2bis(recovered.one('r1bis'), TAG));
    expect(seconds(recovered, 'r2')).toBe(3);
    const usual = new Puppet();
    for (const p of [usual.initiated(), new Puppet().responded()]) {
      for (const s of p.all) expect(has(s.message, 'keepaliveTimeout')).toBe(false);
    }
  });

  it('tells a Send Timeout that is changed later, and the return to the default [RFC5534-5.3-1]', () => {
    const p = new Puppet().initiated();
    const config = (sendTimeout: number) => ({
      ...p.config,
      reap: { ...RFC5534, sendTimeout },
    });
    p.heard();
    p.do(p.engine.configure(config(30_000), p.now));
    const first = p.one('updateRequest').message;
    expect(option(first, 'keepaliveTimeout').keepaliveTimeout).toBe(30);
    p.say({
      message: 'updateAcknowledgement',
      receiverContextTag: p.localTag,
      requestNonce: first.requestNonce,
      options: [],
    });
    p.do(p.engine.configure(config(15_000), p.now));
    const second = only(p.heard(), 'updateRequest').at(-1);
    if (!second) throw new Error('the return to 15 s was not told');
    expect(option(second.message, 'keepaliveTimeout').keepaliveTimeout).toBe(15);
  });
});

describe('received keepalives', () => {
  it('stop the Send Timer in Operational [RFC5534-6.6-1]', () => {
    const p = quiet();
    p.payload('sent').pass(14_000).say(keepalive(p)).pass(60_000);
    expect(p.names()).toEqual([]);
    expect(p.view?.reap?.state).toBe('operational');
  });

  it('count for nothing with a tag we do not know [RFC5534-5.1-3]', () => {
    const p = quiet();
    p.payload('sent').pass(14_000).say(keepalive(p, OTHER_TAG));
    expect(p.one('r1bis').message.packetContextTag).toBe(OTHER_TAG);
    p.pass(1_400);
    expect(p.view?.reap?.state).toBe('exploring');
  });

  it('count in I2BIS-SENT, too; who names our tag has lost nothing [RFC5534 §5.1] [RFC5533 §16.2]', () => {
    const p = new Puppet().initiated().pass(90_000).toI2bisSent();
    expect(p.view?.state).toBe('I2BIS-SENT');
    p.pass(1_000).say(keepalive(p)).pass(1_000);
    expect(p.view?.state, 'an R2 may be on the way').toBe('I2BIS-SENT');
    p.pass(4_000);
    expect(p.view?.state).toBe('ESTABLISHED');
    expect(p.engine.counters()['recoveries-disproved']).toBe(1);
    expect(p.view?.reap?.state).toBe('operational');
    // With another tag it says nothing: the question is repeated.
    const q = new Puppet().initiated().pass(90_000).toI2bisSent();
    q.heard();
    q.pass(1_000).say(keepalive(q, OTHER_TAG)).pass(5_000);
    expect(q.view?.state).toBe('I2BIS-SENT');
    expect(only(q.heard(), 'i2bis')).toHaveLength(1);
  });

  it('in I2BIS-SENT stop the Send Timer [RFC5534 §5.1] [RFC5533 §16.2]', () => {
    const life = (say: boolean): string | undefined => {
      const p = new Puppet({ shim6: { ...RFC5533, i2bisTimeout: 1_000_000 } })
        .initiated()
        .pass(90_000)
        .toI2bisSent()
        .payload('sent')
        .pass(14_000);
      if (say) p.say(keepalive(p));
      return p.pass(1_400).view?.reap?.state;
    };
    expect([life(true), life(false)]).toEqual(['operational', 'exploring']);
  });
});

describe('control messages count as payload', () => {
  it('one that is received calls for a keepalive [RFC5534-6.1-6]', () => {
    const p = new Puppet().initiated(); // the R2 is the last message
    p.heard();
    p.pass(16_000);
    expect(p.names()).toContain('keepalive');
  });

  it('one that is sent calls for an answer [RFC5534-6.1-6]', () => {
    const p = quiet();
    p.do(p.engine.setLocalLocators(own([H0]), p.now));
    p.pass(14_999);
    expect(new Set(p.names())).toEqual(new Set(['updateRequest']));
    p.pass(302);
    expect(p.names()).toContain('probe');
  });
});
