import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Lab } from '../../src/lab/lab.js';
import { PATHS, reversePath, whose, type Host } from '../../src/lab/paths.js';
import { BuiltinTraffic } from '../../src/lab/traffic/builtin.js';
import { parseAddress } from '../../src/wire/address.js';
import { needsTun } from '../support/root.js';
import { current, cutAndRecover, established, QUICK, quickLab, waitFor } from './support.js';

const METHOD = { hba: 1, cga: 2, none: 254 } as const;

/** How the peer of `host` has proven each of its locators, by uplink; undefined without a context. */
async function methods(lab: Lab, host: Host): Promise<Record<string, number>> {
  const context = await lab.context(host);
  return Object.fromEntries(
    (context?.peerLocators ?? []).map((l) => {
      const place = whose(parseAddress(l.address));
      return [`${place?.host.toLowerCase()}${place?.uplink}`, l.verified ? l.method : 0];
    }),
  );
}

describe.skipIf(needsTun() !== undefined)('locators that prove themselves', () => {
  it.each([
    ['cga', { a1: METHOD.cga, a2: METHOD.cga, a3: METHOD.cga }],
    ['hybrid', { a1: METHOD.hba, a2: METHOD.hba, a3: METHOD.hba }],
    ['none', { a1: 0, a2: 0, a3: 0 }],
  ] as const)(
    'identity %s: a session survives its path',
    { timeout: 60_000 },
    async (identity, expected) => {
      const lab = await quickLab({ daemon: { ...QUICK, identity } });
      try {
        const run = await cutAndRecover(lab, ({ AtoB }) => [AtoB, reversePath(AtoB)]);
        expect(run.after.AtoB).not.toBe(run.before.AtoB);
        expect(await methods(lab, 'B')).toEqual(expected);
      } finally {
        await lab.stop();
      }
    },
  );

  it(
    'hybrid: a prefix that comes while data flows is told by a signed update, and carries the session [RFC5533-10.1-1]',
    { timeout: 60_000 },
    async () => {
      const lab = await quickLab({ daemon: { ...QUICK, identity: 'hybrid' }, absent: ['a3'] });
      try {
        const traffic = await BuiltinTraffic.start(lab, { seed: 'signed' });
        await established(lab);
        expect(await methods(lab, 'B')).toEqual({ a1: METHOD.hba, a2: METHOD.hba });
        lab.addLocator('A', 3);
        await waitFor('B to know a3', async () => 'a3' in (await methods(lab, 'B')));
        expect(await methods(lab, 'B')).toEqual({
          a1: METHOD.hba,
          a2: METHOD.hba,
          a3: METHOD.cga,
        });
        const { identities } = await lab.daemon('A').client.identity();
        expect(identities.map((i) => [i.current, i.addresses.length])).toEqual([
          [false, 2],
          [true, 3],
        ]);
        // Nothing but the new prefix is left.
        const overA3 = PATHS.filter((p) => /a3/.test(p.name));
        await lab.cut(PATHS.filter((p) => !overA3.includes(p)));
        await waitFor(
          'both directions over a3',
          async () => {
            const { AtoB, BtoA } = await current(lab);
            return overA3.includes(AtoB) && overA3.includes(BtoA);
          },
          20_000,
        );
        const result = await traffic.finish(20_000);
        expect(result.bytesReceived).toBeGreaterThan(0);
        expect(result.bytesVerified).toBe(result.bytesSent);
      } finally {
        await lab.stop();
      }
    },
  );

  it(
    'hba: a new prefix means a new set; the old session keeps the old one until it ends',
    { timeout: 60_000 },
    async () => {
      const lab = await quickLab({ daemon: { ...QUICK, identity: 'hba' }, absent: ['a3'] });
      try {
        const old = [lab.address('A', 1), lab.address('A', 2)];
        const traffic = await BuiltinTraffic.start(lab, { seed: 'renumbered' });
        await established(lab);
        lab.addLocator('A', 3);
        const { client } = lab.daemon('A');
        const sets = async () => (await client.identity()).identities;
        await waitFor('the new set', async () =>
          (await sets()).some((i) => i.current && i.addresses.length === 3),
        );
        await sleep(500);
        expect(await methods(lab, 'B')).toEqual({ a1: METHOD.hba, a2: METHOD.hba });
        const [before, after] = await sets();
        expect(before?.addresses.map((a) => [a.address, a.state])).toEqual(
          old.map((address) => [address, 'deprecated']),
        );
        expect(after?.addresses.map((a) => a.state)).toEqual(Array(3).fill('preferred'));
        // New sessions use the new set: all three prefixes of it.
        await lab.learnAddresses();
        expect(lab.locators().A.some((a) => old.includes(a))).toBe(false);
        const next = await BuiltinTraffic.start(lab, { seed: 'new', bytesPerSecond: 200_000 });
        await established(lab);
        expect(await methods(lab, 'B')).toEqual({
          a1: METHOD.hba,
          a2: METHOD.hba,
          a3: METHOD.hba,
        });
        for (const t of [traffic, next]) {
          const result = await t.finish(15_000);
          expect(result.bytesVerified).toBe(result.bytesSent);
        }
      } finally {
        await lab.stop();
      }
    },
  );
});
