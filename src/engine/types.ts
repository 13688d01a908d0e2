import type { Address, LocatorPair } from '../wire/address.js';
import type { Prefix } from '../wire/prefix.js';
import type { ContextTag, Millis } from '../wire/units.js';
import type { TriggerRules } from '../policy/trigger.js';
import type { Shim6Constants } from '../shim6/constants.js';
import type { ReapConstants, ReapProfileName } from '../reap/constants.js';

/** One context inside one engine: small positive integers, never reused while the engine lives. */
export type ContextId = number & { readonly __context: unique symbol };

/** One of our addresses, as address management tells the engine. */
export interface LocalLocator {
  readonly address: Address;
  /** Interface index, for "more than one link" and for display. 0: unknown. */
  readonly ifindex: number;
  readonly interfaceName: string;
  /** Past its preferred lifetime: used last. */
  readonly deprecated: boolean;
  /** RFC 5534 §3.2: the link is up, DAD is over, a router is reachable. False: told to peers as BROKEN. */
  readonly operational: boolean;
  /** As in DNS SRV (RFC 5533 §5.15.3): lower first. */
  readonly priority: number;
  readonly weight: number;
  readonly transient: boolean;
}

/** How locators are proven: with which kind of identity, or not at all. For display; the verifier does it. */
export type SecurityMode = 'hba' | 'cga' | 'hybrid' | 'none';

export interface EngineConfig {
  readonly profile: ReapProfileName;
  readonly shim6: Shim6Constants;
  readonly reap: ReapConstants;
  /** In which order pairs are probed, and what contexts share: a name of `reap/strategy`. */
  readonly strategy: string;
  readonly trigger: TriggerRules;
  /** Peers to protect; empty: all. */
  readonly protect: readonly Prefix[];
  /** Peers to leave alone; wins over `protect`. */
  readonly leave: readonly Prefix[];
  readonly security: SecurityMode;
  /** RFC 5533 §8: deliver also those ICMPv6 errors that Shim6 acted on. */
  readonly deliverAllIcmp: boolean;
  /** Contexts at most; the next I2 is refused and counted. */
  readonly maxContexts: number;
}

/** What the engine wants done. The driver does it, in order. */
export type Effect =
  /** A whole IPv6 packet with a Shim6 control message. */
  | { readonly kind: 'send'; readonly packet: Uint8Array }
  | { readonly kind: 'install'; readonly context: ContextId; readonly binding: Binding }
  | { readonly kind: 'update'; readonly context: ContextId; readonly binding: Binding }
  | { readonly kind: 'remove'; readonly context: ContextId }
  | { readonly kind: 'event'; readonly event: EngineEvent };

/** Structurally the data path's `ContextBinding`. */
export interface Binding {
  readonly ulids: LocatorPair;
  readonly forkedInstanceIdentifier: number;
  readonly localTag: ContextTag;
  readonly peerTag: ContextTag;
  readonly pair: LocatorPair;
  readonly peerLocators: readonly Address[];
}

/** Something a person may want to read, with the context it is about where there is one. */
export interface EngineEvent {
  readonly at: Millis;
  readonly name: EngineEventName;
  readonly context?: ContextId;
  readonly ulids?: LocatorPair;
  readonly localTag?: ContextTag;
  /** Names and numbers of the particular event, JSON-ready. */
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
}
export type EngineEventName =
  | 'establishing'
  | 'established'
  | 'establishment-failed'
  | 'no-support'
  | 'recovering' // R1bis received, I2bis sent
  | 'recovered'
  | 'confused' // RFC 5533 §7.6
  | 'removed'
  | 'failure-suspected' // send timer ran out, or the peer explores
  | 'exploring'
  | 'inbound-ok'
  | 'operational'
  | 'path-changed'
  | 'locators-updated'
  | 'peer-locators-updated'
  | 'error-received'
  | 'limit';

