import type { Address } from '../wire/address.js';
import { formatPrefix, type Prefix } from '../wire/prefix.js';
import type { SamParameters } from '../wire/sam-option.js';
import { addMs, ms, type Millis } from '../wire/units.js';
import { SAM } from './constants.js';
import type { Parameter } from './derive.js';
import { secondsLeft } from './parameters.js';

/** A little later or earlier is the same moment: lifetimes travel as whole seconds. */
const TOLERANCE = 1_500;

/**
 * What a gateway says of its own parent interface: the prefixes that it delegates, and for a while those that it no longer
 * does. Each time something is taken back or shortened the sequence number grows, so that everybody who holds the old
 * statement, and hears it from others, lets it go.
 */
export class OwnParameters {
  #sequence: number;
  #current: readonly Parameter[] = [];
  #withdrawn = new Map<string, { parent: Address; prefix: Prefix; until: Millis }>();

  constructor(sequence: number) {
    this.#sequence = sequence >>> 0;
  }

  get current(): readonly Parameter[] {
    return this.#current;
  }

  /** Takes the new list; true when others should hear of it soon. */
  set(next: readonly Parameter[], now: Millis): boolean {
    let shorter = false;
    let added = false;
    const keys = new Map(next.map((p) => [keyOf(p), p]));
    for (const old of this.#current) {
      const found = keys.get(keyOf(old));
      if (found === undefined) {
        if (old.validUntil <= now) continue; // came to its end: everybody knows
        const until = ms(Math.min(old.validUntil, addMs(now, SAM.maxTombstone)));
        this.#withdrawn.set(keyOf(old), { parent: old.parent, prefix: old.prefix, until });
        shorter = true;
      } else if (
        found.validUntil < old.validUntil - TOLERANCE ||
        found.preferredUntil < old.preferredUntil - TOLERANCE
      ) {
        shorter = true;
      }
    }
    const before = new Set(this.#current.map(keyOf));
    for (const key of keys.keys()) {
      if (before.has(key)) continue;
      added = true;
      // Its withdrawal was said with a number that this one has to be above.
      if (this.#withdrawn.delete(key)) shorter = true;
    }
    this.#current = next;
    if (shorter) this.#sequence = (this.#sequence + 1) >>> 0;
    return shorter || added;
  }

  /** What to advertise now. */
  advertised(now: Millis): SamParameters[] {
    for (const [key, { until }] of this.#withdrawn) if (until <= now) this.#withdrawn.delete(key);
    const parents = new Map<Address, SamParameters['prefixes'][number][]>();
    const add = (parent: Address, prefix: SamParameters['prefixes'][number]): void => {
      parents.set(parent, [...(parents.get(parent) ?? []), prefix]);
    };
    for (const { parent, prefix, validUntil, preferredUntil } of this.#current) {
      const validLifetime = secondsLeft(validUntil, now, false, SAM.advertisedValid);
      const preferred = secondsLeft(preferredUntil, now, false, SAM.advertisedPreferred);
      const preferredLifetime = Math.min(validLifetime, preferred);
      if (validLifetime > 0) add(parent, { prefix, validLifetime, preferredLifetime });
    }
    for (const { parent, prefix } of this.#withdrawn.values()) {
      add(parent, { prefix, validLifetime: 0, preferredLifetime: 0 });
    }
    return [...parents].map(([parent, prefixes]) => ({
      option: 'samParameters' as const,
      hopCount: 0,
      sequence: this.#sequence,
      parent,
      prefixes,
    }));
  }
}

const keyOf = (p: { readonly parent: Address; readonly prefix: Prefix }): string =>
  `${p.parent} ${formatPrefix(p.prefix)}`;
