import { describe, expect, it } from 'vitest';
import {
  fork,
  H0,
  H1,
  has,
  i2,
  list,
  option,
  OTHER_TAG,
  own,
  P0,
  P1,
  Puppet,
  r1,
  TAG,
  ulidPair,
  VALIDATOR,
  X,
} from '../conformance/puppet.js';

/** RFC 5533 §7.3, §7.4, §7.7 to §7.16: establishment, one message of the peer at a time. */

const i1 = (tag = TAG, initiatorNonce = 0x11111111, options: Parameters<typeof i2>[2] = []) =>
  ({ message: 'i1', initiatorContextTag: tag, initiatorNonce, options }) as const;
const r2 = (initiatorNonce: number, tag = TAG) =>
  ({ message: 'r2', responderContextTag: tag, initiatorNonce, options: [list(7)] }) as const;

describe('I1 and R1', () => {
  it('says the ULID pair by the addresses of the I1, without an option [RFC5533-7.7-1] [RFC5533-5.15.6-1]', () => {
    const p = new Puppet().start();
    const sent = p.one('i1');
    expect([sent.source, sent.destination]).toEqual([H0, P0]);
    expect(has(sent.message, 'ulidPair')).toBe(false);
    expect(has(sent.message, 'forkedInstanceIdentifier')).toBe(false);
    expect(sent.message.initiatorContextTag).toBe(p.localTag);
    expect(p.state).toBe('I1-SENT');
  });

  it('puts a non-zero instance into I1 and into I2 [RFC5533-5.4-3] [RFC5533-7.7-3] [RFC5533-5.6-4] [RFC5533-7.11-5]', () => {
    const p = new Puppet().start(0xdeadbeef);
    const sent = p.one('i1');
    expect(option(sent.message, 'forkedInstanceIdentifier').forkedInstanceIdentifier).toBe(
      0xdeadbeef,
    );
    p.say(r1(sent.message.initiatorNonce));
    const second = p.one('i2').message;
    expect(option(second, 'forkedInstanceIdentifier').forkedInstanceIdentifier).toBe(0xdeadbeef);
  });

  it('answers an I1 with an R1 that repeats the nonce, has a validator, and leaves no state [RFC5533-7.9-2] [RFC5533-7.10-1] [RFC5533-5.5-2]', () => {
    const p = new Puppet();
    for (let n = 0; n < 1_000; n++) p.say(i1(OTHER_TAG, n));
    const answers = p.heard();
    expect(answers).toHaveLength(1_000);
    answers.forEach((a, n) => {
      expect(a.message).toMatchObject({ message: 'r1', initiatorNonce: n });
      expect(option(a.message, 'responderValidator').validator.length).toBeGreaterThan(0);
    });
    expect([answers[0]?.source, answers[0]?.destination]).toEqual([H0, P0]);
    expect(p.engine.contexts()).toEqual([]);
    expect(p.engine.nextDeadline()).toBeUndefined();
  });

  it('answers a repeated I1 in ESTABLISHED with R2, if it brings the known tag [RFC5533-7.9-3]', () => {
    const p = new Puppet().responded();
    p.say(i1(TAG, 77));
    const { message } = p.one('r2');
    expect(message).toMatchObject({ responderContextTag: p.localTag, initiatorNonce: 77 });
    expect(p.state).toBe('ESTABLISHED');
  });

  it('answers an I1 with a new tag in ESTABLISHED with R1 and changes nothing [RFC5533-7.9-4] [RFC5533-7.6-3]', () => {
    const p = new Puppet().responded();
    const before = p.engine.contexts();
    p.say(i1(OTHER_TAG, 78));
    expect(p.one('r1').message.initiatorNonce).toBe(78);
    expect(p.engine.contexts()).toEqual(before);
  });

  it('answers an I1 with a ULID pair from a locator that was never listed with R1 [RFC5533-7.9-5]', () => {
    const p = new Puppet().responded();
    const before = p.engine.contexts();
    p.say(i1(TAG, 79, [ulidPair(P0, H0)]), X);
    p.one('r1');
    p.say(i1(TAG, 80, [ulidPair(P0, H0)]), P1, H1);
    expect(p.one('r2').message.initiatorNonce).toBe(80);
    expect(p.engine.contexts()).toEqual(before);
  });

  it.each(['I1-SENT', 'I2-SENT', 'I2BIS-SENT'] as const)(
    'answers an I1 in %s with R2, and stays [RFC5533-7.9-6]',
    (state) => {
      const p = new Puppet();
      if (state === 'I1-SENT') p.start();
      else if (state === 'I2-SENT') p.toI2Sent();
      else p.initiated().toI2bisSent();
      p.heard();
      const { peerTag } = p.view ?? {};
      p.say(i1(OTHER_TAG, 81));
      const { message } = p.one('r2');
      expect(message).toMatchObject({ initiatorNonce: 81, responderContextTag: p.localTag });
      expect(p.view).toMatchObject({ state, peerTag });
    },
  );

  it('gets from crossed I1s to ESTABLISHED by the two R2 [RFC5533 §7.4]', () => {
    const p = new Puppet().start();
    const { message } = p.one('i1');
    p.say(i1(TAG, 82));
    p.one('r2');
    p.say(r2(message.initiatorNonce));
    expect(p.view).toMatchObject({ state: 'ESTABLISHED', peerTag: TAG });
    expect(p.names()).toEqual([]);
  });
});

