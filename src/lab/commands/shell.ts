import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { spawnIn } from '../../linux/netns.js';
import { rehomeCommand } from '../entry.js';
import { otherHost, type Host } from '../paths.js';
import { LAB_DIRECTORY, MAIN, namespaceName, runningLabs } from '../registry.js';
import { findProgram } from '../programs.js';
import { askLab } from '../server.js';
import type { LabIo, NetworkChoice } from './options.js';
import { startServed } from './start.js';

/**
 * `rehome lab shell HOST`: a shell in a host of the running lab, or of one that lives as long as the shell.
 * @returns the shell's exit status
 */
export async function shell(host: Host, choice: NetworkChoice, io: LabIo): Promise<number> {
  // The shell decides when it is over: Ctrl-C there is for the program that runs in it. Whoever asks the lab itself
  // to end (`rehome lab down`, SIGTERM, a terminal that closes) ends the shell.
  const end = new AbortController();
  const ignore = (): void => undefined;
  const stop = (): void => end.abort();
  process.on('SIGINT', ignore).on('SIGTERM', stop).on('SIGHUP', stop);
  const running = runningLabs();
  const served = running.length === 0 ? await startServed(choice, stop) : undefined;
  const id = served?.lab.entry.id ?? (running.includes(MAIN) ? MAIN : (running[0] ?? MAIN));
  try {
    return await run(host, id, io, end.signal);
  } finally {
    await served?.stop();
    process.off('SIGINT', ignore).off('SIGTERM', stop).off('SIGHUP', stop);
  }
}

async function run(host: Host, id: string, io: LabIo, end: AbortSignal): Promise<number> {
  const { status } = await askLab(id, { do: 'status' });
  const others = status.locators[otherHost(host)];
  const directory = `${LAB_DIRECTORY}/${id}`;
  const prompt = `[host ${host}] \\w \\$ `;
  const bash = findProgram('bash');
  const rc = `${directory}/bashrc-${host}`;
  writeFileSync(rc, `PS1='${prompt}'\n`);
  writeCommand(directory);
  io.out(
    `Host ${host} of the lab; the other is ${others.join(', ')}.\n` +
      'Try `rehome status`, a connection to the other host, and `rehome lab cut current` while it runs. `exit` ends it.\n',
  );
  const child = spawnIn(
    namespaceName(id, host),
    bash ?? '/bin/sh',
    bash === undefined ? ['-i'] : ['--rcfile', rc, '-i'],
    {
      stdio: 'inherit',
      env: {
        ...io.env,
        PATH: `${directory}/bin:${io.env['PATH'] ?? '/usr/bin:/bin'}`,
        REHOME_SOCKET: `${directory}/${host}.sock`,
        PS1: `[host ${host}] $ `,
      },
    },
  );
  const hangUp = (): void => void child.kill('SIGHUP');
  if (end.aborted) hangUp();
  end.addEventListener('abort', hangUp, { once: true });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** The `rehome` command for the shell's PATH: this very installation. */
function writeCommand(directory: string): void {
  mkdirSync(`${directory}/bin`, { recursive: true });
  const file = `${directory}/bin/rehome`;
  writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${rehomeCommand()}' "$@"\n`);
  chmodSync(file, 0o755);
}
