import { Worker } from 'node:worker_threads';
import { close, eventfd, write } from '../../linux/syscalls.js';
import { RehomeError } from '../../wire/errors.js';
import { compiledScript } from '../../daemon/compiled.js';
import type { EmulatorAnswer, EmulatorCommand, EmulatorState } from './messages.js';
import type { PathParameters } from './path.js';

type WithoutAsk<T> = T extends unknown ? Omit<T, 'ask'> : never;

const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

/** The emulator as the lab sees it: a thread that forwards between the one-way paths' ends. */
export class Emulator {
  private readonly worker: Worker;
  private readonly wake: number;
  private readonly waiting = new Map<
    number,
    { resolve(answer: EmulatorAnswer): void; reject(error: Error): void }
  >();
  private asks = 0;
  private readonly ended: Promise<void>;
  private failure: Error | undefined;

  /** Serves `tun` (IFF_VNET_HDR, non-blocking), which the caller closes after `stop`. */
  constructor(tun: number, seed: string) {
    this.wake = eventfd();
    this.worker = new Worker(compiledScript('lab/emulator/worker'), {
      workerData: { tun, wake: this.wake, seed },
    });
    this.worker.on('message', (answer: EmulatorAnswer) => this.answered(answer));
    this.worker.on('error', (error: Error) => this.fail(error));
    this.ended = new Promise((resolve) => {
      this.worker.once('exit', () => {
        this.fail(new RehomeError('REHOME_E_EMULATOR', 'the path emulator has ended'));
        resolve();
      });
    });
  }

  /** Changes what the named paths (by id) do from now on. @returns when it took effect, monotonic milliseconds. */
  async set(paths: readonly number[], parameters: Partial<PathParameters>): Promise<number> {
    return (await this.ask({ kind: 'set', paths, parameters })).at;
  }

  async state(): Promise<EmulatorState> {
    return (await this.ask({ kind: 'read' })).state;
  }

  /** Records every packet that enters the router into a pcapng file from now on; null ends the recording. */
  async capture(file: string | null): Promise<void> {
    await this.ask({ kind: 'capture', file });
  }

  /** Ends the thread. Idempotent. */
  async stop(): Promise<void> {
    if (this.failure === undefined) await this.ask({ kind: 'stop' }).catch(() => undefined);
    await this.ended;
    if (this.open) close(this.wake);
    this.open = false;
  }
  private open = true;

  private ask(command: WithoutAsk<EmulatorCommand>): Promise<EmulatorAnswer> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const ask = ++this.asks;
    return new Promise((resolve, reject) => {
      this.waiting.set(ask, { resolve, reject });
      this.worker.postMessage({ ...command, ask });
      write(this.wake, ONE);
    });
  }

  private answered(answer: EmulatorAnswer): void {
    const waiter = this.waiting.get(answer.ask);
    this.waiting.delete(answer.ask);
    if (answer.error === undefined) waiter?.resolve(answer);
    else waiter?.reject(new RehomeError('REHOME_E_EMULATOR', answer.error));
  }

  private fail(error: Error): void {
    this.failure ??= error;
    for (const waiter of this.waiting.values()) waiter.reject(this.failure);
    this.waiting.clear();
  }
}
