import type { Address } from '../wire/address.js';
import { u47 } from '../wire/bytes.js';
import { PROTOCOL } from '../wire/ipv6.js';
import { PAYLOAD_HEADER } from '../wire/shim6/index.js';
import type { Millis } from '../wire/units.js';
import type { NotifyingDataPath } from './activity.js';
import { Counters, COUNTER, type CounterName } from './counters.js';
import type {
  ContextBinding,
  ContextHandle,
  DataPathCounters,
  DataPathEvent,
  FlowSample,
  Liveness,
} from './datapath.js';
import { ContextIndex, type Installed } from './memory/contexts.js';
import { addressKey, FlowTable, pairKeyOf } from './memory/flows.js';
import {
  findShim,
  insertionSpot,
  insertShim,
  isPayload,
  packetEnd,
  removeShim,
  type HeaderSpot,
} from './memory/headers.js';
import {
  packetTooBig,
  readIcmpError,
  shimCanAct,
  translateIcmpError,
  type IcmpError,
} from './memory/icmp.js';

export interface MemoryDataPathOptions {
  readonly now: () => Millis;
  /** Takes a whole packet away from this host, towards its destination. */
  readonly toNetwork: (packet: Uint8Array) => void;
  /** Gives a whole packet to the transports of this host. */
  readonly toApplication: (packet: Uint8Array) => void;
  /** Octets of the largest packet the links carry. Default 1500. */
  readonly mtu?: number;
  /** RFC 5533 §8: deliver also the ICMPv6 errors that Shim6 acts on. Default false. */
  readonly deliverAllIcmp?: boolean;
}

/**
 * The data path without a kernel: whole IPv6 packets in, whole IPv6 packets out, header mode (RFC 5533 §11, §12). Pure
 * memory and deterministic: what the simulator and the engine's tests run on. It keeps no reference to a packet it was
 * given, and may hand the very same octets on when nothing had to change.
 */
export class MemoryDataPath implements NotifyingDataPath {
  readonly name = 'memory';
  readonly #options: MemoryDataPathOptions;
  readonly #mtu: number;
  readonly #counters = new Counters();
  readonly #contexts = new ContextIndex();
  readonly #flows = new FlowTable(() => this.#counters.add(COUNTER.flowsEvicted));
  /** Addresses of this host, and ULIDs that were its addresses when their contexts were installed. */
  #addresses: ReadonlySet<Address> = new Set();
  readonly #ulids = new Map<Address, number>();
  #flowsDirty = false;
  #closed = false;
  #onEvent: (event: DataPathEvent) => void = () => undefined;
  #onActivity: (handle: ContextHandle | undefined) => void = () => undefined;

  constructor(options: MemoryDataPathOptions) {
    this.#options = options;
    this.#mtu = options.mtu ?? 1500;
  }

  /**
   * The addresses of this host, all of them. A ULID that goes away stays local as long as a context has it (it outlives
   * its locator, lesson 7 of LinShim6).
   */
  setAddresses(addresses: Iterable<Address>): void {
    this.#addresses = new Set(addresses);
  }

  isLocal(address: Address): boolean {
    return this.#addresses.has(address) || (this.#ulids.get(address) ?? 0) > 0;
  }

  install(binding: ContextBinding): ContextHandle {
    const context = this.#contexts.add(binding);
    this.#hold(context);
    if (binding.forkedInstanceIdentifier === 0) this.#flows.forget(context.key);
    return context.handle;
  }

  update(handle: ContextHandle, binding: ContextBinding): void {
    const before = this.#contexts.get(handle).binding.ulids.local;
    const context = this.#contexts.replace(handle, binding);
    if (before === binding.ulids.local) return;
    this.#release(context, before);
    this.#hold(context);
  }

  remove(handle: ContextHandle): void {
    const context = this.#contexts.remove(handle);
    this.#release(context, context.binding.ulids.local);
  }

  send(packet: Uint8Array): boolean {
    const refused = this.#closed || packetEnd(packet) === undefined || packet.length > this.#mtu;
    this.#counters.add(refused ? COUNTER.controlRefused : COUNTER.controlSent);
    if (!refused) this.#options.toNetwork(packet);
    return !refused;
  }

  liveness(handle: ContextHandle): Liveness {
    const context = this.#contexts.get(handle);
    context.dirty = false;
    return context.meter.read();
  }

  flows(): readonly FlowSample[] {
    this.#flowsDirty = false;
    return this.#flows.list(this.#options.now());
  }

  counters(): DataPathCounters {
    return this.#counters.snapshot();
  }

  onEvent(listener: (event: DataPathEvent) => void): void {
    this.#onEvent = listener;
  }

  onActivity(listener: (handle: ContextHandle | undefined) => void): void {
    this.#onActivity = listener;
  }

