import { chmodSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { RehomeError } from '../wire/errors.js';
import type { PathState } from './emulator/messages.js';
import type { Lab } from './lab.js';
import { parsePathSelector, PATHS, reversePath, type Host, type OneWayPath } from './paths.js';
import { LAB_DIRECTORY, MAIN, runningLabs } from './registry.js';

/** What `rehome lab status|cut|restore|down` asks a running lab: one JSON line, answered with one. */
export type LabRequest =
  | { readonly do: 'status' }
  | { readonly do: 'cut' | 'restore'; readonly path: string }
  | { readonly do: 'down' };

export interface LabStatus {
  readonly id: string;
  /** Where sockets, configurations and logs are. */
  readonly directory: string;
  readonly paths: readonly (PathState & { readonly name: string })[];
  /** What applications use, by host and uplink. */
  readonly locators: Readonly<Record<Host, readonly string[]>>;
  /** Names of the one-way paths that payload takes. */
  readonly current: { readonly AtoB: string | null; readonly BtoA: string | null };
}

export type LabAnswer =
  | { readonly ok: true; readonly status: LabStatus; readonly changed: readonly string[] }
  | { readonly ok: false; readonly code: `REHOME_E_${string}`; readonly message: string };

export const labSocket = (id: string): string => `${LAB_DIRECTORY}/${id}/lab.sock`;

/** Serves one lab's requests until closed. Only the lab's own user (root) may connect. */
export class LabServer {
  private readonly server: Server;
  private readonly lab: Lab;
  private readonly onDown: () => void;
  private readonly open = new Set<Socket>();

  private constructor(lab: Lab, onDown: () => void) {
    this.lab = lab;
    this.onDown = onDown;
    this.server = createServer((socket) => this.serve(socket));
  }

  /** `onDown` is called when somebody asks the lab to end. */
  static async start(lab: Lab, onDown: () => void): Promise<LabServer> {
    const made = new LabServer(lab, onDown);
    const path = labSocket(lab.entry.id);
    await new Promise<void>((resolve, reject) => {
      made.server.once('error', reject).listen(path, resolve);
    });
    chmodSync(path, 0o600);
    return made;
  }

  close(): void {
    this.server.close();
    for (const socket of this.open) socket.destroy();
  }

  private serve(socket: Socket): void {
    this.open.add(socket);
    socket.on('error', () => undefined).on('close', () => this.open.delete(socket));
    createInterface({ input: socket }).on('line', (line) => {
      void this.answer(line).then((answer) => socket.end(`${JSON.stringify(answer)}\n`));
    });
  }

  private async answer(line: string): Promise<LabAnswer> {
    try {
      const request = JSON.parse(line) as LabRequest;
      const changed = await this.carryOut(request);
      return { ok: true, status: await labStatus(this.lab), changed: changed.map((p) => p.name) };
    } catch (error) {
      const code = error instanceof RehomeError ? error.code : 'REHOME_E_LAB_REQUEST';
      const message = error instanceof Error ? error.message : String(error);
      return { ok: false, code: code as `REHOME_E_${string}`, message };
    }
  }

  private async carryOut(request: LabRequest): Promise<readonly OneWayPath[]> {
    switch (request.do) {
      case 'status':
        return [];
      case 'down':
        setTimeout(this.onDown, 20); // after the answer
        return [];
      case 'cut':
      case 'restore': {
        const paths =
          request.path === 'current'
            ? await currentBothWays(this.lab)
            : parsePathSelector(request.path);
        await this.lab[request.do](paths);
        return paths;
      }
      default:
        throw new RehomeError('REHOME_E_LAB_REQUEST', 'the lab does not know this request');
    }
  }
}

/** The pairs in use, each in both directions. */
async function currentBothWays(lab: Lab): Promise<readonly OneWayPath[]> {
  const { AtoB, BtoA } = await lab.currentPaths();
  const wanted = [AtoB, BtoA].flatMap((p) => (p === undefined ? [] : [p, reversePath(p)]));
  return PATHS.filter((p) => wanted.includes(p));
}

export async function labStatus(lab: Lab): Promise<LabStatus> {
  const [state, current] = await Promise.all([lab.state(), lab.currentPaths()]);
  return {
    id: lab.entry.id,
    directory: lab.entry.directory,
    locators: lab.locators(),
    paths: state.paths.map((p, i) => ({ name: PATHS[i]?.name ?? '', ...p })),
    current: { AtoB: current.AtoB?.name ?? null, BtoA: current.BtoA?.name ?? null },
  };
}

/** The lab that commands without an id mean: the first one. @throws RehomeError REHOME_E_NO_LAB */
export function theRunningLab(): string {
  const ids = runningLabs();
  const id = ids.includes(MAIN) ? MAIN : ids[0];
  if (id !== undefined) return id;
  throw new RehomeError(
    'REHOME_E_NO_LAB',
    'no lab is running: start one with `rehome lab up` or `rehome lab shell A`',
  );
}

/** Asks a running lab. @throws RehomeError the lab's own, or REHOME_E_NO_LAB when it does not answer */
export function askLab(id: string, request: LabRequest): Promise<Extract<LabAnswer, { ok: true }>> {
  return new Promise((resolve, reject) => {
    const refuse = (why: string): void =>
      reject(new RehomeError('REHOME_E_NO_LAB', `the lab ${id} does not answer: ${why}`, id));
    const socket = createConnection(labSocket(id));
    socket.once('error', (error) => refuse(error.message));
    socket.setTimeout(10_000, () => socket.destroy(new Error('it took more than 10 s')));
    socket.once('close', () => refuse('it closed the connection'));
    createInterface({ input: socket })
      .on('error', () => undefined)
      .once('line', (line) => {
        const answer = JSON.parse(line) as LabAnswer;
        if (answer.ok) resolve(answer);
        else reject(new RehomeError(answer.code, answer.message));
      });
    socket.write(`${JSON.stringify(request)}\n`);
  });
}
