import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fate, type Turn } from '../../src/policy/fate.js';
import { parseAddress, type LocatorPair } from '../../src/wire/address.js';
import { ms } from '../../src/wire/units.js';
import { FateModel } from '../support/fate-model.js';

const pairOf = (exit: number, site: number, peer = 1): LocatorPair => ({
  local: parseAddress(`2001:db8:a:${exit}::1`),
  peer: parseAddress(`2001:db8:b${site}:1::${peer}`),
});

/** Contexts 1, 2, ... over these pairs, placed at 0. */
function placed(...pairs: readonly LocatorPair[]): Fate {
  const fate = new Fate();
  for (const [i, pair] of pairs.entries()) fate.place(i + 1, pair, ms(0));
  return fate;
}
const now = ms(20);
/** Four peers of one site, and one of another. */
const fourOfASite = (): Fate =>
  placed(pairOf(1, 1), pairOf(1, 1, 2), pairOf(1, 1, 3), pairOf(1, 1, 4), pairOf(1, 2));
const askInVain = (fate: Fate, id: number, at = 10): void => {
  fate.suspect(id);
  fate.failed(id, ms(at));
};

describe('who is to blame', () => {
  it('the exit, once three sites were asked over it in vain, and not before', () => {
    const fate = placed(pairOf(1, 1), pairOf(1, 2), pairOf(1, 3), pairOf(1, 4), pairOf(2, 5));
    askInVain(fate, 1);
    expect(fate.blame(1, now)).toEqual({ of: 'pair' });
    askInVain(fate, 2);
    expect(fate.blame(2, now)).toEqual({ of: 'pair' });
    expect(fate.suspect(3)).toBe(true);
    expect(fate.blame(3, now)).toEqual({ of: 'open' });
    fate.failed(3, ms(10));
    // Who shares it, and nobody else.
    for (const id of [1, 2, 3, 4]) {
      expect(fate.blame(id, now)).toEqual({ of: 'exit', members: [1, 2, 3, 4] });
    }
    expect(fate.blame(5, now)).toEqual({ of: 'pair' });
  });

  it('not the exit, where three of one site asked in vain and others are merely slow', () => {
    const fate = placed(
      pairOf(1, 1, 1),
      pairOf(1, 1, 2),
      pairOf(1, 1, 3),
      pairOf(1, 2),
      pairOf(1, 3),
    );
    for (const id of [4, 5]) fate.suspect(id);
    for (const id of [1, 2, 3]) {
      fate.suspect(id, 'for all');
      fate.failed(id, ms(10));
    }
    expect(fate.blame(1, now)).toEqual({ of: 'site', members: [1, 2, 3] });
    expect(fate.blame(4, now)).not.toMatchObject({ of: 'exit' });
  });

  it('the site, where the exit serves others too', () => {
    const fate = placed(pairOf(1, 1, 1), pairOf(1, 1, 2), pairOf(1, 1, 3), pairOf(1, 2));
    for (const id of [1, 2, 3]) askInVain(fate, id);
    expect(fate.blame(1, now)).toEqual({ of: 'site', members: [1, 2, 3] });
    expect(fate.blame(4, now)).toEqual({ of: 'pair' });
  });

  it('either, where nobody else uses the exit', () => {
    const fate = placed(pairOf(1, 1, 1), pairOf(1, 1, 2), pairOf(1, 1, 3));
    for (const id of [1, 2, 3]) askInVain(fate, id);
    expect(fate.blame(2, now)).toEqual({ of: 'both', members: [1, 2, 3] });
  });

  it('nobody, however many contexts with one dead peer are silent', () => {
    const fate = placed(pairOf(1, 1), pairOf(1, 1), pairOf(1, 1), pairOf(1, 1), pairOf(1, 2));
    for (const id of [1, 2, 3, 4]) askInVain(fate, id);
    expect(fate.blame(1, now)).toEqual({ of: 'pair' });
  });

  it('the site, once three of its peers deny that they hear us, whatever is heard of it', () => {
    const fate = fourOfASite();
    for (const id of [1, 2, 2, 3]) {
      expect(fate.blame(id, now).of).not.toBe('site');
      fate.failed(id, ms(10), true);
      fate.heard(4, 1, ms(11));
      fate.heard(id, 1, ms(11));
    }
    expect(fate.blame(3, now)).toEqual({ of: 'site', members: [1, 2, 3, 4] });
    expect(fate.blame(5, now)).toEqual({ of: 'pair' });
    expect(fate.blame(3, ms(2_011))).toEqual({ of: 'pair' }); // that was long ago
  });

  it('not the site, where one of it answered a question that was asked later', () => {
    const deny = (answeredAt: number): string => {
      const fate = fourOfASite();
      for (const id of [1, 2, 3]) fate.failed(id, ms(10), true);
      fate.proved(4, ms(answeredAt));
      return fate.blame(3, now).of;
    };
    expect(deny(9)).toBe('site');
    expect(deny(10)).toBe('pair');
  });

  it('nobody any more, once anything is heard: what was asked before is no evidence', () => {
    const fate = placed(pairOf(1, 1), pairOf(1, 2), pairOf(1, 3), pairOf(1, 4));
    askInVain(fate, 1);
    askInVain(fate, 2);
    fate.heard(4, 1, ms(20));
    askInVain(fate, 3, 30);
    expect(fate.blame(3, now)).toEqual({ of: 'pair' });
    // The first two ask again, in the new silence: now it is.
    fate.failed(1, ms(31));
    expect(fate.blame(3, now)).toEqual({ of: 'pair' });
    fate.failed(2, ms(32));
    expect(fate.blame(3, now)).toMatchObject({ of: 'exit' });
    // But not for a question of before.
    fate.heard(4, 1, ms(40));
    for (const id of [1, 2, 3]) fate.failed(id, ms(39));
    expect(fate.blame(3, now)).toEqual({ of: 'pair' });
  });
});

