import { Worker } from 'node:worker_threads';
import { RehomeError } from '../../wire/errors.js';
import { bind } from '../experiments/index.js';
import type { TrialRecord, Unit } from '../experiments/types.js';
import type { Scenario } from '../scenario/schema.js';
import type { UnitNews, UnitTask } from './worker.js';

export interface Progress {
  /** 0 to 1. */
  readonly done: number;
  readonly trials: number;
  readonly allTrials: number;
}

export interface RunOptions {
  /** Threads. */
  readonly jobs: number;
  /** The compiled `sim/run/worker`; undefined: everything runs in this thread. */
  readonly script?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** Megabytes of heap a thread may use: a storm of 100,000 flows takes some 6,000. */
const HEAP = { maxOldGenerationSizeMb: 16_000, maxYoungGenerationSizeMb: 256 };

/**
 * All trials of a scenario, in order. The records do not depend on how many threads there are.
 * @throws RehomeError REHOME_E_ABORTED when the signal comes first, REHOME_E_SIM when a trial failed, and what the
 *   scenario is refused with (REHOME_E_SCENARIO, REHOME_E_BREAK)
 */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<TrialRecord[]> {
  const experiment = bind(scenario);
  const units = experiment.units();
  const { script, jobs } = options;
  const tracker = new Tracker(units, options.onProgress);
  if (script === undefined) {
    return units.flatMap((unit, index) => {
      if (options.signal?.aborted === true) throw aborted();
      const records = experiment.run(unit, { onProgress: (s) => tracker.share(index, s) });
      tracker.share(index, 1);
      return [...records];
    });
  }
  const count = Math.max(1, Math.min(jobs, units.length));
  const workers = Array.from(
    { length: count },
    () => new Worker(script, { workerData: scenario, resourceLimits: HEAP }),
  );
  try {
    return await spread(workers, units, tracker, options.signal);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** The heaviest first, so that no thread is left with them at the end. */
function spread(
  workers: readonly Worker[],
  units: readonly Unit[],
  tracker: Tracker,
  signal: AbortSignal | undefined,
): Promise<TrialRecord[]> {
  const order = units.map((unit, index) => ({ index, unit }));
  order.sort((a, b) => b.unit.weight - a.unit.weight || a.index - b.index);
  const results = new Array<readonly TrialRecord[] | undefined>(units.length);
  let left = units.length;
  return new Promise((resolve, reject) => {
    const give = (worker: Worker): void => {
      const task: UnitTask | undefined = order.shift();
      if (task !== undefined) worker.postMessage(task);
    };
    const abort = (): void => reject(aborted());
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
    if (left === 0) resolve([]);
    for (const worker of workers) {
      worker.on('error', (error) => reject(failed(error)));
      worker.on('message', (news: UnitNews) => {
        if ('share' in news) return tracker.share(news.index, news.share);
        results[news.index] = news.records;
        tracker.share(news.index, 1);
        left--;
        if (left === 0) {
          signal?.removeEventListener('abort', abort);
          resolve(results.flatMap((records) => [...(records ?? [])]));
        } else give(worker);
      });
      give(worker);
    }
  });
}

/** An error that crossed threads has lost its class; its code tells what it was. */
function failed(error: Error): RehomeError {
  const { code } = error as Error & { readonly code?: unknown };
  if (typeof code === 'string' && code.startsWith('REHOME_E_')) {
    return new RehomeError(code as `REHOME_E_${string}`, error.message, undefined, {
      cause: error,
    });
  }
  return new RehomeError('REHOME_E_SIM', `a trial failed: ${error.message}`, undefined, {
    cause: error,
  });
}

const aborted = (): RehomeError =>
  new RehomeError('REHOME_E_ABORTED', 'the run was interrupted; nothing was written');

/** How much of the expected work is done. */
class Tracker {
  readonly #units: readonly Unit[];
  readonly #shares: number[];
  readonly #all: number;
  readonly #allTrials: number;
  readonly #listener: ((progress: Progress) => void) | undefined;

  constructor(units: readonly Unit[], listener: ((progress: Progress) => void) | undefined) {
    this.#units = units;
    this.#shares = units.map(() => 0);
    this.#all = units.reduce((sum, { weight }) => sum + weight, 0);
    this.#allTrials = units.reduce((sum, { first, last }) => sum + last - first + 1, 0);
    this.#listener = listener;
  }

  share(index: number, share: number): void {
    this.#shares[index] = share;
    if (this.#listener === undefined) return;
    let [done, trials] = [0, 0];
    for (const [i, { weight, first, last }] of this.#units.entries()) {
      done += weight * (this.#shares[i] ?? 0);
      if (this.#shares[i] === 1) trials += last - first + 1;
    }
    this.#listener({ done: done / this.#all, trials, allTrials: this.#allTrials });
  }
}
