import { describe, expect, it } from 'vitest';
import { Deadlines } from '../../src/engine/deadlines.js';
import { ms } from '../../src/wire/units.js';
import { H1, only, P1, Puppet, r1bis, TAG } from '../conformance/puppet.js';

/** What fuzzing found of deadlines: too late, left behind, too many. */
describe('deadlines', () => {
  it('a second R1bis over another pair is answered as soon as it says [docs/decisions/0005]', () => {
    const p = new Puppet().initiated().toI2bisSent();
    p.heard();
    p.say(r1bis(TAG), P1, H1);
    const [again] = only(p.pass(1_000).heard(), 'i2bis');
    expect(again?.destination).toBe(P1);
  });

  it('all that is due is done in one tick: a repeated I2bis and a repeated Update Request', () => {
    const p = new Puppet().initiated();
    p.do(p.engine.setLocalLocators(p.engine.localLocators().slice(0, 2), p.now));
    p.toI2bisSent().heard();
    p.now = ms(p.now + 10_000);
    p.do(p.engine.tick(p.now));
    expect(p.names()).toEqual(expect.arrayContaining(['i2bis', 'updateRequest']));
    expect(p.engine.nextDeadline()).toBeGreaterThan(p.now);
  });

  it('take no more room than contexts: each packet of a busy one replaces its deadline', () => {
    const deadlines = new Deadlines();
    deadlines.set(1, ms(1));
    for (let i = 0; i < 10_000; i++) deadlines.set(2, ms(10_000 + i));
    expect(deadlines.size).toBeLessThan(100);
    expect(deadlines.next()).toBe(1);
    expect(deadlines.takeDue(ms(30_000))).toEqual([1, 2]);
    expect(deadlines.next()).toBeUndefined();
  });
});
