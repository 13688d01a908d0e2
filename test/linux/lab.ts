import { existsSync } from 'node:fs';
import { Rtnetlink } from '../../src/linux/netlink/client.js';
import { createNamespace, deleteNamespace, listNamespaces } from '../../src/linux/netns.js';
import { openNamespace } from '../../src/linux/netns.js';
import { close } from '../../src/linux/syscalls.js';
import { parseAddress } from '../../src/wire/address.js';

/** A prefix of this very process: two runs of a test at once (a working tree and a clone) do not meet. */
export const prefixFor = (area: string): string => `rhlx-${process.pid}-${area}-`;

/** Deletes the namespaces with that prefix, and those that test processes now dead have left behind. */
export function wipe(prefix: string): void {
  for (const name of listNamespaces()) {
    const pid = /^rhlx-(\d+)-/.exec(name)?.[1];
    const orphan = pid !== undefined && !existsSync(`/proc/${pid}`);
    if (orphan || name.startsWith(prefix)) deleteNamespace(name);
  }
}

/** Fresh namespaces; their full names. */
export function namespaces(prefix: string, ...names: readonly string[]): string[] {
  wipe(prefix);
  return names.map((name) => {
    createNamespace(prefix + name);
    return prefix + name;
  });
}

export interface End {
  readonly namespace: string;
  readonly name: string;
  readonly address: string;
}

/**
 * A veth pair between two namespaces, each end up with a /64 address, no DAD; no link-local address unless `linkLocal`
 * (routers need one to ask for neighbours on behalf of others).
 */
export function wire(a: End, b: End, linkLocal = false): void {
  const fd = openNamespace(b.namespace);
  const nla = new Rtnetlink(a.namespace);
  const nlb = new Rtnetlink(b.namespace);
  nla.createVeth({ name: a.name }, { name: b.name, namespaceFd: fd });
  close(fd);
  for (const [nl, end] of [
    [nla, a],
    [nlb, b],
  ] as const) {
    const index = nl.index(end.name);
    if (!linkLocal) nl.setLink(index, { addressGeneration: 'none' });
    nl.setLink(index, { up: true });
    nl.addAddress({
      address: parseAddress(end.address),
      prefixLength: 64,
      index,
      noDad: true,
    });
  }
  nla.close();
  nlb.close();
}

/** Polls until `fn` gives something. */
export async function eventually<T>(fn: () => T | undefined | false, what: string): Promise<T> {
  for (let i = 0; i < 1000; i++) {
    const value = fn();
    if (value !== undefined && value !== false) return value;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`never happened: ${what}`);
}
