import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isStrategy,
  NO_MEMORY,
  strategyOf,
  type PairOutcome,
  type PathMemory,
  type PathStrategy,
} from '../../src/reap/strategy/index.js';
import { parseAddress, type LocatorPair } from '../../src/wire/address.js';
import { ms } from '../../src/wire/units.js';
import { seeded } from '../support/engines.js';

const NOW = ms(1_000_000);
const pair = (i: number, j: number): LocatorPair => ({
  local: parseAddress(`2001:db8:a${i}::1`),
  peer: parseAddress(`2001:db8:b${j}::1`),
});
const CURRENT = pair(1, 1);
const ALL = [1, 2, 3].flatMap((i) => [1, 2, 3].map((j) => ({ pair: pair(i, j), rank: 0 })));
const SQUARE = ALL.filter(({ pair: p }) => !p.local.includes('a3') && !p.peer.includes('b3'));

/** `11`: our first locator and the peer's first. */
const nameOf = ({ local, peer }: LocatorPair): string => `${local.charAt(10)}${peer.charAt(10)}`;

interface Known {
  readonly outcomes?: Readonly<Record<string, Partial<PairOutcome>>>;
  /** Trouble over our locator, or at the peer's site, by its number. */
  readonly local?: Readonly<Record<string, number>>;
  readonly peer?: Readonly<Record<string, number>>;
}
const knowing = ({ outcomes = {}, local = {}, peer = {} }: Known): PathMemory => ({
  of: (p) => {
    const outcome = outcomes[nameOf(p)];
    return outcome && { rtt: undefined, worked: undefined, failed: undefined, ...outcome };
  },
  localTrouble: (p) => local[nameOf(p).charAt(0)] ?? 0,
  peerTrouble: (p) => peer[nameOf(p).charAt(1)] ?? 0,
});

const order = (
  strategy: PathStrategy,
  memory: PathMemory = NO_MEMORY,
  pairs = ALL,
  seed = 1,
): string[] =>
  strategy.order({ pairs, current: CURRENT, random: seeded(seed), memory, now: NOW }).map(nameOf);
const NAMES = ['shuffle', 'burst:4', 'diverse', 'ranked', 'informed'];

describe('names of strategies', () => {
  it('are these, and a burst from 1 to 16', () => {
    for (const name of [...NAMES, 'burst:1', 'burst:16']) {
      expect(isStrategy(name)).toBe(true);
      expect(strategyOf(name).name).toBe(name);
    }
    expect(strategyOf('burst:16').burst).toBe(16);
    expect(NAMES.map((name) => strategyOf(name).burst)).toEqual([1, 4, 1, 1, 1]);
  });

  it('are no others', () => {
    const bad = ['', 'burst', 'burst:0', 'burst:17', 'burst:04', 'burst:4 ', 'Shuffle'];
    for (const name of [...bad, 'toString', '__proto__']) {
      expect(isStrategy(name)).toBe(false);
      expect(() => strategyOf(name)).toThrow(
        expect.objectContaining({ code: 'REHOME_E_STRATEGY' }) as Error,
      );
    }
  });
});

describe('every strategy', () => {
  const outcome = fc.record({
    rtt: fc.option(fc.integer({ min: 0, max: 300 }), { nil: undefined }),
    worked: fc.option(fc.integer({ min: 0, max: NOW }).map(ms), { nil: undefined }),
    failed: fc.option(fc.integer({ min: 0, max: NOW }).map(ms), { nil: undefined }),
  });
  const names = ALL.map(({ pair: p }) => nameOf(p));
  const share = fc.constantFrom(0, 0.5, 0.6, 1);
  const troubles = fc.record({ 1: share, 2: share, 3: share });
  const known = fc.record({
    outcomes: fc.dictionary(fc.constantFrom(...names), outcome),
    local: troubles,
    peer: troubles,
  });

  it('gives every pair once, the same for the same seed, whatever is known', () => {
    fc.assert(
      fc.property(known, fc.constantFrom(...NAMES), fc.nat(), (what, name, seed) => {
        const strategy = strategyOf(name);
        const once = order(strategy, knowing(what), ALL, seed);
        expect([...once].sort()).toEqual(names);
        expect(order(strategy, knowing(what), ALL, seed)).toEqual(once);
      }),
    );
  });

  it('never tries a lower preference before a higher one for what it measures alone', () => {
    const ranks = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 9, maxLength: 9 });
    const rtts = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 9, maxLength: 9 });
    fc.assert(
      fc.property(ranks, rtts, fc.constantFrom(...NAMES), fc.nat(), (rank, rtt, name, seed) => {
        const pairs = ALL.map((p, i) => ({ ...p, rank: rank[i] ?? 0 }));
        const outcomes = Object.fromEntries(names.map((n, i) => [n, { rtt: rtt[i] }]));
        const out = order(strategyOf(name), knowing({ outcomes }), pairs, seed);
        const others = out.filter((n) => !['ranked', 'informed'].includes(name) || n !== '11');
        const got = others.map((n) => rank[names.indexOf(n)] ?? 0);
        expect(got).toEqual([...got].sort((a, b) => a - b));
      }),
    );
  });

  it('draws what its keys leave open', () => {
    for (const name of NAMES) {
      const firsts = new Set(
        Array.from({ length: 60 }, (_, seed) => order(strategyOf(name), NO_MEMORY, ALL, seed)[0]),
      );
      // All nine for those that know nothing; the four that share nothing with the current pair for the others.
      const expected = { shuffle: 9, 'burst:4': 9, diverse: 4, ranked: 8, informed: 4 }[name];
      expect([name, firsts.size]).toEqual([name, expected]);
    }
  });
});

