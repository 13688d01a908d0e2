import { round } from '../../sim/experiments/exploration.js';
import { survival as sim } from '../../sim/experiments/survival.js';
import type { TrialRecord } from '../../sim/experiments/types.js';
import { SeededRandom } from '../../sim/random.js';
import type { ScenarioOf } from '../../sim/scenario/schema.js';
import { monotonicMs } from '../../linux/clock.js';
import { PATHS } from '../paths.js';
import { BuiltinTraffic } from '../traffic/builtin.js';
import { longestGap, type Sample } from '../traffic/gap.js';
import type { LabBed } from './bed.js';
import { trialSeed, type LabExperiment, type LabUnit } from './types.js';

type Scenario = ScenarioOf<'survival'>;

/** As the simulator's: the cut comes at a random moment of a second. */
const CUT_SPREAD = 1_000;
const FINISH_MS = 30_000;

/** Figure 4 of seed 001 with a real TCP: throughput of a transfer whose path is cut, every octet verified. */
export const survival: LabExperiment<'survival'> = {
  sim,
  reduce: (scenario) => ({ ...scenario, trials: 6 }),
  seconds: ({ survival: { run_for: runFor, cut_after: cutAfter } }) =>
    Math.max(runFor, cutAfter + 2 * CUT_SPREAD) / 1_000 + 2,
  run: async (bed, scenario, unit) => [await runTrial(bed, scenario, unit)],
};

async function runTrial(
  bed: LabBed,
  scenario: Scenario,
  { part, first: trial }: LabUnit,
): Promise<TrialRecord> {
  const { delays, cut_after: cutAfter, run_for: runFor, sample } = scenario.survival;
  const delay = delays[part] ?? 0;
  const number = (trial - 1) % scenario.trials;
  const seed = trialSeed(scenario.seed, 'survival', delay, number);
  const cutAt = cutAfter + new SeededRandom(seed).uniform() * CUT_SPREAD;
  await bed.fresh();
  await bed.lab.emulator.set(
    PATHS.map(({ id }) => id),
    { delayMs: delay },
  );
  await bed.establish();
  const traffic = await BuiltinTraffic.start(bed.lab, { seed, sampleMs: sample });
  const { startedAt } = traffic;
  await bed.pause(startedAt + cutAt - monotonicMs());
  const { AtoB, BtoA } = await bed.inUse();
  const at = await bed.cut([AtoB, BtoA]);
  const end = startedAt + Math.max(runFor, cutAfter + 2 * CUT_SPREAD);
  await bed.pause(end - monotonicMs());
  const { watch } = bed;
  const measured = {
    cutAtMs: round(at - startedAt),
    detectionMs: round(watch.detection),
    explorationMs: { A: round(watch.exploration('A')), B: round(watch.exploration('B')) },
    togetherMs: round(watch.together),
  };
  const gap = longestGap(traffic.gaps, at);
  const samples = [...traffic.samples];
  const result = await traffic.finish(FINISH_MS);
  return {
    trial,
    delayMs: delay,
    ...measured,
    gapMs: gap === undefined ? 0 : round(gap.to - gap.from),
    octets: result.bytesReceived,
    octetsAfterCut: samples.filter((s) => s.at > at).reduce((sum, { bytes }) => sum + bytes, 0),
    survived:
      result.bytesVerified === result.bytesReceived &&
      result.bytesReceived === result.bytesSent &&
      lastIsRecent(samples, end, sample),
    ...(number === 0 ? { samples: rates(samples, startedAt, sample, runFor) } : {}),
  };
}

const lastIsRecent = (samples: readonly Sample[], end: number, every: number): boolean =>
  samples.some(({ at, bytes }) => bytes > 0 && end - at < 1_000 + every);

/** Octets a second, at the end of each interval. */
const rates = (
  samples: readonly Sample[],
  from: number,
  every: number,
  until: number,
): [number, number][] =>
  samples.flatMap(({ at, bytes }): [number, number][] =>
    at - from <= until + every
      ? [[Math.round(at - from), Math.round((bytes * 1_000) / every)]]
      : [],
  );
