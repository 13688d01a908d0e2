import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { monotonicMs } from '../../src/linux/clock.js';
import type { Lab } from '../../src/lab/lab.js';
import { otherHost, reversePath, type Host } from '../../src/lab/paths.js';
import { BuiltinTraffic, run as startProgram } from '../../src/lab/traffic/builtin.js';
import { longestGap } from '../../src/lab/traffic/gap.js';
import { needsTun } from '../support/root.js';
import {
  current,
  cutAndRecover,
  established,
  IDENTITIES,
  QUICK,
  quickLab,
  reset,
  waitFor,
} from './support.js';

const peerLocators = async (lab: Lab): Promise<string[]> =>
  ((await lab.context('B'))?.peerLocators ?? []).map((l) => l.address).sort();

const gapSince = (traffic: BuiltinTraffic, since: number): number => {
  const gap = longestGap(traffic.gaps, since);
  return gap === undefined ? 0 : gap.to - gap.from;
};

describe.skipIf(needsTun() !== undefined).each(IDENTITIES)(
  'a network that changes: %s',
  (identity) => {
    let lab: Lab;
    beforeAll(async () => {
      lab = await quickLab({ daemon: { ...QUICK, identity } });
    });
    afterEach(() => reset(lab));
    afterAll(() => lab.stop());

    it(
      'an unused locator goes and comes while data flows: the peer is told, the data does not notice [RFC5533 §10]',
      { timeout: 40_000 },
      async () => {
        const traffic = await BuiltinTraffic.start(lab, { seed: 'locators' });
        await established(lab);
        const all = lab.locators().A;
        await waitFor(
          'B to know three locators of A',
          async () => (await peerLocators(lab)).length === 3,
        );
        const since = monotonicMs();
        lab.removeLocator('A', 3);
        try {
          await waitFor(
            'B to hear that a3 is gone',
            async () => !(await peerLocators(lab)).includes(lab.address('A', 3)),
          );
          await sleep(500);
        } finally {
          lab.addLocator('A', 3);
        }
        await waitFor(
          'B to hear that a3 is back',
          async () => (await peerLocators(lab)).join() === all.join(),
        );
        await sleep(500);
        const result = await traffic.finish(10_000);
        expect(result.bytesVerified).toBe(result.bytesSent);
        expect(gapSince(traffic, since)).toBeLessThan(900);
      },
    );

    it(
      'the locator in use, which is the ULID, is taken away: the session goes on without it',
      { timeout: 40_000 },
      async () => {
        const traffic = await BuiltinTraffic.start(lab, { seed: 'ulid' });
        await established(lab);
        const { AtoB } = await current(lab);
        expect(AtoB.name).toBe('a1>b1');
        const since = monotonicMs();
        lab.removeLocator('A', 1);
        try {
          await waitFor('another path both ways', async () => {
            const now = await current(lab);
            return now.AtoB.source !== 1 && now.BtoA.destination !== 1;
          });
          const moved = monotonicMs();
          await waitFor('data', () =>
            traffic.samples.some((s) => s.at > moved + 200 && s.bytes > 0),
          );
          await sleep(1_000);
          const result = await traffic.finish(10_000);
          expect(result.bytesVerified).toBe(result.bytesSent);
          expect(gapSince(traffic, since)).toBeLessThan(8_000);
        } finally {
          lab.addLocator('A', 1);
        }
      },
    );

    it(
      'two flows between the same hosts with different ULIDs have contexts and paths of their own',
      { timeout: 40_000 },
      async () => {
        const other = await BuiltinTraffic.start(lab, {
          seed: 'other',
          source: 2,
          destination: 2,
          bytesPerSecond: 500_000,
        });
        await established(lab, 2, 2);
        const since = monotonicMs();
        const run = await cutAndRecover(lab, ({ AtoB }) => [AtoB, reversePath(AtoB)], {
          bytesPerSecond: 500_000,
        });
        expect(run.before.AtoB.name).toBe('a1>b1');
        const paths = await current(lab, 2, 2);
        expect([paths.AtoB.name, paths.BtoA.name]).toEqual(['a2>b2', 'b2>a2']);
        const tags = (await lab.contexts('A')).map((c) => c.tag);
        expect(new Set(tags).size).toBe(2);
        const result = await other.finish(10_000);
        expect(result.bytesVerified).toBe(result.bytesSent);
        expect(gapSince(other, since)).toBeLessThan(900);
      },
    );
  },
);

