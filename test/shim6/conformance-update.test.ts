import { describe, expect, it } from 'vitest';
import { locator } from '../support/engines.js';
import type { MessageOf, Shim6Option } from '../../src/wire/shim6/index.js';
import {
  H0,
  H1,
  H2,
  has,
  list,
  NONE,
  only,
  option,
  OTHER_TAG,
  own,
  P0,
  P1,
  P2,
  preferences,
  Puppet,
  TAG,
  X,
  type SentOf,
} from '../conformance/puppet.js';

/** RFC 5533 §10, and what a list has to look like (§5.15.2, §5.15.3, §7.2). */

const request = (
  p: Puppet,
  options: readonly Shim6Option[],
  requestNonce = 0x66666666,
): MessageOf<'updateRequest'> => ({
  message: 'updateRequest',
  receiverContextTag: p.localTag,
  requestNonce,
  options,
});
const acknowledge = (p: Puppet, requestNonce: number): MessageOf<'updateAcknowledgement'> => ({
  message: 'updateAcknowledgement',
  receiverContextTag: p.localTag,
  requestNonce,
  options: [],
});
const change = (p: Puppet, ...locators: ReturnType<typeof locator>[]): Puppet => {
  p.heard();
  p.do(p.engine.setLocalLocators(locators, p.now));
  return p;
};
const peers = (p: Puppet) => p.view?.peerLocators.map((l) => l.address);
const listed = (s: SentOf<'updateRequest'>) =>
  option(s.message, 'locatorList').locators.map((l) => l.address);

describe('sending an Update Request', () => {
  it('tells the peer of a new locator, and of one that is lost [RFC5534-3.1-2]', () => {
    const p = new Puppet().initiated();
    change(p, ...own([H0, H1]));
    expect(listed(p.one('updateRequest'))).toEqual([H0, H1]);
    change(p, ...own([H0, H1, H2]));
    expect(listed(p.one('updateRequest'))).toEqual([H0, H1, H2]);
  });

  it('uses a new generation and a new nonce, and repeats both unchanged [RFC5533-10.1-2]', () => {
    const p = new Puppet().initiated();
    const before = option(p.last('i2').message, 'locatorList').generation;
    change(p, ...own([H0, H1]));
    const first = p.one('updateRequest');
    expect(first.message.receiverContextTag).toBe(TAG);
    expect(option(first.message, 'locatorList').generation).not.toBe(before);
    p.pass(6_001);
    const again = p.last('updateRequest');
    expect(again).not.toBe(first);
    expect(again.packet).toEqual(first.packet);
    change(p, ...own([H0]));
    const second = p.last('updateRequest');
    expect(second.message.requestNonce).not.toBe(first.message.requestNonce);
    expect(option(second.message, 'locatorList').generation).not.toBe(
      option(first.message, 'locatorList').generation,
    );
  });

  it('repeats with binary back-off, times 0.5 to 1.5, at 120 s in the end, and for ever [RFC5533-10.2-1] [RFC5533-10.2-2]', () => {
    const factors: number[] = [];
    for (let seed = 1; seed <= 8; seed++) {
      const p = new Puppet({}, seed).initiated();
      change(p, ...own([H0, H1]));
      p.heard();
      const times = [p.now];
      for (let i = 0; i < 14; i++) {
        // Somebody uses the context: it is not torn down. The answers are payload, not acknowledgements.
        const until = p.now + 190_000;
        while (p.now < until && p.all.at(-1)?.at === times.at(-1)) {
          p.payload('sent').payload('received').pass(1_000);
          const at = p.heard().find((s) => s.message.message === 'updateRequest')?.at;
          if (at !== undefined) times.push(at);
        }
      }
      const gaps = times.slice(1).map((t, i) => t - (times[i] ?? 0));
      gaps.forEach((gap, i) => {
        const nominal = Math.min(4_000 * 2 ** i, 120_000);
        expect(gap).toBeGreaterThanOrEqual(0.5 * nominal);
        expect(gap).toBeLessThanOrEqual(1.5 * nominal);
        factors.push(gap / nominal);
      });
      expect(gaps.length).toBeGreaterThanOrEqual(10);
    }
    expect(Math.min(...factors)).toBeLessThan(0.6);
    expect(Math.max(...factors)).toBeGreaterThan(1.4);
  });

  it('stops with the acknowledgement of the right nonce only [RFC5533-10.3-2]', () => {
    const p = new Puppet().initiated();
    change(p, ...own([H0, H1]));
    const { requestNonce } = p.one('updateRequest').message;
    p.say(acknowledge(p, (requestNonce ^ 1) >>> 0));
    p.pass(6_001);
    expect(p.names()).toContain('updateRequest');
    p.say(acknowledge(p, requestNonce));
    p.heard();
    p.pass(300_000);
    expect(p.names()).not.toContain('updateRequest');
  });

  it('replaces what is not acknowledged by what is new, together [RFC5533-10.3-1]', () => {
    // The example of section 10.3: (A1, A2); then (A1, A3) is outstanding; then A4 comes and A1 breaks.
    const [a1, a2, a3] = [locator(H0), locator(H1), locator(H2)];
    const a4 = locator('2001:db8:a4::1');
    const p = new Puppet({}, 1, [a1, a2]).initiated();
    change(p, a1, a3);
    const first = p.one('updateRequest');
    change(p, { ...a1, operational: false }, a3, a4);
    const second = only(p.heard(), 'updateRequest')[0];
    if (!second) throw new Error('no second Update Request');
    expect(second.message.requestNonce).not.toBe(first.message.requestNonce);
    expect(listed(second)).toEqual([a1.address, a3.address, a4.address]);
    const stated = option(second.message, 'locatorPreferences');
    expect(stated.generation).toBe(option(second.message, 'locatorList').generation);
    expect(stated.elements.map((e) => e.flags)).toEqual([1, 0, 0]);
    // The acknowledgement of the abandoned one comes late: nothing is finished by it.
    p.say(acknowledge(p, first.message.requestNonce));
    p.pass(6_001);
    const later = only(p.heard(), 'updateRequest');
    expect(later.map((s) => s.message.requestNonce)).toEqual(
      later.map(() => second.message.requestNonce),
    );
    expect(later.length).toBeGreaterThan(0);
  });
});

