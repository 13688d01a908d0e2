import { describe, expect, it } from 'vitest';
import { contextTag } from '../../src/wire/units.js';
import {
  fork,
  H,
  H0,
  H1,
  H2,
  has,
  i2,
  i2bis,
  list,
  only,
  option,
  OTHER_TAG,
  P,
  P0,
  P1,
  P2,
  payloadPacket,
  Puppet,
  r1,
  r1bis,
  TAG,
  ulidPair,
  VALIDATOR,
  X,
  type SentOf,
} from '../conformance/puppet.js';

/** RFC 5533 §7.5, §7.6, §7.14, §7.15, §7.17 to §7.20: lost contexts and confused ones. */

const LOST = contextTag(0x5eed5eed5eed);
const request = (receiverContextTag = LOST) =>
  ({ message: 'updateRequest', receiverContextTag, requestNonce: 1, options: [] }) as const;
/** The R1bis for payload with a tag nobody has. */
function r1bisFor(p: Puppet, source = P0, destination = H0, tag = LOST): SentOf<'r1bis'> {
  p.heard();
  p.pass(1_000).packet(payloadPacket(source, destination, tag));
  return p.one('r1bis');
}

describe('R1bis', () => {
  it('answers payload with an unknown tag: the tag, a nonce, a validator, no state [RFC5533-7.17-1] [RFC5533-12.2-1]', () => {
    const p = new Puppet();
    const { message, source, destination } = r1bisFor(p, P1, H2);
    expect([source, destination]).toEqual([H2, P1]);
    expect(message.packetContextTag).toBe(LOST);
    expect(option(message, 'responderValidator').validator.length).toBeGreaterThan(0);
    expect(p.engine.contexts()).toEqual([]);
  });

  it('answers control messages of types 64 to 67 with an unknown tag, and none of types 1 to 6 [RFC5533-7.17-2] [RFC5533-5.3-2]', () => {
    const report = { source: P0, destination: H0, nonce: 5, data: 0 };
    const tag = { receiverContextTag: LOST, options: [] };
    const answered = [
      { message: 'updateRequest', ...tag, requestNonce: 1 },
      { message: 'updateAcknowledgement', ...tag, requestNonce: 1 },
      { message: 'keepalive', ...tag },
      { message: 'probe', ...tag, state: 'exploring', sent: [report], received: [] },
    ] as const;
    for (const message of answered) {
      const p = new Puppet().say(message);
      expect(p.one('r1bis').message.packetContextTag).toBe(LOST);
    }
    const silent = new Puppet();
    silent.say(r1(1)).say(r1bis(LOST));
    silent.say({ message: 'r2', responderContextTag: LOST, initiatorNonce: 1, options: [] });
    silent.say({ ...i2(new Puppet().r1For(LOST), LOST), responderNonce: 0 });
    silent.say({ ...i2bis(r1bisFor(new Puppet()), TAG), responderNonce: 0 });
    expect(silent.names()).toEqual([]);
  });

  it('is dropped without a word for a tag or locators of no context [RFC5533-7.18-5]', () => {
    const p = new Puppet().initiated([list(7, [P0, P1])]);
    p.heard();
    p.say(r1bis(OTHER_TAG)).say(r1bis(TAG), X);
    expect(p.names()).toEqual([]);
    expect(p.state).toBe('ESTABLISHED');
  });

  it.each(['I1-SENT', 'I2-SENT', 'I2BIS-SENT'] as const)(
    'is dropped without a word in %s [RFC5533-7.18-5]',
    (state) => {
      const p = new Puppet();
      if (state === 'I1-SENT') p.start();
      else if (state === 'I2-SENT') p.toI2Sent();
      else p.initiated().toI2bisSent();
      p.heard();
      p.say(r1bis(TAG)).say(r1bis(contextTag(0)));
      expect(p.names()).toEqual([]);
      expect(p.state).toBe(state);
    },
  );

  it('in ESTABLISHED is answered over its own pair with tag, nonce and validator copied [RFC5533-7.18-6]', () => {
    const p = new Puppet().initiated().toI2bisSent();
    const { message, source, destination } = p.one('i2bis');
    expect([source, destination]).toEqual([H0, P0]);
    expect(message).toMatchObject({
      initiatorContextTag: p.localTag,
      responderNonce: 0x33333333,
      packetContextTag: TAG,
    });
    expect(option(message, 'responderValidator').validator).toEqual(VALIDATOR);
    expect(has(message, 'ulidPair')).toBe(false);
    expect(p.view).toMatchObject({ state: 'I2BIS-SENT', peerTag: TAG });
  });

  it('over another pair than the ULIDs is answered with the ULID Pair option [RFC5533-7.18-2] [RFC5533-5.9-2]', () => {
    const p = new Puppet().initiated().toI2bisSent(P1, H1);
    const { message, source, destination } = p.one('i2bis');
    expect([source, destination]).toEqual([H1, P1]);
    expect(option(message, 'ulidPair')).toMatchObject({ senderUlid: H0, receiverUlid: P0 });
  });

  it('for a forked context is answered with its identifier [RFC5533-7.18-3]', () => {
    const p = new Puppet().toI2Sent(9);
    const { initiatorNonce } = p.one('i2').message;
    p.say({ message: 'r2', responderContextTag: TAG, initiatorNonce, options: [list(7)] });
    p.toI2bisSent();
    const { message } = p.one('i2bis');
    expect(option(message, 'forkedInstanceIdentifier').forkedInstanceIdentifier).toBe(9);
  });
});

