import type { Address, LocatorPair } from '../wire/address.js';
import type { Millis } from '../wire/units.js';

export interface NoSupport {
  readonly state: 'NO-SUPPORT';
  readonly ulids: LocatorPair;
  readonly until: Millis;
}
export interface EFailed {
  readonly state: 'E-FAILED';
  readonly ulids: LocatorPair;
  readonly until: Millis;
}
export type Refusal = NoSupport | EFailed;

const MAX_REFUSALS = 65_536;

/** Peers not to be asked again for a while (RFC 5533 §7.8): a bounded cache by ULID(peer). */
export class Refusals {
  readonly #byPeer = new Map<Address, Refusal>();

  add(refusal: Refusal): void {
    this.#byPeer.delete(refusal.ulids.peer);
    if (this.#byPeer.size >= MAX_REFUSALS) {
      const oldest = this.#byPeer.keys().next();
      if (!oldest.done) this.#byPeer.delete(oldest.value);
    }
    this.#byPeer.set(refusal.ulids.peer, refusal);
  }

  get(peer: Address, now: Millis): Refusal | undefined {
    const refusal = this.#byPeer.get(peer);
    if (refusal !== undefined && refusal.until <= now) {
      this.#byPeer.delete(peer);
      return undefined;
    }
    return refusal;
  }

  /** The peer spoke Shim6 after all. */
  clear(peer: Address): void {
    this.#byPeer.delete(peer);
  }

  values(): readonly Refusal[] {
    return [...this.#byPeer.values()];
  }
}
