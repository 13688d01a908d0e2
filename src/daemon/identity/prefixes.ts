import { maskAddress, type Prefix } from '../../wire/prefix.js';
import { isUsableLocator, type Address } from '../../wire/address.js';
import { addMs, ms, type Millis } from '../../wire/units.js';
import type { HostAddress } from '../locators.js';

/** A /64 that this host may have addresses in, and where. */
export interface SeenPrefix {
  readonly prefix: Prefix;
  readonly ifindex: number;
  readonly interfaceName: string;
  /** Deprecated from then on. Infinity: never. */
  readonly preferredUntil: Millis;
  readonly validUntil: Millis;
}

/** A Prefix Information option that the kernel took from a Router Advertisement. */
export interface AdvertisedPrefix {
  readonly prefix: Prefix;
  readonly ifindex: number;
  readonly interfaceName: string;
  readonly preferredSeconds: number;
  readonly validSeconds: number;
}

/** A prefix of the configuration, or one that a SAM zone delegates to us, with the index of its interface. */
export interface ConfiguredPrefix {
  readonly prefix: Prefix;
  readonly ifindex: number;
  readonly interfaceName: string;
  /** Absent: never. */
  readonly preferredUntil?: Millis;
  readonly validUntil?: Millis;
}

const SUBNET = 64;
const FOREVER = 0xffffffff;
/** RFC 4862 §5.5.3 e: an unauthenticated advertisement does not end a prefix sooner. */
const TWO_HOURS = 7_200_000;

const keyOf = (address: Address, ifindex: number): string => `${ifindex} ${address}`;

/**
 * Which prefixes there are: those of the addresses that the kernel or the operator has given us, those of
 * advertisements (where the kernel makes no addresses itself), those of the configuration.
 */
export class PrefixTable {
  readonly #advertised = new Map<string, SeenPrefix>();

  /** @returns false: nothing that concerns us. */
  advertise(a: AdvertisedPrefix, now: Millis): boolean {
    if (a.prefix.length !== SUBNET || !isUsableLocator(a.prefix.address)) return false;
    const key = keyOf(a.prefix.address, a.ifindex);
    const before = this.#advertised.get(key);
    const offered = until(a.validSeconds, now);
    const left = before === undefined ? 0 : before.validUntil - now;
    const validUntil =
      offered > addMs(now, TWO_HOURS) || offered - now > left
        ? offered
        : addMs(now, Math.min(left, TWO_HOURS));
    if (validUntil <= now) return this.#advertised.delete(key);
    const preferredUntil = ms(Math.min(validUntil, until(a.preferredSeconds, now)));
    const { prefix, ifindex, interfaceName } = a;
    this.#advertised.set(key, { prefix, ifindex, interfaceName, preferredUntil, validUntil });
    return true;
  }

  /** One entry for each prefix, the longest lifetimes of all that is known; where it is on two links, the first. */
  seen(
    addresses: readonly HostAddress[],
    configured: readonly ConfiguredPrefix[],
    now: Millis,
  ): SeenPrefix[] {
    const found = new Map<Address, SeenPrefix>();
    const add = (p: SeenPrefix): void => {
      if (p.validUntil <= now) return;
      const known = found.get(p.prefix.address);
      if (known !== undefined && known.ifindex < p.ifindex) return;
      if (known === undefined || known.ifindex > p.ifindex) found.set(p.prefix.address, p);
      else found.set(p.prefix.address, longest(known, p));
    };
    for (const a of addresses) if (isTelling(a)) add(prefixOfAddress(a));
    for (const [key, p] of this.#advertised) {
      if (p.validUntil <= now) this.#advertised.delete(key);
      else add(p);
    }
    for (const p of configured) {
      add({ preferredUntil: ms(Infinity), validUntil: ms(Infinity), ...p });
    }
    return [...found.values()].sort((a, b) => (a.prefix.address < b.prefix.address ? -1 : 1));
  }
}

/** Our own addresses tell nothing that we did not know. */
const isTelling = (a: HostAddress): boolean =>
  !a.ours && a.prefixLength === SUBNET && a.dad !== 'failed' && isUsableLocator(a.address);

const prefixOfAddress = (a: HostAddress): SeenPrefix => ({
  prefix: { address: maskAddress(a.address, SUBNET), length: SUBNET },
  ifindex: a.ifindex,
  interfaceName: a.interfaceName,
  preferredUntil: a.preferredUntil,
  validUntil: a.validUntil,
});

const longest = (a: SeenPrefix, b: SeenPrefix): SeenPrefix => ({
  ...a,
  preferredUntil: ms(Math.max(a.preferredUntil, b.preferredUntil)),
  validUntil: ms(Math.max(a.validUntil, b.validUntil)),
});

const until = (seconds: number, now: Millis): Millis =>
  seconds === FOREVER ? ms(Infinity) : addMs(now, seconds * 1000);
