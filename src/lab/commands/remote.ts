import { RehomeError } from '../../wire/errors.js';
import { whyNotThisUser } from '../capability.js';
import { drawTopology, LEGEND } from '../draw/topology.js';
import { paintWith } from '../../sim/draw/paint.js';
import { formatBytes } from '../../sim/draw/scale.js';
import { PATHS } from '../paths.js';
import { cleanUpDead, runningLabs } from '../registry.js';
import { askLab, theRunningLab, type LabStatus } from '../server.js';
import type { LabIo } from './options.js';

/** `rehome lab cut|restore PATH` */
export async function change(what: 'cut' | 'restore', path: string, io: LabIo): Promise<void> {
  const { status, changed } = await askLab(theRunningLab(), { do: what, path });
  io.out(`${what === 'cut' ? 'Cut' : 'Restored'}: ${changed.join(' ')}\n`);
  io.out(statusText(status, io));
}

/** `rehome lab status` */
export async function status(options: { json?: boolean }, io: LabIo): Promise<void> {
  const answer = await askLab(theRunningLab(), { do: 'status' });
  io.out(
    options.json === true
      ? `${JSON.stringify(answer.status, null, 2)}\n`
      : statusText(answer.status, io),
  );
}

/** `rehome lab down` */
export async function down(io: LabIo): Promise<void> {
  const obstacle = whyNotThisUser();
  if (obstacle !== undefined) throw new RehomeError('REHOME_E_LAB', `no lab to end: ${obstacle}`);
  const cleaned = await cleanUpDead();
  for (const id of cleaned) io.out(`Cleaned up after the lab ${id}, whose process is gone.\n`);
  const ids = runningLabs();
  if (ids.length === 0 && cleaned.length === 0) io.out('No lab is running.\n');
  for (const id of ids) {
    await askLab(id, { do: 'down' });
    while (runningLabs().includes(id)) await new Promise((resolve) => setTimeout(resolve, 50));
    io.out(`Ended the lab ${id}.\n`);
  }
}

/** The drawing, and what went over the paths that carried anything. */
export function statusText(status: LabStatus, io: Pick<LabIo, 'colors'>): string {
  const paint = paintWith(io.colors);
  const find = (name: string | null): (typeof PATHS)[number] | undefined =>
    PATHS.find((p) => p.name === name);
  const view = {
    stopped: new Set(status.paths.flatMap((p, id) => (p.parameters.stopped ? [id] : []))),
    current: { AtoB: find(status.current.AtoB), BtoA: find(status.current.BtoA) },
    locators: { A: [...status.locators.A], B: [...status.locators.B] },
  };
  const carried = status.paths
    .filter(({ counters: c }) => c.forwardedPackets + c.droppedStopped > 0)
    .map(({ name, counters: c }) => {
      const lost = c.droppedStopped + c.droppedLoss + c.droppedQueue;
      return `  ${name}  ${String(c.forwardedPackets).padStart(9)} packets ${formatBytes(c.forwardedBytes).padStart(10)}, ${lost} dropped`;
    });
  return `${[...drawTopology(view, paint), paint.dim(LEGEND), ...carried].join('\n')}\n`;
}
