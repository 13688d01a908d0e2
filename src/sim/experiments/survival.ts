import { addMs, type Millis } from '../../wire/units.js';
import { engineConfig } from '../scenario/resolve.js';
import type { ScenarioOf } from '../scenario/schema.js';
import { bulkTraffic } from '../traffic/streams.js';
import { round } from './exploration.js';
import { survivalFigures, survivalTables } from './survival-report.js';
import { Testbed } from './testbed.js';
import {
  splitTrials,
  wanted,
  type Experiment,
  type Hooks,
  type Json,
  type TrialRecord,
  type Unit,
} from './types.js';

type Scenario = ScenarioOf<'survival'>;

/** The cut comes at a random moment of a second, so that trials differ. */
const CUT_SPREAD = 1_000;

/** Figure 4 of seed 001: throughput of a TCP transfer whose path is cut. */
export const survival: Experiment<'survival'> = {
  name: 'survival',
  units: ({ survival: { delays }, trials }) => splitTrials(delays.length, trials, 1, 40),
  run: (scenario, unit, hooks = {}) =>
    [...wanted(unit, hooks.only)].map((trial) => runTrial(scenario, unit, trial, hooks)),
  tables: survivalTables,
  figures: survivalFigures,
};

function runTrial(scenario: Scenario, unit: Unit, trial: number, hooks: Hooks): TrialRecord {
  const { delays, cut_after: cutAfter, run_for: runFor, sample } = scenario.survival;
  const delay = delays[unit.part] ?? 0;
  const number = (trial - 1) % scenario.trials;
  const bed = new Testbed({
    scenario: { ...scenario, network: { ...scenario.network, delay } },
    config: engineConfig(scenario),
    seed: `${scenario.seed}/survival/${delay}/${number}`,
  });
  const { clock, random } = bed.world;
  hooks.onWorld?.(bed.world, trial);
  bed.establish();
  const { local: source, peer: destination } = bed.ulids;
  const flow = bulkTraffic({
    clock,
    random,
    from: bed.a,
    to: bed.b,
    source,
    destination,
    port: 5_000,
  });
  const startedAt = clock.now();
  flow.start();
  const samples = number === 0 ? sampler(flow.forward, startedAt, sample, runFor) : undefined;
  const cutAt = addMs(startedAt, cutAfter + random.fork('cut').uniform() * CUT_SPREAD);
  clock.runUntil(cutAt);
  const before = flow.forward.octets;
  const { AtoB, BtoA } = bed.inUse();
  bed.watch.begin(cutAt);
  flow.forward.watchGaps();
  bed.stop([AtoB, BtoA]);
  hooks.onNote?.(`cut ${bed.nameOf(AtoB)} ${bed.nameOf(BtoA)}`);
  // In slices, so that samples are taken on the way.
  const end = addMs(startedAt, Math.max(runFor, cutAfter + 2 * CUT_SPREAD));
  clock.runUntil(end);
  const { watch } = bed;
  const { received, verified } = flow.receiver;
  return {
    trial,
    delayMs: delay,
    cutAtMs: round(cutAt - startedAt),
    detectionMs: round(watch.detection),
    explorationMs: { A: round(watch.exploration('A')), B: round(watch.exploration('B')) },
    togetherMs: round(watch.together),
    gapMs: round(flow.forward.longestGap),
    octets: received,
    octetsAfterCut: flow.forward.octets - before,
    /** Data goes on after the cut, every octet in its place. */
    survived: verified === received && lastIsRecent(flow.forward.lastAt, end),
    timeouts: flow.sender.timeouts,
    ...(samples === undefined ? {} : { samples: samples() }),
  };

  /** Octets a second in each interval; returns what was sampled. */
  function sampler(
    arrivals: { readonly octets: number },
    from: Millis,
    every: number,
    until: number,
  ): () => Json[] {
    const taken: Json[] = [];
    let seen = 0;
    for (let t = every; t <= until; t += every) {
      clock.at(addMs(from, t), () => {
        taken.push([t, Math.round(((arrivals.octets - seen) * 1_000) / every)]);
        seen = arrivals.octets;
      });
    }
    return () => taken;
  }
}

const lastIsRecent = (lastAt: Millis | undefined, end: Millis): boolean =>
  lastAt !== undefined && end - lastAt < 1_000;
