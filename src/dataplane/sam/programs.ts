import { readFileSync } from 'node:fs';
import type { SamTable } from '../../sam/table.js';
import { readBpfObject } from '../../linux/bpf/elf.js';
import type { Mapping } from '../../linux/bpf/memory.js';
import { loadObject, type LoadedObject } from '../../linux/bpf/object.js';
import { RingReader } from '../../linux/bpf/ring.js';
import { ATTACH, attachTcx, type BpfHandle } from '../../linux/bpf/syscall.js';
import type { FdPoller } from '../../linux/poller.js';
import {
  readEvent,
  SAM_COUNTERS,
  settingsOctets,
  u32Octets,
  type SamKernelEvent,
} from './layout.js';
import { elementsOf, type Element, type ProviderLink } from './program-table.js';

const OBJECT = new URL('../../../bpf/sam.o', import.meta.url);

/** What an interface is to SAM. */
export type LinkRole = 'zone' | 'provider';
const PROGRAMS: Readonly<Record<LinkRole, string>> = { zone: 'sam_zone', provider: 'sam_provider' };

/** The programs of bpf/sam.bpf.c in the current network namespace. Nothing is pinned: they end with the process. */
export class SamPrograms {
  readonly #object: LoadedObject;
  readonly #device: number;
  readonly #attached = new Map<string, BpfHandle>();
  readonly #undo: (() => void)[] = [];
  #counters: BigUint64Array;
  #generation = 0;
  /** Elements of the tables that are still in the maps: the one in use, and the one before. */
  #tables: { readonly elements: readonly Element[] }[] = [];
  #throughDevice = true;
  #closed = false;

  /** @param device index of `rehome0`. @throws SyscallError */
  constructor(device: number) {
    this.#device = device;
    this.#object = loadObject(readBpfObject(readFileSync(OBJECT)), {});
    this.#undo.push(() => this.#object.close());
    try {
      const mapping: Mapping = this.#object.map('counters').map();
      this.#undo.push(() => mapping.unmap());
      this.#counters = new BigUint64Array(mapping.bytes.buffer, mapping.bytes.byteOffset);
      this.setTable({ zones: [], providers: [] }, []);
    } catch (error) {
      this.#undoAll();
      throw error;
    }
  }

  /** The descriptor of a loaded program, to be run by hand in tests. */
  fd(program: 'sam_out' | 'sam_zone' | 'sam_provider'): number {
    return this.#object.program(program).fd;
  }

  /** Hands over what the programs cannot do themselves. */
  listen(poller: FdPoller, onEvent: (event: SamKernelEvent) => void): void {
    const events = this.#object.map('events');
    const ring = new RingReader(events);
    poller.add(events.fd, () => ring.read().forEach((record) => onEvent(readEvent(record))));
    this.#undo.push(() => ring.close());
    this.#undo.push(() => poller.remove(events.fd));
  }

  /** The program at the device: behind those of others, who see the inner packets. @throws SyscallError */
  attachDevice(): void {
    const link = attachTcx(this.fd('sam_out'), this.#device, ATTACH.TCX_EGRESS);
    this.#undo.push(() => link.close());
  }

  /** Puts the program of its role on an interface. Twice is harmless. @throws SyscallError */
  attach(role: LinkRole, ifindex: number): void {
    const key = `${role} ${ifindex}`;
    if (this.#attached.has(key)) return;
    const { fd } = this.#object.program(PROGRAMS[role]);
    this.#attached.set(key, attachTcx(fd, ifindex, ATTACH.TCX_INGRESS));
  }

  /** Takes it off again; the interface may be gone. */
  detach(role: LinkRole, ifindex: number): void {
    const key = `${role} ${ifindex}`;
    this.#attached.get(key)?.close();
    this.#attached.delete(key);
  }

  /**
   * Replaces the table as a whole: a packet is treated by the old one or by the new one. The old one stays in memory until
   * the next change, for a packet that has begun with it.
   * @throws RehomeError REHOME_E_SAM_TABLE; the old table is in use then
   */
  setTable(table: SamTable, links: readonly ProviderLink[]): void {
    const generation = this.#generation + 1;
    const elements = elementsOf(table, links, generation);
    for (const { map, key, value } of elements) this.#object.map(map).set(key, value);
    this.#generation = generation;
    this.#writeSettings();
    this.#tables.unshift({ elements });
    for (const old of this.#tables.splice(2)) this.#forget(old.elements);
  }

  /**
   * Whether packets for this host come in by the device, where other programs may look at them, or are delivered where they
   * are, which is cheaper.
   */
  setThroughDevice(throughDevice: boolean): void {
    this.#throughDevice = throughDevice;
    this.#writeSettings();
  }

  #writeSettings(): void {
    const ifindex = this.#throughDevice ? this.#device : 0;
    this.#object.map('settings').set(u32Octets(0), settingsOctets(this.#generation, ifindex));
  }

  #forget(elements: readonly Element[]): void {
    for (const { map, key } of elements) {
      if (map !== 'entries') this.#object.map(map).delete(key);
    }
  }

  /** How many elements the maps hold for the table in use: the same for any number of children. */
  get size(): number {
    return this.#tables[0]?.elements.length ?? 0;
  }

  /** Since the start; packets are counted as the kernel has them, super-packets as one. */
  counters(): Record<string, number> {
    return Object.fromEntries(SAM_COUNTERS.map((n, i) => [n, Number(this.#counters[i] ?? 0n)]));
  }

  #undoAll(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
  }

  /** Idempotent. The last numbers stay readable. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#counters = this.#counters.slice();
    for (const link of this.#attached.values()) link.close();
    this.#attached.clear();
    this.#undoAll();
  }
}
