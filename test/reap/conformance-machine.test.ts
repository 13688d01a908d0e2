import { describe, expect, it } from 'vitest';
import { buildIcmpError } from '../../src/wire/icmpv6.js';
import type { MessageOf, ProbeReport, ProbeState } from '../../src/wire/shim6/index.js';
import {
  H0,
  H1,
  H2,
  list,
  only,
  P0,
  P1,
  P2,
  payloadPacket,
  Puppet,
  TAG,
  X,
  type SentOf,
} from '../conformance/puppet.js';
import { TABLE, type Event } from './section6.js';

/** RFC 5534 §6: the state machine, event by event, seen from the wire. */

const quiet = (seed = 1): Puppet => {
  const p = new Puppet({}, seed).initiated([list(7)]).pass(90_000);
  p.heard();
  return p;
};
const keepalive = (p: Puppet): MessageOf<'keepalive'> => ({
  message: 'keepalive',
  receiverContextTag: p.localTag,
  options: [],
});
let nonce = 1;
const probe = (
  p: Puppet,
  state: ProbeState,
  received: readonly ProbeReport[] = [],
  source = P0,
  destination = H0,
): MessageOf<'probe'> => ({
  message: 'probe',
  receiverContextTag: p.localTag,
  state,
  sent: [{ source, destination, nonce: nonce++, data: 0x0dada }],
  received,
  options: [],
});
/** The engine's own report of a probe it sent. */
const ownReport = (s: SentOf<'probe'>): ProbeReport => {
  const first = s.message.sent[0];
  if (!first) throw new Error('a probe without a report of itself');
  return first;
};
const stateOf = (p: Puppet): ProbeState | undefined => p.view?.reap?.state;

const into = {
  operational: () => quiet(),
  /** By an unanswered packet. */
  exploring: () => {
    const p = quiet();
    p.payload('sent').pass(15_300);
    expect(stateOf(p)).toBe('exploring');
    p.heard();
    return p;
  },
  /** By a peer that explores. */
  inboundOk: () => {
    const p = quiet();
    p.say(probe(p, 'exploring'));
    expect(stateOf(p)).toBe('inboundOk');
    p.heard();
    return p;
  },
} as const;
const STATES = Object.keys(into) as ProbeState[];
const probes = (p: Puppet): SentOf<'probe'>[] => only(p.heard(), 'probe');

describe('payload', () => {
  it('in, Operational: the Send Timer stops, keepalives begin [RFC5534-6.1-3]', () => {
    const p = into.operational();
    p.payload('sent').pass(14_000).payload('received').pass(100_000);
    const names = p.names();
    expect(names).toContain('keepalive');
    expect(names).not.toContain('probe');
  });

  it('in, Exploring: a Probe that says InboundOk, and InboundOk until it is confirmed [RFC5534-6.1-4] [RFC5534-6.1-1]', () => {
    const p = into.exploring();
    p.payload('received');
    expect(p.one('probe').message.state).toBe('inboundOk');
    expect(stateOf(p)).toBe('inboundOk');
    // Started by it: without any sign of the peer for a Send Timeout, Exploring again.
    p.pass(14_900);
    expect(stateOf(p)).toBe('inboundOk');
    p.pass(500);
    expect(stateOf(p)).toBe('exploring');
  });

  it('in, InboundOk: the Send Timer stops, nothing is sent [RFC5534-6.1-5]', () => {
    const p = into.inboundOk();
    p.pass(14_900);
    p.heard();
    p.payload('received');
    expect(p.names()).toEqual([]);
    expect(stateOf(p)).toBe('inboundOk');
    p.pass(1_000);
    expect(stateOf(p)).toBe('inboundOk');
  });

  it('out, Operational: the Send Timer runs from the first unanswered packet on [RFC5534-6.2-1] [RFC5534-7-3]', () => {
    const p = into.operational();
    const start = p.now;
    for (let s = 0; s < 20 && stateOf(p) === 'operational'; s++) p.payload('sent').pass(1_000);
    const first = probes(p)[0];
    expect((first?.at ?? 0) - start).toBeGreaterThanOrEqual(15_000);
    expect((first?.at ?? 0) - start).toBeLessThanOrEqual(15_300);
  });

  it('out, Exploring: no effect; out, InboundOk: the Send Timer runs [RFC5534-6.2-2]', () => {
    const p = into.exploring();
    p.payload('sent');
    expect(p.names()).toEqual([]);
    expect(stateOf(p)).toBe('exploring');
    const q = into.inboundOk();
    q.payload('received'); // stops it
    q.payload('sent');
    q.pass(15_301);
    expect(stateOf(q)).toBe('exploring');
  });
});

