import {
  spawn,
  spawnSync,
  type ChildProcess,
  type SpawnOptions,
  type SpawnSyncOptions,
  type SpawnSyncReturns,
} from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, stat, unlinkSync, writeFileSync } from 'node:fs';
import { RehomeError } from '../wire/errors.js';
import { SyscallError } from './libc.js';
import {
  AF_INET6,
  CLONE_NEWNET,
  close,
  EINVAL,
  ENOENT,
  ioctl,
  MNT_DETACH,
  mount,
  MS_BIND,
  MS_REC,
  MS_SHARED,
  O_CREAT,
  O_RDONLY,
  open,
  setns,
  SOCK_DGRAM,
  socket,
  umount2,
  unshare,
} from './syscalls.js';

/** Where `ip netns` keeps its named namespaces; ours are ordinary ones to it, and its to us. */
const DIRECTORY = '/run/netns';
const CURRENT = '/proc/thread-self/ns/net';

/** A namespace by name, by an open descriptor, or (undefined) the one the thread is in. */
export type NamespaceRef = string | number | undefined;

const pathOf = (name: string): string => {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$/.test(name)) {
    throw new RehomeError(
      'REHOME_E_NAMESPACE',
      `not a namespace name: ${JSON.stringify(name)}`,
      name,
    );
  }
  return `${DIRECTORY}/${name}`;
};

/** The directory as `ip netns` wants it: a shared mount point, so that a removal is seen in every mount namespace. */
function ensureDirectory(): void {
  mkdirSync(DIRECTORY, { recursive: true, mode: 0o755 });
  try {
    mount('', DIRECTORY, 'none', MS_SHARED | MS_REC);
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errno !== EINVAL) throw error;
    mount(DIRECTORY, DIRECTORY, 'none', MS_BIND | MS_REC);
    mount('', DIRECTORY, 'none', MS_SHARED | MS_REC);
  }
}

/** Sets `lo` up: without it a namespace cannot even reach its own addresses. */
function loopbackUp(): void {
  const fd = socket(AF_INET6, SOCK_DGRAM, 0);
  try {
    const request = Buffer.alloc(40); // struct ifreq
    request.write('lo');
    ioctl(fd, 0x8913, request); // SIOCGIFFLAGS
    request.writeUInt16LE(request.readUInt16LE(16) | 1, 16); // IFF_UP
    ioctl(fd, 0x8914, request); // SIOCSIFFLAGS
  } finally {
    close(fd);
  }
}

/**
 * Makes a named network namespace, its loopback up.
 * @throws SyscallError (EEXIST when the name is taken; EPERM without CAP_SYS_ADMIN).
 */
export function createNamespace(name: string): void {
  const path = pathOf(name);
  ensureDirectory();
  close(open(path, O_RDONLY | O_CREAT | 0o200 /* O_EXCL */, 0o444));
  try {
    visiting(() => {
      unshare(CLONE_NEWNET);
      mount(CURRENT, path, 'none', MS_BIND);
      loopbackUp();
    });
  } catch (error) {
    deleteNamespace(name);
    throw error;
  }
}

/** Removes the name; the namespace ends with its last process and socket. False: there was none. */
export function deleteNamespace(name: string): boolean {
  const path = pathOf(name);
  try {
    umount2(path, MNT_DETACH);
  } catch (error) {
    // EINVAL: the file is there and nothing is mounted on it, left by a crash in between.
    if (!(error instanceof SyscallError) || ![EINVAL, ENOENT].includes(error.errno)) throw error;
  }
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Names that begin with `prefix`, sorted; those `ip netns` made included. */
export function listNamespaces(prefix = ''): string[] {
  try {
    return readdirSync(DIRECTORY)
      .filter((name) => name.startsWith(prefix))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** A descriptor of a named namespace; the caller closes it. */
export const openNamespace = (name: string): number => open(pathOf(name), O_RDONLY);

/** Runs `fn` and puts the thread back where it was, whatever happens. */
function visiting<T>(fn: () => T): T {
  startThreadPool();
  const home = open(CURRENT, O_RDONLY);
  try {
    return fn();
  } finally {
    try {
      setns(home, CLONE_NEWNET);
    } finally {
      close(home);
    }
  }
}

let poolStarted = false;

/**
 * A thread is born in its maker's namespace. libuv makes its pool at the first use, which must therefore not
 * happen while we are elsewhere.
 */
function startThreadPool(): void {
  if (poolStarted) return;
  poolStarted = true;
  stat('/', () => undefined);
}

/**
 * Runs `fn` with this thread inside the namespace and returns its result. Synchronous code only: sockets, netlink
 * sockets, TUN descriptors, children, worker threads and Node servers made in `fn` belong to the namespace for
 * good and may be used outside; what runs later (callbacks, promises, DNS) does not.
 * @throws RehomeError REHOME_E_NAMESPACE when `fn` returns a promise; SyscallError.
 */
export function inNamespace<T>(namespace: NamespaceRef, fn: () => T): T {
  if (namespace === undefined) return fn();
  const fd = typeof namespace === 'number' ? namespace : openNamespace(namespace);
  try {
    return visiting(() => {
      setns(fd, CLONE_NEWNET);
      const result = fn();
      if (result instanceof Promise) {
        result.catch(() => undefined);
        throw new RehomeError(
          'REHOME_E_NAMESPACE',
          'inNamespace runs synchronous code only: the rest of an async function would run outside',
        );
      }
      return result;
    });
  } finally {
    if (typeof namespace !== 'number') close(fd);
  }
}

/** `child_process.spawn` inside a namespace: the child is forked from this very thread. Nothing else is isolated. */
export const spawnIn = (
  namespace: NamespaceRef,
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): ChildProcess => inNamespace(namespace, () => spawn(command, args, options));

export const spawnSyncIn = (
  namespace: NamespaceRef,
  command: string,
  args: readonly string[],
  options: SpawnSyncOptions = {},
): SpawnSyncReturns<string | Buffer> =>
  inNamespace(namespace, () => spawnSync(command, args, options));

const sysctlPath = (key: string): string => {
  if (!/^[A-Za-z0-9_.@-]+(\/[A-Za-z0-9_.@-]+)+$/.test(key) || key.includes('..')) {
    throw new RehomeError('REHOME_E_SYSCTL', `not a sysctl: ${JSON.stringify(key)}`, key);
  }
  return `/proc/sys/${key}`;
};

/** Writes e.g. `net/ipv6/conf/all/forwarding` (slashes, since interface names contain dots). /proc/sys/net is the reader's. */
export const writeSysctl = (namespace: NamespaceRef, key: string, value: number | string): void =>
  inNamespace(namespace, () => writeFileSync(sysctlPath(key), `${value}\n`));

export const readSysctl = (namespace: NamespaceRef, key: string): string =>
  inNamespace(namespace, () => readFileSync(sysctlPath(key), 'utf8').trim());
