import { addressToBytes, type Address } from '../wire/address.js';
import type { Millis, RandomSource } from '../wire/units.js';

/** Octets of an address that tell one customer of a provider from another: a /48. */
const SITE = 6;

export interface BudgetRates {
  /** Units a second for everybody together, and at most so many saved up. */
  readonly total: number;
  /** The same for one /48, which shares its slot with some others. */
  readonly perSite: number;
}

/** Units that come back with time, at most one second's worth. */
class Bucket {
  #left: number;
  #at: Millis;

  constructor(rate: number, now: Millis) {
    this.#left = rate;
    this.#at = now;
  }
  has(units: number, rate: number, now: Millis): boolean {
    this.#left = Math.min(rate, this.#left + (Math.max(0, now - this.#at) * rate) / 1000);
    this.#at = now;
    return this.#left >= units;
  }
  take(units: number): void {
    this.#left -= units;
  }
}

/**
 * How much work strangers may make us do (RFC 4218 §7). A site that floods empties its own slot first; which sites share
 * a slot is drawn anew with each start, so that nobody can choose whose slot to empty. 256 slots at most.
 */
export class Budget {
  readonly #rates: BudgetRates;
  readonly #key: number;
  readonly #total: Bucket;
  /** Those in use: most hosts hear of few sites. */
  readonly #slots = new Map<number, Bucket>();

  constructor(rates: BudgetRates, random: RandomSource, now: Millis) {
    this.#rates = rates;
    this.#key = random.uint32();
    this.#total = new Bucket(rates.total, now);
  }

  /** Takes `units` for a packet from `source`; false: there is not so much left, and nothing is taken. */
  spend(units: number, source: Address, now: Millis): boolean {
    if (units <= 0) return true;
    const slot = this.#slot(source, now);
    if (!slot.has(units, this.#rates.perSite, now)) return false;
    if (!this.#total.has(units, this.#rates.total, now)) return false;
    slot.take(units);
    this.#total.take(units);
    return true;
  }

  #slot(source: Address, now: Millis): Bucket {
    const index = this.#slotOf(source);
    let slot = this.#slots.get(index);
    if (slot === undefined) {
      slot = new Bucket(this.#rates.perSite, now);
      this.#slots.set(index, slot);
    }
    return slot;
  }

  /** FNV-1a behind a secret start: no more than spreading, and not to be foreseen. */
  #slotOf(source: Address): number {
    const bytes = addressToBytes(source);
    let h = this.#key;
    for (let i = 0; i < SITE; i++) h = Math.imul(h ^ (bytes[i] ?? 0), 0x01000193);
    h ^= h >>> 15;
    h = Math.imul(h, 0x85ebca6b);
    return (h ^ (h >>> 13)) >>> 24;
  }
}
