import { isMulticast, isUnspecified, type Address, type LocatorPair } from '../wire/address.js';
import { parseIpv6, shim6Offset } from '../wire/ipv6.js';
import {
  decodeControl,
  decodePayloadHeader,
  isPayloadHeader,
  type ControlMessage,
} from '../wire/shim6/index.js';
import { addMs, type ContextTag, type Millis } from '../wire/units.js';
import { Core, due, earliest, type Received, type Shim6Options } from './core.js';
import {
  IDLE,
  isContacted,
  knowsOwnLocator,
  knowsPeerLocator,
  type Contacted,
  type Context,
  type Idle,
  type LiveState,
  type OwnLocator,
} from './context.js';
import { onI1, onI2, onR1, onR2, retryI1, retryI2, sendI2, start } from './establish.js';
import { onError, onIcmp, type IcmpVerdict } from './errors.js';
import { onI2bis, onR1bis, R1bisLimiter, retryI2bis, sendI2bis, sendR1bis } from './recover.js';
import type { Refusal } from './refusals.js';
import { onUpdateAcknowledgement, onUpdateRequest, retryUpdate, tellOwnSet } from './update.js';

/**
 * RFC 5533 for one host: all its contexts, without clock, randomness or sockets of its own. Every call passes the
 * time; everything it wants done goes to the listener.
 */
export class Shim6 {
  readonly #core: Core;
  readonly #limiter = new R1bisLimiter();
  /** Contexts that may not have been told our newest locators, the last one first. */
  #toTell: Context[] = [];

  constructor(options: Shim6Options) {
    this.#core = new Core(options);
  }

  get size(): number {
    return this.#core.table.size;
  }
  contexts(): Iterable<Context> {
    return this.#core.table.values();
  }
  context(id: number): Context | undefined {
    return this.#core.table.byId(id);
  }
  byUlids(ulids: LocatorPair, instance = 0): Context | undefined {
    return this.#core.table.byUlids(ulids, instance);
  }
  /** The state of a ULID pair, of all seven (RFC 5533 §6.2). */
  stateOf(ulids: LocatorPair, instance: number, now: Millis): Idle | LiveState | Refusal {
    return this.byUlids(ulids, instance)?.s ?? this.#core.refusals.get(ulids.peer, now) ?? IDLE;
  }
  byLocalTag(tag: ContextTag): Context | undefined {
    return this.#core.table.byLocalTag(tag);
  }
  withPeer(address: Address): readonly Context[] {
    return this.#core.table.withPeer(address);
  }
  refusals(): readonly Refusal[] {
    return this.#core.refusals.values();
  }
  counters(): ReadonlyMap<string, number> {
    return this.#core.counters;
  }
  drop(reason: string): void {
    this.#core.drop(reason);
  }

  configure(options: Pick<Shim6Options, 'constants' | 'keepaliveTimeout' | 'maxContexts'>): void {
    this.#core.constants = options.constants;
    this.#core.keepaliveTimeout = options.keepaliveTimeout;
    this.#core.maxContexts = options.maxContexts;
  }

  /**
   * Our locators, for contexts to come. Those there are have to be told, by Update Request: by `tellNext`, or at once,
   * everything again, where `always` says so.
   */
  setOwnLocators(locators: readonly OwnLocator[], now: Millis, always = false): void {
    this.#core.now = now;
    this.#core.ownAddresses = new Set(locators.map((l) => l.address));
    const ulids = new Set([...this.contexts()].map((c) => c.ulids.local));
    const { ownSets } = this.#core;
    ownSets.set(locators, ulids);
    if (always) for (const ulid of ulids) ownSets.renew(ulid);
    this.#toTell = [...this.contexts()].reverse();
    if (always) this.tellNext(Infinity, now);
  }

  get hasMoreToTell(): boolean {
    return this.#toTell.length > 0;
  }

  /** Tells peers of up to `count` contexts what they have not been told yet; returns these contexts. */
  tellNext(count: number, now: Millis): readonly Context[] {
    const core = this.#core;
    core.now = now;
    const told: Context[] = [];
    while (told.length < count) {
      const context = this.#toTell.pop();
      if (context === undefined) break;
      if (this.context(context.id) !== context) continue;
      const own = core.ownSets.of(context.ulids.local);
      if (own === context.own) continue;
      tellOwnSet(core, context, own);
      told.push(context);
    }
    return told;
  }

  /** Payload of the context was seen. */
  used(context: Context): void {
    if (context.used) return;
    context.used = true;
    this.#core.places.used(context);
  }

