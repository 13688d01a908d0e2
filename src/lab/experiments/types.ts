import type { Experiment, TrialRecord, Unit } from '../../sim/experiments/types.js';
import type { ExperimentName, ScenarioOf } from '../../sim/scenario/schema.js';
import type { LabBed } from './bed.js';
import type { BedSettings } from './settings.js';

/** Trials that are done one after the other in one lab. */
export interface LabUnit extends Unit {
  /** About how long it takes, seconds. */
  readonly seconds: number;
}

/** What the lab makes of a scenario. */
export interface Fitted<S> {
  readonly scenario: S;
  /** What it leaves out, and why; sentences. */
  readonly left: readonly string[];
}

/**
 * The lab's side of one experiment. Scenario, breaking rule, records, tables and figures are the simulator's
 * (`src/sim/experiments`); this says how one trial goes with real daemons.
 */
export interface LabExperiment<E extends ExperimentName> {
  readonly sim: Experiment<E>;
  /** As much of a scenario as real time allows; asked for the built-in ones only. */
  readonly reduce: (scenario: ScenarioOf<E>) => ScenarioOf<E>;
  /** Without what the lab cannot do at all. */
  readonly fit?: (scenario: ScenarioOf<E>) => Fitted<ScenarioOf<E>>;
  /** Expected seconds of one trial of a case. */
  readonly seconds: (scenario: ScenarioOf<E>, part: number) => number;
  /** Trials of a unit follow each other in one lab. Default: each trial may be in any. */
  readonly chained?: true;
  /** Keys of `[timers]` that the case changes. */
  readonly timers?: (scenario: ScenarioOf<E>, part: number) => Readonly<Record<string, number>>;
  /** What else the lab of a case has. */
  readonly settings?: (scenario: ScenarioOf<E>, part: number, settings: BedSettings) => BedSettings;
  /** The records of a unit, in order, of the same form as the simulator's. */
  readonly run: (
    bed: LabBed,
    scenario: ScenarioOf<E>,
    unit: LabUnit,
  ) => Promise<readonly TrialRecord[]>;
}

/** The randomness of a trial that is not the daemons' own. */
export const trialSeed = (seed: string, ...rest: readonly (string | number)[]): string =>
  [seed, 'lab', ...rest].join('/');
