import { parentPort, workerData } from 'node:worker_threads';
import { Coverage } from './coverage.js';
import { saveCorpus } from './corpus.js';
import { writeVector, type Finding } from './findings.js';
import { Fuzzer, type Budget, type Summary } from './fuzzer.js';
import { Beat } from './watch.js';

/** The thread that fuzzes: one target after the other, and tells what it finds. */

export interface WorkerInput {
  readonly targets: readonly string[];
  readonly seed: string;
  /** For each target. */
  readonly budgets: readonly Budget[];
  readonly save: boolean;
  /** Breaks that are put in on purpose leave no vectors. */
  readonly keep: boolean;
  readonly shared: SharedArrayBuffer;
}
export type WorkerMessage =
  | { readonly kind: 'started'; readonly target: string; readonly budget: Budget }
  | { readonly kind: 'finding'; readonly finding: Finding; readonly file: string | undefined }
  | {
      readonly kind: 'done';
      readonly summary: Summary;
      readonly missed: ReturnType<Coverage['missed']>;
    };

// Threads have no umask of their own to change; the control server's socket gets its mode by chmod as well.
Reflect.set(process, 'umask', () => 0o22);

const input = workerData as WorkerInput;
const beat = new Beat(input.shared);
const tell = (message: WorkerMessage): void => parentPort?.postMessage(message);
// The coverage module is loaded: now those that count may be.
const { targetByName } = await import('../targets/index.js');

for (const [i, name] of input.targets.entries()) {
  const target = await targetByName(name);
  const coverage = new Coverage(target.code);
  const budget = input.budgets[i] ?? { executions: 1 };
  tell({ kind: 'started', target: name, budget });
  const fuzzer = new Fuzzer({
    target,
    coverage,
    seed: input.seed,
    budget,
    before: (octets) => beat.begin(octets),
    onFinding: (finding) => {
      const file = input.keep ? writeVector(finding, target.explain?.bind(target)) : undefined;
      tell({ kind: 'finding', finding, file });
    },
  });
  const summary = await fuzzer.run();
  if (input.save) saveCorpus(name, await fuzzer.reduced());
  await target.close?.();
  tell({ kind: 'done', summary, missed: coverage.missed() });
}
parentPort?.close();
