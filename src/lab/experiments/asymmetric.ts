import { asymmetric as sim } from '../../sim/experiments/asymmetric.js';
import { round } from '../../sim/experiments/exploration.js';
import { checkMessages } from '../../sim/experiments/message-check.js';
import type { TrialRecord } from '../../sim/experiments/types.js';
import { SeededRandom } from '../../sim/random.js';
import { selectPaths } from '../../sim/scenario/paths.js';
import { engineConfig } from '../../sim/scenario/resolve.js';
import type { ScenarioOf } from '../../sim/scenario/schema.js';
import type { Address } from '../../wire/address.js';
import { pathOf, uplinkName, whose, type OneWayPath } from '../paths.js';
import type { LabBed } from './bed.js';
import { pathParameters } from './settings.js';
import { Trace } from './trace.js';
import { trialSeed, type LabExperiment, type LabUnit } from './types.js';

type Scenario = ScenarioOf<'asymmetric'>;

/** As the simulator. */
const WARM_UP = 2_000;
const AFTER = 3_000;
const PORT = 1_000;

/** Figure 2 of seed 001 with real hosts, every message on the wire checked against the same model. */
export const asymmetric: LabExperiment<'asymmetric'> = {
  sim,
  reduce: (scenario) => ({ ...scenario, trials: 20 }),
  seconds: () => 16,
  run: async (bed, scenario, unit) => [await runTrial(bed, scenario, unit)],
};

async function runTrial(
  bed: LabBed,
  scenario: Scenario,
  { first: trial }: LabUnit,
): Promise<TrialRecord> {
  const random = new SeededRandom(trialSeed(scenario.seed, 'asymmetric', trial - 1));
  await bed.fresh();
  await bed.establish();
  const { local, peer } = bed.ulids;
  const initial = { local: local as Address, peer: peer as Address };
  const place = { source: local, destination: peer, port: PORT };
  await bed.flows.begin(scenario.traffic, place, random);
  const trace = await Trace.begin(bed);
  await bed.pause(WARM_UP + random.uniform() * 1_000);
  const named = bed.paths.map((path) => {
    const [from = '', to = ''] = bed.nameOf(path).split('>');
    return { from, to, path };
  });
  const left = new Set(scenario.asymmetric.working.flatMap((text) => selectPaths(text, named)));
  const names = new Set([...left].map(({ path }) => bed.nameOf(path)));
  const cutAt = await bed.cut(named.filter((one) => !left.has(one)).map(({ path }) => path));
  const ok = await bed.awaitRecovery(scenario.asymmetric.patience);
  const { watch } = bed;
  const measured = {
    detectionMs: round(watch.detection),
    explorationMs: { A: round(watch.exploration('A')), B: round(watch.exploration('B')) },
    probes: { A: watch.probes('A'), B: watch.probes('B') },
  };
  await bed.pause(AFTER);
  const works = (path: OneWayPath, at: number): boolean => at < cutAt || names.has(path.name);
  const open = pathParameters(scenario.network);
  const packets = await trace.end((path, at) => ({ ...open, stopped: !works(path, at) }));
  const { AtoB, BtoA } = await bed.inUse();
  const after = { AtoB: bed.nameOf(AtoB), BtoA: bed.nameOf(BtoA) };
  const faults = checkMessages(packets, {
    works: (source, destination, at) => {
      const path = pathOf(source, destination);
      return path !== undefined && works(path, at);
    },
    initial: { A: initial, B: { local: initial.peer, peer: initial.local } },
    reap: engineConfig(scenario).reap,
    nameOf: locatorName,
  });
  return {
    trial,
    ok,
    messages: packets.filter(({ control }) => control !== undefined).length,
    faults,
    ...measured,
    after,
    found: names.has(after.AtoB) && names.has(after.BtoA),
  };
}

function locatorName(address: Address): string {
  const place = whose(address);
  return place === undefined ? address : uplinkName(place.host, place.uplink);
}
