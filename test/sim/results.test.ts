import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { tablesText } from '../../src/sim/commands/tables.js';
import { PLAIN } from '../../src/sim/draw/paint.js';
import { bind } from '../../src/sim/experiments/index.js';
import { loadScenario } from '../../src/sim/scenario/load.js';
import type { Scenario } from '../../src/sim/scenario/schema.js';

/** The built-in scenarios, small enough for every test run. */
function reduced(name: string): Scenario {
  const [file = name, profile] = name.split(' ');
  const { scenario } = loadScenario(file);
  const s = profile === 'fast' ? { ...scenario, profile: 'fast' as const } : scenario;
  switch (s.experiment) {
    case 'exploration':
      return { ...s, trials: 30, exploration: { ...s.exploration, broken: [1, 2, 9, 16] } };
    case 'selection':
      return { ...s, trials: 40, selection: { ...s.selection, chain: 20 } };
    case 'survival':
      return { ...s, trials: 2, survival: { ...s.survival, delays: [10], run_for: 30_000 } };
    case 'detection': {
      const [cbr, , , bulk] = s.detection.traffic;
      const traffic = [cbr, bulk].flatMap((t) => t ?? []);
      return {
        ...s,
        trials: 10,
        detection: { ...s.detection, traffic, losses: [0.01, 0.2], watches: 1, watch: 120_000 },
      };
    }
    case 'storm':
      return { ...s, storm: { ...s.storm, flows: [10, 200] } };
    default:
      return { ...s, trials: 10 };
  }
}

const NAMES = [
  ...['survival', 'exploration', 'selection', 'detection', 'storm', 'asymmetric'],
  ...['exploration fast', 'selection fast', 'detection-fast', 'storm-fast', 'server'],
];

describe('the experiments, reduced', () => {
  it('give the stored numbers: `npx vitest run test/sim/results.test.ts -u` after a change that is meant, then `npm run results`', async () => {
    const text = NAMES.map((name) => {
      const scenario = reduced(name);
      const experiment = bind(scenario);
      const records = experiment.units().flatMap((unit) => [...experiment.run(unit)]);
      return `# ${name}\n\n${tablesText(experiment.tables(records), PLAIN)}`;
    }).join('\n');
    await expect(text).toMatchFileSnapshot('./reduced.table.txt');
  });

  it('are those that docs/results.md was made from', () => {
    const script = fileURLToPath(new URL('../../scripts/results.mjs', import.meta.url));
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });
});
