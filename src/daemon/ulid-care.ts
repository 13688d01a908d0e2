import type { Address, LocatorPair } from '../wire/address.js';
import { addMs, type Millis } from '../wire/units.js';
import type { Clock, Timer } from './clock.js';
import type { HostAddress } from './locators.js';

/** How often the tables of sockets are read: well below the shortest sensible idle teardown. */
const INTERVAL = 60_000;
/** The kernel removes an address up to this long after its lifetime ended, in milliseconds. */
const LATE = 3_000;

export interface UlidCareOptions {
  readonly clock: Clock;
  /** Pairs of addresses with a connected socket. */
  readonly connectedPairs: () => readonly LocatorPair[];
  readonly inUse: (pairs: readonly LocatorPair[]) => void;
  readonly invalidate: (ulid: Address) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * What the system knows of ULIDs and a context cannot know: that a socket still uses it, however quiet it is (RFC 5533
 * §9), and that its prefix has become invalid (§1.5), which is something else than an interface that went away.
 */
export class UlidCare {
  readonly #options: UlidCareOptions;
  #known = new Map<Address, HostAddress>();
  #timer: Timer | undefined;

  constructor(options: UlidCareOptions) {
    this.#options = options;
  }

  start(addresses: readonly HostAddress[]): void {
    this.addressesChanged(addresses);
    this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** An address that is gone was invalid if its valid lifetime was over, and only then. */
  addressesChanged(addresses: readonly HostAddress[]): void {
    const fresh = new Map(addresses.map((a) => [a.address, a]));
    const late = addMs(this.#options.clock.now(), LATE);
    for (const [address, { validUntil }] of this.#known) {
      if (!fresh.has(address) && ended(validUntil, late)) this.#options.invalidate(address);
    }
    this.#known = fresh;
  }

  #arm(): void {
    const { clock, connectedPairs, inUse, onError } = this.#options;
    this.#timer = clock.at(addMs(clock.now(), INTERVAL), () => {
      try {
        inUse(connectedPairs());
      } catch (error) {
        onError(error);
      }
      this.#arm();
    });
  }
}

const ended = (validUntil: Millis, now: Millis): boolean => validUntil <= now;
