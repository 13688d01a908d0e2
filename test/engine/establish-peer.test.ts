import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/wire/address.js';
import { H0, H1, Puppet } from '../conformance/puppet.js';

/** Found by the fuzz target `engine`: `rehome establish ff02::1` sent an I1 to everybody on the link. */
describe('a context asked for with nobody', () => {
  it.each(['::', '::1', 'ff02::1', 'fe80::1', H1])('%s is refused', (peer) => {
    const p = new Puppet();
    const ulids = { local: H0, peer: parseAddress(peer) };
    expect(() => p.engine.establish(ulids, p.now)).toThrow(
      expect.objectContaining({ code: 'REHOME_E_PEER' }),
    );
    expect(p.engine.contexts()).toEqual([]);
    expect(p.heard()).toEqual([]);
  });
});
