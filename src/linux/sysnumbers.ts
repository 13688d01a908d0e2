import { RehomeError } from '../wire/errors.js';

/** System call numbers as [x86_64, arm64]; the only place where the architecture matters. */
const TABLE = {
  read: [0, 63],
  write: [1, 64],
  close: [3, 57],
  mmap: [9, 222],
  munmap: [11, 215],
  ioctl: [16, 29],
  readv: [19, 65],
  writev: [20, 66],
  socket: [41, 198],
  connect: [42, 203],
  sendto: [44, 206],
  recvfrom: [45, 207],
  sendmsg: [46, 211],
  recvmsg: [47, 212],
  bind: [49, 200],
  getsockname: [51, 204],
  setsockopt: [54, 208],
  getsockopt: [55, 209],
  fcntl: [72, 25],
  capget: [125, 90],
  prctl: [157, 167],
  mount: [165, 40],
  umount2: [166, 39],
  gettid: [186, 178],
  openat: [257, 56],
  ppoll: [271, 73],
  unshare: [272, 97],
  eventfd2: [290, 19],
  perf_event_open: [298, 241],
  recvmmsg: [299, 243],
  sendmmsg: [307, 269],
  setns: [308, 268],
  bpf: [321, 280],
} as const satisfies Record<string, readonly [number, number]>;

export type SyscallName = keyof typeof TABLE;

const column: Partial<Record<NodeJS.Architecture, 0 | 1>> = { x64: 0, arm64: 1 };

/**
 * The number of a system call on `architecture`.
 * @throws RehomeError REHOME_E_ARCHITECTURE on anything but x86_64 and arm64.
 */
export function syscallNumber(
  name: SyscallName,
  architecture: NodeJS.Architecture = process.arch,
): number {
  const index = column[architecture];
  if (index === undefined) {
    throw new RehomeError(
      'REHOME_E_ARCHITECTURE',
      `rehome knows the system calls of x64 and arm64, not of ${architecture}`,
      architecture,
    );
  }
  return TABLE[name][index];
}
