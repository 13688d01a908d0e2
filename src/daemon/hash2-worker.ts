import { parentPort, workerData } from 'node:worker_threads';
import { searchHash2, type Hash2Task } from '../identity/hashes.js';

/** A piece of the search for one thread. */
export interface SearchPiece {
  readonly piece: number;
  readonly from: Uint8Array;
  readonly count: number;
}
export interface SearchedPiece {
  readonly piece: number;
  readonly modifier: Uint8Array | undefined;
  readonly hashes: number;
}

const task = workerData as Hash2Task;
parentPort?.on('message', ({ piece, from, count }: SearchPiece) => {
  const answer: SearchedPiece = { piece, ...searchHash2(task, from, count) };
  parentPort?.postMessage(answer);
});
