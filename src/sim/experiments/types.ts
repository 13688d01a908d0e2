import type { World } from '../world.js';
import type { ExperimentName, ScenarioOf } from '../scenario/schema.js';

export type Json =
  string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** What one trial gave: one line of the results file. `trial` counts from 1 over the whole run. */
export type TrialRecord = { readonly trial: number } & { readonly [key: string]: Json };

/** A piece of work for one thread. */
export interface Unit {
  /** Trials `first` to `last`, both included; of one case. */
  readonly first: number;
  readonly last: number;
  /** Which case of the experiment, from 0. */
  readonly part: number;
  /** Expected work in relation to that of others, for the estimate of the time left. */
  readonly weight: number;
}

/** Looks into a trial while it runs. */
export interface Hooks {
  /** Only this trial is wanted; what does not lead to it may be left out. */
  readonly only?: number;
  /** The world of `trial` is about to run, or (in a chain of trials) goes on from here. */
  onWorld?(world: World, trial: number): void;
  /** Something worth a line in a replay: the cut, the end. */
  onNote?(text: string): void;
  /** How far a long trial is, 0 to 1. */
  onProgress?(share: number): void;
}

/** A number of the paper, or a bound that follows from the configuration, beside ours. */
export interface Row {
  readonly measure: string;
  /** As text with unit; null: there is no number to compare with. */
  readonly paper: string | null;
  readonly ours: string;
  /** Of ours, 95 %; null where there is none to tell. */
  readonly error: string | null;
  /** `within` the sampling error of both; `outside`; or only `shown`. */
  readonly verdict: 'within' | 'outside' | 'shown';
}

/** Rows under a heading. */
export interface Table {
  readonly title: string;
  /** What the rows' `paper` is. Default: the paper's number. */
  readonly against?: string;
  /** What `ours` and `error` are. Default: ours, and its 95 % interval. */
  readonly headings?: { readonly ours: string; readonly error: string };
  readonly rows: readonly Row[];
}

/** A figure as data; `draw/` makes SVG of it. */
export interface Figure {
  /** Part of the file name: letters, digits, hyphens. */
  readonly name: string;
  readonly title: string;
  readonly svg: (caption: string) => string;
}

/** One experiment: which trials there are, how one goes, what comes out. */
export interface Experiment<E extends ExperimentName> {
  readonly name: E;
  readonly units: (scenario: ScenarioOf<E>) => readonly Unit[];
  /** The records of a unit, in order. The same scenario and unit give the same records, on any thread. */
  readonly run: (scenario: ScenarioOf<E>, unit: Unit, hooks?: Hooks) => readonly TrialRecord[];
  readonly tables: (scenario: ScenarioOf<E>, records: readonly TrialRecord[]) => readonly Table[];
  readonly figures: (scenario: ScenarioOf<E>, records: readonly TrialRecord[]) => readonly Figure[];
}

/** `trials` trials for each of `parts` cases, in units of at most `most`. */
export function splitTrials(parts: number, trials: number, most: number, weight = 1): Unit[] {
  const units: Unit[] = [];
  for (let part = 0; part < parts; part++) {
    for (let from = 0; from < trials; from += most) {
      const count = Math.min(most, trials - from);
      const first = part * trials + from + 1;
      units.push({ first, last: first + count - 1, part, weight: count * weight });
    }
  }
  return units;
}

/** The trials of a unit that are wanted. */
export function* wanted({ first, last }: Unit, only: number | undefined): Generator<number> {
  for (let trial = first; trial <= last; trial++) {
    if (only === undefined || only === trial) yield trial;
  }
}
