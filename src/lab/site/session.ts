import { setTimeout as sleep } from 'node:timers/promises';
import type { PairJson } from '../../control/schema.js';
import { monotonicMs } from '../../linux/clock.js';
import type { SessionReport } from '../../sim/sam/report.js';
import { parseAddress } from '../../wire/address.js';
import { RehomeError } from '../../wire/errors.js';
import type { HostDaemon } from '../host-daemon.js';
import { BuiltinTraffic } from '../traffic/builtin.js';
import { longestGap } from '../traffic/gap.js';
import type { Site } from './site.js';

const STEP = 50;
const ESTABLISH_WITHIN = 15_000;
const MOVE_WITHIN = 30_000;
const RATE = 250_000; // octets per second: enough to see every gap, little enough for a shared machine

export interface SessionChoice {
  readonly from: string;
  readonly to: string;
  readonly local: string;
  readonly peer: string;
  readonly seed: string;
  /** In words, for the report. */
  readonly cause: string;
  /** Whatever the session has to survive. */
  readonly disturb: () => Promise<void> | void;
  /** Names the provider that packets with this source leave by. */
  readonly leavesBy: (source: string) => string | null;
  /** How long the transfer goes on before and after, milliseconds. */
  readonly goOnMs?: number;
}

/**
 * A TCP session between two nodes that run Shim6, something that happens to its path, and what became of it.
 * @throws RehomeError REHOME_E_TRAFFIC, REHOME_E_LAB_DAEMON when no context comes into being
 */
export async function liveThrough(site: Site, choice: SessionChoice): Promise<SessionReport> {
  const { local, peer, seed, goOnMs = 1_500 } = choice;
  const daemon = site.runningDaemon(choice.from);
  const traffic = await BuiltinTraffic.between(
    site,
    { node: choice.from, address: parseAddress(local) },
    { node: choice.to, address: parseAddress(peer) },
    { seed, bytesPerSecond: RATE },
  );
  const before = await until(
    () => currentPair(daemon, local, peer),
    ESTABLISH_WITHIN,
    `no context between ${local} and ${peer} came into being`,
    daemon,
  );
  await sleep(goOnMs);
  await choice.disturb();
  const disturbedAt = monotonicMs();
  const moved = async (): Promise<PairJson | undefined> => {
    const pair = await currentPair(daemon, local, peer);
    return pair?.local === before.local && pair.peer === before.peer ? undefined : pair;
  };
  const after = await until(moved, MOVE_WITHIN, '', daemon).catch(() => before);
  await sleep(goOnMs);
  const result = await traffic.finish(MOVE_WITHIN).catch(() => undefined);
  const gap = longestGap(traffic.gaps, disturbedAt);
  const bytesVerified = result?.bytesVerified ?? 0;
  return {
    cause: choice.cause,
    ulids: { local, peer },
    before,
    after,
    leftByBefore: choice.leavesBy(before.local),
    leftByAfter: choice.leavesBy(after.local),
    gapMs: gap === undefined ? null : gap.to - gap.from,
    bytesSent: result?.bytesSent ?? 0,
    bytesVerified,
    kept: result !== undefined && bytesVerified === result.bytesSent && after !== before,
  };
}

async function currentPair(
  daemon: HostDaemon,
  local: string,
  peer: string,
): Promise<PairJson | undefined> {
  const { contexts } = await daemon.client.contexts();
  const found = contexts.find(
    (c) => c.state === 'ESTABLISHED' && c.ulids.local === local && c.ulids.peer === peer,
  );
  return found?.pair;
}

/** @throws RehomeError REHOME_E_LAB_DAEMON */
export async function until<T>(
  look: () => Promise<T | undefined>,
  withinMs: number,
  complaint: string,
  daemon: HostDaemon,
): Promise<T> {
  const end = monotonicMs() + withinMs;
  for (;;) {
    const value = await look();
    if (value !== undefined) return value;
    if (monotonicMs() > end) {
      throw new RehomeError(
        'REHOME_E_LAB_DAEMON',
        `${complaint}: ${daemon.lastLogLines()}`,
        daemon.logFile,
      );
    }
    await sleep(STEP);
  }
}