describe('timers', () => {
  it('Send Timer out: Exploring, and a Probe that says so [RFC5534-6.4-1] [RFC5534-6.1-1]', () => {
    const p = into.operational();
    p.payload('sent').pass(15_300);
    expect(p.heard()[0]?.message).toMatchObject({ message: 'probe', state: 'exploring' });
    expect(stateOf(p)).toBe('exploring');
    const q = into.inboundOk();
    q.pass(15_300);
    const last = probes(q);
    expect(last.map((s) => s.message.state)).toContain('exploring');
    expect(stateOf(q)).toBe('exploring');
  });

  it('probing goes on with the state of the sender [RFC5534-6.5-1] [RFC5534-6.1-1]', () => {
    const p = into.exploring();
    p.pass(60_000);
    expect(new Set(probes(p).map((s) => s.message.state))).toEqual(new Set(['exploring']));
    const q = into.inboundOk();
    for (let i = 0; i < 30; i++) q.pass(1_000).say(keepalive(q));
    const sent = probes(q);
    expect(sent.length).toBeGreaterThan(4);
    expect(new Set(sent.map((s) => s.message.state))).toEqual(new Set(['inboundOk']));
    // Each repetition starts the Send Timer again: when the peer falls silent, Exploring.
    q.pass(2 * 15_300 + 60_000 * 1.2);
    expect(stateOf(q)).toBe('exploring');
  });
});

describe('Keepalive', () => {
  it('in Operational: the Send Timer stops [RFC5534-6.6-1]', () => {
    const p = into.operational();
    p.payload('sent').pass(14_900).say(keepalive(p)).pass(60_000);
    expect(p.names()).toEqual([]);
  });

  it('in Exploring: a Probe that says InboundOk, and InboundOk [RFC5534-6.6-2]', () => {
    const p = into.exploring();
    p.say(keepalive(p));
    expect(p.one('probe').message.state).toBe('inboundOk');
    expect(stateOf(p)).toBe('inboundOk');
    p.pass(15_301 + 1);
    expect(stateOf(p)).toBe('exploring');
  });

  it('in InboundOk: the Send Timer stops, nothing is sent [RFC5534-6.6-1]', () => {
    const p = into.inboundOk();
    p.pass(14_900);
    p.heard();
    p.say(keepalive(p));
    expect(p.names()).toEqual([]);
    p.pass(1_000);
    expect(stateOf(p)).toBe('inboundOk');
  });
});

describe('Probe Exploring', () => {
  it.each(STATES)(
    'in %s: a Probe that says InboundOk and reports it [RFC5534-6.7-1] [RFC5534-5.2-4] [RFC5534-5.2-8] [RFC5534-6.1-1]',
    (state) => {
      const p = into[state]();
      const said = probe(p, 'exploring', [], P2, H1);
      p.say(said, P2, H1);
      const answer = p.one('probe').message;
      expect(answer.state).toBe('inboundOk');
      expect(answer.received).toContainEqual(said.sent[0]);
      expect(stateOf(p)).toBe('inboundOk');
      p.pass(14_999);
      expect(stateOf(p)).toBe('inboundOk');
      expect(p.names()).not.toContain('keepalive');
      p.pass(302);
      expect(stateOf(p)).toBe('exploring'); // the Send Timer was started anew
    },
  );

  it('every InboundOk probe reports a received one, also those of the timer [RFC5534-5.2-4]', () => {
    const p = into.exploring();
    p.say(probe(p, 'exploring'));
    for (let i = 0; i < 20; i++) p.pass(1_000).say(keepalive(p));
    const sent = probes(p);
    expect(sent.length).toBeGreaterThan(5);
    for (const s of sent) expect(s.message.received.length).toBeGreaterThanOrEqual(1);
  });

  it('stops the Keepalive Timer [RFC5534-6.7-1]', () => {
    const p = into.operational();
    p.payload('received').say(probe(p, 'exploring')).pass(14_999);
    expect(p.names()).not.toContain('keepalive');
  });
});

