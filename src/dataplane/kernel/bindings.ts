import { RehomeError } from '../../wire/errors.js';
import { formatTag, type ContextTag } from '../../wire/units.js';
import type { BpfMap } from '../../linux/bpf/map.js';
import type { LoadedObject } from '../../linux/bpf/object.js';
import type { ContextBinding, ContextHandle } from '../datapath.js';
import {
  contextOctets,
  peerTagKey,
  SIZE,
  sourceKey,
  u32Octets,
  u64Octets,
  ulidsKey,
  type Uplink,
} from './layout.js';

/** One installed context. */
export interface Installed {
  readonly handle: ContextHandle;
  readonly slot: number;
  /** Which of the slot's two copies packets read now. */
  copy: 0 | 1;
  binding: ContextBinding;
  uplink: Uplink;
  /** Its packets are led through our device and its ULID is held. */
  steered: boolean;
}

const keyOf = (octets: Uint8Array): string => Buffer.from(octets).toString('latin1');

/**
 * The contexts in the kernel's maps. A binding is written into the copy that no packet reads, then the references to it
 * are turned over, so that no packet sees half of it; what only the old binding needs goes last.
 */
export class Bindings {
  readonly #maps: Record<'contexts' | 'byUlids' | 'byTag' | 'byPeerTag' | 'sources', BpfMap>;
  readonly #liveness: BpfMap;
  readonly #byHandle = new Map<ContextHandle, Installed>();
  readonly #bySlot = new Map<number, Installed>();
  readonly #byTag = new Map<ContextTag, Installed>();
  /** Newest last: it is the one that sends. Forked instances are not in here. */
  readonly #byUlids = new Map<string, Installed[]>();
  readonly #free: number[] = [];
  readonly #capacity: number;
  #fresh = 0;
  #next = 1;

