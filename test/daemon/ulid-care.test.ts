import { describe, expect, it } from 'vitest';
import type { HostAddress } from '../../src/daemon/locators.js';
import { UlidCare } from '../../src/daemon/ulid-care.js';
import { VirtualClock } from '../../src/sim/clock.js';
import { parseAddress, type LocatorPair } from '../../src/wire/address.js';
import { ms } from '../../src/wire/units.js';
import { hostAddress } from '../support/addresses.js';

const address = (text: string, validUntil = Infinity): HostAddress =>
  hostAddress(text, { validUntil: ms(validUntil) });

function setUp(pairs: () => readonly LocatorPair[] = () => []) {
  const clock = new VirtualClock();
  const used: (readonly LocatorPair[])[] = [];
  const ended: string[] = [];
  const errors: unknown[] = [];
  const care = new UlidCare({
    clock,
    connectedPairs: pairs,
    inUse: (p) => used.push(p),
    invalidate: (a) => ended.push(a),
    onError: (e) => errors.push(e),
  });
  return { clock, care, used, ended, errors };
}

describe('care of ULIDs', () => {
  it('tells once a minute which pairs have sockets, also after an error, until stopped [RFC5533-9-1]', () => {
    const pair = { local: parseAddress('2001:db8:a::1'), peer: parseAddress('2001:db8:b::1') };
    let calls = 0;
    const { clock, care, used, errors } = setUp(() => {
      if (++calls === 2) throw new Error('no /proc');
      return [pair];
    });
    care.start([]);
    clock.runUntil(ms(190_000));
    expect(used).toEqual([[pair], [pair]]);
    expect(errors).toHaveLength(1);
    care.stop();
    clock.runUntil(ms(1_000_000));
    expect(calls).toBe(3);
  });

  it('ends what used an address whose valid lifetime is over, not one whose interface went [RFC5533-1.5-1]', () => {
    const { clock, care, ended } = setUp();
    care.start([
      address('2001:db8:a::1', 10_000),
      address('2001:db8:a::2', 90_000),
      address('2001:db8:a::3'),
    ]);
    clock.runUntil(ms(10_500));
    care.addressesChanged([]);
    expect(ended).toEqual(['2001:db8:a::1']);
  });

  it('counts the newest lifetime that was heard of', () => {
    const { clock, care, ended } = setUp();
    care.start([address('2001:db8:a::1', 10_000)]);
    care.addressesChanged([address('2001:db8:a::1', 90_000)]);
    clock.runUntil(ms(20_000));
    care.addressesChanged([]);
    expect(ended).toEqual([]);
  });
});
