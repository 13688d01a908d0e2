import { setTimeout as sleep } from 'node:timers/promises';
import type { EventJson } from '../control/schema.js';
import { monotonicMs } from '../linux/clock.js';
import type { Lab } from './lab.js';
import { HOSTS, type Host } from './paths.js';

/** An event of a daemon, its time put on the lab's clock. */
export interface HostEvent {
  readonly host: Host;
  /** Monotonic milliseconds. */
  readonly at: number;
  readonly name: string;
  /** Of the context that it is about. */
  readonly tag: EventJson['tag'];
  readonly detail: EventJson['detail'];
}

/** A wall-clock time of this machine as monotonic milliseconds. */
const onMonotonic = (iso: string): number => Date.parse(iso) - (Date.now() - monotonicMs());

/** Hears what both daemons tell, from their start on and across restarts, until the signal. */
export function watchEvents(
  lab: Lab,
  signal: AbortSignal,
  heard: (event: HostEvent) => void,
): void {
  for (const host of HOSTS) {
    if (lab.runsRehome(host)) void watchHost(lab, host, signal, heard);
  }
}

async function watchHost(
  lab: Lab,
  host: Host,
  signal: AbortSignal,
  heard: (event: HostEvent) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const { at, name, tag, detail } of lab.daemon(host).client.follow(0, signal))
        heard({ host, at: onMonotonic(at), name, tag, detail });
    } catch {
      // The daemon was stopped or killed: a new one may come, and numbers its events anew.
    }
    await sleep(50);
  }
}
