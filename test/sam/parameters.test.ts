import { describe, expect, it } from 'vitest';
import { SAM } from '../../src/sam/constants.js';
import { OwnParameters } from '../../src/sam/own-parameters.js';
import { secondsLeft, ZoneParameters, type Known } from '../../src/sam/parameters.js';
import { parseAddress } from '../../src/wire/address.js';
import { formatPrefix, parsePrefix } from '../../src/wire/prefix.js';
import { FOR_EVER, type SamParameters } from '../../src/wire/sam-option.js';
import { ms } from '../../src/wire/units.js';

const M = 'fcf9:0:0:1:2f00::5555';
const said = (
  change: Partial<SamParameters> & { prefix?: string; valid?: number; preferred?: number } = {},
): SamParameters => {
  // prettier-ignore
  const { prefix = '2001:db8:a::/48', valid = 600, preferred = 300, ...rest } = change;
  return {
    option: 'samParameters',
    hopCount: 0,
    sequence: 10,
    parent: parseAddress(M),
    prefixes: [
      {
        prefix: parsePrefix(prefix),
        validLifetime: valid,
        preferredLifetime: Math.min(valid, preferred),
      },
    ],
    ...rest,
  };
};
const known: Known = { parents: [], constant: undefined, isOwn: () => false };
const learn = (
  zone: ZoneParameters,
  what: SamParameters,
  at = 0,
  index = 1,
  more: Partial<Known> = {},
): string[] => {
  const { events, refused } = zone.learn(what, index, { ...known, ...more }, ms(at));
  return [...events.map((e) => e.name), ...refused];
};
const state = (zone: ZoneParameters): unknown =>
  zone
    .live()
    .map((e) => [formatPrefix(e.prefix), e.hopCount, e.interface, e.validUntil, e.preferredUntil]);

