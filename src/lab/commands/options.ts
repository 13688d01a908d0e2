import type { SecurityMode } from '../../engine/types.js';
import type { ReapProfileName } from '../../reap/constants.js';
import type { BreakKind } from '../../sim/report.js';
import type { Screen } from '../draw/live.js';
import type { Colors } from '../../sim/draw/paint.js';

/** Where a command of the lab writes; the command line's own (src/cli/io.ts) has this form. */
export interface LabIo {
  out(text: string): void;
  err(text: string): void;
  readonly tty: boolean;
  readonly colors: Colors;
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface NetworkChoice {
  readonly profile: ReapProfileName;
  /** How the hosts prove their locators. */
  readonly identity: SecurityMode;
  readonly mtu: number;
  /** Milliseconds, one way. */
  readonly delay: number;
  /** Mbit/s; 0: not limited. */
  readonly rate: number;
  readonly seed: string;
}

export interface FailoverChoice extends NetworkChoice {
  readonly break: BreakKind;
  readonly traffic: 'builtin' | 'iperf3';
  readonly out?: string;
  readonly json?: boolean;
  readonly memory?: boolean;
}

/** Octets per second; null: not limited. */
export const bytesPerSecond = (megabits: number): number | null =>
  megabits === 0 ? null : (megabits * 1e6) / 8;

/** Standard output as a live view draws on it. */
export const screenOf = (io: LabIo): Screen => ({
  out: (text) => io.out(text),
  tty: io.tty,
  columns: process.stdout.columns,
});
