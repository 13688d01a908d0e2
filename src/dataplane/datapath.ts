import type { Address, LocatorPair } from '../wire/address.js';
import type { ContextTag, Millis } from '../wire/units.js';

/** What a data path must know of one established context. */
export interface ContextBinding {
  readonly ulids: LocatorPair;
  /** 0 unless forked; a forked instance is decoded, and never chosen for payload of an unaware application. */
  readonly forkedInstanceIdentifier: number;
  /** CT(local): what arriving Payload Extension headers carry. */
  readonly localTag: ContextTag;
  /** CT(peer): what we write into Payload Extension headers. */
  readonly peerTag: ContextTag;
  /** Lp(local), Lp(peer). Equal to `ulids`: packets leave unmodified (RFC 5533 §11). */
  readonly pair: LocatorPair;
  /** Ls(peer): arriving payload with the tag from any other source is dropped and counted. */
  readonly peerLocators: readonly Address[];
}

/** Names one installed context; opaque to the caller. */
export type ContextHandle = number & { readonly __handle: unique symbol };

/**
 * What REAP needs to know of the payload of one context (RFC 5534 §6.1, §6.2), with or without extension header.
 * `unansweredSince` and `owedSince` are never both set.
 */
export interface Liveness {
  readonly sentPackets: number;
  readonly sentBytes: number;
  readonly receivedPackets: number;
  readonly receivedBytes: number;
  /** Undefined: never. */
  readonly lastSent: Millis | undefined;
  readonly lastReceived: Millis | undefined;
  /** The first packet sent after the last one received: the send timer's start. */
  readonly unansweredSince: Millis | undefined;
  /** The first packet received after the last one sent: the keepalive timer's start. */
  readonly owedSince: Millis | undefined;
}

/** Traffic of a pair of addresses that has no context yet: food for the trigger (RFC 5533 §4, deferred establishment). */
export interface FlowSample {
  readonly local: Address;
  readonly peer: Address;
  readonly packets: number;
  readonly bytes: number;
  readonly firstSeen: Millis;
  readonly lastSeen: Millis;
  /** We sent the first packet. */
  readonly outbound: boolean;
  /** IPv6 next header of the newest packet (6 TCP, 17 UDP). */
  readonly protocol: number;
  /** The peer's port of the newest packet, 0 where there is none. */
  readonly peerPort: number;
}

/** What arrives for the control plane. `packet` is a whole IPv6 packet. */
export type DataPathEvent =
  /** Protocol 140 with P = 0, or with P = 1 and a tag that no installed context has. */
  | { readonly kind: 'shim6'; readonly packet: Uint8Array }
  /** An ICMPv6 error about a packet of ours, before or instead of its delivery to the transport. */
  | { readonly kind: 'icmp'; readonly packet: Uint8Array };

/** Counters by stable kebab-case name, e.g. `drop-ulid-not-local`, `encoded`, `decoded`. */
export type DataPathCounters = Readonly<Record<string, number>>;

/**
 * Where packets really go. The engine decides, a data path does. Two implementations, one compliance suite
 * (`test/dataplane/compliance.ts`): memory (simulator, tests) and kernel (eBPF).
 */
export interface DataPath {
  readonly name: 'memory' | 'kernel';
  install(binding: ContextBinding): ContextHandle;
  /** Replaces a binding at once: no packet sees half of it. Counters go on. */
  update(handle: ContextHandle, binding: ContextBinding): void;
  remove(handle: ContextHandle): void;
  /** Sends a whole IPv6 control packet as it is, routed by its source; never rewritten. False: refused (counted). */
  send(packet: Uint8Array): boolean;
  liveness(handle: ContextHandle): Liveness;
  /** Whose packet counts have moved since the last call, where that is cheaper to say than to read them all. */
  changed?(): readonly ContextHandle[];
  /** Unprotected flows seen lately. Ports and prefixes are the policy's business. */
  flows(): readonly FlowSample[];
  counters(): DataPathCounters;
  /** One subscriber, the driver. */
  onEvent(listener: (event: DataPathEvent) => void): void;
  /** Undoes everything this object did to the system. Idempotent. */
  close(): void;
}
