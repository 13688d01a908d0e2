/** Sampling errors, so that a number is never shown without one. Everything two-sided, 95 %. */

const Z = 1.959963984540054;

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Of numbers in any order; NaN of none. Infinite ones count as larger than all others. */
export function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => (a === b ? 0 : a - b));
}

/** The smallest value that a share `p` of them does not exceed. */
export function quantile(values: readonly number[], p: number): number {
  const all = sorted(values);
  return all[Math.max(0, Math.ceil(p * all.length - 1e-9) - 1)] ?? NaN;
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, v) => sum + v, 0) / values.length;

/** Wilson's interval for `k` of `n`. */
export function proportion(k: number, n: number): Interval {
  if (n === 0) return { low: 0, high: 1 };
  const p = k / n;
  const centre = p + (Z * Z) / (2 * n);
  const spread = Z * Math.sqrt((p * (1 - p)) / n + (Z * Z) / (4 * n * n));
  const by = 1 + (Z * Z) / n;
  return {
    low: k === 0 ? 0 : (centre - spread) / by,
    high: k === n ? 1 : (centre + spread) / by,
  };
}

/** Newcombe's interval (from Wilson's) for the difference of two shares, the second minus the first. */
export function difference(k1: number, n1: number, k2: number, n2: number): Interval {
  const [p1, p2] = [k1 / n1, k2 / n2];
  const [i1, i2] = [proportion(k1, n1), proportion(k2, n2)];
  const d = p2 - p1;
  return {
    low: d - Math.hypot(p2 - i2.low, i1.high - p1),
    high: d + Math.hypot(i2.high - p2, p1 - i1.low),
  };
}

/** P(X <= k) for X Poisson with this mean. */
function poissonBelow(k: number, mean: number): number {
  let sum = 0;
  for (let i = 0; i <= k; i++) sum += Math.exp(i * Math.log(mean) - mean - logFactorial(i));
  return Math.min(1, sum);
}

/** An interval for the expected number where `k` events were counted (Garwood). */
export function events(k: number): Interval {
  const solve = (above: (mean: number) => boolean): number => {
    let [low, high] = [0, 2 * k + 20];
    for (let i = 0; i < 60; i++) {
      const middle = (low + high) / 2;
      if (above(middle)) high = middle;
      else low = middle;
    }
    return (low + high) / 2;
  };
  return {
    low: k === 0 ? 0 : solve((mean) => 1 - poissonBelow(k - 1, mean) > 0.025),
    high: solve((mean) => poissonBelow(k, mean) < 0.025),
  };
}

/** Could both shares come from one and the same source? */
export function agree(k1: number, n1: number, k2: number, n2: number): boolean {
  const { low, high } = difference(k1, n1, k2, n2);
  return low <= 0 && high >= 0;
}

/** Natural logarithms of factorials, grown as needed. */
const logFactorials = [0];
function logFactorial(n: number): number {
  for (let i = logFactorials.length; i <= n; i++) {
    logFactorials.push((logFactorials[i - 1] ?? 0) + Math.log(i));
  }
  return logFactorials[n] ?? 0;
}

/** P(X <= k) for X binomial with `n` and `p`. */
export function binomialBelow(k: number, n: number, p: number): number {
  if (k >= n) return 1;
  if (p <= 0) return 1;
  let sum = 0;
  for (let i = 0; i <= k; i++) {
    const logChoose = logFactorial(n) - logFactorial(i) - logFactorial(n - i);
    sum += Math.exp(logChoose + i * Math.log(p) + (n - i) * Math.log(1 - p));
  }
  return Math.min(1, sum);
}

/**
 * An interval for the `p`-quantile that needs no assumption about the distribution: two of the values, by their rank.
 * Where there are too few values, an end is infinite.
 */
export function quantileInterval(values: readonly number[], p: number): Interval {
  const all = sorted(values);
  const n = all.length;
  // Ranks count from 1. The value of rank r is above the quantile when fewer than r values are below it.
  let low = 0;
  while (low < n && binomialBelow(low, n, p) <= 0.025) low++;
  let high = n + 1;
  while (high > 1 && 1 - binomialBelow(high - 2, n, p) <= 0.025) high--;
  return { low: all[low - 1] ?? -Infinity, high: all[high - 1] ?? Infinity };
}

/** Share of the values that do not exceed `x`. */
export const shareBelow = (values: readonly number[], x: number): number =>
  values.filter((v) => v <= x).length / values.length;

/**
 * The largest distance between two cumulative distributions (Kolmogorov and Smirnov). With a `tolerance`, values that
 * differ by no more than it count as equal: the least distance that samples have which are moved by up to so much. Two
 * samples of one distribution, each value of one late by up to the tolerance, are no further apart than without delay.
 */
export function distance(a: readonly number[], b: readonly number[], tolerance = 0): number {
  const [x, y] = [sorted(a), sorted(b)];
  return Math.max(0, ahead(x, y, tolerance), ahead(y, x, tolerance));
}

/** The most that the share of `x` up to a value exceeds that of `y` up to the same and `tolerance` more. Both sorted. */
function ahead(x: readonly number[], y: readonly number[], tolerance: number): number {
  let most = -Infinity;
  let j = 0;
  for (const [i, value] of x.entries()) {
    while (j < y.length && (y[j] ?? Infinity) <= value + tolerance) j++;
    most = Math.max(most, (i + 1) / x.length - j / y.length);
  }
  return most;
}

/** The distance that two samples of one distribution exceed in a share `level` of all cases (Smirnov's limit). */
export const allowedDistance = (n1: number, n2: number, level = 0.05): number =>
  Math.sqrt(-Math.log(level / 2) / 2) * Math.sqrt((n1 + n2) / (n1 * n2));

/**
 * Whether two numbers of events, in so much time each, could come from one rate: the chance that, of all of them, as
 * many or more extreme numbers fall into the first time (binomial, two-sided) is at least `level`.
 */
export function sameRate(
  k1: number,
  time1: number,
  k2: number,
  time2: number,
  level = 0.05,
): boolean {
  const p = time1 / (time1 + time2);
  const atMost = binomialBelow(k1, k1 + k2, p);
  const atLeast = k1 === 0 ? 1 : 1 - binomialBelow(k1 - 1, k1 + k2, p);
  return 2 * Math.min(atMost, atLeast) >= level;
}
