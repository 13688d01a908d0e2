import { describe, expect, it } from 'vitest';
import { PathOutcomes } from '../../src/policy/path-memory.js';
import { ranked } from '../../src/reap/strategy/index.js';
import { parseAddress, type Address, type LocatorPair } from '../../src/wire/address.js';
import { ms } from '../../src/wire/units.js';
import { seeded } from '../support/engines.js';

const pairOf = (local: number, peer: number): LocatorPair => ({
  local: parseAddress(`2001:db8:a:${local}::1`),
  peer: parseAddress(`2001:db8:b:${peer.toString(16)}::1`),
});
const PAIR = pairOf(1, 1);
const HOUR = 3_600_000;
const memory = (): PathOutcomes =>
  new PathOutcomes({ localTrouble: () => 0.25, peerTrouble: () => 0.75 });

describe('what is remembered of a pair', () => {
  it('the round trip, smoothed, and when what was answered had been sent', () => {
    const m = memory();
    m.worked(PAIR, ms(1_000), 40);
    expect(m.of(PAIR, ms(1_000))).toMatchObject({ rtt: 40, worked: 960, failed: undefined });
    m.worked(PAIR, ms(2_000), 80);
    expect(m.of(PAIR, ms(2_000))).toMatchObject({ rtt: 50, worked: 1_920 });
    // Answers may overtake each other.
    m.worked(PAIR, ms(2_100), 1_000);
    expect(m.of(PAIR, ms(2_100))?.worked).toBe(1_920);
    expect(m.of(pairOf(1, 2), ms(2_000))).toBeUndefined();
  });

  it('is forgotten after an hour in which nothing was learned', () => {
    const m = memory();
    m.worked(PAIR, ms(0), 40);
    expect(m.of(PAIR, ms(HOUR))?.rtt).toBe(40);
    expect(m.hasReached(PAIR.peer, ms(HOUR))).toBe(true);
    expect(m.of(PAIR, ms(HOUR + 1))).toBeUndefined();
    expect(m.hasReached(PAIR.peer, ms(HOUR + 1))).toBe(false);
    // What is learned then begins anew, and does not smooth with the old.
    m.worked(PAIR, ms(HOUR + 10), 8);
    expect(m.of(PAIR, ms(HOUR + 10))?.rtt).toBe(8);
  });

  it('and of no more pairs than 65,536: the one not touched for longest goes first', () => {
    const m = memory();
    m.worked(PAIR, ms(0), 1);
    m.worked(pairOf(1, 2), ms(0), 1);
    for (let i = 3; i <= 65_536; i++) {
      m.asked({ local: PAIR.local, peer: `2001:db8:c:${i.toString(16)}::1` as Address }, ms(1));
    }
    m.asked(PAIR, ms(2));
    m.asked(pairOf(2, 1), ms(3));
    expect(m.size).toBe(65_536);
    expect(m.of(PAIR, ms(3))).toBeDefined();
    expect(m.of(pairOf(1, 2), ms(3))).toBeUndefined();
  });

  it('passes on what is known of troubles', () => {
    expect(memory().localTrouble(PAIR, ms(0))).toBe(0.25);
    expect(memory().peerTrouble(PAIR, ms(0))).toBe(0.75);
  });

  it('has reached an address only where something of ours came back', () => {
    const m = memory();
    m.asked(PAIR, ms(0));
    m.failed(PAIR, ms(0));
    expect(m.hasReached(PAIR.peer, ms(1))).toBe(false);
    m.worked(pairOf(2, 1), ms(1), 5);
    expect(m.hasReached(PAIR.peer, ms(1))).toBe(true);
  });
});

describe('a failure', () => {
  const isTrusted = (m: PathOutcomes, now: number): boolean => {
    const other = pairOf(2, 2);
    const current = pairOf(3, 3);
    const pairs = [PAIR, other, current].map((pair) => ({ pair, rank: 0 }));
    const order = ranked.order({ pairs, current, memory: m, random: seeded(1), now: ms(now) });
    return order[0]?.local === PAIR.local;
  };

  it('is not undone by an answer to what was sent before it', () => {
    const m = memory();
    m.worked(PAIR, ms(100), 10);
    expect(isTrusted(m, 100)).toBe(true);
    m.failed(PAIR, ms(1_000));
    expect(isTrusted(m, 1_000)).toBe(false);
    m.worked(PAIR, ms(1_020), 50);
    expect(isTrusted(m, 1_020)).toBe(false);
    expect(m.dueAt(PAIR, ms(1_020))).toBe(1_500);
    m.worked(PAIR, ms(1_100), 50);
    expect(isTrusted(m, 1_100)).toBe(true);
    expect(m.dueAt(PAIR, ms(1_100))).toBe(1_050 + 300_000);
  });

  it('is asked about again after half a second, then ever slower, at last every five minutes', () => {
    const m = memory();
    m.failed(PAIR, ms(0));
    const waits: number[] = [];
    for (let i = 0, now = 0; i < 13; i++) {
      const at = m.dueAt(PAIR, ms(now));
      waits.push(at - now);
      now = at;
      m.asked(PAIR, ms(now));
    }
    expect(waits.slice(0, 4)).toEqual([500, 1_000, 2_000, 4_000]);
    expect(waits.slice(-2)).toEqual([300_000, 300_000]);
    expect(Math.max(...waits)).toBe(300_000);
  });

  it('counts once, however many contexts give the pair up', () => {
    const m = memory();
    for (let i = 0; i < 50; i++) m.failed(PAIR, ms(i));
    expect(m.dueAt(PAIR, ms(50))).toBe(49 + 500);
  });
});

it('what was never asked is due now; what was confirmed, in five minutes', () => {
  const m = memory();
  expect(m.dueAt(PAIR, ms(7))).toBe(7);
  m.asked(PAIR, ms(7));
  expect(m.dueAt(PAIR, ms(8))).toBe(507);
  m.worked(PAIR, ms(20), 13);
  expect(m.dueAt(PAIR, ms(20))).toBe(300_007);
  expect(m.dueAt(PAIR, ms(2 * HOUR))).toBe(2 * HOUR);
});
