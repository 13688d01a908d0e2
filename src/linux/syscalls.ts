import koffi from 'koffi';
import { check, int, ptr, syscall, type SyscallArgument } from './libc.js';
import { syscallNumber, type SyscallName } from './sysnumbers.js';

/** Error numbers that callers test for; `SyscallError.errno` compares with them. */
export const EPERM = 1;
export const ENOENT = 2;
export const EINTR = 4;
export const EAGAIN = 11;
export const EBUSY = 16;
export const EEXIST = 17;
export const ENODEV = 19;
export const EINVAL = 22;
export const EMSGSIZE = 90;
export const ENOBUFS = 105;

export const AF_UNIX = 1;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const MSG_PEEK = 0x02;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const O_RDONLY = 0;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const MAP_SHARED = 1;
export const MAP_PRIVATE = 2;
export const MS_BIND = 0x1000;
export const MS_REC = 0x4000;
export const MS_PRIVATE = 0x40000;
export const MS_SHARED = 0x100000;
export const MNT_DETACH = 2;
export const CLONE_NEWNS = 0x00020000;
export const CLONE_NEWNET = 0x40000000;
export const POLLIN = 1;
export const POLLOUT = 4;
export const POLLERR = 8;

const AT_FDCWD = -100;

/** Calls by name; the result, or -errno. For hot paths and for expected failures. */
export const sys = (name: SyscallName, ...args: readonly SyscallArgument[]): number =>
  syscall(syscallNumber(name), ...args);

const must = (what: string, name: SyscallName, ...args: readonly SyscallArgument[]): number =>
  check(what, sys(name, ...args));

const cString = (text: string): Uint8Array => Buffer.from(`${text}\0`, 'utf8');

/** The address of a buffer's first octet, for pointers inside structures. Keep `bytes` referenced while it is used. */
export const addressOf = (bytes: Uint8Array): bigint => koffi.address(bytes);

/** Every wrapper below throws SyscallError (REHOME_E_SYSCALL) unless it says otherwise. */
export const socket = (domain: number, type: number, protocol: number): number =>
  must('socket', 'socket', int(domain), int(type | SOCK_CLOEXEC), int(protocol));

export const bind = (fd: number, sockaddr: Uint8Array): void =>
  void must('bind', 'bind', int(fd), ptr(sockaddr), int(sockaddr.length));

export const connect = (fd: number, sockaddr: Uint8Array): void =>
  void must('connect', 'connect', int(fd), ptr(sockaddr), int(sockaddr.length));

/** The number of octets sent, or -errno: EAGAIN and ENOBUFS are everyday. */
export const sendto = (
  fd: number,
  data: Uint8Array,
  flags: number,
  sockaddr: Uint8Array | null,
): number =>
  sys(
    'sendto',
    int(fd),
    ptr(data),
    int(data.length),
    int(flags),
    ptr(sockaddr),
    int(sockaddr?.length ?? 0),
  );

/** The number of octets received into `data`, or -errno. */
export const recv = (fd: number, data: Uint8Array, flags: number): number =>
  sys('recvfrom', int(fd), ptr(data), int(data.length), int(flags), ptr(null), ptr(null));

/** `msghdr` is the 56-octet structure; see MessageHeader. The number of octets, or -errno. */
export const sendmsg = (fd: number, msghdr: Uint8Array, flags: number): number =>
  sys('sendmsg', int(fd), ptr(msghdr), int(flags));
export const recvmsg = (fd: number, msghdr: Uint8Array, flags: number): number =>
  sys('recvmsg', int(fd), ptr(msghdr), int(flags));

/** The name the kernel gave a socket, as a sockaddr cut to its length. */
export function getsockname(fd: number): Uint8Array {
  const out = new Uint8Array(128);
  const length = new Uint32Array([out.length]);
  must('getsockname', 'getsockname', int(fd), ptr(out), ptr(new Uint8Array(length.buffer)));
  return out.subarray(0, length[0]);
}

/** A number is passed as a C int. */
export function setsockopt(
  fd: number,
  level: number,
  name: number,
  value: number | Uint8Array,
): void {
  const bytes = typeof value === 'number' ? new Uint8Array(new Int32Array([value]).buffer) : value;
  must(
    `setsockopt(${level}, ${name})`,
    'setsockopt',
    int(fd),
    int(level),
    int(name),
    ptr(bytes),
    int(bytes.length),
  );
}

