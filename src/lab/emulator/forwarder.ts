import { SeededRandom } from '../../sim/random.js';
import { PATHS } from '../paths.js';
import { DueQueue } from './heap.js';
import type { EmulatorState } from './messages.js';
import { classify } from './packet.js';
import { EmulatedPath, type PathParameters } from './path.js';

/** The device a forwarder serves. Frames are a virtio header and an IPv6 packet. */
export interface FrameDevice {
  /** Fills `buffer` with the next frame; its length, or 0 when nothing waits. */
  read(buffer: Uint8Array): number;
  /** Undefined: taken. Otherwise why not, e.g. `ENOBUFS`. */
  write(frame: Uint8Array): string | undefined;
}

/** Told of every packet that enters, and whether any copy of it will leave. */
export type PacketTap = (frame: Uint8Array, now: number, comment: string) => void;

/** A virtio header and the longest IPv6 packet without jumbo payload option, with room to spare. */
const LONGEST_FRAME = 66 * 1024;
/** How many frames one drain reads before those that have fallen due get their turn. */
const BURST = 64;

/** Takes frames from a device, lets each suffer on its one-way path, and gives it back when its time has come. */
export class Forwarder {
  tap: PacketTap | undefined;
  private readonly device: FrameDevice;
  private readonly paths: readonly EmulatedPath[];
  private readonly waiting = new DueQueue<Uint8Array>();
  private readonly buffer = new Uint8Array(LONGEST_FRAME);
  private readonly refused: Record<string, number> = {};
  private strangers = 0;

  constructor(device: FrameDevice, seed: string) {
    this.device = device;
    const random = new SeededRandom(seed);
    this.paths = PATHS.map(({ name }) => {
      const luck = random.fork(name);
      return new EmulatedPath(() => luck.uniform());
    });
  }

  /** When `flush` is next needed; undefined: no packet is on its way. */
  get nextDue(): number | undefined {
    return this.waiting.nextDue;
  }

  set(ids: readonly number[], parameters: Partial<PathParameters>): void {
    for (const id of ids) {
      const path = this.paths[id];
      if (path !== undefined) path.parameters = { ...path.parameters, ...parameters };
    }
  }

  /** Reads what has come, a burst at most. @returns whether more may be waiting. */
  drain(clock: () => number): boolean {
    for (let i = 0; i < BURST; i++) {
      const length = this.device.read(this.buffer);
      if (length <= 0) return false;
      this.accept(this.buffer.subarray(0, length), clock());
    }
    return true;
  }

  /** Delivers everything that has fallen due. */
  flush(now: number): void {
    for (let f = this.waiting.popDue(now); f !== undefined; f = this.waiting.popDue(now))
      this.deliver(f);
  }

  state(): EmulatorState {
    return {
      paths: this.paths.map(({ parameters, counters }) => ({
        parameters,
        counters: { ...counters },
      })),
      strangers: this.strangers,
      refused: { ...this.refused },
      waiting: this.waiting.size,
    };
  }

  private accept(frame: Uint8Array, now: number): void {
    const { path: id, bytes, segments } = classify(frame, frame.length);
    const path = id === undefined ? undefined : this.paths[id];
    if (path === undefined) {
      this.strangers++;
      this.tap?.(frame, now, 'no path of the lab: dropped');
      return;
    }
    const dues = path.accept(bytes, segments, now);
    this.tap?.(frame, now, `${PATHS[id ?? 0]?.name ?? ''}${dues.length === 0 ? ': dropped' : ''}`);
    for (const due of dues) {
      // A packet without delay must not overtake those that wait for the same instant.
      if (due <= now && (this.waiting.nextDue ?? Infinity) > now) this.deliver(frame);
      else this.waiting.push(due, Uint8Array.from(frame));
    }
  }

  private deliver(frame: Uint8Array): void {
    const refusal = this.device.write(frame);
    if (refusal !== undefined) this.refused[refusal] = (this.refused[refusal] ?? 0) + 1;
  }
}
