import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PROBE_BUDGET, ProbeBudget } from '../../src/policy/probe-budget.js';
import { ms } from '../../src/wire/units.js';

const RATES = { perSecond: 100, burst: 20 };

describe('the probe budget of a host', () => {
  it('saves up no more than a burst, and refills by the second', () => {
    const budget = new ProbeBudget(RATES, ms(0));
    const takeAll = (now: number): number => {
      let n = 0;
      while (budget.take(ms(now))) n++;
      return n;
    };
    expect(takeAll(0)).toBe(20);
    expect(takeAll(100)).toBe(10);
    expect(takeAll(60_000)).toBe(20);
    expect(budget.nextAt(ms(60_000))).toBe(60_010);
    expect(budget.take(ms(60_009))).toBe(false);
    expect(budget.take(ms(60_010))).toBe(true);
  });

  it('gives two back for an answer, never more than a burst', () => {
    const budget = new ProbeBudget(RATES, ms(0));
    for (let i = 0; i < 20; i++) budget.take(ms(0));
    budget.answered(ms(0));
    expect([1, 2, 3].map(() => budget.take(ms(0)))).toEqual([true, true, false]);
    for (let i = 0; i < 100; i++) budget.answered(ms(0));
    expect(Array.from({ length: 30 }, () => budget.take(ms(0))).filter(Boolean)).toHaveLength(20);
  });

  it('leaves half to failures', () => {
    const budget = new ProbeBudget(RATES, ms(0));
    const spare = Array.from({ length: 30 }, () => budget.takeSpare(ms(0))).filter(Boolean);
    expect(spare).toHaveLength(10);
    expect(Array.from({ length: 30 }, () => budget.take(ms(0))).filter(Boolean)).toHaveLength(10);
  });

  const step = fc.record({
    later: fc.integer({ min: 0, max: 500 }),
    what: fc.constantFrom('take', 'take', 'take', 'spare', 'answered', 'nextAt'),
    times: fc.integer({ min: 1, max: 40 }),
  });
  it('is never exceeded, and never stingy', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        for (const rates of [RATES, PROBE_BUDGET]) {
          const budget = new ProbeBudget(rates, ms(0));
          let [now, taken, answers] = [0, 0, 0];
          for (const { later, what, times } of steps) {
            now += later;
            for (let i = 0; i < times; i++) {
              if (what === 'answered') {
                answers++;
                budget.answered(ms(now));
              } else if (what === 'nextAt') {
                const next = budget.nextAt(ms(now));
                expect(next).toBeGreaterThanOrEqual(now);
                expect(next - now).toBeLessThanOrEqual(1_000 / rates.perSecond);
              } else if (what === 'spare' ? budget.takeSpare(ms(now)) : budget.take(ms(now))) {
                taken++;
              } else if (what === 'take') {
                // Refused: then all that could be had since the beginning is spent.
                expect(budget.nextAt(ms(now))).toBeGreaterThan(now);
              }
              const most = rates.burst + (rates.perSecond * now) / 1_000 + 2 * answers;
              expect(taken).toBeLessThanOrEqual(most + 1e-6);
            }
          }
          // Whatever was, a second of rest is worth what it says.
          const rest = ms(now + 1_000);
          let had = 0;
          while (budget.take(rest)) had++;
          expect(had).toBeGreaterThanOrEqual(Math.min(rates.burst, rates.perSecond) - 1);
        }
      }),
    );
  });
});
