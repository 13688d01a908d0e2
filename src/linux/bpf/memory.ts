import { libc } from '../libc.js';
import { addressOf, MAP_SHARED, mmap, munmap, PROT_READ, PROT_WRITE } from '../syscalls.js';

export { addressOf };

/** Octets outside the JavaScript heap: their address never changes, so a structure may hold it. Zeroed. */
export const fixed = (length: number): Uint8Array => new Uint8Array(new ArrayBuffer(length));

const sysconf = libc.func('long sysconf(int name)');
const SC_PAGESIZE = 30;

/** The page size in octets. */
export const pageSize = (): number => Number(sysconf(SC_PAGESIZE));

/** Kernel memory seen as octets. After `unmap` nobody may touch `bytes`. */
export interface Mapping {
  readonly bytes: Uint8Array;
  unmap(): void;
}

/**
 * Maps `length` octets of a bpf map at `offset` (a multiple of the page size).
 * @throws SyscallError
 */
export function mapShared(fd: number, length: number, offset: number, writable: boolean): Mapping {
  const bytes = mmap(fd, length, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, offset);
  return { bytes, unmap: () => munmap(bytes) };
}

/** A little-endian structure under construction; every octet not set is zero, as the kernel demands. */
export class Struct {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(length: number) {
    this.bytes = fixed(length);
    this.#view = new DataView(this.bytes.buffer);
  }
  u16(offset: number, value: number): this {
    this.#view.setUint16(offset, value, true);
    return this;
  }
  u32(offset: number, value: number): this {
    this.#view.setUint32(offset, value, true);
    return this;
  }
  u64(offset: number, value: number | bigint): this {
    this.#view.setBigUint64(offset, BigInt(value), true);
    return this;
  }
  pointer(offset: number, target: Uint8Array | undefined): this {
    return this.u64(offset, target === undefined ? 0n : addressOf(target));
  }
  octets(offset: number, value: Uint8Array): this {
    this.bytes.set(value, offset);
    return this;
  }
  text(offset: number, value: string, room: number): this {
    return this.octets(offset, new TextEncoder().encode(value).subarray(0, room - 1));
  }
  getU32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }
}