describe('the end of I2BIS-SENT', () => {
  it('is the R2, also where the new context of the peer has probed before it came (decision 10, history rehome/4080)', () => {
    const p = new Puppet().initiated().toI2bisSent();
    const { initiatorNonce } = p.one('i2bis').message;
    p.say({
      message: 'probe',
      receiverContextTag: p.localTag,
      state: 'exploring',
      sent: [{ source: P0, destination: H0, nonce: 5, data: 0 }],
      received: [],
      options: [],
    });
    p.say({
      message: 'r2',
      responderContextTag: OTHER_TAG,
      initiatorNonce,
      options: [list(8, [P0, P1])],
    });
    expect(p.view).toMatchObject({ state: 'ESTABLISHED', peerTag: OTHER_TAG });
  });

  it('by an R2 that brings a new tag [RFC5533 §7.16] [RFC5533 §7.5]', () => {
    const p = new Puppet().initiated().toI2bisSent();
    const { initiatorNonce } = p.one('i2bis').message;
    p.say({ message: 'r2', responderContextTag: OTHER_TAG, initiatorNonce, options: [list(9)] });
    expect(p.view).toMatchObject({ state: 'ESTABLISHED', peerTag: OTHER_TAG });
    expect(p.binding()).toMatchObject({ peerTag: OTHER_TAG });
  });

  it('by silence is I1, after I2bis_RETRIES_MAX repetitions [RFC5533-7.19-1]', () => {
    const p = new Puppet().initiated().toI2bisSent();
    p.pass(4_000 * 1.5 + 8_000 * 1.5 + 16_000 * 1.5 + 1);
    // REAP has noticed the silence meanwhile, and probes: not of interest here.
    const names = p.names().filter((name) => name !== 'probe');
    expect(names.slice(0, 4)).toEqual(['i2bis', 'i2bis', 'i2bis', 'i1']);
    expect(p.state).toBe('I1-SENT');
  });

  it('goes on to I1 and I2 with the ULID Pair option when the pair is another [RFC5533-5.4-2] [RFC5533-7.7-2] [RFC5533-7.11-4] [RFC5533-5.6-3] [RFC5533-5.15.6-2]', () => {
    const p = new Puppet().initiated().toI2bisSent(P1, H1);
    // Over the pair in use, the ULIDs, and 4 s later over that of the R1bis.
    p.pass(4_000 * 1.5 + 8_000 * 1.5 + 16_000 * 1.5 + 4_000 * 1.5 + 1);
    const [, first] = only(p.heard(), 'i1');
    if (!first) throw new Error('no second I1');
    expect([first.source, first.destination]).toEqual([H1, P1]);
    expect(option(first.message, 'ulidPair')).toMatchObject({ senderUlid: H0, receiverUlid: P0 });
    p.say(r1(first.message.initiatorNonce), first.destination, first.source);
    const second = p.one('i2');
    expect([second.source, second.destination]).toEqual([first.source, first.destination]);
    expect(option(second.message, 'ulidPair')).toMatchObject({ senderUlid: H0, receiverUlid: P0 });
  });
});

/** What is asked when nobody answers the I2bis: `local>peer` as numbers, in order. */
function i1Pairs(p: Puppet): string[] {
  p.pass(4_000 * 1.5 + 8_000 * 1.5 + 16_000 * 1.5 + 1);
  p.pass(4_000 * 1.5 + 8_000 * 1.5 + 16_000 * 1.5 + 32_000 * 1.5);
  const index = (all: readonly string[], address: string): number => all.indexOf(address);
  return only(p.heard(), 'i1').map(
    ({ source, destination }) => `${index(H, source)}>${index(P, destination)}`,
  );
}

