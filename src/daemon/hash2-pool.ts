import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { addToModifier, searchHash2, type Hash2Task } from '../identity/hashes.js';
import { compiledScript } from './compiled.js';
import { RehomeError } from '../wire/errors.js';
import type { SearchPiece, SearchedPiece } from './hash2-worker.js';

export interface SearchOptions {
  readonly threads?: number;
  /** Modifiers that a thread tries between two reports. */
  readonly pieceSize?: number;
  readonly signal?: AbortSignal;
  /** Called after every piece with the hashes done so far by all threads. */
  onProgress?(hashes: number): void;
}
export interface SearchResult {
  readonly modifier: Uint8Array;
  readonly hashes: number;
}

const PIECE = 16_384;

/**
 * The search for a modifier (RFC 3972 §4 steps 2 and 3) on all processors. The result does not depend on their number:
 * it is the first good modifier from `from` on.
 * @throws RehomeError REHOME_E_ABORTED when the signal comes first, REHOME_E_NOT_BUILT, REHOME_E_SEARCH
 */
export async function findModifier(
  task: Hash2Task,
  from: Uint8Array,
  options: SearchOptions = {},
): Promise<SearchResult> {
  const first = searchHash2(task, from, 1); // Sec 0, or a modifier that was found before
  if (first.modifier !== undefined) return { modifier: first.modifier, hashes: 1 };
  const threads = options.threads ?? availableParallelism();
  const script = compiledScript('daemon/hash2-worker');
  const workers = Array.from({ length: threads }, () => new Worker(script, { workerData: task }));
  try {
    return await search(workers, addToModifier(from, 1), options);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

function search(
  workers: readonly Worker[],
  from: Uint8Array,
  { pieceSize = PIECE, signal, onProgress }: SearchOptions,
): Promise<SearchResult> {
  const { promise, resolve, reject } = withResolvers<SearchResult>();
  const running = new Set<number>();
  let next = 0;
  let hashes = 1;
  let best: SearchedPiece | undefined;
  let done = false;
  const give = (worker: Worker): void => {
    const piece: SearchPiece = {
      piece: next,
      from: addToModifier(from, next * pieceSize),
      count: pieceSize,
    };
    running.add(next++);
    worker.postMessage(piece);
  };
  const took = (worker: Worker, answer: SearchedPiece): void => {
    if (done) return; // a later piece, finished before its thread was stopped: it changes nothing any more
    running.delete(answer.piece);
    hashes += answer.hashes;
    onProgress?.(hashes);
    if (answer.modifier !== undefined && answer.piece < (best?.piece ?? Infinity)) best = answer;
    if (best === undefined) give(worker);
    // A thread that is behind may still find an earlier one.
    else if (best.modifier !== undefined && Math.min(...running) > best.piece) {
      done = true;
      resolve({ modifier: best.modifier, hashes });
    }
  };
  for (const worker of workers) {
    worker.on('message', (answer: SearchedPiece) => took(worker, answer));
    worker.on('error', (cause) => {
      reject(new RehomeError('REHOME_E_SEARCH', 'a search thread failed', undefined, { cause }));
    });
    give(worker);
  }
  const abort = (): void =>
    reject(new RehomeError('REHOME_E_ABORTED', 'the search was interrupted; nothing was made'));
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  return promise.finally(() => signal?.removeEventListener('abort', abort));
}

function withResolvers<T>(): {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(error: Error): void;
} {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** Hashes per second of all threads together, from a tenth of a second on one. */
export function measureRate(task: Hash2Task, from: Uint8Array): number {
  const start = performance.now();
  let hashes = 0;
  let elapsed = 0;
  while (elapsed < 100) {
    // Sec 7, so that a lucky hit does not end the measurement.
    hashes += searchHash2({ ...task, sec: 7 }, addToModifier(from, hashes), 2_000).hashes;
    elapsed = performance.now() - start;
  }
  return (hashes / elapsed) * 1000 * availableParallelism();
}
