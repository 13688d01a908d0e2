import type { Scenario } from '../scenario/schema.js';
import { asymmetric } from './asymmetric.js';
import { detection } from './detection.js';
import { exploration } from './exploration.js';
import { selection } from './selection.js';
import { storm } from './storm.js';
import { survival } from './survival.js';
import { timeline } from './timeline.js';
import type { Figure, Hooks, Table, TrialRecord, Unit } from './types.js';

/** An experiment with its scenario, so that nobody else has to know which belongs to which. */
export interface Bound {
  units(): readonly Unit[];
  run(unit: Unit, hooks?: Hooks): readonly TrialRecord[];
  tables(records: readonly TrialRecord[]): readonly Table[];
  figures(records: readonly TrialRecord[]): readonly Figure[];
}

export function bind(scenario: Scenario): Bound {
  switch (scenario.experiment) {
    case 'survival':
      return bound(survival, scenario);
    case 'exploration':
      return bound(exploration, scenario);
    case 'selection':
      return bound(selection, scenario);
    case 'detection':
      return bound(detection, scenario);
    case 'storm':
      return bound(storm, scenario);
    case 'asymmetric':
      return bound(asymmetric, scenario);
    case 'timeline':
      return bound(timeline, scenario);
  }
}

function bound<S>(
  experiment: {
    readonly units: (scenario: S) => readonly Unit[];
    readonly run: (scenario: S, unit: Unit, hooks?: Hooks) => readonly TrialRecord[];
    readonly tables: (scenario: S, records: readonly TrialRecord[]) => readonly Table[];
    readonly figures: (scenario: S, records: readonly TrialRecord[]) => readonly Figure[];
  },
  scenario: S,
): Bound {
  return {
    units: () => experiment.units(scenario),
    run: (unit, hooks) => experiment.run(scenario, unit, hooks),
    tables: (records) => experiment.tables(scenario, records),
    figures: (records) => experiment.figures(scenario, records),
  };
}
