import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/sim/random.js';
import {
  agree,
  allowedDistance,
  binomialBelow,
  difference,
  distance,
  events,
  proportion,
  quantile,
  quantileInterval,
  sameRate,
} from '../../src/sim/stats.js';

/** Values from the literature and from tables, not from this code. */
describe('intervals', () => {
  it("Wilson's, 86 % of 200", () => {
    const { low, high } = proportion(172, 200);
    expect(low).toBeCloseTo(0.8051, 3);
    expect(high).toBeCloseTo(0.9014, 3);
    expect(proportion(0, 200)).toEqual({ low: 0, high: expect.closeTo(0.01885, 4) });
    expect(proportion(200, 200).high).toBe(1);
    expect(proportion(0, 0)).toEqual({ low: 0, high: 1 });
  });

  it("Newcombe's for 56/70 and 48/80, the example of his paper (method 10)", () => {
    const { low, high } = difference(48, 80, 56, 70);
    expect(low).toBeCloseTo(0.0524, 3);
    expect(high).toBeCloseTo(0.3339, 3);
  });

  it('two shares agree or do not', () => {
    expect(agree(172, 200, 168, 200)).toBe(true);
    expect(agree(172, 200, 140, 200)).toBe(false);
    expect(agree(0, 200, 1, 200)).toBe(true);
    expect(agree(0, 200, 9, 200)).toBe(false);
  });

  it('the binomial distribution', () => {
    expect(binomialBelow(5, 10, 0.5)).toBeCloseTo(0.6230469, 6);
    expect(binomialBelow(0, 20, 0.1)).toBeCloseTo(0.1215767, 6);
    expect(binomialBelow(-1, 20, 0.1)).toBe(0);
    expect(binomialBelow(20, 20, 0.1)).toBe(1);
    expect(binomialBelow(3, 20, 1)).toBe(0);
    expect(binomialBelow(0, 20, 0)).toBe(1);
  });

  it('ranks of the median of 20: the 6th and the 15th', () => {
    const values = Array.from({ length: 20 }, (_, i) => i + 1);
    expect(quantileInterval(values, 0.5)).toEqual({ low: 6, high: 15 });
    expect(quantileInterval([1, 2, 3], 0.95)).toEqual({ low: 2, high: Infinity });
  });

  it("Garwood's for 0 and 10 events", () => {
    expect(events(0)).toEqual({ low: 0, high: expect.closeTo(3.689, 2) });
    expect(events(10)).toEqual({ low: expect.closeTo(4.795, 2), high: expect.closeTo(18.39, 2) });
  });

  it('hold what they promise: 95 % of the intervals have the true value in them', () => {
    const random = new SeededRandom('coverage');
    let [shares, medians] = [0, 0];
    for (let round = 0; round < 1_000; round++) {
      const values = Array.from({ length: 200 }, () => random.uniform());
      const hit = proportion(values.filter((v) => v < 0.3).length, 200);
      if (hit.low <= 0.3 && hit.high >= 0.3) shares++;
      const median = quantileInterval(values, 0.5);
      if (median.low <= 0.5 && median.high >= 0.5) medians++;
    }
    expect(shares).toBeGreaterThan(930);
    expect(shares).toBeLessThan(970);
    expect(medians).toBeGreaterThan(930);
  });
});

describe('quantiles', () => {
  it('are values that occur', () => {
    expect(quantile([3, 1, 2, 4], 0.5)).toBe(2);
    expect(quantile([3, 1, 2, 4], 1)).toBe(4);
    expect(quantile([Infinity, 1], 0.9)).toBe(Infinity);
    expect(quantile([], 0.5)).toBeNaN();
  });
});

