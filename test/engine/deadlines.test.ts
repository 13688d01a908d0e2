import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Deadlines } from '../../src/engine/deadlines.js';
import { ms } from '../../src/wire/units.js';
import { H1, only, P1, Puppet, r1bis, TAG } from '../conformance/puppet.js';

/** What it should do, slowly. */
class Plain {
  readonly #all = new Map<number, number>();
  set(id: number, at: number | undefined): void {
    if (at === undefined) this.#all.delete(id);
    else this.#all.set(id, at);
  }
  next(): number | undefined {
    return this.#all.size === 0 ? undefined : Math.min(...this.#all.values());
  }
  takeDue(now: number): number[] {
    const due = [...this.#all].filter(([, at]) => at <= now);
    for (const [id] of due) this.#all.delete(id);
    return due.sort((a, b) => a[1] - b[1]).map(([id]) => id);
  }
}

const step = fc.oneof(
  fc.record({ id: fc.nat(6), at: fc.option(fc.nat(50), { nil: undefined }) }),
  fc.record({ now: fc.nat(50) }),
);

describe('Deadlines', () => {
  it('is what a plain list of deadlines is, however they move', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const [fast, plain] = [new Deadlines(), new Plain()];
        for (const s of steps) {
          if ('now' in s) {
            const [a, b] = [fast.takeDue(ms(s.now)), plain.takeDue(s.now)];
            expect(new Set(a)).toEqual(new Set(b));
            expect(a).toHaveLength(b.length);
          } else {
            fast.set(s.id, s.at === undefined ? undefined : ms(s.at));
            plain.set(s.id, s.at);
          }
          expect(fast.next()).toBe(plain.next());
        }
      }),
      { numRuns: 500 },
    );
  });
});

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
    // The worst order: ever earlier, and ids that come and go.
    for (let i = 0; i < 10_000; i++) deadlines.set(2, ms(100_000 - i));
    for (let i = 0; i < 10_000; i++) {
      deadlines.set(i, ms(200_000 + i));
      deadlines.set(i, undefined);
    }
    expect(deadlines.size).toBeLessThan(100);
    expect(deadlines.next()).toBeUndefined();
  });
});
