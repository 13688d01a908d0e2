import type { Address } from '../../wire/address.js';
import { addMs } from '../../wire/units.js';
import { samePath } from '../breaks.js';
import type { PathRef } from '../report.js';
import { engineConfig } from '../scenario/resolve.js';
import type { ScenarioOf } from '../scenario/schema.js';
import { round } from './exploration.js';
import { selectionFigures, selectionTables } from './selection-report.js';
import { Testbed } from './testbed.js';
import type { Experiment, Hooks, TrialRecord, Unit } from './types.js';

type Scenario = ScenarioOf<'selection'>;

/** Failures at the start of a chain that are not counted: the first path is always the fastest. */
export const UNCOUNTED = 5;
/** After a recovery: late probes arrive and are answered. */
export const SETTLE = 1_000;
/** Between two failures: packets flow, send timers run and are stopped. */
export const CALM = 3_000;

/** Figures 6 and 7 of seed 001: which paths are chosen when they differ in delay. */
export const selection: Experiment<'selection'> = {
  name: 'selection',
  units: ({ selection: { variant, chain }, trials }) =>
    variant.flatMap((_, part) => {
      const units: Unit[] = [];
      for (let from = 0; from < trials; from += chain) {
        const first = part * trials + from + 1;
        const last = part * trials + Math.min(trials, from + chain);
        units.push({ part, first, last, weight: last - first + 1 + UNCOUNTED });
      }
      return units;
    }),
  run: (scenario, unit, hooks = {}) => new Chain(scenario, unit, hooks).run(),
  tables: selectionTables,
  figures: selectionFigures,
};

/** Failure after failure between the same two hosts. */
class Chain {
  readonly #scenario: Scenario;
  readonly #unit: Unit;
  readonly #hooks: Hooks;
  readonly #bed: Testbed;

  constructor(scenario: Scenario, unit: Unit, hooks: Hooks) {
    const { spacing, strategy } = scenario.selection.variant[unit.part] ?? {};
    const config = engineConfig(
      strategy === undefined ? scenario : { ...scenario, strategy },
      spacing === undefined ? {} : { initialProbeTimeout: spacing },
    );
    const number = (unit.first - 1) % scenario.trials;
    const seed = `${scenario.seed}/selection/${unit.part}/${number}`;
    this.#scenario = scenario;
    this.#unit = unit;
    this.#hooks = hooks;
    this.#bed = new Testbed({ scenario, config, seed });
    for (const path of this.#bed.paths) {
      const delay = this.#index(path) * scenario.selection.step;
      const [source, destination] = [path.source as Address, path.destination as Address];
      this.#bed.world.network.configure(source, destination, { delay });
    }
  }

  run(): TrialRecord[] {
    const { first, last } = this.#unit;
    const until = this.#hooks.only ?? last;
    const bed = this.#bed;
    bed.establish();
    bed.flow(this.#scenario.traffic).start();
    const records: TrialRecord[] = [];
    for (let trial = first - UNCOUNTED; trial <= until; trial++) {
      if (trial === (this.#hooks.only ?? first)) this.#hooks.onWorld?.(bed.world, trial);
      const record = this.#fail(trial);
      if (trial >= first) records.push(record);
    }
    return this.#hooks.only === undefined ? records : records.slice(-1);
  }

  #fail(trial: number): TrialRecord {
    const bed = this.#bed;
    const { clock, random } = bed.world;
    clock.run(CALM + random.uniform() * 1_000);
    const before = bed.inUse();
    const broken = [before.AtoB, before.BtoA];
    bed.watch.begin(clock.now());
    bed.stop(broken);
    if (this.#hooks.only === trial) {
      this.#hooks.onNote?.(`cut ${broken.map((path) => bed.nameOf(path)).join(' ')}`);
    }
    const deadline = addMs(clock.now(), this.#scenario.selection.patience);
    const recovered = (): boolean => bed.watch.allBack && !this.#onBroken(broken);
    let ok = clock.runWhile(deadline, recovered);
    const { watch } = bed;
    const explorationMs = { A: round(watch.exploration('A')), B: round(watch.exploration('B')) };
    clock.run(SETTLE);
    ok &&= clock.runWhile(deadline, recovered);
    const after = bed.inUse();
    bed.restore(broken);
    const [forward, backward] = [this.#index(after.AtoB), this.#index(after.BtoA)];
    const { step } = this.#scenario.selection;
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

  #onBroken(broken: readonly PathRef[]): boolean {
    const { AtoB, BtoA } = this.#bed.inUse();
    return broken.some((path) => samePath(path, AtoB) || samePath(path, BtoA));
  }

  /** The number of a pair, the same in both directions: its delay in steps. */
  #index(path: PathRef): number {
    const { a, b } = this.#bed;
    const [atA, atB] =
      path.from === 'A' ? [path.source, path.destination] : [path.destination, path.source];
    const at = (all: readonly string[], one: string): number => all.indexOf(one);
    return at(a.locators, atA) * b.locators.length + at(b.locators, atB);
  }
}
