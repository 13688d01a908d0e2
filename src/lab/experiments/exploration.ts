import { pathsToBreak } from '../../sim/experiments/breaking.js';
import { exploration as sim, round } from '../../sim/experiments/exploration.js';
import { SeededRandom } from '../../sim/random.js';
import { trialSeed, type LabExperiment } from './types.js';

/** As the simulator: long enough for the first packets each way. */
const WARM_UP = 2_000;
const PORT = 1_000;

/** Figure 5 of seed 001 with real hosts. Trial k of a case breaks the same paths as the simulator's trial k. */
export const exploration: LabExperiment<'exploration'> = {
  sim,
  reduce: (scenario) => ({
    ...scenario,
    trials: 30,
    exploration: { ...scenario.exploration, broken: [1, 2, 8, 16] },
  }),
  seconds: ({ exploration: { broken } }, part) => 7 + ((broken[part] ?? 1) > 12 ? 12 : 0),
  run: async (bed, scenario, { part, first: trial }) => {
    const n = scenario.exploration.broken[part] ?? 1;
    const number = (trial - 1) % scenario.trials;
    const random = new SeededRandom(trialSeed(scenario.seed, 'exploration', n, number));
    await bed.fresh();
    await bed.establish();
    const { local: source, peer: destination } = bed.ulids;
    await bed.flows.begin(scenario.traffic, { source, destination, port: PORT }, random);
    const { interval } = scenario.traffic as { readonly interval?: number };
    await bed.pause(WARM_UP + random.uniform() * (interval ?? 1_000));
    const seed = `${scenario.seed}/exploration/${n}`;
    const cut = pathsToBreak(n, number, await bed.inUse(), bed.paths, seed);
    const pinged = await bed.pings();
    await bed.cut(cut);
    await bed.awaitRecovery(scenario.exploration.patience);
    const { watch } = bed;
    const record = {
      detectionMs: round(watch.detection),
      explorationMs: { A: round(watch.exploration('A')), B: round(watch.exploration('B')) },
      togetherMs: round(watch.together),
      probes: { A: watch.probes('A'), B: watch.probes('B') },
      pings: (await bed.pings()) - pinged,
    };
    const after = await bed.inUse();
    return [
      {
        trial,
        n,
        cut: cut.map((path) => bed.nameOf(path)),
        ...record,
        after: { AtoB: bed.nameOf(after.AtoB), BtoA: bed.nameOf(after.BtoA) },
      },
    ];
  },
};