describe('R1 and I2', () => {
  it('copies nonce and validator of the R1 into the I2, which lists our locators [RFC5533-5.6-2] [RFC5533-7.11-3]', () => {
    const p = new Puppet().toI2Sent();
    const { message, source, destination } = p.one('i2');
    expect([source, destination]).toEqual([H0, P0]);
    expect(message.responderNonce).toBe(0x22222222);
    expect(option(message, 'responderValidator').validator).toEqual(VALIDATOR);
    expect(has(message, 'ulidPair')).toBe(false);
    expect(message.initiatorContextTag).toBe(p.localTag);
    expect(p.state).toBe('I2-SENT');
  });

  it.each(['I2-SENT', 'I2BIS-SENT', 'ESTABLISHED'] as const)(
    'drops an R1 in %s without a word [RFC5533-7.11-2]',
    (state) => {
      const p = new Puppet().start();
      const first = p.one('i1').message.initiatorNonce;
      p.say(r1(first));
      const second = p.one('i2').message.initiatorNonce;
      if (state !== 'I2-SENT') p.say(r2(second));
      if (state === 'I2BIS-SENT') p.toI2bisSent();
      const third = p.all.at(-1)?.message;
      p.heard();
      expect(p.state).toBe(state);
      const nonces = [first, second];
      if (third && 'initiatorNonce' in third) nonces.push(third.initiatorNonce);
      for (const nonce of nonces) p.say(r1(nonce));
      expect(p.names()).toEqual([]);
      expect(p.state).toBe(state);
    },
  );

  it('drops an R1 with another nonce or from elsewhere without a word [RFC5533-7.11-7]', () => {
    const p = new Puppet().start();
    const { initiatorNonce } = p.one('i1').message;
    p.say(r1((initiatorNonce + 1) >>> 0));
    p.say(r1(initiatorNonce), X);
    p.say(r1(initiatorNonce), P0, H1);
    expect(p.names()).toEqual([]);
    expect(p.state).toBe('I1-SENT');
    p.say(r1(initiatorNonce));
    expect(p.names()).toEqual(['i2']);
  });

  it('goes back to I1 after I2_RETRIES_MAX silent repetitions of I2 [RFC5533-7.12-1]', () => {
    const p = new Puppet().toI2Sent();
    p.pass(4_000 * 1.5 + 8_000 * 1.5 + 16_000 * 1.5 + 1);
    expect(p.names().slice(0, 4)).toEqual(['i2', 'i2', 'i2', 'i1']);
    expect(p.state).toBe('I1-SENT');
  });

  it('is ESTABLISHED by a good I2, with what it says, and answers R2 [RFC5533 §7.13]', () => {
    const p = new Puppet();
    // Sent over another pair than the ULIDs: the option says who it is about.
    const answer = p.r1For(TAG, [ulidPair(P0, H0)], P1, H1);
    p.say(i2(answer, TAG, [ulidPair(P0, H0), list(7)]), P1, H1);
    const { message, source, destination } = p.one('r2');
    expect([source, destination]).toEqual([H1, P1]);
    expect(message.initiatorNonce).toBe(0x44444444);
    expect(p.view).toMatchObject({
      state: 'ESTABLISHED',
      ulids: { local: H0, peer: P0 },
      peerTag: TAG,
      initiator: false,
    });
    expect(message.responderContextTag).toBe(p.localTag);
  });

  it('accepts an I2 whose nonce is as old as VALIDATOR_MIN_LIFETIME [RFC5533-7.13-2]', () => {
    for (const age of [0, 1_000, 15_000, 29_999, 30_000]) {
      const p = new Puppet();
      const answer = p.r1For(TAG);
      p.pass(age).say(i2(answer, TAG));
      expect([age, p.state]).toEqual([age, 'ESTABLISHED']);
    }
  });

  it('refuses an I2 whose nonce is twice that old, the key being the same [RFC5533-7.13-9]', () => {
    const p = new Puppet();
    const answer = p.r1For(TAG);
    p.pass(60_000).say(i2(answer, TAG));
    expect(p.names()).toEqual([]);
    expect(p.engine.contexts()).toEqual([]);
  });

  it('drops an I2 that is not the answer to our R1 without a word [RFC5533-7.13-9]', () => {
    const p = new Puppet();
    const answer = p.r1For(TAG);
    const good = i2(answer, TAG);
    const validator = option(answer.message, 'responderValidator').validator;
    const wrong = validator.map((b, i) => (i === 3 ? b ^ 1 : b));
    p.say({ ...good, initiatorContextTag: OTHER_TAG });
    p.say({ ...good, responderNonce: (good.responderNonce ^ 1) >>> 0 });
    p.say(good, P1);
    p.say(good, P0, H1);
    p.say({ ...good, options: [...good.options, fork(1)] });
    p.say({ ...good, options: [...good.options, ulidPair(P1, H0)] });
    p.say({ ...good, options: [{ option: 'responderValidator', validator: wrong }, list(7)] });
    p.say({ ...good, options: [list(7)] });
    expect(p.names()).toEqual([]);
    expect(p.engine.contexts()).toEqual([]);
    p.pass(10 * 60_000).say(good);
    expect(p.names()).toEqual([]);
    expect(p.engine.contexts()).toEqual([]);
  });

  it('drops an I2 that another host made the validator for', () => {
    const stranger = new Puppet({}, 99).r1For(TAG);
    const p = new Puppet().say(i2(stranger, TAG));
    expect(p.names()).toEqual([]);
    expect(p.state).toBeUndefined();
  });

  it('answers a good I2 in I1-SENT with R2 and is ESTABLISHED [RFC5533-7.13-5]', () => {
    const p = new Puppet();
    const answer = p.r1For(TAG); // before we wanted a context ourselves: figure 5
    p.start().one('i1');
    p.say(i2(answer, TAG));
    expect(p.one('r2').message.responderContextTag).toBe(p.localTag);
    expect(p.view).toMatchObject({ state: 'ESTABLISHED', peerTag: TAG });
  });

  it('answers a good I2 in I2-SENT with R2 and stays until its own R2 [RFC5533-7.13-7]', () => {
    const p = new Puppet();
    const answer = p.r1For(TAG);
    p.toI2Sent();
    const nonce = p.one('i2').message.initiatorNonce;
    p.say(i2(answer, TAG));
    expect(p.one('r2').message.responderContextTag).toBe(p.localTag);
    expect(p.state).toBe('I2-SENT');
    p.say(r2(nonce));
    expect(p.view).toMatchObject({ state: 'ESTABLISHED', peerTag: TAG });
  });

  it('takes tag and locators from a good I2 in ESTABLISHED and answers R2 [RFC5533-7.13-7]', () => {
    const p = new Puppet().initiated([list(7, [P0])]);
    const answer = p.r1For(OTHER_TAG);
    p.say(i2(answer, OTHER_TAG, [list(8, [P0, P1])]));
    p.one('r2');
    expect(p.view).toMatchObject({ state: 'ESTABLISHED', peerTag: OTHER_TAG });
    expect(p.view?.peerLocators.map((l) => l.address)).toEqual([P0, P1]);
  });

  it('takes tag and locators from a good I2 in I2BIS-SENT, answers R2 and stays [RFC5533-7.13-7]', () => {
    const p = new Puppet().initiated([list(7, [P0])]);
    const answer = p.r1For(OTHER_TAG);
    p.toI2bisSent().one('i2bis');
    p.say(i2(answer, OTHER_TAG, [list(8, [P0, P1])]));
    p.one('r2');
    expect(p.view).toMatchObject({ state: 'I2BIS-SENT', peerTag: OTHER_TAG });
    expect(p.view?.peerLocators.map((l) => l.address)).toEqual([P0, P1]);
  });

  it.each(['I1-SENT', 'I2-SENT', 'ESTABLISHED', 'I2BIS-SENT'] as const)(
    'drops an I2 in %s from a locator neither known nor listed [RFC5533-7.13-10]',
    (state) => {
      const p = new Puppet();
      const early = p.r1For(OTHER_TAG, [ulidPair(P0, H0)], X);
      if (state === 'I1-SENT') p.start();
      else if (state === 'I2-SENT') p.toI2Sent();
      else p.initiated();
      if (state === 'I2BIS-SENT') p.toI2bisSent();
      p.heard();
      const before = p.engine.contexts();
      p.say(i2(early, OTHER_TAG, [ulidPair(P0, H0), list(8)]), X);
      expect(p.names()).toEqual([]);
      expect(p.engine.contexts()).toEqual(before);
    },
  );
});