describe('receiving an Update Request', () => {
  it('replaces the list as a whole and acknowledges with nonce and tag [RFC5533-10.4-9] [RFC5533-5.10-2]', () => {
    const p = new Puppet().initiated([list(7), preferences(7, [0, 2, 0], { priority: 5 })]);
    p.heard();
    p.say(request(p, [list(8, [P0, P2])]));
    const { message, source, destination } = p.one('updateAcknowledgement');
    expect([source, destination]).toEqual([H0, P0]);
    expect(message).toMatchObject({ receiverContextTag: TAG, requestNonce: 0x66666666 });
    expect(peers(p)).toEqual([P0, P2]);
    expect(p.view?.peerLocators.every((l) => l.priority === 0 && !l.transient)).toBe(true);
  });

  it('records preferences, alone or with a list; all earlier ones are replaced [RFC5533-5.10-2]', () => {
    const p = new Puppet().initiated();
    p.heard();
    p.say(request(p, [preferences(7, [0, 1, 2], { priority: 3, weight: 9 })]));
    p.one('updateAcknowledgement');
    expect(p.view?.peerLocators).toMatchObject([
      { broken: false, transient: false, priority: 3, weight: 9 },
      { broken: true, transient: false, priority: 3, weight: 9 },
      { broken: false, transient: true, priority: 3, weight: 9 },
    ]);
    p.say(request(p, [preferences(7, [0, 0, 1])], 2));
    p.one('updateAcknowledgement');
    expect(p.view?.peerLocators).toMatchObject([
      { broken: false, priority: 0, weight: 0 },
      { broken: false, priority: 0, weight: 0 },
      { broken: true, transient: false, priority: 0, weight: 0 },
    ]);
  });

  it('takes a repeated request for what it is: acknowledged again, nothing changed', () => {
    const p = new Puppet().initiated();
    p.heard();
    p.say(request(p, [list(8, [P0, P1])]));
    const before = peers(p);
    p.say(request(p, [list(8, [P0, P1])]));
    expect(p.names()).toEqual(['updateAcknowledgement', 'updateAcknowledgement']);
    expect(peers(p)).toEqual(before);
  });

  it.each([
    ['source', X, H0],
    ['destination', P0, X],
  ] as const)(
    'between a foreign %s and a known locator: R1bis, and nothing else [RFC5533-10.4-2] [RFC5533-10.4-3] [RFC5533-12.4-1]',
    (_which, source, destination) => {
      const p = new Puppet().initiated();
      p.heard();
      const before = p.engine.contexts();
      p.say(request(p, [list(8, [P0])]), source, destination);
      const { message, source: from, destination: to } = p.one('r1bis');
      expect([from, to]).toEqual([destination, source]);
      expect(message.packetContextTag).toBe(p.localTag);
      expect(p.engine.contexts()).toEqual(before);
    },
  );

  it('in I1-SENT is dropped [RFC5533-10.4-5]', () => {
    const p = new Puppet().start();
    p.heard();
    p.say(request(p, [list(8)]));
    expect(p.names()).toEqual([]);
    expect(p.state).toBe('I1-SENT');
  });

  it('in I2-SENT makes the I2 go out again, in I2BIS-SENT the I2bis [RFC5533-10.4-5]', () => {
    const p = new Puppet().toI2Sent();
    p.heard();
    p.say(request(p, [list(8)]));
    expect(p.names()).toContain('i2');
    const q = new Puppet().initiated().toI2bisSent();
    q.heard();
    q.say(request(q, [list(8, [P0, P2])]));
    expect(q.names()).toEqual(['i2bis', 'updateAcknowledgement']);
    expect(peers(q)).toEqual([P0, P2]);
    expect(q.state).toBe('I2BIS-SENT');
  });

  it('with an unsupported method for one locator: Error 2 at that octet, and nothing of it counts [RFC5533-7.2-4] [RFC5533-7.2-5] [RFC5533-10.4-6]', () => {
    const p = new Puppet().initiated();
    const before = peers(p);
    for (const [i, method] of [
      [0, 1],
      [1, 2],
      [2, 77],
      [2, 0],
    ] as const) {
      p.heard();
      const locators = [P0, P1, P2].map((address, n) => ({
        address,
        method: n === i ? method : NONE,
      }));
      const bad: Shim6Option = { option: 'locatorList', generation: 8, locators };
      p.say(request(p, [preferences(7, [0, 1, 0]), bad]));
      const { message } = p.one('error');
      expect(message.errorCode).toBe(2);
      // Octets of the invoking packet at the pointer: the method itself.
      expect(message.packetInError[message.pointer]).toBe(method);
      expect(message.packetInError[message.pointer - 1 - i]).toBe(3); // Num Locators
      expect(peers(p)).toEqual(before);
      expect(p.view?.peerLocators.some((l) => l.broken)).toBe(false);
    }
  });

  it('with such a list in I2: Error 2, no context, no R2 [RFC5533-7.2-4] [RFC5533-7.2-5]', () => {
    const p = new Puppet();
    const answer = p.r1For(TAG);
    const bad: Shim6Option = {
      option: 'locatorList',
      generation: 1,
      locators: [{ address: P0, method: 1 }],
    };
    p.say({
      message: 'i2',
      initiatorContextTag: TAG,
      initiatorNonce: 1,
      responderNonce: answer.message.responderNonce,
      options: [option(answer.message, 'responderValidator'), bad],
    });
    expect(p.one('error').message.errorCode).toBe(2);
    expect(p.engine.contexts()).toEqual([]);
  });

  it('with preferences for another generation: Error 3 at that number, and no acknowledgement [RFC5533-10.4-7]', () => {
    const p = new Puppet().initiated();
    p.heard();
    p.say(request(p, [preferences(9, [1, 1, 1])]));
    const { message } = p.one('error');
    expect(message.errorCode).toBe(3);
    const at = message.packetInError.subarray(message.pointer, message.pointer + 4);
    expect([...at]).toEqual([0, 0, 0, 9]);
    expect(message.pointer).toBe(40 + 16 + 4);
    expect(p.view?.peerLocators.some((l) => l.broken)).toBe(false);
    // Together with the list they are for, the same preferences are right.
    p.say(request(p, [list(9), preferences(9, [1, 0, 0])]));
    expect(p.names()).toContain('updateAcknowledgement');
  });

  it('with preferences for another number of locators: Error 4 at the Length [RFC5533-10.4-8]', () => {
    const p = new Puppet().initiated();
    for (const flags of [
      [1, 1],
      [1, 1, 1, 1],
    ]) {
      p.heard();
      p.say(request(p, [preferences(7, flags)]));
      const { message } = p.one('error');
      expect(message.errorCode).toBe(4);
      expect(message.pointer).toBe(40 + 16 + 2);
      expect(p.view?.peerLocators.some((l) => l.broken)).toBe(false);
    }
  });

  it('that takes the current locator away is no reason to move before a probe has answered [RFC5533-10.4-10] [RFC5533-7.2-3]', () => {
    for (const options of [[preferences(7, [1, 0, 0])], [list(8, [P1, P2])]]) {
      const p = new Puppet().initiated();
      p.heard();
      p.say(request(p, options));
      expect(p.names()).toContain('updateAcknowledgement');
      p.pass(100);
      expect(p.view?.pair).toEqual({ local: H0, peer: P0 });
      expect(p.view?.reap?.state).toBe('exploring');
      const probe = p.last('probe');
      expect([P1, P2]).toContain(probe.destination);
      const arrived = { ...probe.message.sent[0], data: 0 } as (typeof probe.message.sent)[0];
      const mine = { source: probe.destination, destination: probe.source, nonce: 3, data: 0 };
      p.say(
        {
          message: 'probe',
          receiverContextTag: p.localTag,
          state: 'inboundOk',
          sent: [mine],
          received: [arrived],
          options: [],
        },
        probe.destination,
        probe.source,
      );
      expect(p.view?.pair).toEqual({ local: probe.source, peer: probe.destination });
    }
  });
});

