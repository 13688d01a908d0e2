import { describe, expect, it } from 'vitest';
import { noVerification } from '../../src/identity/verifier.js';
import { FAST } from '../../src/reap/constants.js';
import { RFC5533 } from '../../src/shim6/constants.js';
import { isContacted, type Contacted } from '../../src/shim6/context.js';
import { Shim6 } from '../../src/shim6/shim6.js';
import { pairKey, parseAddress, type Address, type LocatorPair } from '../../src/wire/address.js';
import { parseIpv6 } from '../../src/wire/ipv6.js';
import { buildControlPacket, decodeControl, type MessageOf } from '../../src/wire/shim6/index.js';
import { ms, type ContextTag } from '../../src/wire/units.js';
import { seeded, testConfig, Wire, type Crossed, type TestHost } from '../support/engines.js';

const A = ['2001:db8:a1::1', '2001:db8:a2::1'].map(parseAddress);
const B = ['2001:db8:b1::1', '2001:db8:b2::1'].map(parseAddress);
const at = (list: readonly Address[], i: number): Address => list[i] ?? parseAddress('::');
const fast = testConfig({ profile: 'fast', reap: FAST, strategy: 'informed' });

const ping = (tag: ContextTag, requestNonce: number): MessageOf<'updateRequest'> => ({
  message: 'updateRequest',
  receiverContextTag: tag,
  requestNonce,
  options: [],
});

describe('who is pinged', () => {
  function asked(): { wire: Wire; b: TestHost; tag: ContextTag; from: number } {
    const wire = new Wire();
    const a = wire.add('A', A);
    const b = wire.add('B', B);
    wire.establish(a, b);
    return { wire, b, tag: b.context()?.localTag as ContextTag, from: wire.crossed.length };
  }
  const answers = (wire: Wire, from: number): string[] =>
    wire.crossed.slice(from).map(({ message, source, destination }) => {
      const nonce = 'requestNonce' in message ? message.requestNonce : '';
      return `${message.message} ${nonce} ${source}>${destination}`;
    });

  it('answers once, with the nonce, over the pair that both use [RFC5533 §10.4]', () => {
    const { wire, tag, from } = asked();
    wire.inject(buildControlPacket(at(A, 0), at(B, 0), ping(tag, 77)));
    wire.pass(10);
    expect(answers(wire, from)).toEqual([`updateAcknowledgement 77 ${at(B, 0)}>${at(A, 0)}`]);
  });

  it('over its own pair and over the one the ping came by, where these differ', () => {
    const { wire, tag, from } = asked();
    wire.inject(buildControlPacket(at(A, 1), at(B, 1), ping(tag, 78)));
    wire.pass(10);
    expect(answers(wire, from)).toEqual([
      `updateAcknowledgement 78 ${at(B, 0)}>${at(A, 0)}`,
      `updateAcknowledgement 78 ${at(B, 1)}>${at(A, 1)}`,
    ]);
  });

  it('changes nothing, and owes nothing: REAP takes it for no payload', () => {
    const { wire, b, tag } = asked();
    const before = {
      view: b.context(),
      deadline: b.engine.nextDeadline(),
      events: b.events.length,
    };
    for (const [i, j] of [
      [0, 0],
      [1, 1],
      [1, 0],
    ] as const) {
      wire.inject(buildControlPacket(at(A, i), at(B, j), ping(tag, 5 + i + 2 * j)));
    }
    wire.pass(10);
    expect(b.engine.counters()['sent-updateAcknowledgement']).toBe(3 + 2);
    expect({ ...b.context(), lastActivity: before.view?.lastActivity }).toEqual(before.view);
    expect(b.engine.nextDeadline()).toBe(before.deadline);
    expect(b.events.length).toBe(before.events);
  });

  it('goes on exploring: that a ping came says nothing of the pair that payload takes', () => {
    const { wire, b, tag } = asked();
    wire.lose = () => true;
    wire.run(b, b.engine.explore(at(A, 0), wire.now));
    wire.pass(50);
    wire.inject(buildControlPacket(at(A, 1), at(B, 1), ping(tag, 79)));
    wire.pass(10);
    expect(b.context()?.reap?.state).toBe('exploring');
    // A request that brings something is heard.
    const update = wire.crossed.find((c) => c.from === 'A' && c.message.message === 'i2');
    if (update?.message.message !== 'i2') throw new Error('no I2');
    const options = update.message.options.filter((o) => o.option !== 'responderValidator');
    wire.inject(buildControlPacket(at(A, 1), at(B, 1), { ...ping(tag, 80), options }));
    wire.pass(10);
    expect(b.context()?.reap?.state).toBe('inboundOk');
  });

  it('does not answer from or to a locator that nobody told', () => {
    const { wire, tag, from } = asked();
    wire.inject(buildControlPacket(parseAddress('2001:db8:bad::1'), at(B, 0), ping(tag, 81)));
    wire.pass(10);
    expect(answers(wire, from).filter((m) => m.startsWith('updateAck'))).toEqual([]);
  });
});

