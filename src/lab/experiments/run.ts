import type { SecurityMode } from '../../engine/types.js';
import type { TrialRecord } from '../../sim/experiments/types.js';
import type { Progress } from '../../sim/run/runner.js';
import { LabBed } from './bed.js';
import type { BoundLab } from './index.js';
import type { BedSettings } from './settings.js';
import type { LabUnit } from './types.js';

export interface LabRunOptions {
  /** Labs at the same time. */
  readonly labs: number;
  readonly identity: SecurityMode;
  readonly seed: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** Between two words about progress, milliseconds. */
const TICK = 500;

/**
 * All trials of an experiment in namespaces, in order. Several labs share the work, and each is kept alive over as many
 * trials as its settings serve.
 * @throws RehomeError REHOME_E_ABORTED when the signal comes first, and what a lab fails with
 */
export async function runInLab(
  experiment: BoundLab,
  options: LabRunOptions,
): Promise<TrialRecord[]> {
  const units = experiment.units();
  const queue = units.map((unit, index) => ({ unit, index }));
  // What takes long first, but what shares a lab's settings together.
  queue.sort((a, b) => b.unit.seconds - a.unit.seconds || a.index - b.index);
  const results = new Array<readonly TrialRecord[]>(units.length);
  const tracker = new Tracker(units, options.onProgress);
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(options.signal ? [options.signal] : [])]);
  const worker = async (number: number): Promise<void> => {
    let bed: LabBed | undefined;
    let made = '';
    try {
      for (;;) {
        const settingsOf = ({ unit }: { unit: LabUnit }): BedSettings =>
          experiment.settings(unit, options.identity);
        const same = queue.findIndex((task) => JSON.stringify(settingsOf(task)) === made);
        const [task] = queue.splice(Math.max(0, same), 1);
        if (task === undefined) return;
        const settings = settingsOf(task);
        if (bed === undefined || JSON.stringify(settings) !== made) {
          await bed?.stop();
          bed = undefined;
          bed = await LabBed.start(settings, `${options.seed}/${number}`, signal);
          made = JSON.stringify(settings);
        }
        bed.check();
        tracker.begun(task.unit);
        results[task.index] = await experiment.run(bed, task.unit);
        tracker.ended(task.unit);
      }
    } catch (error) {
      failed.abort();
      throw error;
    } finally {
      await bed?.stop();
    }
  };
  const count = Math.max(1, Math.min(options.labs, units.length));
  const clock = setInterval(() => tracker.tell(), TICK);
  const ended = await Promise.allSettled(Array.from({ length: count }, (_, i) => worker(i)));
  clearInterval(clock);
  const errors = ended.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
  // The others were interrupted because of the first.
  const aborted = (error: unknown): boolean =>
    error instanceof Error && 'code' in error && error.code === 'REHOME_E_ABORTED';
  const cause = errors.find((error) => !aborted(error)) ?? errors[0];
  if (cause !== undefined) throw cause;
  return results.flatMap((records) => [...records]);
}

/** How much of the expected time is over; a trial that takes longer than expected is nearly over all the while. */
class Tracker {
  readonly #units: readonly LabUnit[];
  readonly #listener: ((progress: Progress) => void) | undefined;
  readonly #running = new Map<LabUnit, number>();
  readonly #done = new Set<LabUnit>();

  constructor(units: readonly LabUnit[], listener: ((progress: Progress) => void) | undefined) {
    this.#units = units;
    this.#listener = listener;
  }

  begun(unit: LabUnit): void {
    this.#running.set(unit, performance.now());
  }
  ended(unit: LabUnit): void {
    this.#running.delete(unit);
    this.#done.add(unit);
    this.tell();
  }

  tell(): void {
    const now = performance.now();
    let [all, over, trials, allTrials] = [0, 0, 0, 0];
    for (const unit of this.#units) {
      const { first, last, seconds } = unit;
      all += seconds;
      allTrials += last - first + 1;
      const since = this.#running.get(unit);
      if (since !== undefined) over += Math.min(0.95 * seconds, (now - since) / 1_000);
      if (!this.#done.has(unit)) continue;
      over += seconds;
      trials += last - first + 1;
    }
    this.#listener?.({ done: over / all, trials, allTrials });
  }
}
