import type { Address, LocatorPair } from '../wire/address.js';
import type { ContextTag } from '../wire/units.js';
import { isContacted, type Context, type LiveState } from './context.js';

const ulidKey = (ulids: LocatorPair, instance: number): string =>
  `${ulids.local} ${ulids.peer} ${instance}`;

/**
 * All contexts of a host under every key that RFC 5533 §12.4 looks them up by. `transition` is the only way to a new
 * state, so that no index is ever stale.
 */
export class ContextTable {
  readonly #byId = new Map<number, Context>();
  readonly #byUlids = new Map<string, Context>();
  readonly #byLocalTag = new Map<ContextTag, Context>();
  readonly #byPeerTag = new Map<ContextTag, Set<Context>>();
  readonly #byNonce = new Map<number, Set<Context>>();

  get size(): number {
    return this.#byId.size;
  }
  values(): IterableIterator<Context> {
    return this.#byId.values();
  }
  byId(id: number): Context | undefined {
    return this.#byId.get(id);
  }
  byUlids(ulids: LocatorPair, instance: number): Context | undefined {
    return this.#byUlids.get(ulidKey(ulids, instance));
  }
  byLocalTag(tag: ContextTag): Context | undefined {
    return this.#byLocalTag.get(tag);
  }
  /** Several peers may have chosen the same tag. */
  byPeerTag(tag: ContextTag): readonly Context[] {
    return [...(this.#byPeerTag.get(tag) ?? [])];
  }
  byInitiatorNonce(nonce: number): readonly Context[] {
    return [...(this.#byNonce.get(nonce) ?? [])];
  }
  withPeer(address: Address): readonly Context[] {
    return [...this.values()].filter(
      (c) =>
        c.ulids.peer === address ||
        (isContacted(c) && c.s.peer.locators.some((l) => l.address === address)),
    );
  }

  add(context: Context): void {
    this.#byId.set(context.id, context);
    this.#byUlids.set(ulidKey(context.ulids, context.forkedInstanceIdentifier), context);
    this.#byLocalTag.set(context.localTag, context);
    this.#index(context);
  }

  remove(context: Context): void {
    this.#unindex(context);
    this.#byId.delete(context.id);
    this.#byUlids.delete(ulidKey(context.ulids, context.forkedInstanceIdentifier));
    this.#byLocalTag.delete(context.localTag);
  }

  transition(context: Context, state: LiveState): void {
    this.#unindex(context);
    context.s = state;
    this.#index(context);
  }

  #index(context: Context): void {
    if (isContacted(context)) put(this.#byPeerTag, context.s.peerTag, context);
    if (context.s.state !== 'ESTABLISHED') put(this.#byNonce, context.s.initiatorNonce, context);
  }

  #unindex(context: Context): void {
    if (isContacted(context)) take(this.#byPeerTag, context.s.peerTag, context);
    if (context.s.state !== 'ESTABLISHED') take(this.#byNonce, context.s.initiatorNonce, context);
  }
}

function put<K>(map: Map<K, Set<Context>>, key: K, context: Context): void {
  const set = map.get(key);
  if (set) set.add(context);
  else map.set(key, new Set([context]));
}

function take<K>(map: Map<K, Set<Context>>, key: K, context: Context): void {
  const set = map.get(key);
  if (set?.delete(context) && set.size === 0) map.delete(key);
}
