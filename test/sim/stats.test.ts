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
  it('allows 0.136 for 200 against 200', () => {
    expect(allowedDistance(200, 200)).toBeCloseTo(0.1358, 4);
  });
});
