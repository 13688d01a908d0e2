import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { ContextJson } from '../../src/control/schema.js';
import { monotonicMs } from '../../src/linux/clock.js';
import { watchEvents, type HostEvent } from '../../src/lab/event-watch.js';
import { Lab, type LabOptions } from '../../src/lab/lab.js';
import { measureRecovery } from '../../src/lab/measure.js';
import { HOSTS, PATHS, type Host, type OneWayPath, type Uplink } from '../../src/lab/paths.js';
import { BuiltinTraffic, type BuiltinOptions } from '../../src/lab/traffic/builtin.js';
import { longestGap } from '../../src/lab/traffic/gap.js';
import type { TrafficResult } from '../../src/lab/traffic/traffic.js';

/** The profile `paper` with everything quicker, so that the whole of these tests stays within minutes. */
export const QUICK = {
  profile: 'paper',
  timers: {
    send_timeout: '1s',
    keepalive_timeout: '1s',
    initial_probe_timeout: '200ms',
    max_probe_timeout: '1s',
  },
  trigger: { packets: 50, seconds: '2s' },
} as const;

/** What every scenario is run with: locators that prove each other, and those that a key signs as well. */
export const IDENTITIES = ['hba', 'hybrid'] as const;

/** 20 Mbit/s and 5 ms each way. */
export const quickLab = (options: Partial<LabOptions> = {}): Promise<Lab> =>
  Lab.start({ daemon: QUICK, paths: { delayMs: 5, rate: 2_500_000 }, ...options });

/** Polls until `check` gives something else than undefined and false. @throws Error saying what was waited for */
export async function waitFor<T>(
  what: string,
  check: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 10_000,
): Promise<T> {
  const end = monotonicMs() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== false) return value;
    if (monotonicMs() > end) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await sleep(25);
  }
}

/** Waits until both hosts have the context of a ULID pair. @throws Error that says which contexts there are instead */
export async function established(lab: Lab, a: Uplink = 1, b: Uplink = 1): Promise<void> {
  const here = async (): Promise<boolean> => {
    const found = await Promise.all([lab.context('A', a, b), lab.context('B', b, a)]);
    return found.every((context) => context?.state === 'ESTABLISHED');
  };
  await waitFor(`the context of a${a} and b${b} on both hosts`, here).catch(
    async (error: Error) => {
      const there = HOSTS.map(async (host) => [
        host,
        (await lab.contexts(host)).slice(0, 4).map(inWords),
      ]);
      throw new Error(`${error.message}: ${JSON.stringify(await Promise.all(there))}`);
    },
  );
}

const inWords = ({ state, ulids, pair, tag, peerTag }: ContextJson): string =>
  [state, ulids.local, ulids.peer, pair.local, pair.peer, tag, peerTag].join(' ');

/** Where both directions of a ULID pair go now. @throws Error when a host has left the lab's addresses */
export async function current(
  lab: Lab,
  a: Uplink = 1,
  b: Uplink = 1,
): Promise<{ AtoB: OneWayPath; BtoA: OneWayPath }> {
  const { AtoB, BtoA } = await lab.currentPaths(a, b);
  if (AtoB === undefined || BtoA === undefined) throw new Error('a path is none of the lab');
  return { AtoB, BtoA };
}

/**
 * Everything as at the start, without a new lab: all paths open, no context. They are open once both hosts have
 * forgotten: a keepalive to the one that forgot first would bring its context back (RFC 5533 §7.17), for itself alone.
 */
export async function reset(lab: Lab): Promise<void> {
  await lab.cut(PATHS);
  // Twice nothing: what was under way when the paths were cut has arrived.
  for (let nothing = 0; nothing < 2; await sleep(50)) {
    const found = await Promise.all(HOSTS.map((host) => forgetAll(lab, host)));
    nothing = found.every((contexts) => contexts === 0) ? nothing + 1 : 0;
  }
  await lab.restore(PATHS);
}

/** Contexts there were. */
async function forgetAll(lab: Lab, host: Host): Promise<number> {
  if (!lab.runsRehome(host)) return 0;
  const contexts = await lab.contexts(host);
  for (const { tag, state, peerLocators } of contexts) {
    // Whatever the scenario was: nothing that is not proven has been accepted.
    if (state === 'ESTABLISHED') expect(peerLocators.every((l) => l.verified)).toBe(true);
    if (tag !== null)
      await lab
        .daemon(host)
        .client.forget(tag)
        .catch(() => undefined);
  }
  return contexts.length;
}

/** Collects what the daemons tell, from now on. */
export class EventLog {
  readonly events: HostEvent[] = [];
  private readonly ended = new AbortController();

  constructor(lab: Lab) {
    const since = Math.floor(monotonicMs()) - 5;
    watchEvents(lab, this.ended.signal, (event) => {
      if (event.at >= since) this.events.push(event);
    });
  }
  names(host: 'A' | 'B'): string[] {
    return this.events.filter((e) => e.host === host).map((e) => e.name);
  }
  stop(): void {
    this.ended.abort();
  }
}

export interface CutRun {
  readonly result: TrafficResult;
  /** Milliseconds the receiving application got nothing, from the cut on. */
  readonly gap: number;
  readonly detection: number;
  readonly exploration: number;
  readonly before: { AtoB: OneWayPath; BtoA: OneWayPath };
  readonly after: { AtoB: OneWayPath; BtoA: OneWayPath };
}

/**
 * One failover: a verified transfer, a cut chosen from the paths in use, recovery, a second more of data.
 * Expects what every failover must show: every octet, in order, and no path in use that is cut.
 */
export async function cutAndRecover(
  lab: Lab,
  choose: (inUse: { AtoB: OneWayPath; BtoA: OneWayPath }) => readonly OneWayPath[],
  options: Partial<BuiltinOptions> = {},
  patienceMs = 15_000,
): Promise<CutRun> {
  const log = new EventLog(lab);
  try {
    const traffic = await BuiltinTraffic.start(lab, { seed: 'e2e', ...options });
    await established(lab);
    await sleep(500);
    const before = await current(lab);
    const cut = choose(before);
    const cutAt = await lab.cut(cut);
    const { detectedAt, recoveredAt } = await waitFor(
      'both hosts to be operational again and data to arrive',
      () => {
        const recovery = measureRecovery(log.events, cutAt);
        const at = recovery.recoveredAt;
        return (
          at !== undefined &&
          traffic.samples.some((s) => s.at > at && s.bytes > 0) && { ...recovery, recoveredAt: at }
        );
      },
      patienceMs,
    );
    await sleep(1_000);
    const after = await current(lab);
    const result = await traffic.finish(10_000);
    expect(result.bytesReceived).toBeGreaterThan(0);
    expect(result.bytesReceived).toBe(result.bytesSent);
    expect(result.bytesVerified).toBe(result.bytesSent);
    expect(cut).not.toContain(after.AtoB);
    expect(cut).not.toContain(after.BtoA);
    const gap = longestGap(traffic.gaps, cutAt);
    return {
      result,
      gap: gap === undefined ? 0 : gap.to - gap.from,
      detection: (detectedAt ?? NaN) - cutAt,
      exploration: recoveredAt - (detectedAt ?? NaN),
      before,
      after,
    };
  } finally {
    log.stop();
  }
}
