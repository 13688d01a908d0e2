import type { SecurityMode } from '../../engine/types.js';
import type { TrialRecord, Unit } from '../../sim/experiments/types.js';
import type { ExperimentName, Scenario, ScenarioOf } from '../../sim/scenario/schema.js';
import { RehomeError } from '../../wire/errors.js';
import { asymmetric } from './asymmetric.js';
import type { LabBed } from './bed.js';
import { detection } from './detection.js';
import { exploration } from './exploration.js';
import { selection } from './selection.js';
import { bedSettings, type BedSettings } from './settings.js';
import { storm } from './storm.js';
import { survival } from './survival.js';
import type { Fitted, LabExperiment, LabUnit } from './types.js';

/** An experiment of the lab with its scenario. */
export interface BoundLab {
  units(): readonly LabUnit[];
  settings(unit: Unit, identity: SecurityMode): BedSettings;
  run(bed: LabBed, unit: LabUnit): Promise<readonly TrialRecord[]>;
}

/** As much of a built-in scenario as real time allows. @throws RehomeError REHOME_E_SCENARIO */
export function reduceForLab(scenario: Scenario): Scenario {
  return withExperiment(scenario, (experiment, of) => experiment.reduce(of));
}

/** Without what the lab cannot do. @throws RehomeError REHOME_E_SCENARIO */
export function fitForLab(scenario: Scenario): Fitted<Scenario> {
  return withExperiment(
    scenario,
    (experiment, of): Fitted<Scenario> => experiment.fit?.(of) ?? { scenario: of, left: [] },
  );
}

/** @throws RehomeError REHOME_E_SCENARIO when the lab cannot do it */
export function bindLab(scenario: Scenario): BoundLab {
  return withExperiment(scenario, bound);
}

function bound<E extends ExperimentName>(
  experiment: LabExperiment<E>,
  scenario: ScenarioOf<E>,
): BoundLab {
  return {
    units: () =>
      experiment.sim.units(scenario).flatMap((unit): LabUnit[] => {
        const seconds = experiment.seconds(scenario, unit.part);
        const size = unit.last - unit.first + 1;
        if (experiment.chained) return [{ ...unit, seconds: size * seconds }];
        return Array.from({ length: size }, (_, i) => {
          const trial = unit.first + i;
          return { ...unit, first: trial, last: trial, seconds };
        });
      }),
    settings: ({ part }, identity) => {
      const settings = bedSettings(scenario, identity, experiment.timers?.(scenario, part));
      return experiment.settings?.(scenario, part, settings) ?? settings;
    },
    run: (bed, unit) => experiment.run(bed, scenario, unit),
  };
}

/** Keeps experiment and scenario of the same kind together. */
function withExperiment<T>(
  scenario: Scenario,
  use: <E extends ExperimentName>(experiment: LabExperiment<E>, scenario: ScenarioOf<E>) => T,
): T {
  switch (scenario.experiment) {
    case 'exploration':
      return use(exploration, scenario);
    case 'storm':
      return use(storm, scenario);
    case 'asymmetric':
      return use(asymmetric, scenario);
    case 'detection':
      return use(detection, scenario);
    case 'survival':
      return use(survival, scenario);
    case 'selection':
      return use(selection, scenario);
    default:
      throw new RehomeError(
        'REHOME_E_SCENARIO',
        'the lab has two hosts and no more: a timeline runs with `rehome sim run` only',
        scenario.experiment,
      );
  }
}
