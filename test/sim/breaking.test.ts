import { describe, expect, it } from 'vitest';
import { pathsToBreak } from '../../src/sim/experiments/breaking.js';
import type { PathRef } from '../../src/sim/report.js';

const LOCATORS = ['1', '2', '3'];
const ALL = (['A', 'B'] as const).flatMap((from) =>
  LOCATORS.flatMap((s) =>
    LOCATORS.map((d): PathRef => ({
      from,
      source: from + s,
      destination: (from === 'A' ? 'B' : 'A') + d,
    })),
  ),
);
const IN_USE = {
  AtoB: { from: 'A', source: 'A1', destination: 'B2' },
  BtoA: { from: 'B', source: 'B3', destination: 'A1' },
} as const;
const broken = (n: number, trial: number, seed = 's'): PathRef[] =>
  pathsToBreak(n, trial, IN_USE, ALL, seed);
const key = (paths: readonly PathRef[]): string =>
  paths
    .map((p) => p.source + p.destination)
    .sort()
    .join();

/** Seed 001, section 5.3. */
describe('the breaking rule', () => {
  it('n = 1: one direction of what is in use, a hundred times each', () => {
    const cuts = Array.from({ length: 200 }, (_, trial) => broken(1, trial));
    expect(cuts.filter(([p]) => p === IN_USE.AtoB)).toHaveLength(100);
    expect(cuts.filter(([p]) => p === IN_USE.BtoA)).toHaveLength(100);
  });

  it.each([2, 3, 7, 15, 16])(
    'n = %i: both directions in use and others; one path each way is left',
    (n) => {
      for (let trial = 0; trial < 40; trial++) {
        const cut = broken(n, trial);
        expect(new Set(cut.map((p) => p.source + p.destination)).size).toBe(n);
        expect(cut).toEqual(expect.arrayContaining([IN_USE.AtoB, IN_USE.BtoA]));
        for (const from of ['A', 'B']) {
          expect(cut.filter((p) => p.from === from).length).toBeLessThanOrEqual(8);
        }
      }
    },
  );

  it('no combination comes twice before all have been', () => {
    const sixteen = Array.from({ length: 64 }, (_, t) => key(broken(16, t)));
    expect(new Set(sixteen).size).toBe(64); // one of eight left each way
    expect(key(broken(16, 64))).toBe(sixteen[0]);
    expect(new Set(Array.from({ length: 16 }, (_, t) => key(broken(3, t)))).size).toBe(16);
    expect(new Set(Array.from({ length: 200 }, (_, t) => key(broken(9, t)))).size).toBe(200);
  });

  it('depends on the seed and on nothing else', () => {
    expect(key(broken(9, 5))).toBe(key(broken(9, 5)));
    const order = (seed: string): string =>
      [0, 1, 2, 3].map((t) => key(broken(9, t, seed))).join(' ');
    expect(order('s')).not.toBe(order('other'));
  });

  it.each([0, 17, 2.5, NaN])('refuses %s', (n) => {
    expect(() => broken(n, 0)).toThrowError(expect.objectContaining({ code: 'REHOME_E_BREAK' }));
  });
});