describe('parameters that are heard', () => {
  it('are kept with their lifetimes, refreshed, and end [SAM-3.1-2]', () => {
    const zone = new ZoneParameters();
    expect(learn(zone, said())).toEqual(['prefix-learned']);
    expect(learn(zone, said(), 100_000)).toEqual([]);
    expect(state(zone)).toEqual([['2001:db8:a::/48', 0, 1, 700_000, 400_000]]);
    expect(zone.deadline(ms(100_000))).toBe(400_000);
    expect(zone.deadline(ms(400_000))).toBe(700_000);
    expect(zone.expire(ms(699_999))).toEqual([]);
    expect(zone.expire(ms(700_000)).map((e) => formatPrefix(e.prefix))).toEqual([
      '2001:db8:a::/48',
    ]);
    expect([zone.live(), zone.deadline(ms(700_000))]).toEqual([[], undefined]);
    expect(learn(zone, said({ valid: FOR_EVER, preferred: FOR_EVER }))).toEqual(['prefix-learned']);
    expect(zone.deadline(ms(0))).toBeUndefined();
  });

  it('are not shortened by what is said with the same number, nor by an older one', () => {
    const zone = new ZoneParameters();
    learn(zone, said());
    expect(learn(zone, said({ valid: 10 }))).toEqual([]);
    expect(learn(zone, said({ valid: 0 }))).toEqual(['parameters-stale']);
    expect(learn(zone, said({ sequence: 9, valid: 900 }))).toEqual(['parameters-stale']);
    expect(state(zone)).toEqual([['2001:db8:a::/48', 0, 1, 600_000, 300_000]]);
    expect(learn(zone, said({ sequence: 11, valid: 10 }))).toEqual([]);
    expect(state(zone)).toEqual([['2001:db8:a::/48', 0, 1, 10_000, 10_000]]);
  });

  it('sequence numbers go round', () => {
    const zone = new ZoneParameters();
    learn(zone, said({ sequence: 0xffffffff }));
    expect(learn(zone, said({ sequence: 2, valid: 5 }))).toEqual([]);
    expect(learn(zone, said({ sequence: 0xfffffffe }))).toEqual(['parameters-stale']);
  });

  it('that were withdrawn stay away, whoever still repeats them, until a new number brings them', () => {
    const zone = new ZoneParameters();
    learn(zone, said());
    expect(learn(zone, said({ sequence: 11, valid: 0 }), 1_000)).toEqual(['prefix-withdrawn']);
    expect(zone.live()).toEqual([]);
    expect(zone.all()).toHaveLength(1); // other routers are told
    for (const sequence of [10, 11]) expect(learn(zone, said({ sequence, hopCount: 2 }))).toEqual(['parameters-stale']); // prettier-ignore
    expect(learn(zone, said({ sequence: 11, valid: 0 }))).toEqual([]);
    expect(learn(zone, said({ sequence: 12 }), 2_000)).toEqual(['prefix-learned']);
    learn(zone, said({ sequence: 13, valid: 0 }), 3_000);
    // Remembered as long as anybody could still have it, who has perhaps heard a refresh that we have not.
    const end = 3_000 + SAM.maxTombstone;
    expect(zone.expire(ms(end - 1))).toEqual([]);
    expect(learn(zone, said({ sequence: 12, valid: 5_000 }), end - 1)).toEqual([
      'parameters-stale',
    ]);
    expect(zone.all()).toHaveLength(1);
    expect(zone.expire(ms(end))).toEqual([]);
    expect(zone.all()).toEqual([]);
  });

  it('a withdrawal is remembered by those who never knew the prefix, too', () => {
    const zone = new ZoneParameters();
    expect(learn(zone, said({ sequence: 11, valid: 0 }))).toEqual([]);
    expect(learn(zone, said({ sequence: 10 }))).toEqual(['parameters-stale']);
    expect(zone.deadline(ms(0))).toBe(SAM.maxTombstone);
  });

  it('count from the nearest speaker', () => {
    const zone = new ZoneParameters();
    learn(zone, said({ hopCount: 3 }), 0, 1);
    learn(zone, said({ hopCount: 1, valid: 100 }), 0, 2);
    learn(zone, said({ hopCount: 2 }), 0, 3);
    expect(state(zone)).toEqual([['2001:db8:a::/48', 1, 2, 600_000, 300_000]]);
    expect(zone.forgetInterface(1)).toBe(false);
    // The next one takes over.
    expect(zone.forgetInterface(2)).toBe(false);
    expect(state(zone)).toEqual([['2001:db8:a::/48', 2, 3, 600_000, 300_000]]);
    expect([zone.forgetInterface(3), zone.live()]).toEqual([true, []]);
  });

  it('of a new number count from where that was heard', () => {
    const zone = new ZoneParameters();
    learn(zone, said(), 0, 1);
    learn(zone, said({ sequence: 11, hopCount: 2 }), 0, 2);
    expect(state(zone)).toEqual([['2001:db8:a::/48', 2, 2, 600_000, 300_000]]);
    expect([zone.forgetInterface(2), zone.live()]).toEqual([true, []]);
  });

  it.each<[string, SamParameters, Partial<Known>]>([
    ['parameters-too-far', said({ hopCount: SAM.maxHopCount + 1 }), {}],
    ['parameters-bad-parent', said({ parent: parseAddress('2001:db8::1') }), {}],
    ['parameters-bad-parent', said({ parent: parseAddress('fcf9:0:0:1:211:22ff:fe33:4455') }), {}],
    ['parameters-own-parent', said(), { parents: [parseAddress(M)] }],
    ['parameters-other-constant', said(), { constant: parsePrefix('fd12:3456:789a::/48') }],
    ['parameters-bad-prefix', said({ prefix: '::/0' }), {}],
    ['parameters-bad-prefix', said({ prefix: '2000::/3' }), {}],
    ['parameters-bad-prefix', said({ prefix: 'fd00::/16' }), {}],
    ['parameters-bad-prefix', said({ prefix: 'fe80::/64' }), {}],
    ['parameters-own-prefix', said(), { isOwn: () => true }],
  ])('%s: refused, and nothing changes', (reason, what, more) => {
    const zone = new ZoneParameters();
    expect(learn(zone, what, 0, 1, more)).toEqual([reason]);
    expect(zone.all()).toEqual([]);
  });

  it('of another constant prefix than those learned are refused', () => {
    const zone = new ZoneParameters();
    learn(zone, said());
    const other = parseAddress('fd12:3456:789a:0:2f00::1');
    expect(learn(zone, said({ parent: other }))).toEqual(['parameters-other-constant']);
  });

  it('are so many and no more', () => {
    const zone = new ZoneParameters();
    const prefix = (i: number): string => `2001:db8:${(i + 1).toString(16)}::/48`;
    const results = Array.from(
      { length: 80 },
      (_, i) => learn(zone, said({ prefix: prefix(i) }))[0],
    );
    expect(results.filter((r) => r === 'prefix-learned')).toHaveLength(SAM.maxZonePrefixes);
    expect(results.filter((r) => r === 'parameters-limit')).toHaveLength(80 - SAM.maxZonePrefixes);
    // Withdrawals of prefixes nobody knows cannot fill it either.
    for (let i = 100; i < 400; i++)
      learn(zone, said({ prefix: prefix(i), valid: 0, sequence: 11 }));
    expect(zone.all()).toHaveLength(2 * SAM.maxZonePrefixes);
  });
});