/** What `rehome contexts --json` shows; times are engine times. */
export interface ContextView {
  readonly id: ContextId;
  readonly state:
    'IDLE' | 'I1-SENT' | 'I2-SENT' | 'ESTABLISHED' | 'I2BIS-SENT' | 'NO-SUPPORT' | 'E-FAILED';
  readonly ulids: LocatorPair;
  readonly forkedInstanceIdentifier: number;
  readonly localTag: ContextTag | undefined;
  readonly peerTag: ContextTag | undefined;
  readonly pair: LocatorPair;
  /** True while packets carry the Payload Extension header. */
  readonly shimmed: boolean;
  readonly localLocators: readonly LocatorView[];
  readonly peerLocators: readonly LocatorView[];
  readonly reap: ReapView | undefined;
  readonly createdAt: Millis;
  readonly establishedAt: Millis | undefined;
  readonly lastActivity: Millis;
  readonly initiator: boolean;
}
export interface LocatorView {
  readonly address: Address;
  readonly method: number;
  readonly verified: boolean;
  readonly broken: boolean;
  readonly transient: boolean;
  readonly priority: number;
  readonly weight: number;
}
export interface ReapView {
  readonly state: 'operational' | 'exploring' | 'inboundOk';
  readonly since: Millis;
  readonly keepaliveTimeout: number;
  readonly sendTimeout: number;
  readonly probesSent: number;
  readonly probesReceived: number;
  readonly keepalivesSent: number;
  readonly keepalivesReceived: number;
  /** Every pair we could use, in the order exploration would try it, with what is known of it. */
  readonly pairs: readonly PairView[];
  /** The last finished exploration. */
  readonly lastRecovery: RecoveryView | undefined;
}
export interface PairView {
  readonly pair: LocatorPair;
  readonly current: boolean;
  /** 'works': a probe of ours over it was reported received. */
  readonly outbound: 'unknown' | 'works' | 'silent';
  /** A probe of the peer came in over it. */
  readonly inbound: 'unknown' | 'works';
  readonly lastProbed: Millis | undefined;
  readonly lastWorked: Millis | undefined;
  /** Milliseconds from a probe to the first report of it. */
  readonly rtt: number | undefined;
}
export interface RecoveryView {
  readonly startedAt: Millis;
  readonly endedAt: Millis;
  /** Milliseconds from the first unanswered payload packet to the send timer's expiry; undefined: the peer noticed first. */
  readonly detection: number | undefined;
  /** Milliseconds from leaving to re-entering Operational. */
  readonly exploration: number;
  readonly probesSent: number;
  readonly from: LocatorPair;
  readonly to: LocatorPair;
}

/** Liveness as the data path reads it (`dataplane/datapath.ts` has the same shape). */
export interface LivenessSample {
  readonly sentPackets: number;
  readonly receivedPackets: number;
  readonly lastSent: Millis | undefined;
  readonly lastReceived: Millis | undefined;
  readonly unansweredSince: Millis | undefined;
  readonly owedSince: Millis | undefined;
}
export interface FlowObservation {
  readonly local: Address;
  readonly peer: Address;
  readonly packets: number;
  readonly bytes: number;
  readonly firstSeen: Millis;
  readonly lastSeen: Millis;
  readonly outbound: boolean;
  readonly protocol: number;
  readonly peerPort: number;
}

/**
 * One host: Shim6, REAP and policy together, pure. Every method that may act takes `now` and returns effects to be
 * carried out in order; `now` never goes backwards.
 */
export interface HostEngineApi {
  /** A packet of protocol 140 that the data path handed up: control, or payload with an unknown tag. */
  receive(packet: Uint8Array, now: Millis): Effect[];
  /** An ICMPv6 error about a packet of ours. A hint, never a proof. */
  icmp(packet: Uint8Array, now: Millis): Effect[];
  /** The whole set, at start and after every change; peers are updated. */
  setLocalLocators(locators: readonly LocalLocator[], now: Millis): Effect[];
  /** What the data path saw of one context's payload since the last call. */
  observe(context: ContextId, liveness: LivenessSample, now: Millis): Effect[];
  /** Unprotected flows; starts establishment where the trigger says so. */
  offerFlows(flows: readonly FlowObservation[], now: Millis): Effect[];
  /** Starts a context now, whatever the trigger says. Throws REHOME_E_NO_LOCATOR, REHOME_E_PEER, REHOME_E_LIMIT. */
  establish(ulids: LocatorPair, now: Millis, forkedInstanceIdentifier?: number): Effect[];
  /**
   * Explores at once, as if the send timer had run out; every context with this peer (a ULID or any locator). The ULIDs
   * are probed first: where they work again, the session goes home and needs no header.
   */
  explore(peer: Address, now: Millis): Effect[];
  /** Drops a context without a word (RFC 5533 §9). Throws REHOME_E_NO_CONTEXT. */
  forget(localTag: ContextTag, now: Millis): Effect[];
  /** These ULID pairs have connected sockets: their contexts are in use, however quiet they are (RFC 5533 §9). */
  inUse(pairs: readonly LocatorPair[], now: Millis): Effect[];
  /**
   * RFC 5533 §1.5: the prefix of a ULID of ours has become invalid, somebody else may get it: every context that uses
   * it ends. Not for an interface that is merely down.
   */
  invalidateUlid(ulid: Address, now: Millis): Effect[];
  /** Applies a new configuration without losing a context. */
  configure(config: EngineConfig, now: Millis): Effect[];
  /** Carries out every deadline that has come. */
  tick(now: Millis): Effect[];
  /** When `tick` is next needed; undefined: never. */
  nextDeadline(): Millis | undefined;
  contexts(): readonly ContextView[];
  localLocators(): readonly LocalLocator[];
  /** Peers that answered no (NO-SUPPORT, E-FAILED) and until when they are left alone. */
  refusals(): readonly { ulids: LocatorPair; state: 'NO-SUPPORT' | 'E-FAILED'; until: Millis }[];
  /** Counters by stable kebab-case name: messages sent and received by name, drops by reason. */
  counters(): Readonly<Record<string, number>>;
}
