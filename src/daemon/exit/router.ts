import type { Tally } from '../../dataplane/exit/layout.js';
import type { Prefix } from '../../wire/prefix.js';
import type { NoteDetail } from '../identity/keeper.js';
import type { Refusing } from './config.js';
import type { UplinkStatus } from './state.js';

/** One uplink as it is now. */
export interface ExitUplinkView extends UplinkStatus, Tally {
  readonly name: string;
  readonly interface: string;
  /** The next hop is that of the interface's default route. */
  readonly learned: boolean;
  readonly prefixes: readonly Prefix[];
  /** Since when it has this state. */
  readonly since: Date;
}

export interface ExitView {
  readonly uplinks: readonly ExitUplinkView[];
  readonly inside: readonly string[];
  readonly unknownSource: Refusing;
  readonly uplinkDown: Refusing;
  /** Packets from sources that belong to no uplink. */
  readonly unknownSourcePackets: number;
  /** Packets that a route other than the default one led to the uplink of another prefix. */
  readonly wrongUplinkPackets: number;
  readonly noticesSent: number;
  /** For want of a way to the sender, or because it, or all together, had many already. */
  readonly noticesNotSent: number;
  /** What keeps the router from doing its work, one sentence each. */
  readonly warnings: readonly string[];
}

/** Source-based forwarding of one host, as long as this object lives. */
export interface ExitRouter {
  view(): ExitView;
  /** Takes back every rule, route, device and program. Idempotent. */
  close(): void;
}

export interface ExitHooks {
  note(level: 'info' | 'warn' | 'error', name: string, detail: NoteDetail): void;
  onError(error: unknown): void;
}
