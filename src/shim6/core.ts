import type { LocatorVerifier } from '../identity/verifier.js';
import { samePair, type Address, type LocatorPair } from '../wire/address.js';
import { WireError } from '../wire/errors.js';
import {
  buildControlPacket,
  errorFor,
  VERIFICATION_METHOD,
  type ControlMessage,
  type Keepalive,
  type Probe,
  type Shim6Option,
} from '../wire/shim6/index.js';
import { addMs, type Millis, type RandomSource } from '../wire/units.js';
import { Budget } from './budget.js';
import type { Shim6Constants } from './constants.js';
import { isContacted, type Contacted, type Context } from './context.js';
import { OwnSets } from './own-sets.js';
import { Pings } from './ping.js';
import { Places } from './places.js';
import { Refusals } from './refusals.js';
import { ContextTable } from './table.js';
import { TagAllocator } from './tags.js';
import { Validators } from './validator.js';

/** A control message that stood the checks of RFC 5533 §12.3, with the packet it came in. */
export interface Received<M = ControlMessage> {
  readonly message: M;
  readonly source: Address;
  readonly destination: Address;
  readonly packet: Uint8Array;
  /** Where in `packet` the Shim6 header starts. */
  readonly offset: number;
}

/** What Shim6 tells the layer that composes it with REAP and a data path. Synchronous; must not call back. */
export interface Shim6Listener {
  send(packet: Uint8Array): void;
  /** Control messages but Keepalive and Probe count as payload for REAP (RFC 5534 §6.1, §6.2); pings do not either. */
  controlSent(context: Context): void;
  controlReceived(context: Context): void;
  /** Contact is made, or made again, or what packets are sent with has changed. */
  contacted(context: Contacted, how: 'established' | 'recovered' | 'changed'): void;
  /** Contact is lost: nothing may be sent with this context until `contacted`. */
  lostContact(context: Context): void;
  removed(context: Context, reason: string): void;
  /** A deadline has moved without a word said. */
  rescheduled(context: Context): void;
  reap(context: Contacted, received: Received<Keepalive | Probe>): void;
  /** A ping over `pair` was answered after `rtt` milliseconds; `controlReceived` is not called for it. */
  pong(context: Contacted, pair: LocatorPair, rtt: number): void;
  /** The peer asks whether a pair works that is not the one we send over: it may not hear us. */
  pinged(context: Contacted): void;
  peerLocatorsChanged(context: Contacted): void;
  event(name: ShimEventName, context: Context | undefined, detail: EventDetail): void;
}
export type EventDetail = Readonly<Record<string, string | number | boolean>>;
export type ShimEventName =
  | 'establishing'
  | 'establishment-failed'
  | 'no-support'
  | 'recovering'
  | 'confused'
  | 'locators-updated'
  | 'peer-locators-updated'
  | 'error-received'
  | 'limit';

export interface Shim6Options {
  readonly constants: Shim6Constants;
  /** What we ask of peers, milliseconds; undefined: the default of RFC 5534, not worth an option. */
  readonly keepaliveTimeout: number | undefined;
  readonly maxContexts: number;
  readonly random: RandomSource;
  readonly verifier: LocatorVerifier;
  /** Where the generations of our lists begin; undefined: anywhere. Whoever signs lists counts up over restarts. */
  readonly firstGeneration?: number | undefined;
  /** Whether this ULID(peer) may make a context with us at all. Default: everybody. */
  readonly admits?: (peer: Address) => boolean;
  readonly listener: Shim6Listener;
  readonly now: Millis;
}

/**
 * What strangers may make us compute, in hashes a second: some hundredths of a core. A handshake of a new peer with HBA
 * costs about 6, with a signature about 36.
 */
const VERIFICATION = { total: 40_000, perSite: 5_000 } as const;
/** Packets a second to whom we owe nothing: R1, R1bis, Error. Nobody shall be flooded by way of us. */
const ANSWERS = { total: 10_000, perSite: 2_000 } as const;

/** Once the table is half full, contexts begun by peers of one /48 take at most this part of it. */
const SITE_SHARE = 4;
/** A context that a peer began is left alone for so long, milliseconds, whether used or not. */
const UNUSED_GRACE = 5_000;