  /** Begins establishment (§7.7); undefined when the table is full. */
  establish(ulids: LocatorPair, instance: number, now: Millis): Context | undefined {
    this.#core.now = now;
    return start(this.#core, ulids, instance);
  }

  /** REAP moved the context to another pair. */
  setPair(context: Contacted, pair: LocatorPair): void {
    this.#core.table.transition(context, { ...context.s, pair });
  }

  /** Asks whether `pair` works; the listener's `pong` is the answer. */
  ping(context: Contacted, pair: LocatorPair, now: Millis): void {
    this.#core.now = now;
    this.#core.pings.send(this.#core, context, pair);
  }

  /** §9: unilaterally and without a word. */
  remove(context: Context, reason: string, now: Millis): void {
    this.#core.now = now;
    this.#core.remove(context, reason);
  }

  /** A packet of protocol 140: control, or payload that the data path has no context for. */
  receive(packet: Uint8Array, now: Millis): void {
    const core = this.#core;
    core.now = now;
    const ip = parseIpv6(packet);
    if (!ip.ok) return core.drop(ip.reason);
    const { source, destination } = ip.header;
    // §12.3
    if ([source, destination].some((a) => isMulticast(a) || isUnspecified(a))) {
      return core.drop('not-unicast');
    }
    const offset = shim6Offset(packet);
    if (offset === undefined) return core.drop('not-shim6');
    const bytes = packet.subarray(offset, ip.end);
    if (isPayloadHeader(bytes)) return this.#payload(bytes, source, destination);
    const decoded = decodeControl(bytes);
    if (!decoded.ok) {
      core.drop(decoded.reason);
      if (decoded.reply) {
        const { errorCode, pointer } = decoded.reply;
        const about = { message: undecoded, source, destination, packet, offset };
        core.sendError(about, errorCode, pointer);
      }
      return;
    }
    core.count(`received-${decoded.message.message}`);
    this.#dispatch({ message: decoded.message, source, destination, packet, offset });
  }

  icmp(packet: Uint8Array, now: Millis): IcmpVerdict {
    this.#core.now = now;
    return onIcmp(this.#core, packet);
  }

  /** Repeats what has waited long enough; ends what nobody uses. */
  tick(context: Context, now: Millis): void {
    const core = this.#core;
    core.now = now;
    const s = context.s;
    if (s.state !== 'ESTABLISHED' && due(s.retryAt, now)) {
      if (s.state === 'I1-SENT') retryI1(core, context, s);
      else if (s.state === 'I2-SENT') retryI2(core, context, s);
      else retryI2bis(core, context, s);
    }
    // What is due is done, all of it, or the deadline would stay behind.
    if (isContacted(context) && due(context.s.update?.retryAt, now)) retryUpdate(core, context);
    if (isContacted(context) && due(this.#idleEnd(context), now)) core.remove(context, 'idle');
  }

  deadline(context: Context): Millis | undefined {
    const retry = context.s.state === 'ESTABLISHED' ? undefined : context.s.retryAt;
    if (!isContacted(context)) return retry;
    return earliest(retry, context.s.update?.retryAt, this.#idleEnd(context));
  }

  /** §9 */
  #idleEnd(context: Context): Millis {
    return addMs(context.lastActivity, this.#core.constants.idleTeardown);
  }

  /** §12.2, for payload whose tag the data path does not know. */
  #payload(bytes: Uint8Array, source: Address, destination: Address): void {
    const core = this.#core;
    const decoded = decodePayloadHeader(bytes);
    if (!decoded.ok) return core.drop(decoded.reason);
    const tag = decoded.header.receiverContextTag;
    core.count('received-payload-unknown');
    const context = core.table.byLocalTag(tag);
    if (!context) return this.#unknown(tag, source, destination);
    if (context.s.state === 'I1-SENT') return core.drop('payload-i1-sent');
    if (context.s.state === 'I2-SENT') return sendI2(core, context, context.s);
    if (!knowsPeerLocator(context.s.peer, source)) return core.drop('payload-foreign-source');
    // The data path was told of this context just now: the packet was on its way up already.
    core.drop('payload-late');
  }

  /** §7.17: whoever sends it may have a context that we have lost, or guess. */
  #unknown(tag: ContextTag, source: Address, destination: Address): void {
    this.#core.count('unknown-tag');
    sendR1bis(this.#core, this.#limiter, tag, source, destination);
  }

  /** §12.4 */
  #dispatch(received: Received): void {
    const core = this.#core;
    const { message } = received;
    switch (message.message) {
      case 'i1':
        return onI1(core, { ...received, message });
      case 'r1':
        return onR1(core, { ...received, message });
      case 'i2':
        return onI2(core, { ...received, message });
      case 'r2':
        return onR2(core, { ...received, message });
      case 'r1bis':
        return onR1bis(core, { ...received, message });
      case 'i2bis':
        return onI2bis(core, { ...received, message });
      case 'error':
        return onError(core, { ...received, message });
      default:
        return this.#inContext({ ...received, message });
    }
  }

  /** Update, Keepalive and Probe: by CT(local), and only between known locators. */
  #inContext(received: Received<InContext>): void {
    const core = this.#core;
    const { message, source, destination } = received;
    const tag = message.receiverContextTag;
    const context = core.table.byLocalTag(tag);
    if (!context) return this.#unknown(tag, source, destination);
    if (context.s.state === 'I1-SENT') return core.drop(`${message.message}-i1-sent`);
    if (context.s.state === 'I2-SENT') {
      // §10.4, §10.5: the peer has the context, our R2 was lost. Without CT(peer) there is no more to do yet.
      core.drop(`${message.message}-i2-sent`);
      return sendI2(core, context, context.s);
    }
    if (!isContacted(context)) return;
    if (!knowsPeerLocator(context.s.peer, source) || !knowsOwnLocator(context, destination)) {
      core.drop('foreign-locator');
      return sendR1bis(core, this.#limiter, tag, source, destination);
    }
    context.lastActivity = core.now;
    if (message.message === 'keepalive' || message.message === 'probe') {
      // RFC 5534 §5.1 has them valid in ESTABLISHED only; but then one forged R1bis would end failure detection.
      const { s } = context;
      if (s.state === 'I2BIS-SENT') core.table.transition(context, { ...s, named: true });
      return core.listener.reap(context, { ...received, message });
    }
    if (context.s.state === 'I2BIS-SENT') sendI2bis(core, context, context.s);
    if (message.message === 'updateRequest')
      onUpdateRequest(core, context, { ...received, message });
    else onUpdateAcknowledgement(core, context, { ...received, message });
  }
}

type InContext = Extract<ControlMessage, { receiverContextTag: ContextTag }>;

/** Stands for a message that could not be read, where only its packet matters. */
const undecoded: ControlMessage = {
  message: 'keepalive',
  receiverContextTag: 0 as ContextTag,
  options: [],
};