describe('receiving an Update Acknowledgement', () => {
  it.each([
    ['source', X, H0],
    ['destination', P0, X],
  ] as const)(
    'between a foreign %s and a known locator: R1bis, and the request goes on [RFC5533-10.5-2] [RFC5533-10.5-3]',
    (_which, source, destination) => {
      const p = new Puppet().initiated();
      change(p, ...own([H0, H1]));
      const { requestNonce } = p.one('updateRequest').message;
      p.say(acknowledge(p, requestNonce), source, destination);
      expect(p.one('r1bis').message.packetContextTag).toBe(p.localTag);
      p.pass(6_001);
      expect(p.names()).toContain('updateRequest');
    },
  );

  it('without a context: R1bis [RFC5533 §10.5]', () => {
    const p = new Puppet().initiated();
    p.heard();
    p.say({ ...acknowledge(p, 1), receiverContextTag: OTHER_TAG });
    expect(p.names()).toEqual(['r1bis']);
  });

  it('may be sent from any locator of the peer to any of ours [RFC5533 §10.5]', () => {
    const p = new Puppet().initiated();
    change(p, ...own([H0, H1]));
    const { requestNonce } = p.one('updateRequest').message;
    // H2 has just been taken from the list; the peer could not know.
    p.say(acknowledge(p, requestNonce), P2, H2);
    expect(p.names()).toEqual([]);
    p.pass(60_000);
    expect(p.names()).not.toContain('updateRequest');
  });

  it('needs no option: a list of one locator is told without preferences', () => {
    const p = new Puppet({}, 1, own([H0])).responded();
    expect(has(p.last('r2').message, 'locatorPreferences')).toBe(false);
  });
});
