import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { RehomeError } from '../../wire/errors.js';
import { addressFromBytes, samePair, type LocatorPair } from '../../wire/address.js';
import { readBpfObject } from '../../linux/bpf/elf.js';
import type { BpfMap } from '../../linux/bpf/map.js';
import type { Mapping } from '../../linux/bpf/memory.js';
import { loadObject, type LoadedObject } from '../../linux/bpf/object.js';
import { RingReader } from '../../linux/bpf/ring.js';
import { ATTACH, attachTcx, type BpfHandle } from '../../linux/bpf/syscall.js';
import { monotonicMs } from '../../linux/clock.js';
import { Rtnetlink } from '../../linux/netlink/client.js';
import { NetlinkEvents } from '../../linux/netlink/events.js';
import { FdPoller } from '../../linux/poller.js';
import { COUNTER } from '../counters.js';
import type {
  ContextBinding,
  ContextHandle,
  DataPath,
  DataPathCounters,
  DataPathEvent,
  FlowSample,
  Liveness,
} from '../datapath.js';
import { Bindings, type Installed } from './bindings.js';
import {
  COUNTER_NAMES,
  EVENT,
  readEvent,
  readFlow,
  readLiveness,
  SETTING,
  settingsOctets,
  u32Octets,
  ulidsKey,
  type KernelEvent,
} from './layout.js';
import { PathMtu } from './pathmtu.js';
import { Steering, type SteeringOptions } from './steering.js';
import { Uplinks } from './uplinks.js';

/** Sends and receives whole IPv6 packets of protocol 140 (src/linux/rawsocket.ts). */
export interface ControlSocket {
  /** By the interface `ifindex`, or (0) as the routes say. False: the kernel refused. */
  send(packet: Uint8Array, ifindex: number): boolean;
  onPacket(listener: (packet: Uint8Array) => void): void;
  close(): void;
}

export interface KernelDataPathOptions extends Partial<SteeringOptions> {
  /** Interfaces by index or name. More can follow with `attachUplink`. */
  readonly uplinks: readonly (number | string)[];
  /** Opened in the current namespace; the data path closes it. */
  readonly control?: ControlSocket;
  /** Contexts at most. Default 16,384 (about 5 MB of kernel memory when in use). */
  readonly maxContexts?: number;
  /** RFC 5533 §8: deliver also the ICMPv6 errors that Shim6 acts on. Default false. */
  readonly deliverAllIcmp?: boolean;
  readonly poller?: FdPoller;
}

const OBJECT = new URL('../../../bpf/rehome.o', import.meta.url);
const MAX_FLOWS = 4_096;
/** How long a silent flow is still reported, in milliseconds. */
const FLOW_LIFETIME = 60_000;

/** Facts for `rehome status`. */
export interface KernelDataPathFacts {
  readonly device: string;
  readonly uplinks: readonly { ifindex: number; name: string; mtu: number }[];
  readonly contexts: { readonly used: number; readonly most: number };
}

/**
 * The data path in the kernel: header mode of RFC 5533 §11, §12 in tcx programs, laid out as bpf/rehome.bpf.c draws it.
 * Nothing is pinned: a killed process leaves no program, and what else it leaves the next one removes.
 */
export class KernelDataPath implements DataPath {
  readonly name = 'kernel';
  readonly #device: string;
  readonly #undo: (() => void)[] = [];
  readonly #netlink: Rtnetlink;
  readonly #steering: Steering;
  readonly #uplinks: Uplinks;
  readonly #bindings: Bindings;
  readonly #pathMtu = new PathMtu();
  readonly #flows: BpfMap;
  #liveness: BigUint64Array;
  /** By slot: what `changed` saw last. */
  #seen = new Uint32Array(64);
  #counters: BigUint64Array;
  readonly #ring: RingReader;
  readonly #control: ControlSocket | undefined;
  #controlSent = 0;
  #controlRefused = 0;
  #refresh: NodeJS.Immediate | undefined;
  #closed = false;
  #onEvent: (event: DataPathEvent) => void = () => undefined;

