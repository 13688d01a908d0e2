import { addressToBytes, samePair, type Address, type LocatorPair } from '../../wire/address.js';
import { RehomeError } from '../../wire/errors.js';
import { formatTag } from '../../wire/units.js';
import type { ContextBinding, ContextHandle } from '../datapath.js';
import { addressKey } from './flows.js';
import { Meter } from './meter.js';

/** One installed context, with what each packet needs precomputed. */
export interface Installed {
  readonly handle: ContextHandle;
  readonly meter: Meter;
  binding: ContextBinding;
  /** Source and destination of what we send, 32 octets. */
  outLocators: Uint8Array;
  /** Source and destination of what the transport sent, and of what it is given. */
  outUlids: Uint8Array;
  inUlids: Uint8Array;
  /** Addresses of `outUlids`, as `pairKeyOf` makes them. */
  key: string;
  shimmed: boolean;
  peerLocators: Set<string>;
  /** Something happened since the meter was last read. */
  dirty: boolean;
  /** Its ULID was local when it was installed, and stays so as long as it is. */
  holdsUlid: boolean;
}

const both = (first: Address, second: Address): Uint8Array => {
  const out = new Uint8Array(32);
  out.set(addressToBytes(first));
  out.set(addressToBytes(second), 16);
  return out;
};
const keyOf = (address: Address): string => addressKey(addressToBytes(address), 0);
export const ulidKey = (ulids: LocatorPair): string => keyOf(ulids.local) + keyOf(ulids.peer);

const derive = (
  binding: ContextBinding,
): Omit<Installed, 'handle' | 'meter' | 'dirty' | 'holdsUlid'> => ({
  binding,
  outLocators: both(binding.pair.local, binding.pair.peer),
  outUlids: both(binding.ulids.local, binding.ulids.peer),
  inUlids: both(binding.ulids.peer, binding.ulids.local),
  key: ulidKey(binding.ulids),
  shimmed: !samePair(binding.pair, binding.ulids),
  peerLocators: new Set(binding.peerLocators.map(keyOf)),
});

/** The installed contexts by what packets show: CT(local) on the way in, the ULID pair on the way out. */
export class ContextIndex {
  readonly #byHandle = new Map<ContextHandle, Installed>();
  readonly #byTag = new Map<number, Installed>();
  /** Newest last: when a context replaces another of its ULID pair, the newest sends. Forked ones are not in here. */
  readonly #byUlids = new Map<string, Installed[]>();
  #next = 1;

  get size(): number {
    return this.#byHandle.size;
  }

  /** @throws RehomeError REHOME_E_DUPLICATE_TAG when another installed context has this CT(local) */
  add(binding: ContextBinding): Installed {
    this.#refuseDuplicate(binding, undefined);
    const handle = this.#next++ as ContextHandle;
    const context: Installed = {
      handle,
      meter: new Meter(),
      dirty: false,
      holdsUlid: false,
      ...derive(binding),
    };
    this.#byHandle.set(handle, context);
    this.#index(context);
    return context;
  }

  /** @throws RehomeError REHOME_E_NO_CONTEXT, REHOME_E_DUPLICATE_TAG */
  replace(handle: ContextHandle, binding: ContextBinding): Installed {
    const context = this.get(handle);
    this.#refuseDuplicate(binding, context);
    this.#unindex(context);
    Object.assign(context, derive(binding));
    this.#index(context);
    return context;
  }

  /** @throws RehomeError REHOME_E_NO_CONTEXT */
  remove(handle: ContextHandle): Installed {
    const context = this.get(handle);
    this.#unindex(context);
    this.#byHandle.delete(handle);
    return context;
  }

  /** @throws RehomeError REHOME_E_NO_CONTEXT */
  get(handle: ContextHandle): Installed {
    const context = this.#byHandle.get(handle);
    if (context === undefined) {
      throw new RehomeError(
        'REHOME_E_NO_CONTEXT',
        `no context is installed under handle ${handle}`,
        handle,
      );
    }
    return context;
  }

  byTag(tag: number): Installed | undefined {
    return this.#byTag.get(tag);
  }

  byUlids(key: string): Installed | undefined {
    return this.#byUlids.get(key)?.at(-1);
  }

  all(): IterableIterator<Installed> {
    return this.#byHandle.values();
  }

  #refuseDuplicate(binding: ContextBinding, self: Installed | undefined): void {
    const other = this.#byTag.get(binding.localTag);
    if (other === undefined || other === self) return;
    throw new RehomeError(
      'REHOME_E_DUPLICATE_TAG',
      `another context is installed with local tag ${formatTag(binding.localTag)}`,
      binding.localTag,
    );
  }

  #index(context: Installed): void {
    this.#byTag.set(context.binding.localTag, context);
    if (context.binding.forkedInstanceIdentifier !== 0) return;
    const same = this.#byUlids.get(context.key);
    if (same === undefined) this.#byUlids.set(context.key, [context]);
    else same.push(context);
  }

  #unindex(context: Installed): void {
    this.#byTag.delete(context.binding.localTag);
    const same = this.#byUlids.get(context.key);
    if (same === undefined) return;
    const rest = same.filter((other) => other !== context);
    if (rest.length === 0) this.#byUlids.delete(context.key);
    else this.#byUlids.set(context.key, rest);
  }
}
