import { describe, expect, it } from 'vitest';
import { H0, P1, Puppet, r1, r1bis, TAG } from '../conformance/puppet.js';
import { locator } from '../support/engines.js';

/**
 * Found by the fuzz target `engine-proofs`: a validator goes back as it came, and an R1 has room for one that an I2 has
 * none for. The engine threw, and the timers of other contexts were lost with it.
 */
describe('a validator that is too long to be repeated', () => {
  const long = (length: number) =>
    [{ option: 'responderValidator', validator: new Uint8Array(length) }] as const;

  it('in an R1 changes nothing [RFC5533 §5.1]', () => {
    const p = new Puppet().start();
    const { message } = p.one('i1');
    p.say({ ...r1(message.initiatorNonce), options: long(1200) });
    expect(p.state).toBe('I1-SENT');
    expect(p.counter('drop-r1-validator-too-long')).toBe(1);
    p.say({ ...r1(message.initiatorNonce), options: long(64) });
    expect(p.state).toBe('I2-SENT');
  });

  it('in an R1bis neither', () => {
    const p = new Puppet().initiated();
    p.heard();
    p.say({ ...r1bis(TAG), options: long(1200) });
    expect(p.state).toBe('ESTABLISHED');
    expect(p.heard()).toEqual([]);
    p.toI2bisSent().heard();
    p.say({ ...r1bis(TAG), options: long(1200) }, P1);
    expect(p.pass(20_000).names()).toContain('i2bis');
    expect(p.counter('drop-r1bis-validator-too-long')).toBe(2);
  });

  it('for the list as it has grown since is not sent but counted; other contexts go on', () => {
    const p = new Puppet().start();
    const { message } = p.one('i1');
    // The longest that an I2 with the list of now has room for.
    for (let length = 1200; p.state === 'I1-SENT'; length--) {
      p.say({ ...r1(message.initiatorNonce), options: long(length) });
    }
    const more = Array.from({ length: 12 }, (_, i) => locator(`2001:db8:c::${i + 1}`));
    p.do(p.engine.setLocalLocators([...p.engine.localLocators(), ...more], p.now));
    p.do(p.engine.establish({ local: H0, peer: P1 }, p.now));
    p.heard();
    const names = p.pass(20_000).names();
    expect(names.filter((name) => name === 'i1').length).toBeGreaterThan(1);
    expect(p.counter('drop-too-large')).toBeGreaterThan(0);
  });
});