/** Up to `length` octets of a socket option. */
export function getsockopt(fd: number, level: number, name: number, length: number): Uint8Array {
  const out = new Uint8Array(length);
  const size = new Uint32Array([length]);
  const sizeBytes = new Uint8Array(size.buffer);
  must('getsockopt', 'getsockopt', int(fd), int(level), int(name), ptr(out), ptr(sizeBytes));
  return out.subarray(0, size[0]);
}

/** Returns -errno instead of throwing: closing twice is a bug elsewhere, not a reason to die here. */
export const close = (fd: number): number => sys('close', int(fd));

export const ioctl = (fd: number, request: number, argument: Uint8Array | number): number =>
  must(
    `ioctl(0x${request.toString(16)})`,
    'ioctl',
    int(fd),
    int(request),
    typeof argument === 'number' ? int(argument) : ptr(argument),
  );

export const open = (path: string, flags: number, mode = 0): number =>
  must(
    `open ${path}`,
    'openat',
    int(AT_FDCWD),
    ptr(cString(path)),
    int(flags | O_CLOEXEC),
    int(mode),
  );

/** The number of octets, or -errno. */
export const read = (fd: number, data: Uint8Array): number =>
  sys('read', int(fd), ptr(data), int(data.length));
export const write = (fd: number, data: Uint8Array): number =>
  sys('write', int(fd), ptr(data), int(data.length));

export const mount = (source: string, target: string, type: string | null, flags: number): void =>
  void must(
    `mount ${target}`,
    'mount',
    ptr(cString(source)),
    ptr(cString(target)),
    ptr(type === null ? null : cString(type)),
    int(flags),
    ptr(null),
  );

export const umount2 = (target: string, flags: number): void =>
  void must(`umount ${target}`, 'umount2', ptr(cString(target)), int(flags));

/** Affects the calling thread only. */
export const unshare = (flags: number): void => void must('unshare', 'unshare', int(flags));

/** Affects the calling thread only. */
export const setns = (fd: number, type: number): void =>
  void must('setns', 'setns', int(fd), int(type));

export const eventfd = (initial = 0, flags = O_NONBLOCK | O_CLOEXEC): number =>
  must('eventfd', 'eventfd2', int(initial), int(flags));

export const prctl = (option: number, a = 0, b = 0, c = 0, d = 0): number =>
  must(`prctl(${option})`, 'prctl', int(option), int(a), int(b), int(c), int(d));

/** The kernel's id of the calling thread. */
export const gettid = (): number => must('gettid', 'gettid');

/**
 * Blocks the calling thread until one descriptor is ready or `timeoutMs` is over (undefined: forever).
 * @returns one revents word per descriptor; all zero on timeout or interruption.
 */
export function poll(
  fds: readonly { readonly fd: number; readonly events: number }[],
  timeoutMs: number | undefined,
): number[] {
  const set = Buffer.alloc(8 * fds.length);
  fds.forEach(({ fd, events }, i) => {
    set.writeInt32LE(fd, 8 * i);
    set.writeInt16LE(events, 8 * i + 4);
  });
  let timeout: Buffer | null = null;
  if (timeoutMs !== undefined) {
    timeout = Buffer.alloc(16);
    timeout.writeBigInt64LE(BigInt(Math.floor(timeoutMs / 1000)), 0);
    timeout.writeBigInt64LE(BigInt(Math.round((timeoutMs % 1000) * 1e6)), 8);
  }
  const result = sys('ppoll', ptr(set), int(fds.length), ptr(timeout), ptr(null), int(8));
  if (result < 0 && result !== -EINTR) check('ppoll', result);
  return fds.map((_, i) => (result <= 0 ? 0 : set.readUInt16LE(8 * i + 6)));
}

const mappings = new WeakMap<Uint8Array, bigint>();

/**
 * Maps `length` octets of `fd` (or anonymous memory with MAP_ANONYMOUS and -1). The view points at the mapping
 * itself; it must not be touched after `munmap`.
 */
export function mmap(
  fd: number,
  length: number,
  protection: number,
  flags: number,
  offset = 0,
): Uint8Array {
  const at = must(
    'mmap',
    'mmap',
    int(0),
    int(length),
    int(protection),
    int(flags),
    int(fd),
    int(offset),
  );
  const view = new Uint8Array(koffi.view(at, length));
  mappings.set(view, BigInt(at));
  return view;
}

/** Unmaps what `mmap` returned: exactly that object. Twice is harmless. */
export function munmap(view: Uint8Array): void {
  const at = mappings.get(view);
  if (at === undefined) return;
  mappings.delete(view);
  must('munmap', 'munmap', int(at), int(view.length));
}
