import { describe, expect, it } from 'vitest';
import { contextTag } from '../../src/wire/units.js';
import {
  H0,
  i2,
  i2bis,
  list,
  P0,
  P1,
  payloadPacket,
  Puppet,
  TAG,
  ulidPair,
  X,
} from '../conformance/puppet.js';

/** Found by the fuzz target `engine-proofs`: the list was true, and payload went to whoever had sent it. */
describe('an I2 from an address that is not of the list it brings', () => {
  const claim = [ulidPair(P0, H0), list(7)];

  it('makes no context: payload for the ULID would go to whoever sent it [RFC5533 §7.13]', () => {
    const p = new Puppet();
    const answer = p.r1For(TAG, [ulidPair(P0, H0)], X);
    p.say(i2(answer, TAG, claim), X);
    expect(p.engine.contexts()).toEqual([]);
    expect(p.heard()).toEqual([]);
    expect(p.counter('drop-i2-foreign-source')).toBe(1);
  });

  it('nor does an I2bis [RFC5533 §7.20]', () => {
    const p = new Puppet();
    p.packet(payloadPacket(X, H0, contextTag(0x5eed)));
    p.say(i2bis(p.one('r1bis'), TAG, claim), X);
    expect(p.engine.contexts()).toEqual([]);
    expect(p.counter('drop-i2-foreign-source')).toBe(1);
  });

  it('from the ULID or from a locator of the list it does', () => {
    const fromUlid = new Puppet();
    fromUlid.say(i2(fromUlid.r1For(TAG), TAG, []));
    expect(fromUlid.state).toBe('ESTABLISHED');
    const fromLocator = new Puppet();
    fromLocator.say(i2(fromLocator.r1For(TAG, [ulidPair(P0, H0)], P1), TAG, claim), P1);
    expect(fromLocator.state).toBe('ESTABLISHED');
  });
});
