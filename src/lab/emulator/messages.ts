import type { PathCounters, PathParameters } from './path.js';

/** What the worker is started with. */
export interface EmulatorStart {
  /** The TUN's descriptor, non-blocking, IFF_VNET_HDR; the starter opened it inside the router and closes it. */
  readonly tun: number;
  /** An eventfd; written to after every command. */
  readonly wake: number;
  readonly seed: string;
}

export type EmulatorCommand =
  | {
      readonly kind: 'set';
      readonly paths: readonly number[];
      readonly parameters: Partial<PathParameters>;
      readonly ask: number;
    }
  | { readonly kind: 'read'; readonly ask: number }
  /** Records every packet that enters the router into a pcapng file; null ends it. */
  | { readonly kind: 'capture'; readonly file: string | null; readonly ask: number }
  | { readonly kind: 'stop'; readonly ask: number };

export interface PathState {
  readonly parameters: PathParameters;
  readonly counters: PathCounters;
}

export interface EmulatorState {
  /** By path id. */
  readonly paths: readonly PathState[];
  /** Packets whose addresses are no pair of the lab: dropped. */
  readonly strangers: number;
  /** Packets that the kernel would not take back, by errno name. */
  readonly refused: Readonly<Record<string, number>>;
  /** Packets on their way. */
  readonly waiting: number;
}

export interface EmulatorAnswer {
  readonly ask: number;
  /** Monotonic milliseconds at which the command took effect. */
  readonly at: number;
  readonly state: EmulatorState;
  /** Why the command failed. */
  readonly error?: string;
}
