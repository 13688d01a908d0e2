import { describe, expect, it } from 'vitest';
import { compiledScript } from '../../src/daemon/compiled.js';
import { toLines } from '../../src/sim/run/files.js';
import { headerOf, override } from '../../src/sim/run/header.js';
import { runScenario, type Progress } from '../../src/sim/run/runner.js';
import { loadScenario, parseScenario } from '../../src/sim/scenario/load.js';
import type { Scenario } from '../../src/sim/scenario/schema.js';

const script = compiledScript('sim/run/worker');

/** Small versions whose trials end at different times. */
const SMALL: Readonly<Record<string, Scenario>> = {
  exploration: parseScenario(
    'experiment = "exploration"\ntrials = 60\n[exploration]\nbroken = [1, 16, 9]\n',
    'a.toml',
  ),
  selection: parseScenario(
    'experiment = "selection"\ntrials = 30\n[selection]\nchain = 7\n[[selection.variant]]\nname = "x"\n[[selection.variant]]\nname = "y"\nstrategy = "burst:4"\n',
    'b.toml',
  ),
  storm: parseScenario('experiment = "storm"\ntrials = 2\n[storm]\nflows = [5, 40]\n', 'c.toml'),
};

const bytes = async (scenario: Scenario, jobs: number | undefined): Promise<string> => {
  const records = await runScenario(scenario, jobs === undefined ? { jobs: 1 } : { jobs, script });
  return toLines({ header: headerOf({ name: scenario.experiment }, scenario), records });
};

describe('a run', () => {
  it.each(Object.keys(SMALL))(
    '%s: the same bytes with one thread, three, or none',
    async (name) => {
      const scenario = SMALL[name] as Scenario;
      const here = await bytes(scenario, undefined);
      expect(await bytes(scenario, 1)).toBe(here);
      expect(await bytes(scenario, 3)).toBe(here);
      const trials = here
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => (JSON.parse(line) as { trial: number }).trial);
      expect(trials).toEqual(trials.map((_, i) => i + 1));
    },
  );

  it('is another with another seed', async () => {
    const scenario = SMALL['exploration'] as Scenario;
    const other = override(scenario, { seed: 'other' });
    expect(other.seed).toBe('other');
    const lines = async (s: Scenario): Promise<string> =>
      (await bytes(s, undefined)).split('\n')[30] ?? '';
    expect(await lines(scenario)).not.toBe(await lines(other));
  });

  it('tells how far it is', async () => {
    const seen: Progress[] = [];
    await runScenario(SMALL['exploration'] as Scenario, {
      jobs: 2,
      script,
      onProgress: (p) => void seen.push(p),
    });
    expect(seen.at(-1)).toMatchObject({ done: expect.closeTo(1, 9), trials: 180, allTrials: 180 });
    expect(seen.every((p, i) => i === 0 || p.done >= (seen[i - 1]?.done ?? 0))).toBe(true);
  });

  it('stops when it is interrupted, and leaves no thread behind', async () => {
    const stop = new AbortController();
    const running = runScenario(override(SMALL['exploration'] as Scenario, { trials: 100_000 }), {
      jobs: 2,
      script,
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    await expect(running).rejects.toMatchObject({ code: 'REHOME_E_ABORTED' });
  });

  it.each([undefined, script])(
    'says what a scenario cannot have, from any thread',
    async (where) => {
      const scenario = parseScenario(
        'experiment = "exploration"\ntrials = 1\n[exploration]\nbroken = [17]\n',
        'x.toml',
      );
      const run = runScenario(scenario, {
        jobs: 1,
        ...(where === undefined ? {} : { script: where }),
      });
      await expect(run).rejects.toMatchObject({
        code: 'REHOME_E_BREAK',
        message: expect.stringContaining('can break 1 to 16 of 18') as string,
      });
    },
  );

  it('names seed, command, version and commit', () => {
    const { scenario } = loadScenario('exploration');
    const header = headerOf(
      { name: 'exploration' },
      override(scenario, { trials: 7, seed: 'a b' }),
    );
    expect(header).toMatchObject({
      schema: 'rehome.sim/1',
      seed: 'a b',
      command: "rehome sim run exploration --trials 7 --profile paper --seed 'a b'",
      version: expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
    });
    expect(header.commit === null || /^[0-9a-f]{10}\+?$/.test(header.commit)).toBe(true);
  });
});