describe('who pings', () => {
  const isAnswer = (c: Pick<Crossed, 'from' | 'message'>): boolean =>
    c.from === 'B' && c.message.message === 'updateAcknowledgement';

  /** A has asked B over all pairs; the answers but the first are kept back. */
  function waiting(): { wire: Wire; a: TestHost; answers: Uint8Array[] } {
    const wire = new Wire();
    const a = wire.add('A', A, fast);
    const b = wire.add('B', B);
    const answers: Uint8Array[] = [];
    wire.lose = (c) => isAnswer(c) && answers.push(c.packet) > 1;
    wire.establish(a, b);
    wire.pass(2_000);
    expect(new Set(answers.map(pairOf)).size).toBe(4);
    return { wire, a, answers: answers.slice(1) };
  }
  const pairOf = (packet: Uint8Array): string => {
    const ip = parseIpv6(packet);
    return ip.ok ? `${ip.header.source}>${ip.header.destination}` : '';
  };

  it('measures each pair: its round trip is known before any failure', () => {
    const wire = new Wire();
    const a = wire.add('A', A, fast);
    const b = wire.add('B', B);
    wire.delay = 30;
    wire.establish(a, b);
    wire.pass(3_000);
    const counters = a.engine.counters();
    expect(counters['pings-answered']).toBe(4);
    expect(counters['pings-sent']).toBe(4);
    expect(counters['sent-probe']).toBeUndefined();
    expect(a.context()?.reap?.state).toBe('operational');
  });

  it('starts no send timer: nobody owes an answer to a question over a dead pair', () => {
    const { wire, a } = waiting();
    wire.pass(60_000);
    expect(a.engine.counters()['pings-sent']).toBeGreaterThan(4);
    expect(a.engine.counters()['sent-probe']).toBeUndefined();
    expect(a.context()?.reap?.state).toBe('operational');
  });

  it('hears nothing of its own pair from an answer while it explores, also where it comes twice', () => {
    const { wire, a, answers } = waiting();
    wire.lose = () => true;
    wire.run(a, a.engine.explore(at(B, 0), wire.now));
    wire.pass(50);
    for (const packet of answers) wire.inject(packet);
    wire.pass(10);
    const { 'pings-sent': sent = 0, 'pings-answered': answered } = a.engine.counters();
    expect(answered).toBe(sent);
    expect(answers.length).toBeGreaterThan(sent);
    expect(a.context()?.reap?.state).toBe('exploring');
  });

  it('believes no nonce but its own', () => {
    const { wire, a } = waiting();
    const tag = a.context()?.localTag as ContextTag;
    wire.inject(
      buildControlPacket(at(B, 0), at(A, 0), {
        message: 'updateAcknowledgement',
        receiverContextTag: tag,
        requestNonce: 4_711,
        options: [],
      }),
    );
    wire.pass(10);
    const counters = a.engine.counters();
    expect(counters['pings-answered']).toBe(1);
    expect(counters['drop-update-acknowledgement-unexpected']).toBe(1);
  });
});