describe('R2', () => {
  it('is ignored in ESTABLISHED, whatever it says [RFC5533-7.16-5]', () => {
    const p = new Puppet().initiated();
    const sent = p.last('i2').message.initiatorNonce;
    const before = p.engine.contexts();
    p.heard();
    p.say({ ...r2(sent, OTHER_TAG), options: [list(9, [P0])] });
    expect(p.names()).toEqual([]);
    expect(p.engine.contexts()).toEqual(before);
  });

  it('is dropped without a word with another nonce, or between other locators [RFC5533-7.16-6]', () => {
    const p = new Puppet().toI2Sent();
    const { initiatorNonce } = p.one('i2').message;
    p.say(r2((initiatorNonce ^ 1) >>> 0));
    p.say(r2(initiatorNonce), X);
    p.say(r2(initiatorNonce), P0, H1);
    expect(p.names()).toEqual([]);
    expect(p.state).toBe('I2-SENT');
    p.say(r2(initiatorNonce));
    expect(p.state).toBe('ESTABLISHED');
  });

  it('lists our locators, as I2 does, also when there is one only [RFC5533-7.6-1]', () => {
    for (const addresses of [[H0], [H0, H1]]) {
      const p = new Puppet({}, 1, own(addresses)).responded();
      const listed = option(p.last('r2').message, 'locatorList').locators.map((l) => l.address);
      expect(listed).toEqual(addresses);
      const q = new Puppet({}, 1, own(addresses)).initiated();
      const inI2 = option(q.last('i2').message, 'locatorList').locators.map((l) => l.address);
      expect(inI2).toEqual(addresses);
      q.toI2bisSent();
      const inI2bis = option(q.one('i2bis').message, 'locatorList').locators.map((l) => l.address);
      expect(inI2bis).toEqual(addresses);
    }
  });
});
