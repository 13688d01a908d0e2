import { KernelDataPath } from '../dataplane/kernel/index.js';
import { createNamespace, deleteNamespace, inNamespace } from '../linux/netns.js';
import { close } from '../linux/syscalls.js';
import { openTun } from '../linux/tun.js';
import { ROUTER_TUN } from './topology.js';

/** Why this user cannot have a lab, without trying anything; undefined: nothing speaks against it. */
export function whyNotThisUser(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces need Linux';
  return process.getuid?.() === 0 ? undefined : 'network namespaces need root';
}

/**
 * Why this machine and user cannot run the lab, in one sentence; undefined: they can. Tries what it needs (namespace,
 * TUN, the kernel data path itself) in a namespace of its own that is gone afterwards.
 */
export function whyNoLab(): string | undefined {
  const reason = whyNotThisUser();
  if (reason !== undefined) return reason;
  const name = `rehome-lab-try-${process.pid}`;
  try {
    createNamespace(name);
  } catch (error) {
    return `network namespaces cannot be made here (${message(error)})`;
  }
  try {
    return inNamespace(name, () => tryTun() ?? tryDataPath());
  } finally {
    deleteNamespace(name);
  }
}

function tryTun(): string | undefined {
  try {
    close(openTun(ROUTER_TUN, true));
    return undefined;
  } catch (error) {
    return `no TUN device can be made here (${message(error)})`;
  }
}

function tryDataPath(): string | undefined {
  try {
    new KernelDataPath({ uplinks: [], maxContexts: 16 }).close();
    return undefined;
  } catch (error) {
    return `this kernel does not take the data path (${message(error)})`;
  }
}

const message = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
