import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlClient } from '../control/client.js';
import type { Io } from './io.js';

const HOME_AND_CLEAR = '\u001b[H\u001b[2J';
const EVERY = 1_000;
/** Events come in bursts; one drawing is enough for a burst. */
const SETTLE = 50;

/**
 * Draws at once, then every second and after every event, until interrupted. On a terminal the screen is redrawn,
 * elsewhere each drawing follows the last.
 */
export async function watch(
  io: Io,
  client: ControlClient,
  draw: () => Promise<string>,
): Promise<void> {
  let wake: (() => void) | undefined;
  const watcher = (async () => {
    const newest = (await client.status()).lastEvent?.seq ?? 0;
    for await (const _event of client.follow(newest, io.signal)) wake?.();
  })();
  watcher.catch(() => wake?.()); // the next drawing meets the same error and reports it
  while (!io.signal.aborted) {
    const text = await draw();
    io.out(io.tty ? HOME_AND_CLEAR + text : text);
    const early = new Promise<void>((resolve) => (wake = resolve));
    const timer = new AbortController();
    const signal = AbortSignal.any([io.signal, timer.signal]);
    await Promise.race([
      early.then(() => sleep(SETTLE)),
      sleep(EVERY, undefined, { signal }).catch(() => undefined),
    ]);
    timer.abort();
  }
  await watcher.catch(() => undefined);
}
