import { addressToBytes, type Address } from '../wire/address.js';
import { addMs, type Millis } from '../wire/units.js';
import type { Clock } from '../daemon/clock.js';
import type { SeededRandom } from './random.js';

/** How one one-way path treats packets. */
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

interface Path {
  settings: PathSettings;
  readonly counters: PathCounters;
  /** When the last octet accepted will have left. */
  busyUntil: number;
}

export interface Endpoint {
  /** A packet whose destination is in a prefix that this endpoint attached. */
  deliver(packet: Uint8Array): void;
}

/** Sees every packet as it is sent, and what became of it. */
export type Tap = (
  packet: Uint8Array,
  fate: 'sent' | 'lost' | 'cut' | 'overflow' | 'no-route',
) => void;

const HEADER = 40;
const prefixAt = (packet: Uint8Array, from: number): string =>
  Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength).toString(
    'latin1',
    from,
    from + 8,
  );

/** The first 64 bits of an address: what the network routes by. */
export const prefixKey = (address: Address): string => prefixAt(addressToBytes(address), 0);

/**
 * The Internet between hosts: for each pair of /64 prefixes two one-way paths, told apart by the packet's source and
 * destination, like the queues of the Click router in seed 001. Packets arrive later, never inside `send`.
 */
export class Network {
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #paths = new Map<string, Path>();
  #defaults: PathSettings;
  #tap: Tap | undefined;
  /** Packets to a prefix that nobody has. */
  unroutable = 0;
  /** Packets on the way. */
  inFlight = 0;

  constructor(clock: Clock, random: SeededRandom, defaults: Partial<PathSettings> = {}) {
    this.#clock = clock;
    this.#random = random;
    this.#defaults = { ...PERFECT_PATH, ...defaults };
  }

  attach(locator: Address, endpoint: Endpoint): void {
    this.#endpoints.set(prefixKey(locator), endpoint);
  }

  detach(locator: Address): void {
    this.#endpoints.delete(prefixKey(locator));
  }

  tap(tap: Tap | undefined): void {
    this.#tap = tap;
  }

  settings(source: Address, destination: Address): PathSettings {
    return this.#path(prefixKey(source) + prefixKey(destination)).settings;
  }

  counters(source: Address, destination: Address): Readonly<PathCounters> {
    return { ...this.#path(prefixKey(source) + prefixKey(destination)).counters };
  }

  /** Changes one one-way path from now on; packets on the way are not touched. */
  configure(source: Address, destination: Address, change: Partial<PathSettings>): void {
    const path = this.#path(prefixKey(source) + prefixKey(destination));
    path.settings = { ...path.settings, ...change };
  }

  /** Changes every path, those that were never used included. */
  configureAll(change: Partial<PathSettings>): void {
    this.#defaults = { ...this.#defaults, ...change };
    for (const path of this.#paths.values()) path.settings = { ...path.settings, ...change };
  }

  send(packet: Uint8Array): void {
    if (packet.length < HEADER) return;
    const path = this.#path(prefixAt(packet, 8) + prefixAt(packet, 24));
    const { settings, counters } = path;
    if (!settings.up) {
      counters.cut++;
      this.#tap?.(packet, 'cut');
      return;
    }
    if (settings.loss > 0 && this.#random.chance(settings.loss)) {
      counters.lost++;
      this.#tap?.(packet, 'lost');
      return;
    }
    const departure = this.#transmit(path, packet.length);
    if (departure === undefined) {
      counters.overflowed++;
      this.#tap?.(packet, 'overflow');
      return;
    }
    this.#tap?.(packet, 'sent');
    this.#launch(path, packet, departure);
    if (settings.duplicate > 0 && this.#random.chance(settings.duplicate)) {
      counters.duplicated++;
      this.#launch(path, packet, departure);
    }
  }

  /** When the last octet leaves; undefined: the queue is full. */
  #transmit(path: Path, octets: number): Millis | undefined {
    const now = this.#clock.now();
    const { rate, queue } = path.settings;
    if (rate === undefined) return now;
    const backlog = Math.max(0, path.busyUntil - now);
    if ((backlog * rate) / 1000 + octets > queue) return undefined;
    path.busyUntil = now + backlog + (octets * 1000) / rate;
    return addMs(now, path.busyUntil - now);
  }

  #launch(path: Path, packet: Uint8Array, departure: Millis): void {
    const { delay, jitter } = path.settings;
    const extra = jitter > 0 ? this.#random.uniform() * jitter : 0;
    this.inFlight++;
    this.#clock.at(addMs(departure, delay + extra), () => {
      this.inFlight--;
      const endpoint = this.#endpoints.get(prefixAt(packet, 24));
      if (endpoint === undefined) {
        this.unroutable++;
        this.#tap?.(packet, 'no-route');
        return;
      }
      path.counters.delivered++;
      endpoint.deliver(packet);
    });
  }

  #path(key: string): Path {
    let path = this.#paths.get(key);
    if (path === undefined) {
      const counters = { delivered: 0, lost: 0, cut: 0, overflowed: 0, duplicated: 0 };
      path = { settings: this.#defaults, counters, busyUntil: 0 };
      this.#paths.set(key, path);
    }
    return path;
  }
}
