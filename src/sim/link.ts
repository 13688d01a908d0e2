import { addMs, type Millis } from '../wire/units.js';
import type { SeededRandom } from './random.js';

/** How one direction of a link, or a one-way path, treats packets. */
export interface PathSettings {
  /** One way, milliseconds. */
  readonly delay: number;
  /** Each packet waits up to so many milliseconds more, drawn evenly: with jitter above the packets' spacing they overtake. */
  readonly jitter: number;
  /** Probability, 0 to 1. */
  readonly loss: number;
  readonly duplicate: number;
  /** Octets per second; undefined: no limit. */
  readonly rate: number | undefined;
  /** Octets that wait for a limited path; what does not fit is lost. */
  readonly queue: number;
  /** False: packets vanish without a word. */
  readonly up: boolean;
}

export const PERFECT_PATH: PathSettings = {
  delay: 1,
  jitter: 0,
  loss: 0,
  duplicate: 0,
  rate: undefined,
  queue: 256 * 1024,
  up: true,
};

export interface PathCounters {
  delivered: number;
  lost: number;
  cut: number;
  overflowed: number;
  duplicated: number;
}

export const noCounts = (): PathCounters => ({
  delivered: 0,
  lost: 0,
  cut: 0,
  overflowed: 0,
  duplicated: 0,
});

/** What became of a packet that was offered to a link. */
export type Entered =
  | { readonly fate: 'lost' | 'cut' | 'overflow' }
  /** When its last octet arrives at the far end, and the same for a duplicate. */
  | { readonly fate: 'sent'; readonly arrival: Millis; readonly again: Millis | undefined };

const LOST: Entered = { fate: 'lost' };
const CUT: Entered = { fate: 'cut' };
const OVERFLOW: Entered = { fate: 'overflow' };

/** One direction of a link: stops, loses, queues, delays. Packets on the way are not touched by a change. */
export class Link {
  settings: PathSettings;
  readonly counters: PathCounters = noCounts();
  /** When the last octet accepted will have left. */
  #busyUntil = 0;

  constructor(settings: PathSettings) {
    this.settings = settings;
  }

  change(change: Partial<PathSettings>): void {
    this.settings = { ...this.settings, ...change };
  }

  enter(octets: number, now: Millis, random: SeededRandom): Entered {
    const { up, loss, duplicate } = this.settings;
    const { counters } = this;
    if (!up) {
      counters.cut++;
      return CUT;
    }
    if (loss > 0 && random.chance(loss)) {
      counters.lost++;
      return LOST;
    }
    const departure = this.#transmit(octets, now);
    if (departure === undefined) {
      counters.overflowed++;
      return OVERFLOW;
    }
    const arrival = this.#arrival(departure, random);
    if (duplicate === 0 || !random.chance(duplicate)) {
      return { fate: 'sent', arrival, again: undefined };
    }
    counters.duplicated++;
    return { fate: 'sent', arrival, again: this.#arrival(departure, random) };
  }

  /** When the last octet leaves; undefined: the queue is full. */
  #transmit(octets: number, now: Millis): Millis | undefined {
    const { rate, queue } = this.settings;
    if (rate === undefined) return now;
    const backlog = Math.max(0, this.#busyUntil - now);
    if ((backlog * rate) / 1000 + octets > queue) return undefined;
    this.#busyUntil = now + backlog + (octets * 1000) / rate;
    return addMs(now, this.#busyUntil - now);
  }

  #arrival(departure: Millis, random: SeededRandom): Millis {
    const { delay, jitter } = this.settings;
    return addMs(departure, delay + (jitter > 0 ? random.uniform() * jitter : 0));
  }
}
