import type { Address } from '../wire/address.js';
import type { Prefix } from '../wire/prefix.js';
import type { Millis } from '../wire/units.js';
import type { SamTable } from './table.js';

/** One of a node's interfaces in a zone. */
export interface SamInterface {
  /** The system's interface index. */
  readonly index: number;
  readonly name: string;
  /** Source of all Neighbor Discovery, and what decides between two holders of colliding infixes. */
  readonly linkLocal: Address;
  /** Told to neighbours where it is known (RFC 4861 §4.6.1). */
  readonly linkLayer?: Uint8Array;
  /** Octets. */
  readonly mtu: number;
  /** A router's choice of subnet for this link (a SAM /64); advertised there. Undefined: learned from a router. */
  readonly subnet?: Prefix;
  /** Octets of IID infix, 0 to 7; undefined: chosen (see infix-length.ts). */
  readonly octets?: number;
  /** Tried first, instead of a random one. */
  readonly infix?: bigint;
  /**
   * The infix of the last run: tried first where nothing else is said, if it is no longer than what would be chosen. A
   * change of it is no change of the interface.
   */
  readonly remembered?: { readonly infix: bigint; readonly octets: number };
  /** False: SAM options received here are counted and ignored. */
  readonly trusted: boolean;
}

/** A zone that the node is in. Its local addresses mean nothing in another one. */
export interface SamZone {
  readonly name: string;
  /**
   * `child`: the zone delegates prefixes to us. `gateway`: our interface is one of the zone's parent interfaces; what we
   * are delegated elsewhere, and providers' prefixes, are delegated on. At most one zone is of that kind.
   */
  readonly role: 'child' | 'gateway';
  readonly interfaces: readonly SamInterface[];
}

/** A prefix that a provider routes to us: where the hierarchy begins. */
export interface ProviderPrefix {
  readonly prefix: Prefix;
  /** Undefined: for ever. */
  readonly validUntil?: Millis;
  readonly preferredUntil?: Millis;
}

export interface SamConfig {
  readonly zones: readonly SamZone[];
  readonly providers: readonly ProviderPrefix[];
  /** Seconds, of our advertisements; 0: nobody's default router. */
  readonly routerLifetime: number;
  /** Delegated prefixes should be of at most 64 bits, so that HBA and CGA are possible below them. */
  readonly provable: boolean;
  /**
   * Of what we advertise, to begin with: has to be higher than what was used before a restart (seconds since 1970 do).
   */
  readonly sequence: number;
}

/** One of the node's own global addresses. */
export interface GlobalAddress {
  readonly address: Address;
  /** Delegated to the interface; everything in it is the node's, unless it is a gateway. */
  readonly delegated: Prefix;
  /** Undefined: a provider's prefix, directly. */
  readonly local: Address | undefined;
  readonly interface: number | undefined;
  readonly zone: string;
  /** The zone's prefix, and the parent interfaces through which it is reached. */
  readonly zonePrefix: Prefix;
  readonly parents: readonly Address[];
  /** Undefined: for ever. */
  readonly validUntil: Millis | undefined;
  readonly preferredUntil: Millis | undefined;
  readonly deprecated: boolean;
  /** The prefix leaves 64 bits for a hash (RFC 3972, RFC 5535). */
  readonly provable: boolean;
}

export type SamEventName =
  | 'local-assigned'
  | 'local-conflict'
  | 'local-defended'
  | 'local-yielded'
  | 'autoconfiguration-paused'
  | 'subnet-learned'
  | 'subnet-lost'
  | 'no-infix-fits'
  | 'prefix-learned'
  | 'prefix-withdrawn'
  | 'prefix-expired'
  | 'prefix-too-long';

/** Something a person may want to read. */
export interface SamEvent {
  readonly at: Millis;
  readonly name: SamEventName;
  readonly zone?: string;
  readonly interface?: number;
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
}

/** What the engine wants done, in order. */
export type SamEffect =
  | { readonly kind: 'join' | 'leave'; readonly interface: number; readonly group: Address }
  /** A whole IPv6 packet with a Neighbor Discovery message. */
  | { readonly kind: 'send'; readonly interface: number; readonly packet: Uint8Array }
  /** A local address, unique already: the system must not look for duplicates itself. */
  | { readonly kind: 'assign' | 'unassign'; readonly interface: number; readonly address: Address }
  /** The whole set of our global addresses, preferred ones first. */
  | { readonly kind: 'addresses'; readonly addresses: readonly GlobalAddress[] }
  /** The whole table by which packets go from now on. */
  | { readonly kind: 'table'; readonly table: SamTable }
  | { readonly kind: 'event'; readonly event: SamEvent };
