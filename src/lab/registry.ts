import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { deleteNamespace } from '../linux/netns.js';
import { RehomeError } from '../wire/errors.js';
import type { Host } from './paths.js';
import {
  identify,
  isAlive,
  processesIn,
  signal,
  waitUntilGone,
  type ProcessId,
} from './processes.js';

export const LAB_DIRECTORY = '/run/rehome-lab';

/** `X`: a third host somewhere on the Internet, where somebody asks for it. */
export type Node = Host | 'R' | 'X';
export const NODES: readonly Node[] = ['A', 'B', 'R', 'X'];

/** What a lab has made, on disk before it is made: the next lab cleans up after one that was killed. */
interface LabRecord {
  readonly id: string;
  readonly owner: ProcessId;
  readonly processes: readonly (ProcessId & { readonly name: string })[];
  /** Its nodes; undefined: those of the lab with two hosts. */
  readonly nodes?: readonly string[];
}

const recordFile = (id: string): string => `${LAB_DIRECTORY}/${id}.json`;

/** `rehome-lab-A` for the first lab, `rehome-lab-A-2` for a second at the same time. */
export const namespaceName = (id: string, node: string): string =>
  id === MAIN ? `rehome-lab-${node}` : `rehome-lab-${node}-${id}`;

/** The first lab's id. */
export const MAIN = 'main';

/** One lab's place on this machine: id, directory, and the record of what is to be undone. */
export class LabEntry {
  readonly id: string;
  private record: LabRecord;

  private constructor(record: LabRecord) {
    this.id = record.id;
    this.record = record;
  }

  /**
   * Cleans up after labs whose process is gone, then takes a free id.
   * @param wanted this id and no other; otherwise the first free of `main`, `2`, `3`, ...
   * @param site nodes of another lab than that with two hosts; its ids are `NAME`, `NAME2`, ...
   * @throws RehomeError REHOME_E_LAB_RUNNING when the wanted one is in use.
   */
  static async claim(
    wanted?: string,
    site?: { readonly name: string; readonly nodes: readonly string[] },
  ): Promise<LabEntry> {
    mkdirSync(LAB_DIRECTORY, { recursive: true, mode: 0o755 });
    await cleanUpDead();
    const owner = identify(process.pid);
    if (owner === undefined) throw new RehomeError('REHOME_E_PROC', '/proc is not readable');
    const candidates =
      wanted === undefined
        ? [
            site?.name ?? MAIN,
            ...Array.from({ length: 62 }, (_, i) => `${site?.name ?? ''}${i + 2}`),
          ]
        : [checkId(wanted)];
    for (const id of candidates) {
      const record: LabRecord = { id, owner, processes: [], ...(site && { nodes: site.nodes }) };
      try {
        createRecord(record);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
        throw error;
      }
      mkdirSync(`${LAB_DIRECTORY}/${id}`, { recursive: true, mode: 0o755 });
      return new LabEntry(record);
    }
    throw new RehomeError(
      'REHOME_E_LAB_RUNNING',
      `the lab "${candidates[0]}" is already running: use it, or end it with \`rehome lab down\``,
    );
  }

  /** /run/rehome-lab/ID, for sockets, configurations and logs. */
  get directory(): string {
    return `${LAB_DIRECTORY}/${this.id}`;
  }

  namespace(node: string): string {
    return namespaceName(this.id, node);
  }

  /** Remembers a process, so that it can be ended even after a crash of ours. */
  add(pid: number, name: string): void {
    const id = identify(pid);
    if (id === undefined) return;
    const living = this.record.processes.filter(isAlive);
    this.record = { ...this.record, processes: [...living, { ...id, name }] };
    writeRecord(this.record);
  }

  /** Ends what is left and forgets the lab. */
  async release(): Promise<void> {
    await undo(this.record);
  }
}

function checkId(id: string): string {
  if (/^[a-z0-9]{1,12}$/.test(id)) return id;
  throw new RehomeError(
    'REHOME_E_LAB_ID',
    `not a lab id: ${JSON.stringify(id)} (1 to 12 lower-case letters and digits)`,
    id,
  );
}

/** The ids of labs with two hosts whose process lives. */
export const runningLabs = (): string[] =>
  records()
    .filter((r) => isAlive(r.owner) && r.nodes === undefined)
    .map((r) => r.id);

/** Undoes what dead labs left. @returns their ids. */
export async function cleanUpDead(): Promise<string[]> {
  const dead = records().filter((r) => !isAlive(r.owner));
  for (const record of dead) await undo(record);
  return dead.map((r) => r.id);
}

function records(): LabRecord[] {
  if (!existsSync(LAB_DIRECTORY)) return [];
  return readdirSync(LAB_DIRECTORY)
    .filter((name) => name.endsWith('.json'))
    .map((name) => readRecord(name.slice(0, -'.json'.length)))
    .filter((record) => record !== undefined);
}

/** Undefined: it is gone meanwhile, or another user's. A damaged record still tells its id: nobody's, to be undone. */
function readRecord(id: string): LabRecord | undefined {
  let text: string;
  try {
    text = readFileSync(recordFile(id), 'utf8');
  } catch {
    return undefined;
  }
  try {
    const value = JSON.parse(text) as LabRecord;
    const { owner, processes, nodes } = value;
    return { id, owner, processes, ...(nodes && { nodes }) };
  } catch {
    return { id, owner: { pid: 0, startTime: 0 }, processes: [] };
  }
}

/** Makes the record appear whole or not at all. @throws EEXIST when the id is taken. */
function createRecord(record: LabRecord): void {
  const fresh = `${recordFile(record.id)}.${process.pid}`;
  writeFileSync(fresh, JSON.stringify(record), { mode: 0o600 });
  try {
    linkSync(fresh, recordFile(record.id));
  } finally {
    rmSync(fresh);
  }
}

function writeRecord(record: LabRecord): void {
  const fresh = `${recordFile(record.id)}.new`;
  writeFileSync(fresh, JSON.stringify(record), { mode: 0o600 });
  renameSync(fresh, recordFile(record.id));
}

async function undo(record: LabRecord): Promise<void> {
  const namespaces = (record.nodes ?? NODES).map((node) => namespaceName(record.id, node));
  const living = (): ProcessId[] => [
    ...record.processes.filter(isAlive),
    ...namespaces.flatMap(processesIn),
  ];
  for (const [name, patience] of [
    ['SIGTERM', 2_000],
    ['SIGKILL', 2_000],
  ] as const) {
    const targets = living();
    for (const target of targets) signal(target, name);
    await waitUntilGone(targets, patience);
  }
  for (const namespace of namespaces) deleteNamespace(namespace);
  rmSync(`${LAB_DIRECTORY}/${record.id}`, { recursive: true, force: true });
  rmSync(recordFile(record.id), { force: true });
}
