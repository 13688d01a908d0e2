import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Lab } from '../../src/lab/lab.js';
import { destinationAddress, PATHS, reversePath, sourceAddress } from '../../src/lab/paths.js';
import { choosePathsToCut } from '../../src/sim/breaks.js';
import { SeededRandom } from '../../src/sim/random.js';
import { needsTun } from '../support/root.js';
import { cutAndRecover, IDENTITIES, QUICK, quickLab, reset } from './support.js';

describe.skipIf(needsTun() !== undefined).each(IDENTITIES)(
  'a TCP session whose path is cut: %s',
  (identity) => {
    let lab: Lab;
    beforeAll(async () => {
      lab = await quickLab({ daemon: { ...QUICK, identity } });
    });
    afterEach(() => reset(lab));
    afterAll(() => lab.stop());

    it(
      'goes on when its data no longer gets through [RFC5534 §4]',
      { timeout: 40_000 },
      async () => {
        const run = await cutAndRecover(lab, ({ AtoB }) => [AtoB]);
        // The send timer of one second, started by the first packet without an answer.
        expect(run.detection).toBeGreaterThan(850);
        expect(run.detection).toBeLessThan(2_500);
        expect(run.after.AtoB).not.toBe(run.before.AtoB);
      },
    );

    it('goes on when its acknowledgements no longer get through', { timeout: 40_000 }, async () => {
      const run = await cutAndRecover(lab, ({ BtoA }) => [BtoA]);
      expect(run.after.BtoA).not.toBe(run.before.BtoA);
    });

    it('goes on when nothing gets through in either direction', { timeout: 40_000 }, async () => {
      const run = await cutAndRecover(lab, ({ AtoB }) => [AtoB, reversePath(AtoB)]);
      expect(run.after.AtoB).not.toBe(run.before.AtoB);
      expect(run.after.BtoA).not.toBe(run.before.BtoA);
      expect(run.gap).toBeLessThan(8_000);
    });

    it(
      'goes on over the last one-way path each way, 16 of 18 cut',
      { timeout: 90_000 },
      async () => {
        const all = PATHS.map((path) => ({
          from: path.from,
          source: sourceAddress(path),
          destination: destinationAddress(path),
          path,
        }));
        const run = await cutAndRecover(
          lab,
          ({ AtoB, BtoA }) => {
            const find = (path: typeof AtoB): (typeof all)[number] => {
              const found = all.find((p) => p.path === path);
              if (found === undefined) throw new Error(path.name);
              return found;
            };
            const inUse = { AtoB: find(AtoB), BtoA: find(BtoA) };
            const chosen = choosePathsToCut(16, inUse, all, 'A', new SeededRandom(16));
            const cut = all.filter((p) =>
              chosen.some((c) => c.source === p.source && c.destination === p.destination),
            );
            expect(cut).toHaveLength(16);
            return cut.map((p) => p.path);
          },
          {},
          60_000,
        );
        expect(run.exploration).toBeGreaterThan(0);
      },
    );
  },
);