describe('the table of pings', () => {
  /** Two hosts of nothing but Shim6, with a context for each of our addresses; what A sends is kept. */
  function bare(): {
    a: Shim6;
    b: Shim6;
    contexts: Contacted[];
    sent: Uint8Array[];
    said: string[];
  } {
    const sent: Uint8Array[] = [];
    const said: string[] = [];
    const make = (name: string, send: (packet: Uint8Array) => void): Shim6 =>
      new Shim6({
        constants: RFC5533,
        keepaliveTimeout: undefined,
        maxContexts: 10,
        random: seeded(name.charCodeAt(0)),
        verifier: noVerification,
        now: ms(0),
        listener: {
          send,
          controlSent: () => void said.push(`${name} sent`),
          controlReceived: () => void said.push(`${name} received`),
          contacted: () => undefined,
          lostContact: () => undefined,
          removed: () => undefined,
          rescheduled: () => undefined,
          reap: () => undefined,
          pong: (_context, pair, rtt) => void said.push(`${name} pong ${pairKey(pair)} ${rtt}`),
          pinged: () => undefined,
          peerLocatorsChanged: () => undefined,
          event: () => undefined,
        },
      });
    const a: Shim6 = make('A', (packet) => void sent.push(packet));
    const b: Shim6 = make('B', (packet) => a.receive(packet, ms(5)));
    const own = (addresses: readonly Address[]) =>
      addresses.map((address) => ({ address, preference: { flags: 0, priority: 0, weight: 0 } }));
    a.setOwnLocators(own(A), ms(0));
    b.setOwnLocators(own(B), ms(0));
    const contexts = A.flatMap((local) => {
      const context = a.establish({ local, peer: at(B, 0) }, 0, ms(0));
      while (sent.length > 0) b.receive(sent.shift() ?? new Uint8Array(), ms(0));
      return context && isContacted(context) ? context : [];
    });
    expect(contexts).toHaveLength(2);
    said.length = 0;
    return { a, b, contexts, sent, said };
  }
  const PAIR: LocatorPair = { local: at(A, 1), peer: at(B, 1) };

  it('remembers over which pair and when, and REAP is told of no payload at either end', () => {
    const { a, b, contexts, sent, said } = bare();
    a.ping(contexts[0] as Contacted, PAIR, ms(2));
    expect(sent).toHaveLength(1);
    b.receive(sent[0] ?? new Uint8Array(), ms(4));
    expect(said).toEqual([`A pong ${pairKey(PAIR)} 3`]);
  });

  it('takes an answer only in the context that asked', () => {
    const { a, contexts, sent, said } = bare();
    a.ping(contexts[0] as Contacted, PAIR, ms(2));
    const decoded = decodeControl((sent[0] ?? new Uint8Array()).subarray(40));
    if (!decoded.ok || decoded.message.message !== 'updateRequest') throw new Error('no ping');
    const { requestNonce } = decoded.message;
    for (const [context, pongs] of [
      [contexts[1], 0],
      [contexts[0], 1],
    ] as const) {
      const packet = buildControlPacket(at(B, 0), at(A, 0), {
        message: 'updateAcknowledgement',
        receiverContextTag: (context as Contacted).localTag,
        requestNonce,
        options: [],
      });
      a.receive(packet, ms(9));
      expect(said.filter((s) => s.startsWith('A pong'))).toHaveLength(pongs);
    }
  });

  it('holds 4,096: of more, the oldest is forgotten', () => {
    const { a, b, contexts, sent, said } = bare();
    for (let i = 0; i <= 4_096; i++) a.ping(contexts[0] as Contacted, PAIR, ms(2));
    const pongs = (i: number): number => {
      b.receive(sent[i] ?? new Uint8Array(), ms(4));
      return said.filter((s) => s.startsWith('A pong')).length;
    };
    expect(pongs(0)).toBe(0);
    expect(pongs(1)).toBe(1);
    expect(pongs(4_096)).toBe(2);
  });
});
