import { isUnspecified, type Address } from '../wire/address.js';
import { ALL_NODES } from '../wire/multicast.js';
import { buildNd, type NdOption } from '../wire/nd.js';
import { FOR_EVER, splitSamParameters, type SamParameters } from '../wire/sam-option.js';
import { addMs, ms, type Millis, type RandomSource } from '../wire/units.js';
import { SAM } from './constants.js';
import type { SamInterface } from './types.js';

/** IPv6 header, Router Advertisement, link-layer address and prefix of the subnet: what every advertisement has. */
const FIXED = 40 + 16 + 8 + 32;
/** Routers that wait for an answer of their own at once; further ones get the next multicast. */
const MAX_WAITING = 16;

/**
 * When a router advertises on one link (RFC 4861 §6.2): now and then, three times soon at the start, soon after a change,
 * and to whoever asks. What it says is given to `tick`.
 */
export class Advertiser {
  readonly #random: RandomSource;
  #sent = 0;
  #last: Millis | undefined;
  /** Infinity: there is nothing to say. */
  #next: Millis = ms(Infinity);
  readonly #waiting = new Map<Address, Millis>();

  constructor(random: RandomSource) {
    this.#random = random;
  }

  deadline(): Millis | undefined {
    const first = Math.min(this.#next, ...this.#waiting.values());
    return first === Infinity ? undefined : ms(first);
  }

  /** Is silent until `changed`. */
  stop(): void {
    this.#next = ms(Infinity);
    this.#waiting.clear();
  }

  /** RFC 4861 §6.2.4: what is new is said soon, and a few times. */
  changed(now: Millis): void {
    this.#sent = 0;
    this.#soon(now);
  }

  /** RFC 4861 §6.2.6: an answer after a random delay; to the asker alone where it has an address. */
  solicited(source: Address, now: Millis): void {
    if (this.#next === Infinity) return;
    if (isUnspecified(source) || this.#waiting.size >= MAX_WAITING) return this.#soon(now);
    if (!this.#waiting.has(source)) this.#waiting.set(source, this.#delayed(now));
  }

  isDue(now: Millis): boolean {
    return (this.deadline() ?? Infinity) <= now;
  }

  /** Where advertisements have to go now. */
  due(now: Millis): Address[] {
    const to: Address[] = [];
    if (this.#next <= now) {
      to.push(ALL_NODES);
      this.#waiting.clear(); // they hear it, too
      this.#last = now;
      this.#sent++;
      this.#next = addMs(now, this.#interval());
    }
    for (const [address, when] of this.#waiting) {
      if (when > now) continue;
      this.#waiting.delete(address);
      to.push(address);
    }
    return to;
  }

  #delayed(now: Millis): Millis {
    return addMs(now, this.#random.uniform() * SAM.maxAdvertisementDelay);
  }

  #soon(now: Millis): void {
    const earliest = this.#last === undefined ? now : addMs(this.#last, SAM.minDelayBetweenAdvertisements); // prettier-ignore
    this.#next = ms(Math.min(this.#next, Math.max(earliest, this.#delayed(now))));
  }

  #interval(): number {
    const { minAdvertisementInterval: min, maxAdvertisementInterval: max } = SAM;
    const interval = min + this.#random.uniform() * (max - min);
    const initial = this.#sent < SAM.initialAdvertisements;
    return initial ? Math.min(interval, SAM.maxInitialAdvertisementInterval) : interval;
  }
}

/**
 * The Router Advertisements that say all this on a link, as few as it takes. The subnet's prefix is for knowing what is on
 * the link; not autonomous, so that hosts without SAM make no addresses of it.
 */
export function advertisements(
  link: SamInterface,
  parameters: readonly SamParameters[],
  routerLifetime: number,
  to: Address,
): Uint8Array[] {
  const { linkLayer, subnet, linkLocal, mtu } = link;
  const fixed: NdOption[] = [];
  if (linkLayer !== undefined) fixed.push({ option: 'sourceLinkLayerAddress', address: linkLayer });
  if (subnet !== undefined) {
    fixed.push({
      option: 'prefixInformation',
      prefix: subnet,
      onLink: true,
      autonomous: false,
      validLifetime: FOR_EVER,
      preferredLifetime: FOR_EVER,
    });
  }
  const room = Math.min(mtu, SAM.advertisementSize) - FIXED;
  const parts = splitSamParameters(parameters, room);
  return (parts.length > 0 ? parts : [[]]).map((part) =>
    buildNd(linkLocal, to, {
      message: 'routerAdvertisement',
      curHopLimit: 0,
      managed: false,
      otherConfig: false,
      preference: 'medium',
      routerLifetime,
      reachableTime: 0,
      retransTimer: 0,
      options: [...fixed, ...part],
    }),
  );
}
