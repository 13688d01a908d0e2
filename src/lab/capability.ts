import { inNamespace, createNamespace, deleteNamespace } from '../linux/netns.js';
import { close } from '../linux/syscalls.js';
import { openRouterTun } from './router-tun.js';

/**
 * Why this machine and user cannot run the lab, in one sentence; undefined: they can. Tries what it needs, in a
 * namespace of its own that is gone afterwards.
 */
export function whyNoLab(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces need Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const name = `rehome-lab-try-${process.pid}`;
  try {
    createNamespace(name);
  } catch (error) {
    return `network namespaces cannot be made here (${message(error)})`;
  }
  try {
    inNamespace(name, () => close(openRouterTun()));
    return undefined;
  } catch (error) {
    return `no TUN device can be made here (${message(error)})`;
  } finally {
    deleteNamespace(name);
  }
}

const message = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
