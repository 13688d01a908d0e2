import { check, int, ptr } from '../libc.js';
import { close, sys } from '../syscalls.js';
import { fixed, Struct } from './memory.js';

/** Commands and constants of bpf(2), from linux/bpf.h. */
export const CMD = {
  MAP_CREATE: 0,
  MAP_LOOKUP_ELEM: 1,
  MAP_UPDATE_ELEM: 2,
  MAP_DELETE_ELEM: 3,
  PROG_LOAD: 5,
  PROG_QUERY: 16,
  MAP_LOOKUP_BATCH: 24,
  LINK_CREATE: 28,
} as const;

export const PROG_TYPE_SCHED_CLS = 3;
const BPF_F_BEFORE = 1 << 3;
export const ATTACH = { TCX_INGRESS: 46, TCX_EGRESS: 47 } as const;

/** One bpf(2) call; a result, or -errno. The structures `attr` points at must stay referenced. */
export const bpf = (command: number, attr: Struct): number =>
  sys('bpf', int(command), ptr(attr.bytes), int(attr.bytes.length));

/**
 * A program or link or map as file descriptor. The kernel frees the object with the last descriptor, so a killed
 * process leaves nothing attached.
 */
export class BpfHandle {
  #fd: number;
  constructor(fd: number) {
    this.#fd = fd;
  }
  get fd(): number {
    return this.#fd;
  }
  /** Idempotent. */
  close(): void {
    if (this.#fd >= 0) close(this.#fd);
    this.#fd = -1;
  }
}

/**
 * Attaches a loaded program to a device of the current namespace behind whatever is attached already, or `first`, before
 * all of it (tcx, Linux 6.6).
 * @throws SyscallError EINVAL before Linux 6.6, ENODEV, EPERM.
 */
export function attachTcx(
  programFd: number,
  ifindex: number,
  attachType: number,
  first = false,
): BpfHandle {
  const attr = new Struct(48).u32(0, programFd).u32(4, ifindex).u32(8, attachType);
  if (first) attr.u32(12, BPF_F_BEFORE);
  return new BpfHandle(check(`attaching to interface ${ifindex}`, bpf(CMD.LINK_CREATE, attr)));
}

const MAX_PROGRAMS = 64;

/**
 * Identifiers of the programs attached to a device of the current namespace by tcx, anybody's, in the order they run.
 * @throws SyscallError
 */
export function queryTcx(ifindex: number, attachType: number): number[] {
  const ids = fixed(MAX_PROGRAMS * 4);
  const attr = new Struct(64)
    .u32(0, ifindex)
    .u32(4, attachType)
    .pointer(16, ids)
    .u32(24, MAX_PROGRAMS);
  check(`asking for the programs of interface ${ifindex}`, bpf(CMD.PROG_QUERY, attr));
  return [...new Uint32Array(ids.buffer, 0, attr.getU32(24))];
}
