import type { LocatorPair } from '../wire/address.js';
import type { Keepalive, Probe, ProbeState } from '../wire/shim6/message.js';
import type { ContextTag, Millis, RandomSource } from '../wire/units.js';
import type { ReapConstants } from './constants.js';
import type { PathMemory, PathStrategy, RankedPair } from './strategy/index.js';

/** What REAP tells whoever composes it with a context. Synchronous; must not call back into the same object. */
export interface ReapListener {
  send(pair: LocatorPair, message: Keepalive | Probe): void;
  stateChanged(from: ProbeState, to: ProbeState, why: string): void;
  /** The pair to send payload over from now on: the peer has reported a probe of ours over it. */
  pairChanged(from: LocatorPair, to: LocatorPair): void;
  /** A probe of ours over `pair` was reported for the first time, `rtt` milliseconds after it was sent. */
  reported?(pair: LocatorPair, rtt: number): void;
  /** Asked before a probe that nobody waits for: undefined, send it; a time: not before then. */
  mayProbe?(now: Millis): Millis | undefined;
}

export interface ReapOptions {
  readonly constants: ReapConstants;
  readonly strategy: PathStrategy;
  /** What the strategy may know; default: nothing. */
  readonly memory?: PathMemory;
  readonly random: RandomSource;
  readonly listener: ReapListener;
  readonly peerTag: ContextTag;
  readonly pair: LocatorPair;
  readonly pairs: readonly RankedPair[];
  readonly now: Millis;
}