describe('who asks', () => {
  it('three at a time, and one of each pair', () => {
    const fate = placed(pairOf(1, 1), pairOf(1, 1), pairOf(1, 2), pairOf(1, 3), pairOf(1, 4));
    expect([1, 2, 3, 4, 5].map((id) => fate.suspect(id))).toEqual([true, false, true, true, false]);
    fate.failed(3, ms(1));
    expect(fate.suspect(5)).toBe(true);
    expect(fate.suspect(2)).toBe(false);
    expect(fate.siblings(1)).toEqual([2]);
  });

  it('whoever has waited once, but not while one asks or explores that shares exit and peer', () => {
    const fate = placed(...[1, 2, 3, 4].map((site) => pairOf(1, site)), pairOf(1, 1));
    for (const id of [1, 2, 3]) fate.suspect(id);
    expect([fate.suspect(4), fate.suspect(4, 'again')]).toEqual([false, true]);
    fate.failed(1, ms(1));
    fate.inTrouble(1);
    expect(fate.suspect(5, 'again')).toBe(false);
    fate.calm(1);
    expect(fate.suspect(5, 'again')).toBe(true);
  });

  it('what was asked in vain stays evidence while its context explores', () => {
    const fate = placed(pairOf(1, 1), pairOf(1, 2), pairOf(1, 3));
    for (const id of [1, 2, 3]) {
      askInVain(fate, id);
      fate.inTrouble(id);
    }
    expect(fate.blame(3, now)).toMatchObject({ of: 'exit' });
  });

  it('siblings share the exit and the locator of the peer, whatever address of ours it is', () => {
    const at = (interfaceId: number): LocatorPair => ({
      ...pairOf(1, 1),
      local: parseAddress(`2001:db8:a:1::${interfaceId}`),
    });
    const fate = placed(at(1), at(2), pairOf(2, 1), pairOf(1, 1, 2));
    expect(fate.siblings(1)).toEqual([2]);
    expect([fate.suspect(1), fate.suspect(2)]).toEqual([true, false]);
  });

  it('whoever was chosen for all, in any case', () => {
    const fate = placed(pairOf(1, 1), pairOf(1, 2), pairOf(1, 3), pairOf(1, 4));
    for (const id of [1, 2, 3]) fate.suspect(id);
    expect(fate.suspect(4)).toBe(false);
    expect(fate.suspect(4, 'for all')).toBe(true);
  });
});

describe('the silence of all', () => {
  /** `sites` contexts that hear something every `interval`, in turn, until `until`. */
  const busy = (sites: number, interval: number, until: number): Fate => {
    const fate = placed(...Array.from({ length: sites }, (_, i) => pairOf(1, i + 1)));
    for (let i = 0, at = interval; at <= until; i++, at += interval) {
      fate.heard(1 + (i % sites), 1, ms(at));
    }
    return fate;
  };

  it('is noticed after six packets should have come, not before 80 ms', () => {
    expect(busy(4, 100, 4_000).quietAt).toBeCloseTo(4_600, 0);
    expect(busy(4, 2, 4_000).quietAt).toBe(4_080);
  });

  it('is nobody’s business where little is said, or nothing', () => {
    expect(busy(4, 400, 4_000).quietAt).toBeUndefined();
    expect(placed(pairOf(1, 1)).quietAt).toBeUndefined();
  });

  it('is asked about once, by three of different sites that were heard of late', () => {
    const fate = busy(5, 20, 4_000);
    expect(fate.takeQuiet(ms(4_100))).toEqual([]);
    const chosen = fate.takeQuiet(ms(4_125));
    expect(new Set(chosen).size).toBe(3);
    expect(fate.quietAt).toBeUndefined();
    expect(fate.takeQuiet(ms(5_000))).toEqual([]);
    // A false alarm makes the next one wait for twice as long.
    fate.heard(1, 1, ms(4_130));
    expect(fate.quietAt).toBeGreaterThan(4_130 + 2 * 115);
    expect(fate.quietAt).toBeLessThan(4_130 + 2 * 130);
  });

  it('is asked about by nobody where two sites are all', () => {
    const fate = busy(2, 20, 4_000);
    expect(fate.takeQuiet(ms(5_000))).toEqual([]);
  });
});

