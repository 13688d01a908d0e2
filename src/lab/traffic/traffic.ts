import type { Gap, Sample } from './gap.js';

/** What is known of a transfer at its end. */
export interface TrafficResult {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Octets found right in their place; null: this traffic cannot tell. */
  readonly bytesVerified: number | null;
  /** When the last octet arrived, monotonic milliseconds. */
  readonly endedAt: number;
}

/** A transfer from host A to host B by programs that know nothing of rehome. */
export interface Traffic {
  readonly kind: 'builtin' | 'iperf3';
  /** When the connection was made, monotonic milliseconds. */
  readonly startedAt: number;
  /** What the receiving application got, interval by interval; grows while it runs. */
  readonly samples: readonly Sample[];
  /** When it got nothing. */
  readonly gaps: readonly Gap[];
  /** Why a program gave up; undefined: it did not. */
  readonly failure: string | undefined;
  /** Stops sending, waits until everything has arrived. @throws RehomeError REHOME_E_TRAFFIC */
  finish(timeoutMs: number): Promise<TrafficResult>;
}
