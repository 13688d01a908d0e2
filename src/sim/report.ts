import type { ReapProfileName } from '../reap/constants.js';

/**
 * What a failover run tells, whether it ran on the in-memory network (`src/sim/failover.ts`) or in network namespaces
 * (`src/lab`). JSON-stable: only strings, numbers, booleans, null, arrays and plain objects; times are milliseconds,
 * addresses canonical text; what was not observed is null, never absent.
 */

/**
 * What is cut, without a word (packets vanish, no ICMPv6 error):
 * - `current`: the locator pair the data is using, in both directions
 * - `both`: the pairs that either host is using to send, each in both directions
 * - `one-way`: only the one-way path the data takes, from sender to receiver
 * - a number n: the one-way paths in use plus random others, n of the 18 in all (seed 001, section 5.3). At least one
 *   one-way path in each direction is left alone.
 */
export type BreakKind = 'current' | 'both' | 'one-way' | number;

export type HostName = 'A' | 'B';

/** One one-way path: the source locator and the destination locator of the packets that take it. */
export interface PathRef {
  readonly from: HostName;
  readonly source: string;
  readonly destination: string;
}

export interface PathReport extends PathRef {
  /** One way, in milliseconds. */
  readonly delayMs: number;
  /** 0 to 1. */
  readonly loss: number;
  /** Octets per second; null: not limited. */
  readonly rate: number | null;
  /** Whether the break stopped it. */
  readonly cut: boolean;
}

export interface TopologyReport {
  readonly locators: { readonly A: readonly string[]; readonly B: readonly string[] };
  readonly ulids: { readonly A: string; readonly B: string };
  /** Every one-way path, A's first; 18 of them with three locators each. */
  readonly paths: readonly PathReport[];
}

export interface ThroughputSample {
  /** Milliseconds since the transfer began; the end of the interval. */
  readonly t: number;
  /** Octets per second that the receiving application got in this interval. */
  readonly bytesPerSecond: number;
}

/** Something that happened, in order of time. */
export interface ReportEvent {
  /** Milliseconds since the transfer began; negative before it. */
  readonly t: number;
  readonly host: HostName | 'network';
  /** An engine event's name, or `transfer-started`, `cut`, `transfer-finished`. */
  readonly name: string;
  readonly detail: Readonly<Record<string, string | number | boolean>>;
}

export interface TransferReport {
  /** `builtin` sends a known byte sequence and checks it; `iperf3` only counts. */
  readonly traffic: 'builtin' | 'iperf3';
  /** Octets given to the sender's socket, received, and found right in their place. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Null: the traffic cannot be verified (`iperf3`). */
  readonly bytesVerified: number | null;
  /** Milliseconds from the first octet to the end. */
  readonly durationMs: number;
  readonly samples: readonly ThroughputSample[];
}

/** The locator pair one direction takes, as source and destination of its packets; `shimmed`: with extension header. */
export interface DirectionPath {
  readonly source: string;
  readonly destination: string;
  readonly shimmed: boolean;
}
export interface DirectionReport {
  readonly before: DirectionPath;
  readonly after: DirectionPath;
}

export interface FailoverReport {
  readonly schema: 'rehome.failover/1';
  readonly world: 'memory' | 'namespaces';
  /** What makes the run repeatable (memory) or the choice of broken paths repeatable (namespaces). */
  readonly seed: string;
  readonly profile: ReapProfileName;
  readonly break: BreakKind;
  readonly topology: TopologyReport;
  /** Cut to the first host leaving Operational (seed 001, section 5.3). Null: nobody noticed. */
  readonly detectionMs: number | null;
  /** Leaving Operational to both hosts being Operational again. */
  readonly explorationMs: number | null;
  /** detectionMs + explorationMs. */
  readonly recoveryMs: number | null;
  /** The longest time, from the cut on, in which the receiving application got nothing. */
  readonly applicationGapMs: number | null;
  readonly transfer: TransferReport;
  readonly paths: { readonly AtoB: DirectionReport; readonly BtoA: DirectionReport };
  /** Milliseconds since the transfer began. */
  readonly cutAtMs: number;
  readonly events: readonly ReportEvent[];
  /** The session was kept and every octet arrived in order. */
  readonly ok: boolean;
  /** Why not `ok`, in one sentence; null when `ok`. */
  readonly reason: string | null;
}
