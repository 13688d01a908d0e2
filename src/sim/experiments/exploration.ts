import { addMs } from '../../wire/units.js';
import { engineConfig } from '../scenario/resolve.js';
import type { ScenarioOf } from '../scenario/schema.js';
import { pathsToBreak } from './breaking.js';
import { explorationFigures, explorationTables } from './exploration-report.js';
import { Testbed } from './testbed.js';
import {
  splitTrials,
  wanted,
  type Experiment,
  type Hooks,
  type TrialRecord,
  type Unit,
} from './types.js';

type Scenario = ScenarioOf<'exploration'>;

/** Long enough for the first packets each way, so that the send timers have a phase. */
const WARM_UP = 2_000;

/** Figure 5 of seed 001: how long an exploration takes when n one-way paths are broken. */
export const exploration: Experiment<'exploration'> = {
  name: 'exploration',
  units: ({ exploration: { broken }, trials }) => splitTrials(broken.length, trials, 25),
  run: (scenario, unit, hooks = {}) =>
    [...wanted(unit, hooks.only)].map((trial) => runTrial(scenario, unit, trial, hooks)),
  tables: explorationTables,
  figures: explorationFigures,
};

function runTrial(scenario: Scenario, unit: Unit, trial: number, hooks: Hooks): TrialRecord {
  const n = scenario.exploration.broken[unit.part] ?? 1;
  const number = (trial - 1) % scenario.trials; // among those with the same n
  const seed = `${scenario.seed}/exploration/${n}`;
  const bed = new Testbed({
    scenario,
    config: engineConfig(scenario),
    seed: `${seed}/${number}`,
  });
  hooks.onWorld?.(bed.world, trial);
  bed.establish();
  const random = bed.world.random.fork('cut');
  const { interval } = scenario.traffic as { readonly interval?: number };
  bed.flow(scenario.traffic).start();
  bed.world.clock.run(WARM_UP + random.uniform() * (interval ?? 1_000));
  const cut = pathsToBreak(n, number, bed.inUse(), bed.paths, seed);
  const cutAt = bed.world.clock.now();
  bed.watch.begin(cutAt);
  bed.stop(cut);
  const pinged = bed.pings();
  hooks.onNote?.(`cut ${cut.map((p) => bed.nameOf(p)).join(' ')}`);
  bed.awaitRecovery(addMs(cutAt, scenario.exploration.patience));
  const { watch } = bed;
  const after = bed.inUse();
  const pings = bed.pings() - pinged;
  return {
    trial,
    n,
    cut: cut.map((path) => bed.nameOf(path)),
    detectionMs: round(watch.detection),
    explorationMs: { A: round(watch.exploration('A')), B: round(watch.exploration('B')) },
    togetherMs: round(watch.together),
    probes: { A: watch.probes('A'), B: watch.probes('B') },
    /** Of both, from the cut on. */
    pings,
    after: { AtoB: bed.nameOf(after.AtoB), BtoA: bed.nameOf(after.BtoA) },
  };
}

/** Microseconds are enough. */
export const round = (ms: number | null): number | null =>
  ms === null ? null : Math.round(ms * 1_000) / 1_000;