describe('I1 after a recovery in vain', () => {
  it('goes over the pair in use, over that of the R1bis, and then over what was tried least', () => {
    const p = new Puppet().initiated().toI2bisSent(P1, H0);
    const pairs = i1Pairs(p);
    expect(pairs.slice(0, 2)).toEqual(['0>0', '0>1']);
    expect(pairs).toHaveLength(5);
    expect(new Set(pairs).size).toBe(5);
    // Five tries see every locator of both ends.
    for (const end of [0, 1])
      expect(new Set(pairs.map((pair) => pair.split('>')[end])).size).toBe(3);
  });

  it('is not hurried by R1bis over one pair after the other, but the I2bis are', () => {
    const p = new Puppet().initiated().toI2bisSent(P1, H1);
    for (let i = 0; i < 6; i++) p.pass(300).say(r1bis(TAG), i % 2 === 0 ? P2 : P1, H1);
    const names = p.names();
    expect(names.filter((name) => name === 'i2bis').length).toBeGreaterThan(3);
    expect(names).not.toContain('i1');
    expect(p.state).toBe('I2BIS-SENT');
  });
});

describe('I2bis', () => {
  it('makes the context again, with a tag of its own choice, and answers R2 [RFC5533-7.20-4]', () => {
    const p = new Puppet();
    const answer = r1bisFor(p, P1, H1);
    p.say(i2bis(answer, TAG, [ulidPair(P0, H0), list(7)]), P1, H1);
    const { message, source, destination } = p.one('r2');
    expect([source, destination]).toEqual([H1, P1]);
    expect(message.initiatorNonce).toBe(0x55555555);
    expect(p.view).toMatchObject({
      state: 'ESTABLISHED',
      ulids: { local: H0, peer: P0 },
      peerTag: TAG,
    });
    expect(message.responderContextTag).toBe(p.localTag);
    expect(p.localTag).not.toBe(LOST);
  });

  it('is accepted as long as VALIDATOR_MIN_LIFETIME [RFC5533-7.20-2]', () => {
    for (const age of [0, 1_000, 15_000, 29_999, 30_000]) {
      const p = new Puppet();
      const answer = r1bisFor(p);
      p.pass(age).say(i2bis(answer, TAG));
      expect([age, p.state]).toEqual([age, 'ESTABLISHED']);
    }
  });

  it('is refused when its nonce is twice that old, the key being the same [RFC5533-7.20-10]', () => {
    const p = new Puppet();
    const answer = r1bisFor(p);
    p.pass(60_000).say(i2bis(answer, TAG));
    expect(p.names()).toEqual([]);
    expect(p.engine.contexts()).toEqual([]);
  });

  it('that does not answer our R1bis is dropped without a word [RFC5533-7.20-10]', () => {
    const p = new Puppet();
    const good = i2bis(r1bisFor(p), TAG);
    p.say({ ...good, packetContextTag: OTHER_TAG });
    p.say({ ...good, responderNonce: (good.responderNonce ^ 1) >>> 0 });
    p.say(good, P1).say(good, P0, H1);
    p.say({ ...good, options: [list(7)] });
    p.say({
      ...good,
      options: [{ option: 'responderValidator', validator: VALIDATOR }, list(7)],
    });
    // A validator of an R1 is none of an R1bis.
    const answer = p.r1For(LOST);
    p.say({
      ...good,
      responderNonce: answer.message.responderNonce,
      options: [option(answer.message, 'responderValidator'), list(7)],
    });
    p.pass(10 * 60_000).say(good);
    expect(p.names()).toEqual([]);
    expect(p.engine.contexts()).toEqual([]);
  });

  it('in I1-SENT makes ESTABLISHED and is answered with R2 [RFC5533-7.20-6]', () => {
    const p = new Puppet();
    const answer = r1bisFor(p);
    p.start().one('i1');
    p.say(i2bis(answer, TAG));
    expect(p.one('r2').message.responderContextTag).toBe(p.localTag);
    expect(p.view).toMatchObject({ state: 'ESTABLISHED', peerTag: TAG });
  });

  it.each(['I2-SENT', 'ESTABLISHED', 'I2BIS-SENT'] as const)(
    'in %s is answered with R2, the state stays [RFC5533-7.20-8]',
    (state) => {
      const p = new Puppet();
      const answer = r1bisFor(p);
      if (state === 'I2-SENT') p.toI2Sent();
      else p.initiated([list(7, [P0])]);
      if (state === 'I2BIS-SENT') p.toI2bisSent();
      p.heard();
      p.say(i2bis(answer, OTHER_TAG, [list(8, [P0, P1])]));
      expect(p.one('r2').message.responderContextTag).toBe(p.localTag);
      expect(p.state).toBe(state);
      if (state === 'I2-SENT') return;
      expect(p.view?.peerTag).toBe(OTHER_TAG);
      expect(p.view?.peerLocators.map((l) => l.address)).toEqual([P0, P1]);
    },
  );

  it('from a locator neither known nor listed is dropped, the context as it was [RFC5533 §7.20]', () => {
    const p = new Puppet();
    const answer = r1bisFor(p, X);
    p.initiated();
    p.heard();
    const before = p.engine.contexts();
    p.say(i2bis(answer, OTHER_TAG, [ulidPair(P0, H0), list(8)]), X);
    expect(p.names()).toEqual([]);
    expect(p.engine.contexts()).toEqual(before);
  });
});