  constructor(object: LoadedObject) {
    this.#maps = {
      contexts: object.map('contexts'),
      byUlids: object.map('by_ulids'),
      byTag: object.map('by_tag'),
      byPeerTag: object.map('by_peer_tag'),
      sources: object.map('sources'),
    };
    this.#liveness = object.map('liveness');
    this.#capacity = this.#liveness.definition.maxEntries;
  }

  get size(): number {
    return this.#byHandle.size;
  }
  get capacity(): number {
    return this.#capacity;
  }
  /** Slots below this number are or were in use. */
  get slots(): number {
    return this.#fresh;
  }
  all(): Installed[] {
    return [...this.#byHandle.values()];
  }
  bySlot(slot: number): Installed | undefined {
    return this.#bySlot.get(slot);
  }

  /** @throws RehomeError REHOME_E_NO_CONTEXT */
  get(handle: ContextHandle): Installed {
    const found = this.#byHandle.get(handle);
    if (found !== undefined) return found;
    throw new RehomeError(
      'REHOME_E_NO_CONTEXT',
      `no context is installed under handle ${handle}`,
      handle,
    );
  }

  /** @throws RehomeError REHOME_E_DUPLICATE_TAG, REHOME_E_LIMIT, REHOME_E_MAP_FULL; nothing is left behind then. */
  add(binding: ContextBinding, uplink: Uplink): Installed {
    this.#refuseDuplicate(binding, undefined);
    const slot = this.#takeSlot();
    const handle = this.#next++ as ContextHandle;
    const installed: Installed = { handle, slot, copy: 0, binding, uplink, steered: false };
    this.#liveness.set(u32Octets(slot), new Uint8Array(SIZE.liveness));
    this.#byHandle.set(handle, installed);
    this.#bySlot.set(slot, installed);
    this.#index(installed);
    try {
      this.#write(installed);
    } catch (error) {
      this.remove(handle);
      throw error;
    }
    return installed;
  }

  /** @throws RehomeError REHOME_E_NO_CONTEXT, REHOME_E_DUPLICATE_TAG, REHOME_E_MAP_FULL */
  replace(handle: ContextHandle, binding: ContextBinding, uplink: Uplink): Installed {
    const installed = this.get(handle);
    this.#refuseDuplicate(binding, installed);
    const old = installed.binding;
    this.#unindex(installed);
    installed.binding = binding;
    installed.uplink = uplink;
    installed.copy = installed.copy === 0 ? 1 : 0;
    this.#index(installed);
    this.#write(installed);
    this.#eraseStale(installed.slot, old, binding);
    return installed;
  }

  /** @throws RehomeError REHOME_E_NO_CONTEXT */
  remove(handle: ContextHandle): Installed {
    const installed = this.get(handle);
    this.#unindex(installed);
    this.#byHandle.delete(handle);
    this.#bySlot.delete(installed.slot);
    this.#eraseStale(installed.slot, installed.binding, undefined);
    this.#free.push(installed.slot);
    return installed;
  }

  #reference(installed: Installed): Uint8Array {
    return u64Octets(installed.slot * 2 + installed.copy);
  }

  #write(installed: Installed): void {
    const { slot, copy, binding, uplink } = installed;
    const reference = this.#reference(installed);
    this.#maps.contexts.set(u32Octets(slot * 2 + copy), contextOctets(slot, binding, uplink));
    for (const peer of binding.peerLocators) {
      this.#maps.sources.set(sourceKey(slot, peer), u64Octets(1));
      this.#maps.byPeerTag.set(peerTagKey(binding.peerTag, peer), reference);
    }
    this.#maps.byTag.set(u64Octets(binding.localTag), reference);
    this.#pointUlids(binding);
  }

  /** Lets the ULID pair of `binding` lead to the newest context of that pair, or to none. */
  #pointUlids(binding: ContextBinding): void {
    const key = ulidsKey(binding);
    const newest = this.#byUlids.get(keyOf(key))?.at(-1);
    if (newest !== undefined) this.#maps.byUlids.set(key, this.#reference(newest));
    else this.#maps.byUlids.delete(key);
  }

  #eraseStale(slot: number, old: ContextBinding, kept: ContextBinding | undefined): void {
    this.#pointUlids(old);
    if (kept?.localTag !== old.localTag) this.#maps.byTag.delete(u64Octets(old.localTag));
    for (const peer of old.peerLocators) {
      const stays = kept?.peerLocators.includes(peer) ?? false;
      if (!stays) this.#maps.sources.delete(sourceKey(slot, peer));
      if (!stays || kept?.peerTag !== old.peerTag) this.#erasePeerTag(slot, old, peer);
    }
  }

  #erasePeerTag(slot: number, old: ContextBinding, peer: ContextBinding['peerLocators'][number]) {
    const key = peerTagKey(old.peerTag, peer);
    const reference = this.#maps.byPeerTag.get(key);
    if (reference === undefined) return;
    const owner = Number(new DataView(reference.buffer).getBigUint64(0, true)) >> 1;
    if (owner === slot) this.#maps.byPeerTag.delete(key); // else a peer that gave one tag to two contexts
  }

  #takeSlot(): number {
    // Slots are reused oldest first: a packet on its way through a program never meets a new tenant.
    if (this.#fresh < this.#capacity) return this.#fresh++;
    const slot = this.#free.shift();
    if (slot !== undefined) return slot;
    throw new RehomeError(
      'REHOME_E_LIMIT',
      `the kernel data path holds ${this.#capacity} contexts at most`,
      this.#capacity,
    );
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

  #index(installed: Installed): void {
    const { binding } = installed;
    this.#byTag.set(binding.localTag, installed);
    if (binding.forkedInstanceIdentifier !== 0) return;
    const key = keyOf(ulidsKey(binding));
    const same = this.#byUlids.get(key);
    if (same === undefined) this.#byUlids.set(key, [installed]);
    else same.push(installed);
  }

  #unindex(installed: Installed): void {
    this.#byTag.delete(installed.binding.localTag);
    const key = keyOf(ulidsKey(installed.binding));
    const rest = this.#byUlids.get(key)?.filter((other) => other !== installed) ?? [];
    if (rest.length === 0) this.#byUlids.delete(key);
    else this.#byUlids.set(key, rest);
  }
}
