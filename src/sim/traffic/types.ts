import type { Clock } from '../../daemon/clock.js';
import type { Address } from '../../wire/address.js';
import type { SimHost } from '../host.js';
import type { SeededRandom } from '../random.js';
import type { Arrivals } from './arrivals.js';

/** What an application does, as a scenario says it; times in milliseconds, sizes in octets of payload. */
export type TrafficSpec =
  /** Both ends send one packet every `interval`, as seed 001 does in section 5.3. */
  | { readonly model: 'cbr'; readonly interval: number; readonly size: number }
  /** Only the client sends. */
  | { readonly model: 'one-way'; readonly interval: number; readonly size: number }
  /** One TCP transfer from client to server that never ends. */
  | { readonly model: 'bulk' }
  /** The client asks again `think` after each answer; what is lost is asked for again after a second, doubling. */
  | {
      readonly model: 'request-response';
      readonly think: number;
      readonly request: number;
      readonly response: number;
    }
  /** A remote shell: keystrokes with echo for `active`, then nothing for `idle`, and so on. */
  | {
      readonly model: 'idle-then-active';
      readonly active: number;
      readonly idle: number;
      readonly interval: number;
    }
  /** TCP transfers that begin at random, `arrivals` a second, with Pareto sizes. */
  | {
      readonly model: 'mix';
      readonly arrivals: number;
      readonly meanSize: number;
      /** The tail: 1 (heaviest) to 3. Real flows have about 1.2. */
      readonly alpha: number;
    };

export type TrafficModel = TrafficSpec['model'];

/** Who talks to whom. `from` is the client. */
export interface TrafficEnds {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly from: SimHost;
  readonly to: SimHost;
  readonly source: Address;
  readonly destination: Address;
  /** Ports from here on are this flow's own: one, two of a pair, or as many as transfers run at once. */
  readonly port: number;
}

/** A flow between two hosts. */
export interface Traffic {
  start(): void;
  /** Nothing is sent after this; what is on the way still arrives. */
  stop(): void;
  /** At the server. */
  readonly forward: Arrivals;
  /** At the client. */
  readonly backward: Arrivals;
}
