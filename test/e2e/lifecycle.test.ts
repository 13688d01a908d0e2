import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { whyNoLab } from '../../src/lab/capability.js';
import { rehomeCommand } from '../../src/lab/entry.js';
import { processesIn } from '../../src/lab/processes.js';
import { cleanUpDead, LAB_DIRECTORY, namespaceName, NODES } from '../../src/lab/registry.js';
import { askLab } from '../../src/lab/server.js';
import { listNamespaces } from '../../src/linux/netns.js';
import { needsTun } from '../support/root.js';
import { waitFor } from './support.js';

function labUp(): ChildProcess {
  return spawn(process.execPath, [rehomeCommand(), 'lab', 'up'], { stdio: 'ignore' });
}

/** The id of the lab that a process runs, once it answers. */
const idOf = (child: ChildProcess): Promise<string> =>
  waitFor('the lab to answer', async () => {
    for (const file of readdirSync(LAB_DIRECTORY).filter((f) => f.endsWith('.json'))) {
      const { id, owner } = JSON.parse(readFileSync(`${LAB_DIRECTORY}/${file}`, 'utf8')) as {
        id: string;
        owner: { pid: number };
      };
      if (owner.pid !== child.pid) continue;
      return (await askLab(id, { do: 'status' }).catch(() => undefined)) && id;
    }
    return undefined;
  });

const namespaces = (id: string): string[] => NODES.map((node) => namespaceName(id, node));
const left = (id: string): string[] =>
  namespaces(id).filter((name) => listNamespaces(name).includes(name));
/** The process whose lab it is, by the record on disk. */
function ownerOf(id: string): number | undefined {
  try {
    const text = readFileSync(`${LAB_DIRECTORY}/${id}.json`, 'utf8');
    return (JSON.parse(text) as { owner: { pid: number } }).owner.pid;
  } catch {
    return undefined;
  }
}
const ended = (child: ChildProcess): Promise<unknown> =>
  new Promise((resolve) => child.once('exit', resolve));

describe.skipIf(needsTun() !== undefined)('before a lab', () => {
  it('what it needs is tried, here with success, and nothing is left of the trial', () => {
    expect(whyNoLab()).toBeUndefined();
    expect(listNamespaces(`rehome-lab-try-${process.pid}`)).toEqual([]);
  });
});

describe.skipIf(needsTun() !== undefined)('the end of a lab', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'by %s leaves nothing behind',
    async (signal) => {
      const child = labUp();
      const id = await idOf(child);
      expect(left(id)).toHaveLength(3);
      const exit = ended(child);
      child.kill(signal);
      await exit;
      // The id is free, and another test's lab may have it already.
      if (ownerOf(id) !== undefined && ownerOf(id) !== child.pid) return;
      expect(left(id)).toEqual([]);
      expect(existsSync(`${LAB_DIRECTORY}/${id}`)).toBe(false);
      expect(existsSync(`${LAB_DIRECTORY}/${id}.json`)).toBe(false);
    },
  );

  it('by kill -9 leaves what the next lab removes: namespaces, daemons, files', async () => {
    const child = labUp();
    const id = await idOf(child);
    const exit = ended(child);
    child.kill('SIGKILL');
    await exit;
    expect(left(id)).toHaveLength(3);
    const daemons = namespaces(id).flatMap(processesIn);
    expect(daemons.length).toBeGreaterThanOrEqual(2);
    // Another test's lab may have been quicker: what counts is that it is done.
    await cleanUpDead();
    await waitFor('everything to be gone', () => left(id).length === 0);
    for (const { pid } of daemons) expect(existsSync(`/proc/${pid}/ns/net`)).toBe(false);
    expect(existsSync(`${LAB_DIRECTORY}/${id}.json`)).toBe(false);
  });
});