describe('what a gateway says', () => {
  const own = (prefix: string, valid = Infinity, preferred = Infinity, parent = M) => ({
    parent: parseAddress(parent),
    prefix: parsePrefix(prefix),
    validUntil: ms(valid),
    preferredUntil: ms(preferred),
  });
  const told = (o: OwnParameters, at = 0): unknown =>
    o
      .advertised(ms(at))
      .map((p) => [
        p.sequence,
        p.parent,
        ...p.prefixes.map(
          (x) => `${formatPrefix(x.prefix)} ${x.validLifetime} ${x.preferredLifetime}`,
        ),
      ]);
  const m = parseAddress(M);

  it('has lifetimes that end when it falls silent, and never more than are left', () => {
    const o = new OwnParameters(5);
    expect(o.set([own('2001:db8:a::/48'), own('2001:db8:b::/48', 60_500, 10_000)], ms(0))).toBe(
      true,
    );
    expect(told(o, 500)).toEqual([[5, m, '2001:db8:a::/48 7200 1800', '2001:db8:b::/48 60 9']]);
    expect(told(o, 60_000)).toEqual([[5, m, '2001:db8:a::/48 7200 1800']]);
  });

  it('gets a new number when something is taken back or shortened, and only then', () => {
    const o = new OwnParameters(0xffffffff);
    const a = own('2001:db8:a::/48', 600_000);
    o.set([a], ms(0));
    expect(o.set([{ ...a, validUntil: ms(700_000) }], ms(0))).toBe(false);
    expect(o.set([{ ...a, validUntil: ms(699_000) }], ms(0))).toBe(false); // whole seconds travel
    expect(told(o)).toEqual([[0xffffffff, m, '2001:db8:a::/48 699 699']]);
    expect(o.set([{ ...a, validUntil: ms(300_000) }], ms(0))).toBe(true);
    expect(told(o)).toEqual([[0, m, '2001:db8:a::/48 300 300']]);
    expect(o.set([], ms(1_000))).toBe(true);
    expect(told(o, 2_000)).toEqual([[1, m, '2001:db8:a::/48 0 0']]);
    expect(o.set([own('2001:db8:a::/48')], ms(3_000))).toBe(true);
    expect(told(o, 3_000)).toEqual([[2, m, '2001:db8:a::/48 7200 1800']]);
  });

  it('stops saying that a prefix is withdrawn when nobody can have it any more', () => {
    const o = new OwnParameters(1);
    o.set([own('2001:db8:a::/48', 100_000)], ms(0));
    o.set([], ms(1_000));
    expect(told(o, 99_000)).toHaveLength(1);
    expect(told(o, 100_000)).toEqual([]);
    // What came to its end by itself needs no word.
    o.set([own('2001:db8:b::/48', 200_000)], ms(150_000));
    o.set([], ms(200_000));
    expect(told(o, 200_000)).toEqual([]);
  });

  it('takes its old address back when it gets another', () => {
    const o = new OwnParameters(1);
    o.set([own('2001:db8:a::/48')], ms(0));
    o.set([own('2001:db8:a::/48', Infinity, Infinity, 'fcf9:0:0:1:2f00::7')], ms(1_000));
    expect(told(o, 1_000)).toEqual([
      [2, parseAddress('fcf9:0:0:1:2f00::7'), '2001:db8:a::/48 7200 1800'],
      [2, m, '2001:db8:a::/48 0 0'],
    ]);
  });

  it('seconds left: whole ones, one less through a router, none below zero', () => {
    expect(secondsLeft(ms(10_999), ms(0), false)).toBe(10);
    expect(secondsLeft(ms(10_999), ms(0), true)).toBe(9);
    expect(secondsLeft(ms(500), ms(0), true)).toBe(0);
    expect(secondsLeft(ms(Infinity), ms(0), true)).toBe(FOR_EVER);
    expect(secondsLeft(ms(Infinity), ms(0), false, 7_200)).toBe(7_200);
  });
});
