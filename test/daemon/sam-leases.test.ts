import { describe, expect, it } from 'vitest';
import { leasesOf, usableLeases } from '../../src/daemon/sam/leases.js';
import type { SamProviderConfig } from '../../src/daemon/config/sam.js';
import type { Link } from '../../src/linux/netlink/link.js';
import { parsePrefix } from '../../src/wire/prefix.js';
import { ms } from '../../src/wire/units.js';

const provider = (text: string, preferred?: number, valid?: number): SamProviderConfig => ({
  prefix: parsePrefix(text),
  interface: 'wan0',
  preferred,
  valid,
});
const [A, B] = ['2001:db8:a::/48', '2001:db8:b::/48'];

describe('what providers give', () => {
  it('ends its lifetimes after it was given; without lifetimes never', () => {
    const [a, b] = leasesOf([provider(A, 0, 600_000), provider(B)], [], ms(1_000));
    expect(a?.prefix).toMatchObject({ preferredUntil: 1_000, validUntil: 601_000 });
    expect(b?.prefix).toEqual({ prefix: parsePrefix(B) });
  });

  it('a reload that changes something else does not begin a lifetime anew', () => {
    const old = leasesOf([provider(A, 0, 600_000)], [], ms(1_000));
    const next = leasesOf([provider(B), provider(A, 0, 600_000)], old, ms(500_000));
    expect(next[1]?.prefix).toMatchObject({ preferredUntil: 1_000, validUntil: 601_000 });
    // One that changes it does, also to for ever.
    expect(leasesOf([provider(A, 0, 60_000)], next, ms(500_000))[0]?.prefix.validUntil).toBe(560_000); // prettier-ignore
    expect(leasesOf([provider(A)], next, ms(500_000))[0]?.prefix.validUntil).toBeUndefined();
    // So does giving it again after it was taken back.
    const gone = leasesOf([provider(B)], next, ms(510_000));
    expect(leasesOf([provider(A, 0, 600_000)], gone, ms(520_000))[0]?.prefix.validUntil).toBe(1_120_000); // prettier-ignore
  });

  it('is deprecated while the link to the provider is down or gone, not longer', () => {
    const leases = leasesOf([provider(A, 60_000, 600_000), provider(B)], [], ms(0));
    const link = (up: boolean): Link => ({
      index: 3,
      name: 'wan0',
      flags: 0,
      up: true,
      operState: up ? 'up' : 'down',
      carrier: up,
      mtu: 1500,
      mac: new Uint8Array(6),
      kind: 'veth',
      peerIndex: undefined,
    });
    const until = (links: readonly Link[], now: number): unknown[] =>
      usableLeases(leases, links, ms(now)).map((p) => p.preferredUntil);
    expect(until([link(true)], 10_000)).toEqual([60_000, undefined]);
    expect(until([link(false)], 10_000)).toEqual([10_000, 10_000]);
    expect(until([], 10_000)).toEqual([10_000, 10_000]);
    expect(until([link(false)], 90_000)).toEqual([60_000, 90_000]);
    expect(usableLeases(leases, [], ms(10_000)).map((p) => p.validUntil)).toEqual([600_000, undefined]); // prettier-ignore
  });
});