describe.skipIf(needsTun() !== undefined)('a peer without rehome', () => {
  it(
    'is left alone: plain TCP is not disturbed, the refusal is remembered [RFC5533 §7.8]',
    { timeout: 40_000 },
    async () => {
      const lab = await quickLab({ daemons: ['A'] });
      try {
        const traffic = await BuiltinTraffic.start(lab, { seed: 'plain' });
        const { client } = lab.daemon('A');
        const refusal = await waitFor(
          'the refusal',
          async () => (await client.status()).refusals[0],
        );
        expect(refusal).toMatchObject({
          state: 'NO-SUPPORT',
          ulids: { local: lab.address('A', 1), peer: lab.address('B', 1) },
        });
        const asked = (await client.status()).counters.engine['sent-i1'];
        expect(asked).toBeGreaterThanOrEqual(1);
        await sleep(2_500);
        expect((await client.status()).counters.engine['sent-i1']).toBe(asked);
        const result = await traffic.finish(10_000);
        expect(result.bytesVerified).toBe(result.bytesSent);
        // Not disturbed: nothing was rewritten or dropped. How long a gap was says more of the machine.
        const { counters } = await client.status();
        const touched = Object.entries(counters.dataPath).filter(([name]) =>
          /^(drop-|encoded|decoded|sent-unshimmed|received-unshimmed|bypass)/.test(name),
        );
        expect(touched.length).toBeGreaterThan(10);
        expect(touched.filter(([, packets]) => packets !== 0)).toEqual([]);
        expect(await lab.contexts('A')).toEqual([]);
      } finally {
        await lab.stop();
      }
    },
  );
});

describe.skipIf(needsTun() !== undefined).each([1280, 1500])('links with an MTU of %i', (mtu) => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await quickLab({ mtu });
  });
  afterEach(() => reset(lab));
  afterAll(() => lab.stop());

  it('carry the session before and after the cut', { timeout: 40_000 }, async () => {
    const run = await cutAndRecover(lab, ({ AtoB }) => [AtoB, reversePath(AtoB)]);
    expect(run.after.AtoB).not.toBe(run.before.AtoB);
    expect(run.gap).toBeLessThan(8_000);
    const state = await lab.state();
    expect(state.paths[run.after.AtoB.id]?.counters.forwardedBytes).toBeGreaterThan(200_000);
  });

  it('carry datagrams in fragments before and after the cut', { timeout: 40_000 }, async () => {
    const arrived: Record<Host, number[]> = { A: [], B: [] };
    const programs = (['A', 'B'] as const).map((host) => {
      const ends = [lab.address(host, 1), '7002', lab.address(otherHost(host), 1), '7002'];
      return startProgram(lab, host, 'udp', [...ends, '100', '4000'], (m) => {
        if (m.kind === 'datagram') arrived[host].push(m.at);
      });
    });
    try {
      await established(lab);
      const { AtoB } = await current(lab);
      for (const host of ['A', 'B'] as const)
        await waitFor(`whole datagrams at ${host}`, () => arrived[host].length > 5);
      await lab.cut([AtoB, reversePath(AtoB)]);
      await waitFor('another path', async () => {
        const contexts = [await lab.context('A'), await lab.context('B')];
        return contexts.every((c) => c?.shimmed === true && c.reap?.state === 'operational');
      });
      const moved = monotonicMs();
      for (const host of ['A', 'B'] as const)
        await waitFor(
          `whole datagrams at ${host} over the new path`,
          () => arrived[host].filter((at) => at > moved).length > 5,
        );
    } finally {
      for (const { child } of programs) child.kill();
    }
  });
});