describe('distance of distributions', () => {
  it('is the largest gap between the curves', () => {
    expect(distance([1, 2, 3, 4], [1, 2, 3, 4])).toBe(0);
    expect(distance([1, 2], [3, 4])).toBe(1);
    expect(distance([1, 2, 3, 4], [3, 4, 5, 6])).toBe(0.5);
  });
  it('is what scipy.stats.ks_2samp finds', () => {
    const a = [
      0.61, 0.29, 0.06, 0.59, -1.73, -0.74, 0.51, -0.56, 0.39, 1.64, 0.05, -0.06, 0.64, -0.82, 0.37,
      1.77, 1.09, -1.28, 2.36, 1.31, 1.05, -0.32, -0.4, 1.06, -2.47,
    ];
    const b = [2.1, 0.4, 3.3, 1.2, -0.5, 0.9, 1.7, 2.6, 0.2, 1.1];
    expect(distance(a, b)).toBeCloseTo(0.44, 10);
    expect(distance(b, a)).toBeCloseTo(0.44, 10);
  });
  it('does not see differences within the tolerance, and all others', () => {
    expect(distance([1, 2, 3], [1.4, 2.4, 3.4])).toBeCloseTo(1 / 3, 10);
    expect(distance([1, 2, 3], [1.4, 2.4, 3.4], 0.5)).toBe(0);
    expect(distance([1, 2, 3], [0.6, 1.6, 2.6], 0.5)).toBe(0);
    expect(distance([1, 2], [3, 4], 0.9)).toBe(1);
    expect(distance([1, 2], [3, 4], 1)).toBe(0.5);
    expect(distance([5, Infinity], [5, 5], 10)).toBe(0.5);
    expect(distance([5, Infinity], [Infinity, 5], 10)).toBe(0);
  });
  it('with a tolerance, is never more than without, and 0 for a shift by it', () => {
    const values = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(values, values, fc.double({ min: 0, max: 50, noNaN: true }), (a, b, by) => {
        expect(distance(a, b, by)).toBeLessThanOrEqual(distance(a, b) + 1e-12);
        expect(distance(a, b, by)).toBeCloseTo(distance(b, a, by), 12);
        const late = a.map((v, i) => v + (i % 2) * by);
        expect(distance(a, late, by * 1.000001 + 1e-9)).toBeLessThan(1e-12);
      }),
    );
  });
  it('allows 0.136 for 200 against 200', () => {
    expect(allowedDistance(200, 200)).toBeCloseTo(0.1358, 4);
  });
  it("allows Smirnov's limits at other levels (scipy.stats.kstwobign)", () => {
    // n1 = n2 = 2: the square root is 1.
    expect(allowedDistance(2, 2, 0.01)).toBeCloseTo(1.62762, 4);
    expect(allowedDistance(2, 2, 0.001)).toBeCloseTo(1.94947, 4);
  });
  it('is exceeded by two samples of one distribution in 5 % of all cases, by late ones no oftener', () => {
    const random = new SeededRandom('smirnov');
    const sample = (n: number, late: number) =>
      Array.from({ length: n }, () => 1_000 * random.uniform() ** 2 + late * random.uniform());
    const share = (late: number, tolerance: number) => {
      let beyond = 0;
      for (let i = 0; i < 2_000; i++) {
        const d = distance(sample(30, late), sample(200, 0), tolerance);
        if (d > allowedDistance(30, 200)) beyond++;
      }
      return beyond / 2_000;
    };
    expect(share(0, 0)).toBeGreaterThan(0.025);
    expect(share(0, 0)).toBeLessThan(0.06);
    expect(share(30, 30)).toBeLessThan(0.06);
    expect(share(300, 30)).toBeGreaterThan(0.5);
  });
});

describe('rates', () => {
  it('are compared by the binomial test (scipy.stats.binomtest)', () => {
    expect(sameRate(3, 1, 12, 1)).toBe(false); // p = 0.035
    expect(sameRate(3, 1, 12, 1, 0.03)).toBe(true);
    expect(sameRate(5, 10, 20, 60)).toBe(true); // p = 0.39
    expect(sameRate(2, 10, 60, 60)).toBe(false); // p = 0.0096
    expect(sameRate(0, 10, 0, 60)).toBe(true);
    expect(sameRate(0, 10, 100, 60)).toBe(false);
  });
});