describe('trouble', () => {
  it('is none while a single part is in it, whose own it may be', () => {
    const fate = placed(pairOf(1, 1, 1), pairOf(1, 1, 2), pairOf(1, 2), pairOf(1, 3));
    for (const id of [1, 2, 3, 4]) fate.heard(id, 1, ms(1));
    fate.inTrouble(1);
    fate.inTrouble(2);
    expect(fate.localTrouble(pairOf(1, 9), ms(2))).toBe(0);
    expect(fate.peerTrouble(pairOf(1, 1), ms(2))).toBe(1);
    fate.inTrouble(3);
    expect(fate.localTrouble(pairOf(1, 9), ms(2))).toBe(3 / 4);
    fate.calm(1);
    expect(fate.localTrouble(pairOf(1, 9), ms(2))).toBe(2 / 4);
    expect(fate.localTrouble(pairOf(2, 1), ms(2))).toBe(0);
  });
});

const step = fc.record({
  what: fc.constantFrom(
    ...(['place', 'remove', 'suspect', 'suspect', 'fail', 'fail', 'fail'] as const),
    ...(['deny', 'deny', 'deny', 'proved'] as const),
    ...(['vain', 'vain', 'vain', 'vain', 'heard', 'calm', 'trouble'] as const),
  ),
  id: fc.integer({ min: 1, max: 8 }),
  exit: fc.constantFrom(1, 1, 1, 2),
  site: fc.constantFrom(0, 0, 0, 1, 2, 3),
  peer: fc.integer({ min: 1, max: 4 }),
  later: fc.constantFrom(0, 1, 10, 4_000),
  ago: fc.constantFrom(0, 0, 5, 50),
  turn: fc.constantFrom<Turn>('first', 'again', 'for all'),
});
const sites = fc.integer({ min: 1, max: 4 });
const placing = fc.array(step, { minLength: 8, maxLength: 8 });

it('counts as one does that counts everything anew, whatever happens', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(
      placing,
      fc.array(step, { maxLength: 60, size: 'max' }),
      sites,
      (first, steps, most) => {
        const [fate, model] = [new Fate(), new FateModel()];
        let now = 0;
        const begin = first.map((s, i) => ({ ...s, what: 'place' as const, id: i + 1, later: 0 }));
        for (const { what, id, exit, site, peer, later, ago, turn } of [...begin, ...steps]) {
          const to = pairOf(exit, site % most, peer);
          now += later;
          const at = ms(now);
          if (what === 'place') {
            fate.place(id, to, at);
            model.place(id, to, now);
          } else if (what === 'remove') {
            fate.remove(id);
            model.remove(id);
          } else if (what === 'heard') {
            fate.heard(id, 1, at);
            model.heard(id, now);
          } else if (what === 'calm') {
            fate.calm(id);
            model.calm(id);
          } else if (what === 'trouble') {
            fate.inTrouble(id);
            model.inTrouble(id);
          }
          if (what === 'suspect' || what === 'vain') {
            expect(fate.suspect(id, turn)).toBe(model.suspect(id, turn));
          }
          if (what === 'fail' || what === 'vain') {
            fate.failed(id, ms(now - ago));
            model.failed(id, now - ago, false);
          } else if (what === 'deny') {
            fate.failed(id, ms(now - ago), true);
            model.failed(id, now - ago, true);
          } else if (what === 'proved') {
            fate.proved(id, ms(now - ago));
            model.proved(id, now - ago);
          }
          const ids = [1, 2, 3, 4, 5, 6, 7, 8];
          const pairs = ids.map((other) => model.members.get(other)?.pair ?? to);
          const blames = ids.map((other) => fate.blame(other, at));
          for (const { of } of blames) seen.add(of);
          expect({
            blames,
            siblings: ids.map((other) => fate.siblings(other).sort()),
            local: pairs.map((pair) => fate.localTrouble(pair, at)),
            peer: pairs.map((pair) => fate.peerTrouble(pair, at)),
          }).toEqual({
            blames: ids.map((other) => model.blame(other, now)),
            siblings: ids.map((other) => model.siblings(other).sort()),
            local: pairs.map((pair) => model.trouble(pair, 'exit', now)),
            peer: pairs.map((pair) => model.trouble(pair, 'site', now)),
          });
        }
      },
    ),
    { numRuns: 300 },
  );
  // Or it would have shown nothing.
  expect([...seen].sort()).toEqual(['both', 'exit', 'open', 'pair', 'site']);
});
