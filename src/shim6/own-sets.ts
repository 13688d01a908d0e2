import type { LocatorVerifier } from '../identity/verifier.js';
import type { Address } from '../wire/address.js';
import type { RandomSource } from '../wire/units.js';
import type { OwnLocator, OwnSet } from './context.js';

/** Own locators told to a peer at most: with all options and a key of 2048 bits, an I2 stays below 1280 octets. */
export const MAX_OWN_LOCATORS = 16;

/**
 * What peers are told of us, by ULID: one list with one generation and one signature for all contexts of a ULID, however
 * many they are. The generation of a ULID begins at `first`, or anywhere, and counts up
 * (docs/decisions/0007-generations.md).
 */
export class OwnSets {
  readonly #random: RandomSource;
  readonly #verifier: LocatorVerifier;
  readonly #first: number | undefined;
  readonly #told = new Map<Address, OwnSet>();
  /** All of them, also those that do not fit into a list. */
  #locators: readonly OwnLocator[] = [];

  constructor(random: RandomSource, verifier: LocatorVerifier, first?: number) {
    this.#random = random;
    this.#first = first;
    this.#verifier = verifier;
  }

  /** From now on these are our locators; `inUse`: ULIDs of living contexts, whose generations must go on counting. */
  set(locators: readonly OwnLocator[], inUse: Iterable<Address>): void {
    this.#locators = locators;
    const needed = new Set([...inUse, ...locators.map((l) => l.address)]);
    for (const ulid of [...this.#told.keys()]) if (!needed.has(ulid)) this.#told.delete(ulid);
  }

  /** The newest set of a ULID; the same object as long as nothing in it has changed. */
  of(ulid: Address): OwnSet {
    const locators = this.#listFor(ulid);
    const told = this.#told.get(ulid);
    if (told !== undefined && sameOwn(told.locators, locators)) return told;
    return this.#tell(ulid, locators, told);
  }

  /** The same list with a new generation: something else has changed that peers must hear of. */
  renew(ulid: Address): OwnSet {
    return this.#tell(ulid, this.#listFor(ulid), this.#told.get(ulid));
  }

  #tell(ulid: Address, locators: readonly OwnLocator[], before: OwnSet | undefined): OwnSet {
    const generation = before
      ? (before.generation + 1) >>> 0
      : (this.#first ?? this.#random.uint32());
    const addresses = locators.map((l) => l.address);
    const proof = this.#verifier.prove(ulid, addresses, generation);
    const set = { generation, locators, proof };
    this.#told.set(ulid, set);
    return set;
  }

  /** As many as fit and can be proven, the ULID among them, or its packets would be foreign. */
  #listFor(ulid: Address): readonly OwnLocator[] {
    const provable = new Set(
      this.#verifier.provable(
        ulid,
        this.#locators.map((l) => l.address),
      ),
    );
    const usable = this.#locators.filter((l) => provable.has(l.address));
    const first = usable.slice(0, MAX_OWN_LOCATORS);
    const mine = usable.find((l) => l.address === ulid);
    if (mine === undefined || first.includes(mine)) return first;
    return [mine, ...first.slice(0, MAX_OWN_LOCATORS - 1)];
  }
}

const sameOwn = (a: readonly OwnLocator[], b: readonly OwnLocator[]): boolean =>
  a.length === b.length &&
  a.every((l, i) => {
    const o = b[i];
    return (
      o !== undefined &&
      l.address === o.address &&
      l.preference.flags === o.preference.flags &&
      l.preference.priority === o.preference.priority &&
      l.preference.weight === o.preference.weight
    );
  });
