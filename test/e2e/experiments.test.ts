import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { compareRuns, type WorldRun } from '../../src/lab/experiments/compare.js';
import { bindLab } from '../../src/lab/experiments/index.js';
import { runInLab } from '../../src/lab/experiments/run.js';
import { bind } from '../../src/sim/experiments/index.js';
import { loadScenario } from '../../src/sim/scenario/load.js';
import type { ScenarioOf } from '../../src/sim/scenario/schema.js';
import { needsTun } from '../support/root.js';

/**
 * The distance that one case may have. Samples of one distribution exceed it once in a thousand times; four cases are
 * looked at. With 14 trials in the lab and 600 in the simulator that is a Kolmogorov-Smirnov distance of 0.53.
 */
const LEVEL = 0.001;
const LAB_TRIALS = 14;
const SIM_TRIALS = 600;

/** Figure 5 with everything three times as quick, so that a trial takes four seconds. */
function scenario(trials: number): ScenarioOf<'exploration'> {
  const { scenario: built } = loadScenario('exploration');
  if (built.experiment !== 'exploration') throw new Error(built.experiment);
  return {
    ...built,
    trials,
    seed: 'e2e',
    timers: {
      send_timeout: 1_000,
      keepalive_timeout: 1_000,
      initial_probe_timeout: 150,
      max_probe_timeout: 1_000,
    },
    traffic: { model: 'cbr', interval: 300, size: 64 },
    exploration: { ...built.exploration, broken: [2, 16] },
  };
}

function simulate(of: ScenarioOf<'exploration'>): WorldRun {
  const experiment = bind(of);
  return { scenario: of, records: experiment.units().flatMap((unit) => [...experiment.run(unit)]) };
}

const REHOME = fileURLToPath(new URL('../../bin/rehome.js', import.meta.url));
const QUICK = `
experiment = "exploration"
trials = 1
[timers]
send_timeout = "1s"
[exploration]
broken = [2]
`;

const beyond = (lab: WorldRun, sim: WorldRun): string[] =>
  compareRuns(lab, sim, LEVEL)
    .filter(({ distance, allowed }) => distance > allowed)
    .map(({ figure, name, distance: d, allowed }) => `${figure} ${name}: ${d} > ${allowed}`);

describe.skipIf(needsTun() !== undefined)('an experiment with real hosts', () => {
  it(
    'lands where the simulator does: same cuts, same times within the allowed distance',
    { timeout: 90_000 },
    async () => {
      const of = scenario(LAB_TRIALS);
      const records = await runInLab(bindLab(of), {
        labs: 4,
        identity: 'none',
        seed: of.seed,
        signal: AbortSignal.timeout(85_000), // so that nothing is left behind
      });
      const lab = { scenario: of, records };
      const sim = simulate(scenario(SIM_TRIALS));
      expect(records.map((r) => r.trial)).toEqual(
        Array.from({ length: 2 * LAB_TRIALS }, (_, i) => i + 1),
      );
      // The k-th trial of a case cuts the same paths in both worlds.
      for (const [part, n] of of.exploration.broken.entries()) {
        for (let k = 0; k < LAB_TRIALS; k++) {
          const ours = records[part * LAB_TRIALS + k];
          const theirs = sim.records[part * SIM_TRIALS + k];
          expect(ours).toMatchObject({ n, cut: theirs?.['cut'] });
        }
      }
      expect(compareRuns(lab, sim)).toHaveLength(4);
      expect(beyond(lab, sim)).toEqual([]);
      // It would be noticed: another send timer, another pace.
      const timers = { ...of.timers };
      const late = simulate({ ...scenario(100), timers: { ...timers, send_timeout: 3_000 } });
      expect(beyond(lab, late).filter((text) => text.startsWith('detection'))).toHaveLength(2);
      const slow = { ...timers, initial_probe_timeout: 1_000, max_probe_timeout: 60_000 };
      const slower = simulate({ ...scenario(100), timers: slow });
      expect(beyond(lab, slower)).toEqual([expect.stringMatching(/^exploration n = 16/)]);
    },
  );

  it('is a command, with data and figures of both worlds', { timeout: 60_000 }, () => {
    const directory = mkdtempSync(`${tmpdir()}/rehome-lab-run-`);
    try {
      writeFileSync(`${directory}/quick.toml`, QUICK);
      const out = `${directory}/out`;
      const args = [REHOME, 'lab', 'run', `${directory}/quick.toml`, '--json', '--out', out];
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
      expect(stderr).toBe('');
      expect(status).toBe(0);
      const { header, tables, files } = JSON.parse(stdout) as {
        readonly header: object;
        readonly tables: readonly { readonly title: string }[];
        readonly files: readonly string[];
      };
      expect(header).toMatchObject({ schema: 'rehome.lab/1', identity: 'hba', left: [] });
      expect(tables.map(({ title }) => title)).toContain(
        'Lab and simulator: exploration time (median)',
      );
      const names = [
        'quick-lab-and-sim-detection.svg',
        'quick-lab-and-sim-exploration.svg',
        'quick-lab-cdf.svg',
        'quick-lab.jsonl',
        'quick.jsonl',
      ];
      expect(readdirSync(out).sort()).toEqual(names);
      expect([...files].sort()).toEqual(names.map((name) => `${out}/${name}`));
      const lines = (name: string): unknown[] =>
        readFileSync(`${out}/${name}`, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as unknown);
      const [first, ...records] = lines('quick-lab.jsonl');
      expect(first).toEqual(header);
      expect(records).toEqual([expect.objectContaining({ trial: 1, n: 2 })]);
      expect(Object.keys(records[0] as object)).toEqual(
        Object.keys(lines('quick.jsonl')[1] as object),
      );
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
