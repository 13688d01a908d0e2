import { describe, expect, it } from 'vitest';
import {
  isPossiblePair,
  labelOf,
  pairMerit,
  precedenceOf,
} from '../../src/policy/address-selection.js';
import { rankPairs } from '../../src/policy/pairs.js';
import { isProtectedPeer, isWorthIt, type Flow } from '../../src/policy/trigger.js';
import { parseAddress } from '../../src/wire/address.js';
import { parsePrefix } from '../../src/wire/prefix.js';
import { locator, seeded } from '../support/engines.js';

const peer = (text: string, flags = 0, priority = 0, weight = 0) => ({
  address: parseAddress(text),
  method: 254,
  verified: true,
  preference: { flags, priority, weight },
});

describe('address selection (RFC 6724)', () => {
  it('knows the default policy table', () => {
    const rows = [
      ['::1', 50, 0],
      ['2001:db8::1', 40, 1],
      ['2002:102:304::1', 30, 2],
      ['2001:0:1::1', 5, 5],
      ['fd00::1', 3, 13],
      ['::ffff:1.2.3.4', 35, 4],
    ] as const;
    for (const [address, precedence, label] of rows) {
      expect([precedenceOf(parseAddress(address)), labelOf(parseAddress(address))]).toEqual([
        precedence,
        label,
      ]);
    }
  });

  it('prunes pairs of different scope and addresses that are no locators [RFC5534 §4.3]', () => {
    const g = parseAddress('2001:db8::1');
    for (const bad of ['fe80::1', '::', '::1', 'ff02::1']) {
      expect(isPossiblePair(g, parseAddress(bad))).toBe(false);
      expect(isPossiblePair(parseAddress(bad), g)).toBe(false);
    }
    expect(isPossiblePair(g, parseAddress('2001:db8::2'))).toBe(true);
  });

  it('likes matching labels, and deprecated sources least', () => {
    const merit = (source: string, destination: string, deprecated = false): number =>
      pairMerit({
        source: { address: parseAddress(source), deprecated },
        destination: parseAddress(destination),
      });
    expect(merit('2001:db8::1', '2001:db8::2')).toBeLessThan(merit('fd00::1', '2001:db8::2'));
    expect(merit('fd00::1', '2001:db8::2')).toBeLessThan(merit('2001:db8::1', '2001:db8::2', true));
  });
});

describe('ranking of pairs', () => {
  const random = seeded(1);
  it('puts stated priority before address selection', () => {
    const local = [locator('fd00::1', { priority: 0 }), locator('2001:db8:a::1', { priority: 1 })];
    const pairs = rankPairs(local, [peer('2001:db8:b::1')], random);
    const best = [...pairs].sort((a, b) => a.rank - b.rank)[0];
    expect(best?.pair.local).toBe('fd00::1');
  });

  it('leaves out what is BROKEN or down, unless nothing else is left', () => {
    const local = [locator('2001:db8:a::1'), locator('2001:db8:a::2', { operational: false })];
    const some = rankPairs(local, [peer('2001:db8:b::1', 1), peer('2001:db8:b::2')], random);
    expect(some.map((p) => p.pair)).toEqual([{ local: '2001:db8:a::1', peer: '2001:db8:b::2' }]);
    expect(rankPairs(local, [peer('2001:db8:b::1', 1)], random)).toHaveLength(1);
    expect(rankPairs([], [peer('2001:db8:b::1')], random)).toEqual([]);
  });

  it('draws by weight within a priority (RFC 2782)', () => {
    const wins = { heavy: 0, light: 0 };
    for (let i = 0; i < 4_000; i++) {
      const pairs = rankPairs(
        [locator('2001:db8:a::1')],
        [peer('2001:db8:b::1', 0, 0, 30), peer('2001:db8:b::2', 0, 0, 10)],
        random,
      );
      const best = [...pairs].sort((a, b) => a.rank - b.rank)[0]?.pair.peer;
      wins[best === '2001:db8:b::1' ? 'heavy' : 'light']++;
    }
    // Expected 3000 of 4000; six standard deviations are 164.
    expect(Math.abs(wins.heavy - 3_000)).toBeLessThan(164);
  });

  it('prefers stable locators to transient ones of the same priority', () => {
    const pairs = rankPairs(
      [locator('2001:db8:a::1')],
      [peer('2001:db8:b::1', 2), peer('2001:db8:b::2')],
      random,
    );
    const best = [...pairs].sort((a, b) => a.rank - b.rank)[0];
    expect(best?.pair.peer).toBe('2001:db8:b::2');
  });
});

describe('the trigger', () => {
  const rules = {
    packets: 50,
    bytes: undefined,
    seconds: 5,
    ports: [22],
    neverPorts: [123],
    outboundOnly: true,
  };
  const flow = (more: Partial<Flow> = {}): Flow => ({
    peer: parseAddress('2001:db8::1'),
    packets: 1,
    bytes: 100,
    firstSeen: 0,
    lastSeen: 0,
    outbound: true,
    peerPort: 443,
    ...more,
  });

  it('waits for 50 packets or 5 seconds of a flow we started', () => {
    expect(isWorthIt(flow(), rules)).toBe(false);
    expect(isWorthIt(flow({ packets: 50 }), rules)).toBe(true);
    expect(isWorthIt(flow({ lastSeen: 5_000 }), rules)).toBe(true);
    expect(isWorthIt(flow({ packets: 50, outbound: false }), rules)).toBe(false);
  });

  it('takes named ports at once, and DNS never', () => {
    expect(isWorthIt(flow({ peerPort: 22 }), rules)).toBe(true);
    expect(isWorthIt(flow({ peerPort: 53, packets: 1e6 }), rules)).toBe(false);
    expect(isWorthIt(flow({ peerPort: 123, packets: 1e6 }), rules)).toBe(false);
  });

  it('protects whom it is told to, and leaves alone whom it is told to', () => {
    const [p, l] = [[parsePrefix('2001:db8::/32')], [parsePrefix('2001:db8:1::/48')]];
    expect(isProtectedPeer(parseAddress('2001:db8:2::1'), p, l)).toBe(true);
    expect(isProtectedPeer(parseAddress('2001:db8:1::1'), p, l)).toBe(false);
    expect(isProtectedPeer(parseAddress('3fff::1'), p, l)).toBe(false);
    expect(isProtectedPeer(parseAddress('3fff::1'), [], [])).toBe(true);
  });
});
