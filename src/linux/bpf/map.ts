import { check } from '../libc.js';
import { RehomeError } from '../../wire/errors.js';
import type { MapDefinition } from './elf.js';
import { fixed, mapShared, type Mapping, pageSize, Struct } from './memory.js';
import { bpf, BpfHandle, CMD } from './syscall.js';

const ENOENT = 2;
const ENOSPC = 28;

export const UPDATE = { ANY: 0, NOEXIST: 1, EXIST: 2 } as const;

/** One bpf map. Keys and values are octets in the machine's order. */
export class BpfMap extends BpfHandle {
  readonly definition: MapDefinition;
  readonly #key: Uint8Array;
  readonly #value: Uint8Array;

  private constructor(fd: number, definition: MapDefinition) {
    super(fd);
    this.definition = definition;
    this.#key = fixed(Math.max(8, definition.keySize));
    this.#value = fixed(Math.max(8, definition.valueSize));
  }

  /** @throws SyscallError */
  static create(definition: MapDefinition): BpfMap {
    const attr = new Struct(72)
      .u32(0, definition.type)
      .u32(4, definition.keySize)
      .u32(8, definition.valueSize)
      .u32(12, definition.maxEntries)
      .u32(16, definition.flags)
      .text(28, definition.name, 16);
    const fd = check(`creating bpf map ${definition.name}`, bpf(CMD.MAP_CREATE, attr));
    return new BpfMap(fd, definition);
  }

  #element(command: number, key: Uint8Array, value: Uint8Array | undefined, flags: number): number {
    this.#key.set(key);
    if (value !== undefined) this.#value.set(value);
    const attr = new Struct(32).u32(0, this.fd).pointer(8, this.#key).u64(24, flags);
    if (command !== CMD.MAP_DELETE_ELEM) attr.pointer(16, this.#value);
    return bpf(command, attr);
  }

  /** Sets one element at once (hash maps: no reader sees half of it). @throws SyscallError; REHOME_E_MAP_FULL. */
  set(key: Uint8Array, value: Uint8Array, flags: number = UPDATE.ANY): void {
    const result = this.#element(CMD.MAP_UPDATE_ELEM, key, value, flags);
    if (result === -ENOSPC || result === -7) {
      const { name, maxEntries } = this.definition;
      throw new RehomeError(
        'REHOME_E_MAP_FULL',
        `bpf map ${name} holds ${maxEntries} at most`,
        name,
      );
    }
    check(`writing bpf map ${this.definition.name}`, result);
  }

  /** A copy of the value, or undefined. */
  get(key: Uint8Array): Uint8Array | undefined {
    const result = this.#element(CMD.MAP_LOOKUP_ELEM, key, undefined, 0);
    if (result === -ENOENT) return undefined;
    check(`reading bpf map ${this.definition.name}`, result);
    return this.#value.slice(0, this.definition.valueSize);
  }

  /** False when there was none. */
  delete(key: Uint8Array): boolean {
    const result = this.#element(CMD.MAP_DELETE_ELEM, key, undefined, 0);
    if (result === -ENOENT) return false;
    check(`deleting from bpf map ${this.definition.name}`, result);
    return true;
  }

  /** Every element of a hash map, a few hundred per system call. Not a snapshot: the map moves meanwhile. */
  entries(): { key: Uint8Array; value: Uint8Array }[] {
    const { keySize, valueSize, maxEntries } = this.definition;
    const out: { key: Uint8Array; value: Uint8Array }[] = [];
    const room = Math.min(maxEntries, 1024);
    const [keys, values] = [fixed(room * keySize), fixed(room * valueSize)];
    const [from, to] = [fixed(Math.max(8, keySize)), fixed(Math.max(8, keySize))];
    for (let first = true; ; first = false) {
      const attr = new Struct(56)
        .pointer(0, first ? undefined : from)
        .pointer(8, to)
        .pointer(16, keys)
        .pointer(24, values)
        .u32(32, room)
        .u32(36, this.fd);
      const result = bpf(CMD.MAP_LOOKUP_BATCH, attr);
      if (result < 0 && result !== -ENOENT)
        check(`reading all of bpf map ${this.definition.name}`, result);
      const count = attr.getU32(32);
      for (let i = 0; i < count; i++) {
        const key = keys.slice(i * keySize, (i + 1) * keySize);
        out.push({ key, value: values.slice(i * valueSize, (i + 1) * valueSize) });
      }
      if (result === -ENOENT) return out;
      from.set(to);
    }
  }

  /** The values of an array map made with BPF_F_MMAPABLE, live. Elements are `valueSize` octets (a multiple of 8) apart. */
  map(): Mapping {
    const { valueSize, maxEntries } = this.definition;
    const page = pageSize();
    return mapShared(this.fd, Math.ceil((valueSize * maxEntries) / page) * page, 0, true);
  }
}
