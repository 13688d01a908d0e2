import { readFileSync } from 'node:fs';
import { readBpfObject } from '../../linux/bpf/elf.js';
import { loadObject, type LoadedObject } from '../../linux/bpf/object.js';
import { RingReader } from '../../linux/bpf/ring.js';
import { ATTACH, attachTcx, type BpfHandle } from '../../linux/bpf/syscall.js';
import type { FdPoller } from '../../linux/poller.js';
import type { Prefix } from '../../wire/prefix.js';
import {
  EXIT_COUNTERS,
  interfaceOctets,
  prefixKey,
  readRefusal,
  readTally,
  type ExitCounter,
  type Refusal,
  type Tally,
} from './layout.js';

const OBJECT = new URL('../../../bpf/exit.o', import.meta.url);

const u32 = (value: number): Uint8Array => new Uint8Array(new Uint32Array([value]).buffer);

/** An interface that uplinks are reached by. */
export interface ExitInterface {
  readonly ifindex: number;
  /** Indices of these uplinks. */
  readonly uplinks: readonly number[];
  /** Nothing of the site is behind it: what leaves by it has to be theirs. */
  readonly guard: boolean;
}

/** The programs of bpf/exit.bpf.c in the current network namespace. Nothing is pinned: they end with the process. */
export class ExitPrograms {
  readonly #object: LoadedObject;
  readonly #undo: (() => void)[] = [];
  readonly #attached = new Map<number, readonly BpfHandle[]>();
  readonly #tallies: BigUint64Array;
  readonly #counters: BigUint64Array;

  /**
   * @param prefixes with the index of their uplink
   * @param refuse the device whose packets are all refused
   * @throws SyscallError
   */
  constructor(
    prefixes: readonly { readonly prefix: Prefix; readonly uplink: number }[],
    refuse: number,
    poller: FdPoller,
    onRefusal: (refusal: Refusal) => void,
  ) {
    this.#object = loadObject(readBpfObject(readFileSync(OBJECT)), {});
    this.#undo.push(() => this.#object.close());
    try {
      const map = this.#object.map('prefixes');
      for (const { prefix, uplink } of prefixes) map.set(prefixKey(prefix), u32(uplink));
      this.#tallies = this.#mapped('tallies');
      this.#counters = this.#mapped('counters');
      const refused = attachTcx(this.#object.program('exit_refused').fd, refuse, ATTACH.TCX_EGRESS);
      this.#undo.push(() => refused.close());
      this.#listen(poller, onRefusal);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #mapped(name: string): BigUint64Array {
    const mapping = this.#object.map(name).map();
    this.#undo.push(() => mapping.unmap());
    return new BigUint64Array(mapping.bytes.buffer, mapping.bytes.byteOffset);
  }

  #listen(poller: FdPoller, onRefusal: (refusal: Refusal) => void): void {
    const map = this.#object.map('events');
    const ring = new RingReader(map);
    this.#undo.push(() => ring.close());
    poller.add(map.fd, () => {
      for (const octets of ring.read()) {
        const refusal = readRefusal(octets);
        if (refusal !== undefined) onRefusal(refusal);
      }
    });
    this.#undo.push(() => poller.remove(map.fd));
  }

  /** Counts on these interfaces and on no others. Interfaces that have gone are forgotten. @throws SyscallError */
  watch(interfaces: readonly ExitInterface[]): void {
    const map = this.#object.map('interfaces');
    for (const [ifindex, links] of this.#attached) {
      if (interfaces.some((i) => i.ifindex === ifindex)) continue;
      for (const link of links) link.close();
      this.#attached.delete(ifindex);
      map.delete(u32(ifindex));
    }
    for (const { ifindex, uplinks, guard } of interfaces) {
      map.set(u32(ifindex), interfaceOctets(uplinks, guard));
      if (this.#attached.has(ifindex)) continue;
      const attach = (program: string, where: number): BpfHandle =>
        attachTcx(this.#object.program(program).fd, ifindex, where);
      const received = attach('exit_received', ATTACH.TCX_INGRESS);
      try {
        this.#attached.set(ifindex, [received, attach('exit_sent', ATTACH.TCX_EGRESS)]);
      } catch (error) {
        received.close();
        throw error;
      }
    }
  }

  tally(uplink: number): Tally {
    return readTally(this.#tallies, uplink);
  }

  counter(name: ExitCounter): number {
    return Number(this.#counters[EXIT_COUNTERS.indexOf(name)] ?? 0n);
  }

  /** Idempotent. */
  close(): void {
    for (const links of this.#attached.values()) for (const link of links) link.close();
    this.#attached.clear();
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) undo();
  }
}
