import { parentPort, workerData } from 'node:worker_threads';
import { bind } from '../experiments/index.js';
import type { TrialRecord, Unit } from '../experiments/types.js';
import type { Scenario } from '../scenario/schema.js';

/** To a thread: a unit and its number. From it: how far it is, and in the end its records. */
export interface UnitTask {
  readonly index: number;
  readonly unit: Unit;
}
export type UnitNews =
  | { readonly index: number; readonly share: number }
  | { readonly index: number; readonly records: readonly TrialRecord[] };

/** Wall-clock milliseconds between two words about a unit. */
const NEWS = 200;

const experiment = bind(workerData as Scenario);
const tell = (news: UnitNews): void => parentPort?.postMessage(news);

parentPort?.on('message', ({ index, unit }: UnitTask) => {
  let told = performance.now();
  const records = experiment.run(unit, {
    onProgress: (share) => {
      if (performance.now() - told < NEWS) return;
      told = performance.now();
      tell({ index, share });
    },
  });
  tell({ index, records });
});