describe('diverse (seed 004, III-E)', () => {
  const diverse = strategyOf('diverse');
  it('tries first what shares nothing, then the peer’s other locator, at last the current pair', () => {
    for (let seed = 0; seed < 20; seed++) {
      expect(order(diverse, NO_MEMORY, SQUARE, seed)).toEqual(['22', '12', '21', '11']);
    }
  });
  it('tries our other locator earlier where most sessions over this one are in trouble', () => {
    expect(order(diverse, knowing({ local: { 1: 0.51 } }), SQUARE)).toEqual([
      '22',
      '21',
      '12',
      '11',
    ]);
    // Half of them are not most.
    expect(order(diverse, knowing({ local: { 1: 0.5 } }), SQUARE)).toEqual([
      '22',
      '12',
      '21',
      '11',
    ]);
  });
});

describe('ranked', () => {
  const ranked = strategyOf('ranked');
  const rtts = { 11: { rtt: 1 }, 12: { rtt: 80 }, 21: { rtt: 20 }, 22: { rtt: 50 } };
  it('goes by the measured round trip, what was never measured after that, the current pair last', () => {
    expect(order(ranked, knowing({ outcomes: rtts }), SQUARE)).toEqual(['21', '22', '12', '11']);
    const { 22: _, ...some } = rtts;
    expect(order(ranked, knowing({ outcomes: some }), SQUARE)).toEqual(['21', '12', '22', '11']);
  });
  it('takes round trips within 4 ms for the same', () => {
    const outcomes = { 12: { rtt: 21 }, 21: { rtt: 20 }, 22: { rtt: 23.9 } };
    const firsts = new Set(
      Array.from({ length: 40 }, (_, s) => order(ranked, knowing({ outcomes }), SQUARE, s)[0]),
    );
    expect(firsts).toEqual(new Set(['12', '21', '22']));
  });
  it('puts what was given up in the last two minutes behind, unless it was confirmed since', () => {
    const failing = (ago: number, worked?: number): string[] => {
      const failed = ms(NOW - ago);
      const fast = { rtt: 20, failed, ...(worked === undefined ? {} : { worked: ms(worked) }) };
      return order(ranked, knowing({ outcomes: { ...rtts, 21: fast } }), SQUARE);
    };
    expect(failing(1_000)).toEqual(['22', '12', '21', '11']);
    expect(failing(120_000)).toEqual(['22', '12', '21', '11']);
    expect(failing(120_001)[0]).toBe('21');
    expect(failing(1_000, NOW - 1_001)).toEqual(['22', '12', '21', '11']);
    expect(failing(1_000, NOW - 999)[0]).toBe('21');
  });
});

describe('informed', () => {
  const informed = strategyOf('informed');
  it('avoids locators that other sessions are in trouble with, before it asks for speed', () => {
    const outcomes = { 12: { rtt: 5 }, 21: { rtt: 20 }, 22: { rtt: 50 } };
    expect(order(informed, knowing({ outcomes }), SQUARE)[0]).toBe('12');
    expect(order(informed, knowing({ outcomes, local: { 1: 0.9 } }), SQUARE)[0]).toBe('21');
    expect(
      order(informed, knowing({ outcomes, local: { 1: 0.9 }, peer: { 1: 0.9 } }), SQUARE),
    ).toEqual(['22', '12', '21', '11']);
    expect(order(informed, knowing({ outcomes, local: { 1: 0.5 } }), SQUARE)[0]).toBe('12');
  });
  it('avoids them although they are preferred', () => {
    const pairs = SQUARE.map((p) => ({ ...p, rank: nameOf(p.pair).startsWith('1') ? 0 : 1 }));
    expect(order(informed, NO_MEMORY, pairs)[0]).toBe('12');
    expect(order(informed, knowing({ local: { 1: 0.9 } }), pairs)[0]).toBe('22');
  });
  it('is as diverse as `diverse` where nothing is known', () => {
    for (let seed = 0; seed < 20; seed++) {
      expect(order(informed, NO_MEMORY, SQUARE, seed)).toEqual(['22', '12', '21', '11']);
    }
  });
});
