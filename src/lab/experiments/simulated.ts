import type { Scenario } from '../../sim/scenario/schema.js';

/**
 * The simulator's counterpart of what the lab does: the lab's cases, with as many trials as the scenario itself asks
 * for, and for figures by loss all its losses.
 */
export function simulated(lab: Scenario, original: Scenario): Scenario {
  const trials = Math.max(lab.trials, original.trials);
  if (lab.experiment !== 'detection' || original.experiment !== 'detection') {
    return { ...lab, trials };
  }
  const { losses, watch, watches } = original.detection;
  const all = [...new Set([...lab.detection.losses, ...losses])].sort((a, b) => a - b);
  return { ...lab, trials, detection: { ...lab.detection, losses: all, watch, watches } };
}
