import { describe, expect, it } from 'vitest';
import { prepare } from '../../../src/lab/commands/run.js';
import {
  comparisonTables,
  compareRuns,
  type WorldRun,
} from '../../../src/lab/experiments/compare.js';
import { comparisonFigures } from '../../../src/lab/experiments/figures.js';
import { bothCaption, labHeader } from '../../../src/lab/experiments/header.js';
import { bind } from '../../../src/sim/experiments/index.js';
import { headerOf } from '../../../src/sim/run/header.js';
import type { Scenario } from '../../../src/sim/scenario/schema.js';

/** The simulator stands for the lab here: what is tested is the comparison. */
function simulate(scenario: Scenario): WorldRun {
  const experiment = bind(scenario);
  return { scenario, records: experiment.units().flatMap((unit) => [...experiment.run(unit)]) };
}

function exploration(trials: number, seed: string, more: Partial<Scenario> = {}): WorldRun {
  const { lab } = prepare('exploration', { trials, seed });
  if (lab.experiment !== 'exploration') throw new Error(lab.experiment);
  const few = { ...lab, ...more, exploration: { ...lab.exploration, broken: [2, 16] } } as Scenario;
  return simulate(few);
}

const verdicts = (lab: WorldRun, sim: WorldRun): Record<string, boolean> =>
  Object.fromEntries(
    compareRuns(lab, sim, 0.001).map((c) => [`${c.figure} ${c.name}`, c.distance <= c.allowed]),
  );

describe('lab against simulator', () => {
  const sim = exploration(150, '1');

  it('agree when they are one distribution', () => {
    expect(verdicts(exploration(40, '2'), sim)).toEqual({
      'exploration n = 2': true,
      'exploration n = 16': true,
      'detection n = 2': true,
      'detection n = 16': true,
    });
  });
  it('do not agree when the send timer is another, or the pace of the probes', () => {
    const slow = verdicts(exploration(40, '2', { profile: 'rfc' }), sim);
    expect(slow).toMatchObject({ 'detection n = 2': false, 'detection n = 16': false });
    const fast = exploration(40, '2', { timers: { initial_probe_timeout: 50 } });
    expect(verdicts(fast, sim)).toMatchObject({ 'exploration n = 16': false });
  });
  it('are compared in tables: both medians, with how many values, distance and what is allowed', () => {
    const [table] = comparisonTables(exploration(40, '2'), sim);
    expect(table?.against).toBe('simulator');
    expect(table?.headings).toEqual({ ours: 'lab', error: 'distance / allowed' });
    const [, row] = table?.rows ?? [];
    expect(row?.measure).toBe('n = 16');
    expect(row?.paper).toMatch(/^\d.*s \(150\)$/);
    expect(row?.ours).toMatch(/^\d.*s \(40\)$/);
    expect(row?.error).toMatch(/^0\.\d\d \/ 0\.24, to 30 ms$/);
  });
  it('count never-ending explorations as longer than all others', () => {
    const lab = exploration(40, '2');
    const records = lab.records.map((r) => ({ ...r, explorationMs: { A: null, B: null } }));
    const [first] = compareRuns({ ...lab, records }, sim);
    expect(first?.distance).toBe(1);
  });
});

describe('figures of both', () => {
  it.each(['exploration', 'selection', 'survival', 'detection', 'storm', 'asymmetric'])(
    '%s: every curve twice, the lab dashed, with trials; commands and seeds of both below',
    { timeout: 60_000 },
    (name) => {
      const prepared = prepare(name, { trials: 2, seed: 'f' });
      const run = simulate(small(prepared.lab));
      const header = labHeader(name, prepared.lab, { identity: 'hba', labs: 4 }, []);
      const caption = bothCaption(headerOf({ name }, prepared.sim), header);
      const figures = comparisonFigures(run, run).map(({ svg }) => svg(caption));
      expect(figures.length).toBeGreaterThan(0);
      for (const svg of figures) {
        // Curves and their samples in the legend; half of them dashed.
        const strokes = svg.match(/stroke-width="(1\.6|2\.5)"/g)?.length ?? 0;
        const dashed = svg.match(/stroke-dasharray="5 3"/g)?.length ?? 0;
        expect(dashed).toBeGreaterThan(0);
        expect(strokes).toBe(2 * dashed);
        expect(svg).toMatch(/: sim(, [\d,]+)?</);
        expect(svg).toMatch(/: lab(, [\d,]+)?</);
        const words = svg.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
        expect(words).toContain(`rehome sim run ${name}`);
        expect(words).toContain(`rehome lab run ${name}`);
        expect(words.match(/--seed f/g)).toHaveLength(2);
      }
    },
  );
});

/** Little virtual time. */
function small(s: Scenario): Scenario {
  switch (s.experiment) {
    case 'survival':
      return { ...s, trials: 1, survival: { ...s.survival, delays: [10], run_for: 30_000 } };
    case 'detection': {
      const [cbr] = s.detection.traffic;
      if (cbr === undefined) throw new Error('no traffic');
      return { ...s, detection: { ...s.detection, traffic: [cbr], losses: [0.3], watches: 1 } };
    }
    case 'storm':
      return { ...s, storm: { ...s.storm, flows: [10] } };
    default:
      return s;
  }
}