  /**
   * Takes up its work in the current network namespace. All or nothing.
   * @throws RehomeError REHOME_E_SYSCALL, REHOME_E_DEVICE_TAKEN, REHOME_E_NO_LINK, REHOME_E_UPLINK_NOT_ETHERNET
   */
  constructor(options: KernelDataPathOptions) {
    this.#device = options.device ?? 'shim0';
    this.#control = options.control;
    if (options.control !== undefined) this.#undo.push(() => options.control?.close());
    try {
      const contexts = options.maxContexts ?? 16_384;
      const object = loadObject(readBpfObject(readFileSync(OBJECT)), mapSizes(contexts));
      this.#undo.push(() => object.close());
      this.#netlink = this.#keep(new Rtnetlink());
      this.#steering = this.#keep(
        new Steering(this.#netlink, {
          device: this.#device,
          table: options.table ?? 5533,
          priority: options.priority ?? 53,
        }),
      );
      this.#keep(this.#attachShim(object, options.deliverAllIcmp ?? false));
      this.#uplinks = this.#keep(new Uplinks(this.#netlink, object, this.#steering));
      for (const uplink of options.uplinks) this.#uplinks.attach(uplink);
      this.#uplinks.refresh();
      this.#bindings = new Bindings(object);
      this.#flows = object.map('flows');
      this.#liveness = this.#mapped(object.map('liveness'));
      this.#counters = this.#mapped(object.map('counters'));
      this.#ring = this.#keep(new RingReader(object.map('events')));
      this.#listen(options.poller ?? this.#keep(new FdPoller()), object.map('events').fd);
    } catch (error) {
      this.#undoAll();
      throw error;
    }
  }

  #keep<T extends { close(): void }>(part: T): T {
    this.#undo.push(() => part.close());
    return part;
  }

  #mapped(map: BpfMap): BigUint64Array {
    const mapping: Mapping = map.map();
    this.#undo.push(() => mapping.unmap());
    return new BigUint64Array(mapping.bytes.buffer, mapping.bytes.byteOffset);
  }

  #attachShim(object: LoadedObject, deliverAll: boolean): { close(): void } {
    const flags = deliverAll ? SETTING.deliverAllIcmp : 0;
    const { ifindex, peerIfindex } = this.#steering;
    object.map('settings').set(u32Octets(0), settingsOctets(flags, ifindex, randomBytes(8)));
    const links: BpfHandle[] = [];
    const close = (): void => links.forEach((link) => link.close());
    try {
      links.push(
        attachTcx(object.program('shim_peer_ingress').fd, peerIfindex, ATTACH.TCX_INGRESS),
      );
      links.push(attachTcx(object.program('shim_egress').fd, ifindex, ATTACH.TCX_EGRESS));
    } catch (error) {
      close();
      throw error;
    }
    return { close };
  }

  #listen(poller: FdPoller, ringFd: number): void {
    poller.add(ringFd, () => this.#readRing());
    this.#undo.push(() => poller.remove(ringFd));
    this.#keep(
      new NetlinkEvents(poller, ['address6', 'link', 'route6'], (event) => {
        const ownRoute = event.kind === 'route' && event.value.index === this.#steering.ifindex;
        if (!ownRoute) this.#refreshSoon();
      }),
    );
    this.#control?.onPacket((packet) => this.#onEvent({ kind: 'shim6', packet }));
  }

  install(binding: ContextBinding): ContextHandle {
    this.#refuseClosed();
    const installed = this.#bindings.add(binding, this.#uplinks.of(binding.pair));
    try {
      this.#hold(installed);
    } catch (error) {
      this.#bindings.remove(installed.handle);
      throw error;
    }
    if (binding.forkedInstanceIdentifier === 0) this.#flows.delete(ulidsKey(binding));
    return installed.handle;
  }

  update(handle: ContextHandle, binding: ContextBinding): void {
    this.#refuseClosed();
    const { binding: old, uplink } = this.#bindings.get(handle);
    const sameUlids = samePair(old.ulids, binding.ulids);
    const before = samePair(old.pair, binding.pair) ? uplink : undefined;
    const installed = this.#bindings.replace(
      handle,
      binding,
      this.#uplinks.of(binding.pair, before),
    );
    if (before === undefined) this.#pathMtu.forget(handle);
    if (sameUlids) this.#setMtu(installed);
    else {
      this.#release(installed, old.ulids);
      this.#hold(installed);
    }
  }

  remove(handle: ContextHandle): void {
    if (this.#closed) return;
    const installed = this.#bindings.remove(handle);
    this.#pathMtu.forget(handle);
    this.#release(installed, installed.binding.ulids);
  }

  #refuseClosed(): void {
    if (this.#closed) throw new RehomeError('REHOME_E_CLOSED', 'the kernel data path is closed');
  }

  /** Steers the context's packets and keeps its ULID, if it is ours: a foreign address never becomes local by this. */
  #hold(installed: Installed): void {
    const { ulids, forkedInstanceIdentifier } = installed.binding;
    if (forkedInstanceIdentifier !== 0 || !this.#uplinks.isLocal(ulids.local)) return;
    this.#steering.steer(ulids, this.#pathMtu.of(installed));
    installed.steered = true;
    this.#uplinks.noteLocal(ulids.local);
    this.#setMtu(installed);
  }

  #release(installed: Installed, ulids: LocatorPair): void {
    if (installed.steered) this.#steering.unsteer(ulids);
    installed.steered = false;
  }

  #setMtu(installed: Installed): void {
    if (installed.steered) {
      this.#steering.setMtu(installed.binding.ulids, this.#pathMtu.of(installed));
    }
  }

  /** Past our own table: control between the ULIDs of a context is no payload of it (lesson 1 of LinShim6). */
  send(packet: Uint8Array): boolean {
    const ifindex = packet.length < 40 ? 0 : this.#uplinks.owning(addressFromBytes(packet, 8));
    const sent = !this.#closed && (this.#control?.send(packet, ifindex) ?? false);
    if (sent) this.#controlSent++;
    else this.#controlRefused++;
    return sent;
  }

  liveness(handle: ContextHandle): Liveness {
    return readLiveness(this.#liveness, this.#bindings.get(handle).slot);
  }

  /** One pass over the mapped array: no system call, and nothing allocated for contexts that are quiet. */
  changed(): readonly ContextHandle[] {
    const out: ContextHandle[] = [];
    const slots = this.#bindings.slots;
    const words = new Uint32Array(this.#liveness.buffer, this.#liveness.byteOffset, slots * 16);
    if (this.#seen.length < slots) {
      const more = new Uint32Array(Math.max(slots, 2 * this.#seen.length));
      more.set(this.#seen);
      this.#seen = more;
    }
    for (let slot = 0; slot < slots; slot++) {
      // The low halves of both packet counts (layout.ts): their sum moves with either.
      const sum = ((words[slot * 16] ?? 0) + (words[slot * 16 + 4] ?? 0)) >>> 0;
      if (sum === this.#seen[slot]) continue;
      this.#seen[slot] = sum;
      const handle = this.#bindings.bySlot(slot)?.handle;
      if (handle !== undefined) out.push(handle);
    }
    return out;
  }

  /** A few system calls. Flows silent for a minute are forgotten here. */
  flows(): readonly FlowSample[] {
    if (this.#closed) return [];
    const now = monotonicMs();
    const out: FlowSample[] = [];
    for (const { key, value } of this.#flows.entries()) {
      const flow = readFlow(key, value);
      if (now - flow.lastSeen > FLOW_LIFETIME) this.#flows.delete(key);
      else out.push(flow);
    }
    return out;
  }

  counters(): DataPathCounters {
    const out: Record<string, number> = Object.fromEntries(
      Object.values(COUNTER).map((name) => [name, 0]),
    );
    COUNTER_NAMES.forEach((name, i) => (out[name] = Number(this.#counters[i] ?? 0n)));
    out[COUNTER.controlSent] = this.#controlSent;
    out[COUNTER.controlRefused] = this.#controlRefused;
    return out;
  }

  onEvent(listener: (event: DataPathEvent) => void): void {
    this.#onEvent = listener;
  }

  /**
   * Puts the programs on an interface that has come up later. Call it inside the data path's namespace.
   * @throws RehomeError REHOME_E_NO_LINK, REHOME_E_UPLINK_NOT_ETHERNET, REHOME_E_SYSCALL
   */
  attachUplink(which: number | string): void {
    this.#refuseClosed();
    this.#uplinks.attach(which);
    this.refresh();
  }

  detachUplink(ifindex: number): void {
    this.#uplinks.detach(ifindex);
    this.refresh();
  }

  inspect(): KernelDataPathFacts {
    return {
      device: this.#device,
      uplinks: this.#uplinks.list(),
      contexts: { used: this.#bindings.size, most: this.#bindings.capacity },
    };
  }

  #refreshSoon(): void {
    this.#refresh ??= setImmediate(() => {
      this.#refresh = undefined;
      this.refresh();
    });
  }

  /** Reads addresses, interfaces and routes anew; done by itself after every change the kernel tells of. */
  refresh(): void {
    if (this.#closed) return;
    this.#uplinks.refresh();
    this.#pathMtu.expire();
    for (const installed of this.#bindings.all()) {
      const { handle, binding, uplink, steered } = installed;
      const now = this.#uplinks.of(binding.pair, uplink);
      if (now.ifindex !== uplink.ifindex || now.mtu !== uplink.mtu)
        this.#bindings.replace(handle, binding, now);
      if (!steered) this.#hold(installed);
      else this.#setMtu(installed);
    }
  }

  #readRing(): void {
    for (const record of this.#ring.read()) this.#onKernelEvent(readEvent(record));
  }

  #onKernelEvent(event: KernelEvent): void {
    if (this.#closed) return;
    if (event.kind === EVENT.bypass) {
      this.#steering.flushSoon();
      return;
    }
    const installed = this.#bindings.bySlot(event.slot);
    if (installed !== undefined && this.#pathMtu.learn(installed, event.packet)) {
      this.#setMtu(installed);
    }
    this.#onEvent({ kind: 'icmp', packet: event.packet });
  }

  #undoAll(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#refresh !== undefined) clearImmediate(this.#refresh);
    // The mappings go; the last numbers stay readable.
    this.#liveness = this.#liveness.slice();
    this.#counters = this.#counters.slice();
    this.#undoAll();
  }
}

const mapSizes = (contexts: number): Record<string, number> => ({
  contexts: contexts * 2,
  by_ulids: contexts,
  by_tag: contexts,
  by_peer_tag: contexts * 16,
  sources: contexts * 16,
  locals: 65_536,
  liveness: contexts,
  flows: MAX_FLOWS,
});
