import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since boot. */
  readonly startTime: number;
}

/** Undefined: there is no such process (any more). */
export function identify(pid: number): ProcessId | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command's name may hold blanks and parentheses; what follows its last ')' may not.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z') return undefined; // dead, only not yet waited for
    return { pid, startTime: Number(fields[19]) };
  } catch {
    return undefined;
  }
}

export const isAlive = (process: ProcessId): boolean =>
  identify(process.pid)?.startTime === process.startTime;

/** Sends a signal to exactly this process; false when it is gone. */
export function signal(target: ProcessId, name: NodeJS.Signals): boolean {
  if (!isAlive(target)) return false;
  try {
    return process.kill(target.pid, name);
  } catch {
    return false;
  }
}

/** Every process in a named network namespace: in one that the lab made, all are the lab's. */
export function processesIn(namespace: string): ProcessId[] {
  let inode: string;
  try {
    inode = namespaceInode(namespace);
  } catch {
    return [];
  }
  const found: ProcessId[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
    try {
      if (readlinkSync(`/proc/${entry}/ns/net`) !== `net:[${inode}]`) continue;
    } catch {
      continue; // gone meanwhile
    }
    const id = identify(Number(entry));
    if (id !== undefined) found.push(id);
  }
  return found;
}

/** /run/netns/NAME is a bind mount of an nsfs inode, the one that /proc/PID/ns/net names. */
function namespaceInode(name: string): string {
  return String(statSync(`/run/netns/${name}`).ino);
}

/** Waits until none of the processes is left, or the time is over. @returns those still alive. */
export async function waitUntilGone(
  processes: readonly ProcessId[],
  timeoutMs: number,
): Promise<ProcessId[]> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const alive = processes.filter(isAlive);
    if (alive.length === 0 || Date.now() >= end) return alive;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
