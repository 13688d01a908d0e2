/** What `rehome lab sam` reports, in namespaces or in memory. Times are milliseconds; what was not done is null. */
export interface SamReport {
  readonly schema: 1;
  readonly kind: 'sam';
  readonly figure: 7 | 1;
  readonly world: 'namespaces' | 'memory';
  readonly seed: string;
  readonly ok: boolean;
  /** What was not as it should be. */
  readonly reasons: readonly string[];
  readonly nodes: readonly NodeReport[];
  /** From the start of the host's daemon (its own clock; in memory: of the host) until it had all its global addresses. */
  readonly autoconfigurationMs: number | null;
  readonly phases: readonly PhaseReport[];
  readonly session: SessionReport | null;
}

/** Local and global addresses of one node. */
export interface NodeReport {
  readonly name: string;
  readonly addresses: readonly string[];
  /** What has been delegated to it, or given by its provider. */
  readonly prefixes: readonly string[];
}

/** One state of the network, and packets sent in it. */
export interface PhaseReport {
  readonly name: string;
  readonly title: string;
  readonly passages: readonly PassageReport[];
}

/** One echo request from the site, followed. */
export interface PassageReport {
  /** Short name of the source, as the draft's `AH`. */
  readonly name: string;
  readonly source: string;
  readonly destination: string;
  /** The providers that it was handed to; none: it never left. */
  readonly leftBy: readonly string[];
  readonly arrived: boolean;
  /** Null: no answer came. */
  readonly rttMs: number | null;
  /** `type/code` of an ICMPv6 error. */
  readonly error: string | null;
  /** Address, upper layer and checksum came as they were sent. Null: not compared. */
  readonly unchanged: boolean | null;
  /** Whether it is what this phase should show. */
  readonly expected: boolean;
}

/** A TCP session under Shim6, through the failure or renumbering. */
export interface SessionReport {
  readonly cause: string;
  readonly ulids: { readonly local: string; readonly peer: string };
  readonly before: { readonly local: string; readonly peer: string };
  readonly after: { readonly local: string; readonly peer: string };
  readonly leftByBefore: string | null;
  readonly leftByAfter: string | null;
  /** The longest the receiving application got nothing. */
  readonly gapMs: number | null;
  readonly bytesSent: number;
  readonly bytesVerified: number;
  readonly kept: boolean;
}
