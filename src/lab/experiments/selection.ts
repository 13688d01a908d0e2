import { samePath } from '../../sim/breaks.js';
import { round } from '../../sim/experiments/exploration.js';
import { CALM, SETTLE, UNCOUNTED, selection as sim } from '../../sim/experiments/selection.js';
import type { TrialRecord } from '../../sim/experiments/types.js';
import { SeededRandom } from '../../sim/random.js';
import type { PathRef } from '../../sim/report.js';
import type { ScenarioOf } from '../../sim/scenario/schema.js';
import { PATHS } from '../paths.js';
import type { LabBed } from './bed.js';
import { trialSeed, type LabExperiment, type LabUnit } from './types.js';

type Scenario = ScenarioOf<'selection'>;
type Variant = Scenario['selection']['variant'][number];

const PORT = 1_000;

/** What the daemon's configuration has a key for. */
const KNOWN: readonly string[] = ['name', 'spacing', 'paper', 'paper_round_trip'];
const possible = (variant: Variant): boolean =>
  Object.entries(variant).every(([key, value]) => value === undefined || KNOWN.includes(key));

/** Figures 6 and 7 of seed 001 with real hosts: failure after failure on paths of different delay. */
export const selection: LabExperiment<'selection'> = {
  sim,
  reduce: (scenario) => ({
    ...scenario,
    trials: 90,
    selection: { ...scenario.selection, chain: 15 },
  }),
  fit: (scenario) => {
    const { variant } = scenario.selection;
    return {
      scenario: {
        ...scenario,
        selection: { ...scenario.selection, variant: variant.filter(possible) },
      },
      left: variant
        .filter((v) => !possible(v))
        .map(
          ({ name }) =>
            `Variant "${name}" runs in the simulator only: the lab's daemons are not told its rules.`,
        ),
    };
  },
  chained: true,
  timers: ({ selection: { variant } }, part): Readonly<Record<string, number>> => {
    const { spacing } = variant[part] ?? {};
    return spacing === undefined ? {} : { initial_probe_timeout: spacing };
  },
  seconds: ({ selection: { chain } }) => (8.5 * (chain + UNCOUNTED)) / chain,
  run: (bed, scenario, unit) => new Chain(bed, scenario, unit).run(),
};

class Chain {
  readonly #bed: LabBed;
  readonly #scenario: Scenario;
  readonly #unit: LabUnit;
  readonly #random: SeededRandom;

  constructor(bed: LabBed, scenario: Scenario, unit: LabUnit) {
    this.#bed = bed;
    this.#scenario = scenario;
    this.#unit = unit;
    this.#random = new SeededRandom(
      trialSeed(scenario.seed, 'selection', unit.part, unit.first - 1),
    );
  }

  async run(): Promise<TrialRecord[]> {
    const bed = this.#bed;
    await bed.fresh();
    for (const { id, from, source, destination } of PATHS) {
      const [atA, atB] = from === 'A' ? [source, destination] : [destination, source];
      const number = (atA - 1) * 3 + (atB - 1);
      const delayMs = number * this.#scenario.selection.step;
      await bed.lab.emulator.set([id], { delayMs });
    }
    await bed.establish();
    const { local: source, peer: destination } = bed.ulids;
    const place = { source, destination, port: PORT };
    await bed.flows.begin(this.#scenario.traffic, place, this.#random.fork('traffic'));
    const records: TrialRecord[] = [];
    for (let trial = this.#unit.first - UNCOUNTED; trial <= this.#unit.last; trial++) {
      const record = await this.#fail(trial);
      if (trial >= this.#unit.first) records.push(record);
    }
    return records;
  }

  async #fail(trial: number): Promise<TrialRecord> {
    const bed = this.#bed;
    const { watch } = bed;
    await bed.pause(CALM + this.#random.uniform() * 1_000);
    const before = await bed.inUse();
    const broken = [before.AtoB, before.BtoA];
    await bed.cut(broken);
    const { patience, step } = this.#scenario.selection;
    const recovered = async (): Promise<boolean> => {
      for (;;) {
        if (!(await bed.awaitRecovery(patience))) return false;
        const { AtoB, BtoA } = await bed.inUse();
        if (!broken.some((path) => samePath(path, AtoB) || samePath(path, BtoA))) return true;
        await bed.pause(50);
      }
    };
    let ok = await recovered();
    const explorationMs = { A: round(watch.exploration('A')), B: round(watch.exploration('B')) };
    await bed.pause(SETTLE);
    ok &&= await recovered();
    const after = await bed.inUse();
    await bed.restore(broken);
    const [forward, backward] = [this.#index(after.AtoB), this.#index(after.BtoA)];
    return {
      trial,
      variant: this.#unit.part,
      ok,
      forward,
      backward,
      rttMs: (forward + backward) * step,
      explorationMs,
      probes: { A: watch.probes('A'), B: watch.probes('B') },
    };
  }

  /** The number of a pair, the same in both directions: its delay in steps. */
  #index(path: PathRef): number {
    const [, a = 1, b = 1] = /^a(\d)[<>]b(\d)$/.exec(this.#pairName(path)) ?? [];
    return (Number(a) - 1) * 3 + (Number(b) - 1);
  }

  #pairName(path: PathRef): string {
    const [left = '', right = ''] = this.#bed.nameOf(path).split('>');
    return path.from === 'A' ? `${left}>${right}` : `${right}<${left}`;
  }
}
