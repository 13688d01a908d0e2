import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../linux/clock.js';
import { RehomeError } from '../../wire/errors.js';
import { LiveView } from '../draw/live.js';
import { paintWith } from '../../sim/draw/paint.js';
import { rehomeCommand } from '../entry.js';
import { watchEvents } from '../event-watch.js';
import { runningLabs } from '../registry.js';
import { askLab } from '../server.js';
import { stopSignal } from '../signals.js';
import { screenOf, type LabIo, type NetworkChoice } from './options.js';
import { statusText } from './remote.js';
import { startServed } from './start.js';

/** `rehome lab up`: until Ctrl-C or `rehome lab down`. */
export async function up(choice: NetworkChoice & { detach?: boolean }, io: LabIo): Promise<void> {
  if (choice.detach === true) return detached(choice, io);
  const stop = stopSignal();
  const down = new AbortController();
  const served = await startServed(choice, () => down.abort());
  const ended = AbortSignal.any([stop.signal, down.signal]);
  const view = new LiveView(screenOf(io), paintWith(io.colors), 'rehome lab (Ctrl-C ends it)');
  try {
    view.start(served.lab, () => undefined);
    const since = monotonicMs();
    watchEvents(served.lab, ended, (event) => view.event({ ...event, t: event.at - since }));
    if (!ended.aborted)
      await new Promise<void>((resolve) =>
        ended.addEventListener('abort', () => resolve(), { once: true }),
      );
  } finally {
    await view.stop();
    await served.stop();
    stop.release();
  }
}

const OPTIONS = ['profile', 'identity', 'mtu', 'delay', 'rate', 'seed'] as const;

async function detached(choice: NetworkChoice, io: LabIo): Promise<void> {
  const directory = mkdtempSync(`${tmpdir()}/rehome-lab-`);
  const before = new Set(runningLabs());
  const log = openSync(`${directory}/log`, 'w');
  const args = OPTIONS.flatMap((name) => [`--${name}`, String(choice[name])]);
  const child = spawn(process.execPath, [rehomeCommand(), 'lab', 'up', ...args], {
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  child.unref();
  try {
    for (;;) {
      const id = runningLabs().find((other) => !before.has(other));
      const answer =
        id === undefined ? undefined : await askLab(id, { do: 'status' }).catch(() => undefined);
      if (answer !== undefined) {
        io.out(`The lab runs; end it with \`rehome lab down\`.\n${statusText(answer.status, io)}`);
        return;
      }
      if (child.exitCode !== null)
        throw new RehomeError('REHOME_E_LAB', readFileSync(`${directory}/log`, 'utf8').trim());
      await sleep(50);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
