import type { OwnProof } from '../identity/verifier.js';
import type { Address, LocatorPair } from '../wire/address.js';
import type { ContextTag, Millis } from '../wire/units.js';

/** RFC 5533 §5.15.3, one locator; what is not said is the default. */
export interface Preference {
  readonly flags: number;
  readonly priority: number;
  readonly weight: number;
}
export const DEFAULT_PREFERENCE: Preference = { flags: 0, priority: 0, weight: 0 };

export interface PeerLocator {
  readonly address: Address;
  readonly method: number;
  readonly verified: boolean;
  readonly preference: Preference;
}

/** Ls(peer) with the generation of the newest verified list; undefined until a list came. */
export interface PeerSet {
  readonly generation: number | undefined;
  readonly locators: readonly PeerLocator[];
  /** The CGA Parameter Data Structure of ULID(peer), once it came: later messages may leave it out (RFC 5533 §10.1). */
  readonly parameters: Uint8Array | undefined;
  /** Generation of the newest list that was signed: an older one of the same key is a replay (RFC 4218 §4.1.4). */
  readonly signedGeneration: number | undefined;
}

export interface OwnLocator {
  readonly address: Address;
  readonly preference: Preference;
}

/** Ls(local) as last told to this peer, and what proves it. Contexts of one ULID share it. */
export interface OwnSet {
  readonly generation: number;
  readonly locators: readonly OwnLocator[];
  readonly proof: OwnProof;
}

/** An exchange that is repeated until answered: how often it was, and when next. */
interface Retry {
  readonly retries: number;
  readonly retryAt: Millis;
}

export interface I1Sent extends Retry {
  readonly state: 'I1-SENT';
  readonly initiatorNonce: number;
  readonly pair: LocatorPair;
  /** After a failed recovery: other pairs that I1 is tried over in turn. */
  readonly candidates: readonly LocatorPair[];
}

export interface I2Sent extends Retry {
  readonly state: 'I2-SENT';
  readonly initiatorNonce: number;
  readonly responderNonce: number;
  readonly validator: Uint8Array;
  readonly pair: LocatorPair;
  /** How often I1 was repeated before: falling back to I1 goes on counting, or it would never end. */
  readonly i1Retries: number;
  readonly candidates: readonly LocatorPair[];
}

/** A new list or new preferences of ours that the peer has not acknowledged (RFC 5533 §10.3: one at a time). */
export interface PendingUpdate extends Retry {
  readonly nonce: number;
  /** What the peer acknowledged last: packets may still be addressed to it. */
  readonly previous: OwnSet;
}

interface Contact {
  /** CT(peer) */
  readonly peerTag: ContextTag;
  /** Ls(peer) */
  readonly peer: PeerSet;
  /** Lp(local), Lp(peer) */
  readonly pair: LocatorPair;
  readonly update: PendingUpdate | undefined;
}

export interface Established extends Contact {
  readonly state: 'ESTABLISHED';
}

/** What an R1bis asked us to answer. */
export interface Recovery {
  readonly pair: LocatorPair;
  readonly packetTag: ContextTag;
  readonly responderNonce: number;
  readonly validator: Uint8Array;
}

export interface I2bisSent extends Contact, Retry {
  readonly state: 'I2BIS-SENT';
  readonly initiatorNonce: number;
  readonly recovery: Recovery;
  /** When the I2bis is to be repeated; `retryAt` is sooner when the peer was heard over another pair. */
  readonly repeatAt: Millis;
  /** The peer named CT(local) since: it has a context, whether the old one or the one our I2bis made. */
  readonly named: boolean;
}

/** No context: nothing is stored (RFC 5533 §6.2). */
export interface Idle {
  readonly state: 'IDLE';
}
export const IDLE: Idle = { state: 'IDLE' };

/** What a context in the table can be; IDLE is its absence, NO-SUPPORT and E-FAILED are entries of `Refusals`. */
export type LiveState = I1Sent | I2Sent | Established | I2bisSent;

/** One ULID-pair context (RFC 5533 §6.1). The mutable part is `s`, replaced whole at each transition. */
export interface Context {
  readonly id: number;
  readonly ulids: LocatorPair;
  readonly forkedInstanceIdentifier: number;
  /** CT(local) */
  readonly localTag: ContextTag;
  readonly createdAt: Millis;
  readonly initiator: boolean;
  establishedAt: Millis | undefined;
  lastActivity: Millis;
  own: OwnSet;
  /** The peer's Keepalive Timeout option, milliseconds (RFC 5534 §5.3). */
  keepaliveTimeout: number | undefined;
  /** Payload of it was seen: a context that a stranger began and nobody uses goes first when the table is full. */
  used: boolean;
  /** Lists of the peer that were overtaken: a late copy must not bring them back. */
  pastGenerations: readonly number[];
  s: LiveState;
}

export type Contacted = Context & { s: Established | I2bisSent };

/** Only then does the host have CT(peer) and Ls(peer), and may it send with them (RFC 5533 §11). */
export const isContacted = (c: Context): c is Contacted =>
  c.s.state === 'ESTABLISHED' || c.s.state === 'I2BIS-SENT';

export const knowsPeerLocator = (set: PeerSet, address: Address): boolean =>
  set.locators.some((l) => l.address === address);

/** Whether a peer may address us there: the set told last, or the one before while that is not acknowledged. */
export function knowsOwnLocator(c: Context, address: Address): boolean {
  if (c.own.locators.some((l) => l.address === address)) return true;
  const update = isContacted(c) ? c.s.update : undefined;
  return update?.previous.locators.some((l) => l.address === address) ?? false;
}

/**
 * Which of our locators this peer has been told of, and which of these it is known to accept as a source (RFC 5533
 * §7.2): while the newest set is not acknowledged, only those that were in the one before. What is told is what is
 * explored (lesson 6 of LinShim6).
 */
export function toldLocators(c: Contacted): {
  told: ReadonlySet<Address>;
  accepted: ReadonlySet<Address>;
} {
  const told = new Set(c.own.locators.map((l) => l.address));
  const before = c.s.update?.previous.locators;
  if (!before) return { told, accepted: told };
  return { told, accepted: new Set(before.map((l) => l.address).filter((a) => told.has(a))) };
}
