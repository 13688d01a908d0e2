import { Worker } from 'node:worker_threads';
import { writeVector, type Finding } from './findings.js';
import type { Budget, Summary } from './fuzzer.js';
import { Beat, newShared } from './watch.js';
import type { WorkerInput, WorkerMessage } from './worker.js';

export interface SessionOptions {
  readonly targets: readonly string[];
  readonly budgets: readonly Budget[];
  readonly seed: string;
  readonly save: boolean;
  readonly keep: boolean;
  /** A name of ../breaks.json to put into the code. */
  readonly broken?: string;
  /** Ends at the first finding. */
  readonly first?: boolean;
  readonly onMessage?: (message: WorkerMessage) => void;
  readonly onBeat?: (executions: number) => void;
}

export interface Outcome {
  readonly summaries: readonly Summary[];
  readonly findings: readonly Finding[];
}

/** One input may not take longer than this: what strangers send must not stop a host. */
const HANG_MS = 10_000;
const LOOK_MS = 250;

/** Fuzzes in a thread, and watches it: an input that never ends is a finding like any other. */
export async function runSession(options: SessionOptions): Promise<Outcome> {
  const summaries: Summary[] = [];
  const findings: Finding[] = [];
  for (let done = 0; done < options.targets.length;) {
    const ended = await runThread(options, done, (message) => {
      if (message.kind === 'finding') findings.push(message.finding);
      if (message.kind === 'done') summaries.push(message.summary);
      options.onMessage?.(message);
    });
    done += ended;
    if (options.first === true && findings.length > 0) break;
  }
  return { summaries, findings };
}

/** @returns how many targets are over and done with */
function runThread(
  options: SessionOptions,
  skip: number,
  tell: (message: WorkerMessage) => void,
): Promise<number> {
  const shared = newShared();
  const beat = new Beat(shared);
  const targets = options.targets.slice(skip);
  const workerData: WorkerInput = {
    targets,
    seed: options.seed,
    budgets: options.budgets.slice(skip),
    save: options.save,
    keep: options.keep,
    shared,
  };
  const { promise, resolve, reject } = deferred<number>();
  const env = { ...process.env, ...(options.broken && { REHOME_FUZZ_BREAK: options.broken }) };
  const resourceLimits = { maxOldGenerationSizeMb: 1024 };
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData,
    env,
    resourceLimits,
  });
  let done = 0;
  let current: string | undefined;
  let begun = 0;
  let [last, since, started] = [beat.count, performance.now(), performance.now()];

  /** The thread cannot go on: what it was at is the finding. */
  const lost = (what: string): void => {
    clearInterval(watcher);
    if (current === undefined) return reject(new Error(`the fuzzing thread ended: ${what}`));
    const seconds = (performance.now() - started) / 1000;
    const input = beat.current();
    const finding = {
      target: current,
      input,
      error: what,
      signature: what,
      executions: beat.count - begun,
      seconds,
    };
    const file = options.keep ? writeVector(finding, undefined) : undefined;
    tell({ kind: 'finding', finding, file });
    resolve(done + 1);
  };
  const watcher = setInterval(() => {
    options.onBeat?.(beat.count);
    if (beat.count !== last || current === undefined) {
      [last, since] = [beat.count, performance.now()];
    } else if (performance.now() - since > HANG_MS) {
      void worker.terminate();
      lost(`hang: one input took more than ${HANG_MS / 1000} s`);
    }
  }, LOOK_MS);
  worker.on('message', (message: WorkerMessage) => {
    tell(message);
    if (message.kind === 'started') {
      [current, started, begun] = [message.target, performance.now(), beat.count];
    }
    if (message.kind === 'done') [current, done] = [undefined, done + 1];
    const enough = options.first === true && message.kind === 'finding';
    if (done < targets.length && !enough) return;
    clearInterval(watcher);
    void worker.terminate().then(() => resolve(targets.length));
  });
  worker.on('error', (error) => lost(error.stack ?? error.message));
  worker.on('exit', () => clearInterval(watcher));
  return promise;
}

function deferred<T>() {
  let [resolve, reject] = [(_: T): void => undefined, (_: Error): void => undefined];
  const promise = new Promise<T>((a, b) => ([resolve, reject] = [a, b]));
  return {
    promise,
    resolve: (value: T) => resolve(value),
    reject: (error: Error) => reject(error),
  };
}