/** Everything the message handlers of this folder share. No rules of their own in here, only means. */
export class Core {
  readonly table = new ContextTable();
  readonly refusals = new Refusals();
  readonly tags: TagAllocator;
  readonly validators: Validators;
  readonly counters = new Map<string, number>();
  readonly random: RandomSource;
  readonly verifier: LocatorVerifier;
  readonly admits: (peer: Address) => boolean;
  readonly listener: Shim6Listener;
  constants: Shim6Constants;
  keepaliveTimeout: number | undefined;
  maxContexts: number;
  now: Millis;
  readonly ownSets: OwnSets;
  /** Work that verification costs. */
  readonly verification: Budget;
  /** Answers to strangers. */
  readonly answers: Budget;
  /** Room in the table for contexts that others begin. */
  readonly places = new Places();
  readonly pings = new Pings();
  ownAddresses: ReadonlySet<Address> = new Set();
  #nextId = 1;

  constructor(options: Shim6Options) {
    this.random = options.random;
    this.verifier = options.verifier;
    this.admits = options.admits ?? (() => true);
    this.listener = options.listener;
    this.constants = options.constants;
    this.keepaliveTimeout = options.keepaliveTimeout;
    this.maxContexts = options.maxContexts;
    this.now = options.now;
    this.tags = new TagAllocator(options.random);
    this.ownSets = new OwnSets(options.random, options.verifier, options.firstGeneration);
    this.verification = new Budget(VERIFICATION, options.random, options.now);
    this.answers = new Budget(ANSWERS, options.random, options.now);
    this.validators = new Validators(
      options.random,
      options.constants.validatorMinLifetime,
      options.now,
    );
  }

  count(name: string): void {
    this.counters.set(name, (this.counters.get(name) ?? 0) + 1);
  }

  /**
   * May a stranger begin a context for these ULIDs? Ours must be ours, the peer's must not be, and the peer must be
   * welcome. Counts the reason when not.
   */
  mayBegin(ulids: LocatorPair): boolean {
    if (!this.ownAddresses.has(ulids.local)) this.drop('ulid-not-local');
    else if (this.ownAddresses.has(ulids.peer)) this.drop('ulid-ours');
    else if (!this.admits(ulids.peer)) this.drop('peer-left-alone');
    else return true;
    return false;
  }

  /** Counts a message that is not acted on, under its reason. */
  drop(reason: string): void {
    this.count(`drop-${reason}`);
  }

  /**
   * Creates a context with a fresh tag, or undefined when the table is full. The caller puts it into the table
   * together with its first state.
   */
  newContext(
    ulids: LocatorPair,
    instance: number,
    initiator: boolean,
  ): Omit<Context, 's'> | undefined {
    if (!this.#makeRoom(ulids, initiator)) return undefined;
    return {
      id: this.#nextId++,
      ulids,
      forkedInstanceIdentifier: instance,
      localTag: this.tags.allocate(),
      createdAt: this.now,
      initiator,
      establishedAt: undefined,
      lastActivity: this.now,
      own: this.ownSets.of(ulids.local),
      keepaliveTimeout: undefined,
      used: false,
      pastGenerations: [],
    };
  }

  /** One site may not fill the table, and what nobody uses makes room; counts the reason where neither helps. */
  #makeRoom(ulids: LocatorPair, initiator: boolean): boolean {
    const { size } = this.table;
    const max = this.maxContexts;
    if (!initiator && size >= max / 2 && this.places.taken(ulids.peer) >= max / SITE_SHARE) {
      this.drop('context-limit-site');
      return false;
    }
    if (size < max) return true;
    const unused = this.places.oldestUnused(addMs(this.now, -UNUSED_GRACE));
    if (unused !== undefined) {
      this.count('contexts-evicted');
      this.remove(unused, 'unused');
      return true;
    }
    this.drop('context-limit');
    this.listener.event('limit', undefined, { contexts: size, peer: ulids.peer });
    return false;
  }

  /** A context that a peer began, with its first state. */
  admit(context: Context): void {
    this.table.add(context);
    if (!context.initiator) this.places.add(context);
  }

  remove(context: Context, reason: string): void {
    this.table.remove(context);
    this.places.remove(context);
    this.tags.free(context.localTag, this.now, addMs(this.now, this.constants.tagHolddown));
    this.listener.removed(context, reason);
  }

  /** Builds, sends and counts one message. One that has grown too large is dropped: no peer may stop our timers. */
  send(pair: LocatorPair, message: ControlMessage, context?: Context): void {
    const packet = packetOf(pair, message);
    if (!packet) return this.drop('too-large');
    this.count(`sent-${message.message}`);
    this.listener.send(packet);
    if (context && message.message !== 'keepalive' && message.message !== 'probe') {
      this.listener.controlSent(context);
    }
  }

