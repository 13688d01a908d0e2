import type { ReapProfileName } from '../reap/constants.js';
import type {
  BreakKind,
  DirectionPath,
  FailoverReport,
  PathReport,
  ReportEvent,
  ThroughputSample,
  TransferReport,
} from '../sim/report.js';
import type { EmulatorState } from './emulator/messages.js';
import type { Lab } from './lab.js';
import type { Recovery } from './measure.js';
import { otherHost, PATHS, type Host, type OneWayPath, type Uplink } from './paths.js';
import { longestGap, type Gap } from './traffic/gap.js';
import type { Traffic, TrafficResult } from './traffic/traffic.js';

/** Where the payload of each direction goes. */
export interface Directions {
  readonly AtoB: DirectionPath;
  readonly BtoA: DirectionPath;
}

/** As the daemons see it now; without a context, the ULIDs. */
export async function directionsNow(lab: Lab): Promise<Directions> {
  const [AtoB, BtoA] = await Promise.all([direction(lab, 'A'), direction(lab, 'B')]);
  return { AtoB, BtoA };
}

async function direction(lab: Lab, from: Host): Promise<DirectionPath> {
  const context = await lab.context(from);
  return {
    source: context?.pair.local ?? lab.address(from, 1),
    destination: context?.pair.peer ?? lab.address(otherHost(from), 1),
    shimmed: context?.shimmed ?? false,
  };
}

/** Everything a run has learned; times are monotonic milliseconds. */
export interface RunFacts {
  readonly options: {
    readonly seed: string;
    readonly profile: ReapProfileName;
    readonly break: BreakKind;
    readonly traffic: 'builtin' | 'iperf3';
  };
  /** What applications use, by host and uplink. */
  readonly locators: Readonly<Record<Host, readonly string[]>>;
  readonly startedAt: number;
  readonly cutAt: number | undefined;
  readonly cutPaths: readonly OneWayPath[];
  readonly recovery: Recovery;
  readonly before: Directions;
  readonly after: Directions;
  readonly traffic: Traffic | undefined;
  readonly result: TrafficResult | undefined;
  readonly failure: string | undefined;
  /** Their times are since the start. */
  readonly events: readonly ReportEvent[];
  readonly state: EmulatorState;
}

/** The report of a run. `ok` only when the session was kept and no octet is missing or wrong. */
export function assembleReport(facts: RunFacts): FailoverReport {
  const { options, cutAt, recovery, before, after, startedAt } = facts;
  const transfer = transferReport(facts);
  const reason = facts.failure ?? whatIsWrong(transfer) ?? null;
  const gap = cutAt === undefined ? undefined : longestGap(allGaps(facts.traffic), cutAt);
  return {
    schema: 'rehome.failover/1',
    world: 'namespaces',
    seed: options.seed,
    profile: options.profile,
    break: options.break,
    topology: {
      locators: { A: facts.locators.A, B: facts.locators.B },
      ulids: { A: addressOf(facts, 'A', 1), B: addressOf(facts, 'B', 1) },
      paths: PATHS.map((path) => pathReport(path, facts)),
    },
    detectionMs: span(cutAt, recovery.detectedAt),
    explorationMs: span(recovery.detectedAt, recovery.recoveredAt),
    recoveryMs: span(cutAt, recovery.recoveredAt),
    applicationGapMs: gap === undefined ? null : round(gap.to - gap.from),
    transfer,
    paths: {
      AtoB: { before: before.AtoB, after: after.AtoB },
      BtoA: { before: before.BtoA, after: after.BtoA },
    },
    cutAtMs: cutAt === undefined ? 0 : round(cutAt - startedAt),
    events: facts.events
      .map((event) => ({ ...event, t: round(event.t) }))
      .sort((a, b) => a.t - b.t),
    ok: reason === null,
    reason,
  };
}

const addressOf = ({ locators }: RunFacts, host: Host, uplink: Uplink): string =>
  locators[host][uplink - 1] ?? '';
const round = (value: number): number => Math.round(value * 1000) / 1000;
const span = (from: number | undefined, to: number | undefined): number | null =>
  from === undefined || to === undefined ? null : round(Math.max(0, to - from));

/** The gaps of the receiving application, the one it is in at the end included. */
function allGaps(traffic: Traffic | undefined): readonly Gap[] {
  if (traffic === undefined) return [];
  const from = traffic.samples.findLast((s) => s.bytes > 0)?.at ?? traffic.startedAt;
  const to = traffic.samples.at(-1)?.at ?? from;
  return [...traffic.gaps, { from, to }];
}

function pathReport(path: OneWayPath, facts: RunFacts): PathReport {
  const parameters = facts.state.paths[path.id]?.parameters;
  return {
    from: path.from,
    source: addressOf(facts, path.from, path.source),
    destination: addressOf(facts, otherHost(path.from), path.destination),
    delayMs: parameters?.delayMs ?? 0,
    loss: parameters?.loss ?? 0,
    rate: parameters?.rate ?? null,
    cut: facts.cutPaths.includes(path),
  };
}

function transferReport({ traffic, result, startedAt, options }: RunFacts): TransferReport {
  const samples = (traffic?.samples ?? []).map(({ at, bytes }, i, all): ThroughputSample => {
    const length = at - (all[i - 1]?.at ?? startedAt);
    return {
      t: round(at - startedAt),
      bytesPerSecond: length > 0 ? Math.round((bytes * 1000) / length) : 0,
    };
  });
  const counted = (traffic?.samples ?? []).reduce((sum, s) => sum + s.bytes, 0);
  return {
    traffic: options.traffic,
    bytesSent: result?.bytesSent ?? counted,
    bytesReceived: result?.bytesReceived ?? counted,
    bytesVerified: result === undefined ? null : result.bytesVerified,
    durationMs: round((result?.endedAt ?? traffic?.samples.at(-1)?.at ?? startedAt) - startedAt),
    samples,
  };
}

function whatIsWrong(transfer: TransferReport): string | undefined {
  const { bytesSent, bytesReceived, bytesVerified } = transfer;
  if (bytesReceived === 0) return 'no octet arrived';
  if (bytesVerified === null) return undefined; // iperf3 counts only, and not what is still on its way at its end
  if (bytesVerified !== bytesReceived)
    return `the octet at ${bytesVerified} is wrong (of ${bytesReceived})`;
  return bytesReceived === bytesSent
    ? undefined
    : `${bytesSent - bytesReceived} octets did not arrive`;
}
