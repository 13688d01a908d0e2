import { HostEngine } from '../../src/engine/host.js';
import type {
  ContextView,
  Effect,
  EngineConfig,
  EngineEvent,
  LivenessSample,
  LocalLocator,
} from '../../src/engine/types.js';
import { setU16 } from '../../src/wire/bytes.js';
import { internetChecksum } from '../../src/wire/checksum.js';
import { parseAddress, type Address, type LocatorPair } from '../../src/wire/address.js';
import { buildIpv6, parseIpv6 } from '../../src/wire/ipv6.js';
import {
  buildControlPacket,
  decodeControl,
  encodeControl,
  encodePayloadHeader,
  findOption,
  SHIM6_PROTOCOL,
  type ControlMessage,
  type MessageName,
  type MessageOf,
  type OptionName,
  type OptionOf,
  type Shim6Option,
} from '../../src/wire/shim6/index.js';
import { contextTag, ms, type ContextTag, type Millis } from '../../src/wire/units.js';
import { locator, seeded, testConfig } from '../support/engines.js';

/**
 * One engine, and a peer that is no engine: the test says every message of the peer itself, from the RFC, and looks at
 * every message of the engine. H are the engine's addresses, P the peer's.
 */
export const H = ['2001:db8:a1::1', '2001:db8:a2::1', '2001:db8:a3::1'].map(parseAddress);
export const P = ['2001:db8:b1::1', '2001:db8:b2::1', '2001:db8:b3::1'].map(parseAddress);
/** Somebody who is neither. */
export const X = parseAddress('2001:db8:e::1');
export const [H0, H1, H2] = H as [Address, Address, Address];
export const [P0, P1, P2] = P as [Address, Address, Address];
export const NONE = 254;
export const TAG = contextTag(0x123456789abc);
export const OTHER_TAG = contextTag(0x0fedcba98765);

export interface Sent<M = ControlMessage> {
  readonly at: Millis;
  readonly source: Address;
  readonly destination: Address;
  readonly message: M;
  readonly packet: Uint8Array;
}
export type SentOf<N extends MessageName> = Sent<MessageOf<N>>;

/** Those of one kind. */
export const only = <N extends MessageName>(sent: readonly Sent[], name: N): SentOf<N>[] =>
  sent.flatMap((s) => (isMessage(s.message, name) ? [{ ...s, message: s.message }] : []));
const isMessage = <N extends MessageName>(m: ControlMessage, name: N): m is MessageOf<N> =>
  m.message === name;

export const list = (generation: number, addresses: readonly Address[] = P): Shim6Option => ({
  option: 'locatorList',
  generation,
  locators: addresses.map((address) => ({ address, method: NONE })),
});
export const preferences = (
  generation: number,
  flags: readonly number[],
  more: { priority?: number; weight?: number } = {},
): Shim6Option => ({
  option: 'locatorPreferences',
  generation,
  elementLength: 3,
  elements: flags.map((f) => ({ flags: f, priority: 0, weight: 0, ...more })),
});
export const ulidPair = (senderUlid: Address, receiverUlid: Address): Shim6Option => ({
  option: 'ulidPair',
  senderUlid,
  receiverUlid,
});
export const fork = (forkedInstanceIdentifier: number): Shim6Option => ({
  option: 'forkedInstanceIdentifier',
  forkedInstanceIdentifier,
});

/** The option of that name; a test that needs it fails without it. */
export function option<N extends OptionName>(message: ControlMessage, name: N): OptionOf<N> {
  const found = message.message === 'error' ? undefined : findOption(message, name);
  if (!found) throw new Error(`${message.message} has no ${name}`);
  return found;
}
export const has = (message: ControlMessage, name: OptionName): boolean =>
  message.message !== 'error' && findOption(message, name) !== undefined;

/** Shim6 octets as a packet, with a checksum that is right unless `damaged`. */
export function raw(
  source: Address,
  destination: Address,
  octets: Uint8Array,
  damaged = false,
): Uint8Array {
  const out = octets.slice();
  setU16(out, 4, 0);
  const length = Math.min(out.length, 8 * ((out[1] ?? 0) + 1));
  setU16(out, 4, internetChecksum(out, 0, length) ^ (damaged ? 1 : 0));
  return buildIpv6({ source, destination, nextHeader: SHIM6_PROTOCOL, payload: out });
}
export const octetsOf = (message: ControlMessage): Uint8Array => encodeControl(message);