  /** Sends the Error message the RFC asks for; never about an Error message (nothing would end that). */
  sendError(received: Received, errorCode: number, pointer: number): void {
    if (received.message.message === 'error') return;
    if (!this.answers.spend(1, received.source, this.now)) return this.drop('error-limited');
    const pair = { local: received.destination, peer: received.source };
    this.send(pair, errorFor(received.packet, received.offset, errorCode, pointer));
  }

  /** When to repeat: binary backoff, then a uniform draw from 0.5 to 1.5 of it (RFC 5533 §14). */
  retryAt(nominal: number, retries: number, max = Infinity): Millis {
    const backedOff = Math.min(max, nominal * 2 ** retries);
    return addMs(this.now, backedOff * (0.5 + this.random.uniform()));
  }

  /** ULID Pair where the packet's addresses do not say it, and the Forked Instance Identifier (RFC 5533 §7.7). */
  identifying(context: Context, pair: LocatorPair): Shim6Option[] {
    const options: Shim6Option[] = [];
    if (!samePair(pair, context.ulids)) {
      options.push({
        option: 'ulidPair',
        senderUlid: context.ulids.local,
        receiverUlid: context.ulids.peer,
      });
    }
    if (context.forkedInstanceIdentifier !== 0) {
      options.push({
        option: 'forkedInstanceIdentifier',
        forkedInstanceIdentifier: context.forkedInstanceIdentifier,
      });
    }
    return options;
  }

  /** Our list, its proof, preferences where they say something, and our keepalive wish (RFC 5533 §7.11, §7.14). */
  describing(context: Context): Shim6Option[] {
    const { generation, locators, proof } = context.own;
    const options: Shim6Option[] = [
      {
        option: 'locatorList',
        generation,
        locators: locators.map((l, i) => ({ address: l.address, method: proof.methods[i] ?? 0 })),
      },
    ];
    if (locators.some(({ preference: p }) => p.flags !== 0 || p.priority !== 0 || p.weight !== 0)) {
      options.push({
        option: 'locatorPreferences',
        generation,
        elementLength: 3,
        elements: locators.map((l) => l.preference),
      });
    }
    if (proof.parameters) {
      options.push({ option: 'cgaParameterDataStructure', parameters: proof.parameters });
    }
    if (proof.signature) options.push({ option: 'cgaSignature', signature: proof.signature });
    if (this.keepaliveTimeout !== undefined) {
      // Whole seconds on the wire; rounding up would let the peer be slower than we wait.
      const seconds = Math.max(1, Math.min(0xffff, Math.floor(this.keepaliveTimeout / 1000)));
      options.push({ option: 'keepaliveTimeout', keepaliveTimeout: seconds });
    }
    return options;
  }

  /**
   * RFC 5533 §7.15: after CT(peer) was learnt, no other context with that tag may share a locator with this one: its
   * peer has forgotten it. A key can sign for anybody's address: that such a locator is its own no signature shows, and
   * nobody shall end the contexts of others with one.
   */
  resolveConfusion(context: Contacted): void {
    const { locators } = context.s.peer;
    const mine = new Set<Address>(
      locators
        .filter((l) => l.method !== VERIFICATION_METHOD.cga || l.address === context.ulids.peer)
        .map((l) => l.address),
    );
    for (const other of this.table.byPeerTag(context.s.peerTag)) {
      if (other === context || !isContacted(other)) continue;
      if (!other.s.peer.locators.some((l) => mine.has(l.address))) continue;
      this.count('confusions');
      this.listener.event('confused', other, { replacedBy: context.ulids.peer });
      this.remove(other, 'context-confusion');
    }
  }
}

/** Undefined when the message does not fit into 1280 octets (RFC 5533 §5.1): what a peer wants repeated may be long. */
function packetOf(pair: LocatorPair, message: ControlMessage): Uint8Array | undefined {
  try {
    return buildControlPacket(pair.local, pair.peer, message);
  } catch (error) {
    if (error instanceof WireError && error.code === 'REHOME_E_TOO_LARGE') return undefined;
    throw error;
  }
}

/** May this message be sent at all? To be asked before a context relies on it. */
export const fits = (pair: LocatorPair, message: ControlMessage): boolean =>
  packetOf(pair, message) !== undefined;

/** Is there a deadline, and has it come? */
export const due = (at: Millis | undefined, now: Millis): boolean => at !== undefined && at <= now;

/** Asked for after every packet of every context: no arrays. */
export const earliest = (
  a: Millis | undefined,
  b: Millis | undefined,
  c?: Millis | undefined,
): Millis | undefined => {
  let first = a;
  if (b !== undefined && (first === undefined || b < first)) first = b;
  if (c !== undefined && (first === undefined || c < first)) first = c;
  return first;
};
