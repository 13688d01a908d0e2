import koffi from 'koffi';
import { check, int, libc, ptr, syscall } from '../libc.js';
import { number } from './numbers.js';

/** Octets outside the JavaScript heap: their address never changes, so a structure may hold it. Zeroed. */
export const fixed = (length: number): Uint8Array => new Uint8Array(new ArrayBuffer(length));

/** Where `bytes` (from `fixed`) lie, for structures that contain pointers. Keep `bytes` referenced meanwhile. */
export const addressOf = (bytes: Uint8Array): bigint => BigInt(koffi.address(bytes));

const sysconf = libc.func('long sysconf(int name)');
const SC_PAGESIZE = 30;

/** The page size in octets. */
export const pageSize = (): number => Number(sysconf(SC_PAGESIZE));

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;

/** Kernel memory seen as an ArrayBuffer. After `unmap` nobody may touch `buffer`. */
export interface Mapping {
  readonly buffer: ArrayBuffer;
  unmap(): void;
}

/**
 * Maps `length` octets of a bpf map at `offset` (a multiple of the page size).
 * @throws SyscallError
 */
export function mapShared(fd: number, length: number, offset: number, writable: boolean): Mapping {
  const protection = PROT_READ | (writable ? PROT_WRITE : 0);
  const at = check(
    'mmap of a bpf map',
    syscall(
      number('mmap'),
      ptr(null),
      int(length),
      int(protection),
      int(MAP_SHARED),
      int(fd),
      int(offset),
    ),
  );
  let mapped = true;
  return {
    buffer: koffi.view(BigInt(at), length),
    unmap: () => {
      if (mapped) check('munmap', syscall(number('munmap'), int(at), int(length)));
      mapped = false;
    },
  };
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
