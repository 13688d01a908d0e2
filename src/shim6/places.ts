import { maskAddress } from '../wire/prefix.js';
import type { Address } from '../wire/address.js';
import type { Millis } from '../wire/units.js';
import type { Context } from './context.js';

/** A /48: one customer of a provider. */
const SITE = 48;

/**
 * The contexts that peers began: how many each /48 has, and which of them no payload was ever seen of. The four-way
 * exchange proves no more than an address (RFC 5535 §11.4), and addresses are cheap.
 */
export class Places {
  readonly #bySite = new Map<Address, number>();
  /** Oldest first, as a Set keeps its order. */
  readonly #unused = new Set<Context>();

  add(context: Context): void {
    const site = siteOf(context);
    this.#bySite.set(site, (this.#bySite.get(site) ?? 0) + 1);
    this.#unused.add(context);
  }

  used(context: Context): void {
    this.#unused.delete(context);
  }

  remove(context: Context): void {
    this.#unused.delete(context);
    if (context.initiator) return;
    const site = siteOf(context);
    const left = (this.#bySite.get(site) ?? 0) - 1;
    if (left > 0) this.#bySite.set(site, left);
    else this.#bySite.delete(site);
  }

  /** Contexts begun by peers whose ULID is in the /48 of this one. */
  taken(peer: Address): number {
    return this.#bySite.get(maskAddress(peer, SITE)) ?? 0;
  }

  /** The one that has waited longest for payload, if it began at `before` or earlier. */
  oldestUnused(before: Millis): Context | undefined {
    const [oldest] = this.#unused;
    return oldest !== undefined && oldest.createdAt <= before ? oldest : undefined;
  }
}

const siteOf = (context: Context): Address => maskAddress(context.ulids.peer, SITE);
