import { addressToBytes, type Address } from '../wire/address.js';
import type { Millis } from '../wire/units.js';
import type { Clock } from '../daemon/clock.js';
import { Link, noCounts, PERFECT_PATH, type PathCounters, type PathSettings } from './link.js';
import type { SeededRandom } from './random.js';
import type { Exit } from './site.js';

export { PERFECT_PATH, type PathCounters, type PathSettings } from './link.js';

export interface Endpoint {
  /** A packet whose destination is in a prefix that this endpoint attached. */
  deliver(packet: Uint8Array): void;
}

export type Fate = 'sent' | 'lost' | 'cut' | 'overflow' | 'no-route' | 'filtered' | 'arrived';

/** Sees every packet as it is sent and what became of it, or what became of it in the end. */
export type Tap = (packet: Uint8Array, fate: Fate) => void;

interface Attachment {
  readonly endpoint: Endpoint;
  /** The exit router its prefix came from; undefined: straight into the Internet. */
  readonly exit: Exit | undefined;
}

const HEADER = 40;
const word = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
/** Eight octets as four characters. */
const prefixAt = (packet: Uint8Array, at: number): string =>
  String.fromCharCode(
    word(packet, at),
    word(packet, at + 2),
    word(packet, at + 4),
    word(packet, at + 6),
  );

/** The first 64 bits of an address: what the network routes by. */
export const prefixKey = (address: Address): string => prefixAt(addressToBytes(address), 0);

/**
 * The Internet between hosts: for each pair of /64 prefixes two one-way paths, told apart by the packet's source and
 * destination, like the queues of the Click router in seed 001. A host in a site is behind that site's exit routers, one
 * for each of its prefixes, and shares their links. Packets arrive later, never inside `send`.
 */
export class Network {
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  readonly #attached = new Map<string, Attachment>();
  /** Those that were configured, or have a queue; all others are one and the same. */
  readonly #paths = new Map<string, Link>();
  #defaults: PathSettings;
  #common: Link;
  readonly #taps = new Set<Tap>();
  readonly #endTaps = new Set<Tap>();
  /** Packets to a prefix that nobody has. */
  unroutable = 0;
  /** Packets that a provider's ingress filter dropped. */
  filtered = 0;
  /** Packets on the way. */
  inFlight = 0;

  constructor(clock: Clock, random: SeededRandom, defaults: Partial<PathSettings> = {}) {
    this.#clock = clock;
    this.#random = random;
    this.#defaults = { ...PERFECT_PATH, ...defaults };
    this.#common = new Link(this.#defaults);
  }

  attach(locator: Address, endpoint: Endpoint, exit?: Exit): void {
    this.#attached.set(prefixKey(locator), { endpoint, exit });
  }

  detach(locator: Address): void {
    this.#attached.delete(prefixKey(locator));
  }

  /** Told once for each packet, when it is sent. Returns its removal. */
  tap(tap: Tap): () => void {
    this.#taps.add(tap);
    return () => void this.#taps.delete(tap);
  }

  /** Told of the end of each packet that was sent: `arrived`, lost at the receiver's site, `no-route`. */
  tapEnds(tap: Tap): () => void {
    this.#endTaps.add(tap);
    return () => void this.#endTaps.delete(tap);
  }

  settings(source: Address, destination: Address): PathSettings {
    const path = this.#paths.get(prefixKey(source) + prefixKey(destination));
    return path?.settings ?? this.#defaults;
  }

  /** Of a path that was configured, or has a queue; all zeros for any other. */
  counters(source: Address, destination: Address): Readonly<PathCounters> {
    const path = this.#paths.get(prefixKey(source) + prefixKey(destination));
    return { ...(path?.counters ?? noCounts()) };
  }

  /** Changes one one-way path from now on; packets on the way are not touched. */
  configure(source: Address, destination: Address, change: Partial<PathSettings>): void {
    this.#own(prefixKey(source) + prefixKey(destination)).change(change);
  }

  /** Changes every path, those that were never used included. */
  configureAll(change: Partial<PathSettings>): void {
    this.#defaults = { ...this.#defaults, ...change };
    this.#common.settings = this.#defaults;
    for (const path of this.#paths.values()) path.change(change);
  }

  send(packet: Uint8Array): void {
    if (packet.length < HEADER) return;
    const source = prefixAt(packet, 8);
    const home = this.#attached.get(source)?.exit;
    if (home === undefined) return this.#cross(packet, source);
    const exit = home.site.exitFor(home);
    if (exit !== home) {
      exit.filtered++;
      this.filtered++;
      tell(this.#taps, packet, 'filtered');
      return;
    }
    if (this.#through(exit.outward, packet, this.#taps, () => this.#cross(packet, source))) return;
    const now = this.#clock.now();
    const notice = exit.notice(packet, now);
    const host = this.#attached.get(source)?.endpoint;
    if (notice !== undefined) this.#clock.at(now, () => host?.deliver(notice));
  }

  /** From provider to provider. */
  #cross(packet: Uint8Array, source: string): void {
    const path = this.#path(source + prefixAt(packet, 24));
    const entered = path.enter(packet.length, this.#clock.now(), this.#random);
    tell(this.#taps, packet, entered.fate);
    if (entered.fate !== 'sent') return;
    this.#land(path, packet, entered.arrival);
    if (entered.again !== undefined) this.#land(path, packet, entered.again);
  }

  #land(path: Link, packet: Uint8Array, arrival: Millis): void {
    this.inFlight++;
    this.#clock.at(arrival, () => {
      this.inFlight--;
      const to = this.#attached.get(prefixAt(packet, 24));
      if (to === undefined) {
        this.unroutable++;
        tell(this.#endTaps, packet, 'no-route');
        return;
      }
      path.counters.delivered++;
      if (to.exit === undefined) return this.#deliver(to.endpoint, packet);
      void this.#through(to.exit.inward, packet, this.#endTaps, () =>
        this.#deliver(to.endpoint, packet),
      );
    });
  }

  #deliver(endpoint: Endpoint, packet: Uint8Array): void {
    tell(this.#endTaps, packet, 'arrived');
    endpoint.deliver(packet);
  }

  /** Over a link inside; without a delay at once, which saves an event. False: the link did not take it. */
  #through(link: Link, packet: Uint8Array, taps: ReadonlySet<Tap>, next: () => void): boolean {
    const now = this.#clock.now();
    const entered = link.enter(packet.length, now, this.#random);
    if (entered.fate !== 'sent') {
      tell(taps, packet, entered.fate);
      return entered.fate === 'lost';
    }
    for (const arrival of [entered.arrival, entered.again]) {
      if (arrival === undefined) continue;
      if (arrival <= now) {
        next();
        continue;
      }
      this.inFlight++;
      this.#clock.at(arrival, () => {
        this.inFlight--;
        next();
      });
    }
    return true;
  }

  #path(key: string): Link {
    const own = this.#paths.get(key);
    if (own !== undefined) return own;
    // A queue is a path's own; without one all paths that nobody configured are one and the same.
    return this.#defaults.rate === undefined ? this.#common : this.#own(key);
  }

  #own(key: string): Link {
    let path = this.#paths.get(key);
    if (path === undefined) {
      path = new Link(this.#defaults);
      this.#paths.set(key, path);
    }
    return path;
  }
}

function tell(taps: ReadonlySet<Tap>, packet: Uint8Array, fate: Fate): void {
  for (const tap of taps) tap(packet, fate);
}