export const payloadPacket = (
  source: Address,
  destination: Address,
  receiverContextTag: ContextTag,
): Uint8Array =>
  buildIpv6({
    source,
    destination,
    nextHeader: SHIM6_PROTOCOL,
    payload: Uint8Array.of(
      ...encodePayloadHeader({ message: 'payload', nextHeader: 17, receiverContextTag }),
      ...new Uint8Array(16),
    ),
  });

export class Puppet {
  now: Millis = ms(1_000_000);
  readonly engine: HostEngine;
  readonly config: EngineConfig;
  readonly events: EngineEvent[] = [];
  readonly effects: Effect[] = [];
  /** Everything the engine ever sent. */
  readonly all: Sent[] = [];
  #taken = 0;
  #sample: LivenessSample = {
    sentPackets: 0,
    receivedPackets: 0,
    lastSent: undefined,
    lastReceived: undefined,
    unansweredSince: undefined,
    owedSince: undefined,
  };

  constructor(overrides: Partial<EngineConfig> = {}, seed = 1, locators: LocalLocator[] = own()) {
    const random = seeded(seed);
    this.config = testConfig(overrides);
    this.engine = new HostEngine({ config: this.config, random, now: this.now });
    this.do(this.engine.setLocalLocators(locators, this.now));
  }

  /** Carries out effects: remembers them. */
  do(effects: readonly Effect[]): void {
    for (const e of effects) {
      this.effects.push(e);
      if (e.kind === 'event') this.events.push(e.event);
      if (e.kind === 'send') this.all.push(this.#decode(e.packet));
    }
  }

  #decode(packet: Uint8Array): Sent {
    const ip = parseIpv6(packet);
    if (!ip.ok) throw new Error(`malformed packet: ${ip.reason}`);
    const decoded = decodeControl(packet.subarray(40));
    if (!decoded.ok) throw new Error(`malformed message: ${decoded.reason}`);
    const { source, destination } = ip.header;
    return { at: this.now, source, destination, message: decoded.message, packet };
  }

  /** What the engine sent since it was last asked. */
  heard(): Sent[] {
    const out = this.all.slice(this.#taken);
    this.#taken = this.all.length;
    return out;
  }
  names(): string[] {
    return this.heard().map((s) => s.message.message);
  }
  /** The one message that was sent since it was last asked, of that kind. */
  one<N extends MessageName>(name: N): SentOf<N> {
    const out = this.heard();
    const [first] = only(out, name);
    if (out.length !== 1 || !first) {
      const names = out.map((s) => s.message.message).join(', ');
      throw new Error(`expected one ${name}, heard ${names}`);
    }
    return first;
  }
  last<N extends MessageName>(name: N): SentOf<N> {
    const found = only(this.all, name).at(-1);
    if (!found) throw new Error(`no ${name} was sent`);
    return found;
  }

  /** The peer says something, from P0 to H0 unless told otherwise. */
  say(message: ControlMessage, source = P0, destination = H0): this {
    return this.packet(buildControlPacket(source, destination, message));
  }
  packet(packet: Uint8Array): this {
    this.do(this.engine.receive(packet, this.now));
    return this;
  }
  /** Time passes; every deadline on the way is kept. */
  pass(duration: number): this {
    const until = this.now + duration;
    for (;;) {
      const next = this.engine.nextDeadline();
      if (next === undefined || next > until) break;
      this.now = ms(Math.max(this.now, next));
      this.do(this.engine.tick(this.now));
    }
    this.now = ms(until);
    return this;
  }

  get view(): ContextView | undefined {
    return this.engine.contexts()[0];
  }
  get state(): ContextView['state'] | undefined {
    return this.view?.state;
  }
  get localTag(): ContextTag {
    const tag = this.view?.localTag;
    if (tag === undefined) throw new Error('no context');
    return tag;
  }
  context(local: Address, peer: Address, instance = 0): ContextView | undefined {
    return this.engine
      .contexts()
      .find(
        (c) =>
          c.ulids.local === local &&
          c.ulids.peer === peer &&
          c.forkedInstanceIdentifier === instance,
      );
  }
  counter(name: string): number {
    return this.engine.counters()[name] ?? 0;
  }
  binding() {
    const last = this.effects.filter((e) => e.kind === 'install' || e.kind === 'update').at(-1);
    return last && 'binding' in last ? last.binding : undefined;
  }

  /** The engine asks for a context: I1-SENT, the I1 not yet taken. */
  start(instance = 0, ulids: LocatorPair = { local: H0, peer: P0 }): this {
    this.do(this.engine.establish(ulids, this.now, instance));
    return this;
  }
  /** ... and gets an R1: I2-SENT. */
  toI2Sent(instance = 0): this {
    this.start(instance);
    const { message } = this.one('i1');
    return this.say(r1(message.initiatorNonce));
  }
  /** ... and an R2: ESTABLISHED, as initiator. */
  initiated(options: readonly Shim6Option[] = [list(7)], tag = TAG): this {
    this.toI2Sent();
    const { message } = this.one('i2');
    return this.say({
      message: 'r2',
      responderContextTag: tag,
      initiatorNonce: message.initiatorNonce,
      options,
    });
  }
  /** The peer asks: an I1, the R1 taken, the I2 as it would be sent. */
  r1For(
    tag: ContextTag,
    options: readonly Shim6Option[] = [],
    source = P0,
    destination = H0,
  ): SentOf<'r1'> {
    this.heard();
    this.say(
      { message: 'i1', initiatorContextTag: tag, initiatorNonce: 0x11111111, options },
      source,
      destination,
    );
    return this.one('r1');
  }
  /** ESTABLISHED, as responder. */
  responded(options: readonly Shim6Option[] = [list(7)], tag = TAG): this {
    const answer = this.r1For(tag);
    this.say(i2(answer, tag, options));
    this.one('r2');
    return this;
  }
  /** From ESTABLISHED: the peer claims to have lost the context; the I2bis not yet taken. */
  toI2bisSent(source = P0, destination = H0, tag = TAG): this {
    this.heard();
    return this.say(r1bis(tag), source, destination);
  }

  /** Payload of the only context, as a data path would have counted it. */
  payload(what: 'sent' | 'received'): this {
    const context = this.view;
    if (!context) throw new Error('no context');
    const s = this.#sample;
    this.#sample =
      what === 'sent'
        ? {
            ...s,
            sentPackets: s.sentPackets + 1,
            lastSent: this.now,
            unansweredSince: s.unansweredSince ?? this.now,
            owedSince: undefined,
          }
        : {
            ...s,
            receivedPackets: s.receivedPackets + 1,
            lastReceived: this.now,
            owedSince: s.owedSince ?? this.now,
            unansweredSince: undefined,
          };
    this.do(this.engine.observe(context.id, this.#sample, this.now));
    return this;
  }
}

export const own = (addresses: readonly Address[] = H): LocalLocator[] =>
  addresses.map((a, i) => locator(a, { ifindex: i + 1, interfaceName: `eth${i}` }));

export const VALIDATOR = Uint8Array.from({ length: 20 }, (_, i) => i + 1);
export const r1 = (initiatorNonce: number): MessageOf<'r1'> => ({
  message: 'r1',
  initiatorNonce,
  responderNonce: 0x22222222,
  options: [{ option: 'responderValidator', validator: VALIDATOR }],
});
export const r1bis = (packetContextTag: ContextTag): MessageOf<'r1bis'> => ({
  message: 'r1bis',
  packetContextTag,
  responderNonce: 0x33333333,
  options: [{ option: 'responderValidator', validator: VALIDATOR }],
});
/** The I2 that answers an R1 of the engine. */
export const i2 = (
  answer: SentOf<'r1'>,
  initiatorContextTag: ContextTag,
  options: readonly Shim6Option[] = [list(7)],
): MessageOf<'i2'> => ({
  message: 'i2',
  initiatorContextTag,
  initiatorNonce: 0x44444444,
  responderNonce: answer.message.responderNonce,
  options: [option(answer.message, 'responderValidator'), ...options],
});
/** The I2bis that answers an R1bis of the engine. */
export const i2bis = (
  answer: SentOf<'r1bis'>,
  initiatorContextTag: ContextTag,
  options: readonly Shim6Option[] = [list(7)],
): MessageOf<'i2bis'> => ({
  message: 'i2bis',
  initiatorContextTag,
  initiatorNonce: 0x55555555,
  responderNonce: answer.message.responderNonce,
  packetContextTag: answer.message.packetContextTag,
  options: [option(answer.message, 'responderValidator'), ...options],
});