describe('a peer that has lost its contexts and gives a tag away again', () => {
  /** <H0, P0> established with TAG; then the same peer uses TAG for <H1, P1>. */
  const confused = (how: 'i2' | 'i2bis' | 'r2', overlap: boolean): Puppet => {
    const p = new Puppet().initiated([list(7, [P0, P1])]);
    const options = [list(8, overlap ? [P1, P2] : [P1])];
    const theirs = overlap ? P1 : X;
    const locators = overlap ? options : [list(8, [X])];
    if (how === 'i2') {
      const answer = p.r1For(TAG, [], theirs, H1);
      p.say(i2(answer, TAG, locators), theirs, H1);
      p.one('r2');
    } else if (how === 'i2bis') {
      const answer = r1bisFor(p, theirs, H1);
      p.say(i2bis(answer, TAG, locators), theirs, H1);
      p.one('r2');
    } else {
      p.heard();
      p.start(0, { local: H1, peer: theirs });
      p.say(r1(p.one('i1').message.initiatorNonce), theirs, H1);
      const { initiatorNonce } = p.one('i2').message;
      p.say(
        { message: 'r2', responderContextTag: TAG, initiatorNonce, options: locators },
        theirs,
        H1,
      );
    }
    return p;
  };

  it.each(['i2', 'i2bis', 'r2'] as const)(
    'is found out by %s: the old context goes, the new one stays [RFC5533-7.15-1] [RFC5533-7.14-1] [RFC5533-7.16-4] [RFC5533-7.6-2] [RFC5533-7.15-3]',
    (how) => {
      const p = confused(how, true);
      expect(p.context(H0, P0)).toBeUndefined();
      expect(p.context(H1, P1)).toMatchObject({ state: 'ESTABLISHED', peerTag: TAG });
      expect(p.events.map((e) => e.name)).toContain('confused');
    },
  );

  it.each(['i2', 'i2bis', 'r2'] as const)(
    'is another peer when no locator is common: both contexts stay (%s) [RFC5533 §7.15]',
    (how) => {
      const p = confused(how, false);
      expect(p.context(H0, P0)?.state).toBe('ESTABLISHED');
      expect(p.context(H1, X)?.state).toBe('ESTABLISHED');
    },
  );

  it('never hears from the old context again [RFC5533-7.15-2]', () => {
    const p = new Puppet().initiated([list(7, [P0, P1])]);
    const old = p.view?.id;
    const answer = p.r1For(TAG, [], P1, H1);
    p.say(i2(answer, TAG, [list(8, [P1, P0])]), P1, H1);
    p.one('r2');
    expect(p.effects).toContainEqual({ kind: 'remove', context: old });
    const from = p.effects.length;
    p.do(p.engine.explore(P0, p.now));
    p.pass(60_000);
    const later = p.effects.slice(from);
    expect(later.some((e) => 'context' in e && e.context === old)).toBe(false);
    for (const s of p.heard()) {
      // Everything that is said to this peer now belongs to the new context.
      expect(s.message).toMatchObject({ receiverContextTag: TAG });
    }
    expect(p.engine.contexts()).toHaveLength(1);
  });

  it('is found out for two instances of one ULID pair as well [RFC5533-7.15-1]', () => {
    const p = new Puppet().initiated();
    const answer = p.r1For(TAG, [fork(3)]);
    p.say(i2(answer, TAG, [fork(3), list(8)]));
    p.one('r2');
    expect(p.context(H0, P0, 0)).toBeUndefined();
    expect(p.context(H0, P0, 3)?.state).toBe('ESTABLISHED');
  });

  it('is not suspected for the context itself [RFC5533 §7.15]', () => {
    const p = new Puppet().initiated();
    const answer = p.r1For(OTHER_TAG);
    p.say(i2(answer, OTHER_TAG)).say(i2(answer, OTHER_TAG));
    expect(p.names()).toEqual(['r2', 'r2']);
    expect(p.engine.contexts()).toHaveLength(1);
  });

  it('loses nothing by an I1 with a tag that is in use [RFC5533-7.6-3]', () => {
    const p = new Puppet().initiated();
    p.r1For(TAG, [], P1, H1);
    expect(p.context(H0, P0)?.state).toBe('ESTABLISHED');
    expect(p.say(request(p.localTag)).names()).toEqual(['updateAcknowledgement']);
  });
});
