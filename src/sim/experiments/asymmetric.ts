import { addMs } from '../../wire/units.js';
import { engineConfig } from '../scenario/resolve.js';
import { selectPaths } from '../scenario/paths.js';
import type { ScenarioOf } from '../scenario/schema.js';
import { locatorNames, Recorder } from '../trace/recorder.js';
import { asymmetricFigures, asymmetricTables } from './asymmetric-report.js';
import { round } from './exploration.js';
import { checkMessages } from './message-check.js';
import { Testbed } from './testbed.js';
import { splitTrials, wanted, type Experiment, type Hooks, type TrialRecord } from './types.js';

type Scenario = ScenarioOf<'asymmetric'>;

const WARM_UP = 2_000;
/** After the recovery: payload goes over the new pairs. */
const AFTER = 3_000;

/** Figure 2 of seed 001: no pair works both ways any more, and every message is checked. */
export const asymmetric: Experiment<'asymmetric'> = {
  name: 'asymmetric',
  units: ({ trials }) => splitTrials(1, trials, 25),
  run: (scenario, unit, hooks = {}) =>
    [...wanted(unit, hooks.only)].map((trial) => runTrial(scenario, trial, hooks)),
  tables: asymmetricTables,
  figures: asymmetricFigures,
};

function runTrial(scenario: Scenario, trial: number, hooks: Hooks): TrialRecord {
  const config = engineConfig(scenario);
  const bed = new Testbed({
    scenario,
    config,
    seed: `${scenario.seed}/asymmetric/${trial - 1}`,
  });
  const { clock, random, network } = bed.world;
  hooks.onWorld?.(bed.world, trial);
  bed.establish();
  const recorder = new Recorder(bed.world);
  bed.flow(scenario.traffic).start();
  clock.run(WARM_UP + random.fork('cut').uniform() * 1_000);
  const named = bed.paths.map((path) => {
    const [from = '', to = ''] = bed.nameOf(path).split('>');
    return { ...path, from, to, path };
  });
  const left = new Set(scenario.asymmetric.working.flatMap((text) => selectPaths(text, named)));
  const cut = named.filter((path) => !left.has(path));
  const cutAt = clock.now();
  bed.watch.begin(cutAt);
  bed.stop(cut.map(({ path }) => path));
  hooks.onNote?.(`only ${[...left].map(({ from, to }) => `${from}>${to}`).join(' ')} still work`);
  const ok = bed.awaitRecovery(addMs(cutAt, scenario.asymmetric.patience));
  clock.run(AFTER);
  recorder.stop();
  const { AtoB, BtoA } = bed.inUse();
  const faults = checkMessages(recorder.entries, {
    works: (source, destination, at) => at < cutAt || network.settings(source, destination).up,
    initial: { A: bed.ulids, B: { local: bed.ulids.peer, peer: bed.ulids.local } },
    reap: config.reap,
    nameOf: locatorNames(bed.world),
  });
  return {
    trial,
    ok,
    messages: recorder.packets.filter(({ control }) => control !== undefined).length,
    faults,
    detectionMs: round(bed.watch.detection),
    explorationMs: { A: round(bed.watch.exploration('A')), B: round(bed.watch.exploration('B')) },
    probes: { A: bed.watch.probes('A'), B: bed.watch.probes('B') },
    after: { AtoB: bed.nameOf(AtoB), BtoA: bed.nameOf(BtoA) },
    /** Both on paths that work. */
    found: [AtoB, BtoA].every((path) =>
      [...left].some((l) => l.source === path.source && l.destination === path.destination),
    ),
  };
}