  close(): void {
    this.#closed = true;
    for (const context of [...this.#contexts.all()]) this.remove(context.handle);
  }

  /** A packet of a transport of this host, with ULIDs in its header (RFC 5533 §11). */
  fromApplication(packet: Uint8Array): void {
    if (this.#closed) return;
    const end = packetEnd(packet);
    if (end === undefined) return this.#drop(COUNTER.dropMalformed);
    const key = pairKeyOf(packet);
    const context = this.#contexts.byUlids(key);
    if (context === undefined) {
      this.#seeFlow(key, packet, true);
      this.#options.toNetwork(packet);
      return;
    }
    if (context.shimmed) return this.#encode(context, packet, end);
    this.#counters.add(COUNTER.sentUnshimmed);
    context.meter.sent(end, this.#options.now());
    this.#touch(context);
    this.#options.toNetwork(packet);
  }

  #encode(context: Installed, packet: Uint8Array, end: number): void {
    const spot = insertionSpot(packet, end);
    if (spot === undefined) return this.#drop(COUNTER.dropMalformed);
    if (end + PAYLOAD_HEADER > this.#mtu) {
      this.#drop(COUNTER.dropTooBig);
      this.#options.toApplication(packetTooBig(packet, this.#mtu - PAYLOAD_HEADER));
      return;
    }
    this.#counters.add(COUNTER.encoded);
    context.meter.sent(end, this.#options.now());
    this.#touch(context);
    const { peerTag } = context.binding;
    this.#options.toNetwork(insertShim(packet, end, spot, peerTag, context.outLocators));
  }

  /** A packet that arrived at one of our addresses (RFC 5533 §12). */
  fromNetwork(packet: Uint8Array): void {
    if (this.#closed) return;
    const end = packetEnd(packet);
    const spot = end === undefined ? 'malformed' : findShim(packet, end);
    if (end === undefined || spot === 'malformed') return this.#drop(COUNTER.dropMalformed);
    if (spot === 'none') return this.#plain(packet, end);
    if (isPayload(packet, spot)) return this.#decode(packet, end, spot);
    this.#counters.add(COUNTER.controlReceived);
    this.#onEvent({ kind: 'shim6', packet });
  }

  #decode(packet: Uint8Array, end: number, spot: HeaderSpot): void {
    if (packet[spot.offset + 1] !== 0) return this.#drop(COUNTER.dropMalformed);
    const context = this.#contexts.byTag(u47(packet, spot.offset + 2));
    if (context === undefined) {
      this.#counters.add(COUNTER.unknownTag);
      this.#onEvent({ kind: 'shim6', packet });
      return;
    }
    const source = addressKey(packet, 8);
    if (!context.peerLocators.has(source)) return this.#drop(COUNTER.dropSourceNotPeerLocator);
    if (packet[spot.offset] === PROTOCOL.shim6) return this.#drop(COUNTER.dropNested);
    if (!this.isLocal(context.binding.ulids.local)) return this.#drop(COUNTER.dropUlidNotLocal);
    this.#counters.add(COUNTER.decoded);
    context.meter.received(end - PAYLOAD_HEADER, this.#options.now());
    this.#touch(context);
    this.#options.toApplication(removeShim(packet, end, spot, context.inUlids));
  }

  /** RFC 5533 §12.1: no Shim6 header. */
  #plain(packet: Uint8Array, end: number): void {
    const error = readIcmpError(packet, end);
    if (error === 'malformed') return this.#drop(COUNTER.dropMalformed);
    if (error !== 'none') return this.#icmpError(packet, end, error);
    const key = pairKeyOf(packet, true);
    const context = this.#contexts.byUlids(key);
    if (context === undefined) {
      this.#seeFlow(key, packet, false);
    } else {
      this.#counters.add(COUNTER.receivedUnshimmed);
      context.meter.received(end, this.#options.now());
      this.#touch(context);
    }
    this.#options.toApplication(packet);
  }

  /** RFC 5533 §8. */
  #icmpError(packet: Uint8Array, end: number, error: IcmpError): void {
    const { shim, inner } = error;
    if (shim !== undefined && !isPayload(inner, shim)) {
      this.#onEvent({ kind: 'icmp', packet }); // no transport sent the control packet it is about
      return;
    }
    const context =
      shim === undefined ? this.#contexts.byUlids(pairKeyOf(inner)) : this.#senderOf(inner, shim);
    if (context === undefined) {
      if (shim === undefined) this.#options.toApplication(packet);
      return;
    }
    this.#onEvent({ kind: 'icmp', packet });
    if (shimCanAct(packet, error) && this.#options.deliverAllIcmp !== true) {
      this.#counters.add(COUNTER.icmpAbsorbed);
    } else if (shim === undefined) {
      this.#options.toApplication(packet);
    } else {
      this.#counters.add(COUNTER.icmpTranslated);
      const translated = translateIcmpError(packet, end, { ...error, shim }, context.outUlids);
      this.#options.toApplication(translated);
    }
  }

  /**
   * The context that sent a shimmed packet: by CT(peer) and locators (RFC 5533 §8). The pair may have changed since, so
   * any locator of the peer will do; the 47 bits of the tag are what a stranger does not know.
   */
  #senderOf(inner: Uint8Array, spot: HeaderSpot): Installed | undefined {
    const tag = u47(inner, spot.offset + 2);
    const destination = addressKey(inner, 24);
    for (const context of this.#contexts.all()) {
      if (context.binding.peerTag === tag && context.peerLocators.has(destination)) return context;
    }
    return undefined;
  }

  #seeFlow(key: string, packet: Uint8Array, outbound: boolean): void {
    if (!this.#flows.record(key, packet, outbound, this.#options.now()) || this.#flowsDirty) return;
    this.#flowsDirty = true;
    this.#onActivity(undefined);
  }

  #touch(context: Installed): void {
    if (context.dirty) return;
    context.dirty = true;
    this.#onActivity(context.handle);
  }

  #hold(context: Installed): void {
    const ulid = context.binding.ulids.local;
    context.holdsUlid = this.isLocal(ulid);
    if (context.holdsUlid) this.#ulids.set(ulid, (this.#ulids.get(ulid) ?? 0) + 1);
  }

  #release(context: Installed, ulid: Address): void {
    if (!context.holdsUlid) return;
    const holders = this.#ulids.get(ulid) ?? 0;
    if (holders > 1) this.#ulids.set(ulid, holders - 1);
    else this.#ulids.delete(ulid);
  }

  #drop(reason: CounterName): void {
    this.#counters.add(reason);
  }
}
