import type { Command } from 'commander';
import { ControlClient } from '../control/client.js';
import type { Colors, Io } from './io.js';
import { watch } from './watch.js';

/** The options that commands about the daemon share. */
export interface RemoteOptions {
  readonly socket: string;
  readonly json?: boolean;
  readonly watch?: boolean;
}

export const clientFor = (command: Command): ControlClient =>
  new ControlClient({ socket: command.optsWithGlobals<RemoteOptions>().socket });

/**
 * Asks the daemon and prints the answer: as text, or as the JSON of the control API with `--json`; once, or again
 * and again with `--watch` (then one JSON object a line).
 */
export async function show<T>(
  io: Io,
  command: Command,
  ask: (client: ControlClient) => Promise<T>,
  format: (answer: T, colors: Colors) => string,
): Promise<void> {
  const options = command.optsWithGlobals<RemoteOptions>();
  const client = clientFor(command);
  if (options.watch === true) {
    const plain = { ...io, tty: io.tty && options.json !== true, signal: io.signal };
    await watch(plain, client, async () => {
      const answer = await ask(client);
      return options.json === true ? `${JSON.stringify(answer)}\n` : format(answer, io.colors);
    });
    return;
  }
  const answer = await ask(client);
  io.out(
    options.json === true ? `${JSON.stringify(answer, null, 2)}\n` : format(answer, io.colors),
  );
}

export const JSON_OPTION = ['--json', 'print JSON (docs/control-api.md)'] as const;
export const WATCH_OPTION = [
  '-w, --watch',
  'draw again every second and after every event',
] as const;
