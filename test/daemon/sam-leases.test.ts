import { describe, expect, it } from 'vitest';
import { leasesOf } from '../../src/daemon/sam/leases.js';
import type { SamProviderConfig } from '../../src/daemon/config/sam.js';
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
});