describe('Probe InboundOk', () => {
  it.each(STATES)(
    'in %s: a Probe that says Operational, and Operational [RFC5534-6.8-1] [RFC5534-6.1-1]',
    (state) => {
      const p = into[state]();
      p.payload('received');
      p.heard();
      p.say(probe(p, 'inboundOk'));
      expect(p.one('probe').message.state).toBe('operational');
      expect(stateOf(p)).toBe('operational');
      p.pass(14_999);
      expect(p.names()).toEqual([]); // the Keepalive Timer has stopped, too
      p.pass(302);
      expect(probes(p)[0]?.message.state).toBe('exploring'); // the Send Timer was restarted
    },
  );

  it('chooses among the probes that the peer reports [RFC5534-6.8-1]', () => {
    const p = into.exploring();
    p.pass(8_000);
    const sent = probes(p);
    const away = sent.find((s) => s.source !== H0 || s.destination !== P0);
    if (!away) throw new Error('no other pair was probed');
    p.say(
      probe(p, 'inboundOk', [ownReport(away)], away.destination, away.source),
      away.destination,
      away.source,
    );
    expect(p.view?.pair).toEqual({ local: away.source, peer: away.destination });
    expect(p.binding()?.pair).toEqual({ local: away.source, peer: away.destination });
    const answer = p.one('probe');
    expect([answer.source, answer.destination]).toEqual([away.source, away.destination]);
  });

  it('works for pairs that go one way only: each side sends over what the other has seen [RFC5534-6.8-1] [RFC5534-3.3-1]', () => {
    const p = into.exploring();
    p.pass(8_000);
    const out = probes(p).find((s) => s.source !== H0 && s.destination !== P0);
    if (!out) throw new Error('no such pair was probed');
    // Heard over a pair that we do not reach the peer by.
    const [peer, local] = [out.destination === P1 ? P2 : P1, out.source === H1 ? H2 : H1];
    p.say(probe(p, 'inboundOk', [ownReport(out)], peer, local), peer, local);
    expect(p.view?.pair).toEqual({ local: out.source, peer: out.destination });
    expect(stateOf(p)).toBe('operational');
  });

  it('without reports leaves the pair as it is [RFC5534-6.8-2]', () => {
    for (const state of STATES) {
      const p = into[state]();
      p.say(probe(p, 'inboundOk', [], P2, H2), P2, H2);
      expect(p.view?.pair).toEqual({ local: H0, peer: P0 });
      expect(stateOf(p)).toBe('operational');
    }
  });

  it('with reports of probes that we never sent moves nothing [RFC5533-7.2-3] [RFC5534 §6.8]', () => {
    const p = into.exploring();
    p.pass(8_000);
    const [real] = probes(p).filter((s) => s.destination !== P0);
    if (!real) throw new Error('no other locator was probed');
    const report = ownReport(real);
    const forged = [
      { ...report, nonce: (report.nonce ^ 1) >>> 0 },
      { ...report, destination: P0, source: H2 === report.source ? H1 : H2 },
      { ...report, destination: X },
      { source: H1, destination: X, nonce: 1, data: 0 },
    ];
    p.say(probe(p, 'inboundOk', forged));
    expect(p.view?.pair).toEqual({ local: H0, peer: P0 });
  });
});

describe('Probe Operational', () => {
  it.each(STATES)(
    'in %s: Operational, no answer, the Keepalive Timer starts [RFC5534-6.9-1]',
    (state) => {
      const p = into[state]();
      p.payload('sent');
      p.heard();
      p.say(probe(p, 'operational'));
      expect(p.names()).toEqual([]);
      expect(stateOf(p)).toBe('operational');
      p.pass(60_000);
      const names = p.names();
      expect(names).toContain('keepalive');
      expect(names).not.toContain('probe'); // the Send Timer was stopped
    },
  );
});

describe('what moves payload', () => {
  it('is a confirmed pair only: while exploring it keeps the old one [RFC5534-6.9-2] [RFC5533-7.2-3]', () => {
    const p = into.exploring();
    for (let i = 0; i < 60; i++) {
      p.pass(1_000);
      if (i % 7 === 3) p.say(probe(p, 'exploring', [], P1, H1), P1, H1);
      expect(p.view?.pair).toEqual({ local: H0, peer: P0 });
      expect(p.binding()?.pair).toEqual({ local: H0, peer: P0 });
    }
  });

  it('is no ICMPv6 error, of whatever kind, however often [RFC5534-8-1]', () => {
    const p = into.operational();
    for (const quoted of [payloadPacket(H0, P0, TAG), payloadPacket(H0, P1, TAG)]) {
      for (let type = 1; type <= 4; type++) {
        for (let code = 0; code < 8; code++) {
          p.payload('sent').payload('received');
          p.do(
            p.engine.icmp(
              buildIcmpError({ source: X, destination: H0, type, code, invokingPacket: quoted }),
              p.now,
            ),
          );
          p.pass(100);
        }
      }
    }
    expect(p.view?.pair).toEqual({ local: H0, peer: P0 });
    expect(stateOf(p)).toBe('operational');
    expect(p.names()).not.toContain('probe');
  });
});

describe('the state machine as a whole', () => {
  it('does in every state for every event what the tables of section 6 say [RFC5534-6-1]', () => {
    const events = Object.keys(TABLE) as Event[];
    const covered = new Set<string>();
    for (let seed = 1; seed <= 60; seed++) {
      const p = seed % 2 === 0 ? into.exploring() : into.operational();
      let x = seed;
      for (let i = 0; i < 40; i++) {
        x = (x * 48_271) % 0x7fffffff;
        const event = events[(x >> 7) % events.length] ?? 'keepalive';
        const before = stateOf(p) ?? 'operational';
        const [sends, next] = TABLE[event][before];
        if (event === 'payload in') p.payload('received');
        else if (event === 'payload out') p.payload('sent');
        else if (event === 'keepalive') p.say(keepalive(p));
        else p.say(probe(p, event));
        const sent = only(p.heard(), 'probe').map((s) => s.message.state);
        const what = `${event} in ${before}`;
        expect([what, sent.join(), stateOf(p)]).toEqual([what, sends, next]);
        covered.add(what);
        p.pass(1);
        p.heard(); // what a timer sends is not of interest here
      }
    }
    expect(covered.size).toBe(18);
  });
});
