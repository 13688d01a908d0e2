import { describe, expect, it } from 'vitest';
import { RFC5534 } from '../../src/reap/constants.js';
import { Reap, type ReapListener } from '../../src/reap/reap.js';
import { shuffle } from '../../src/reap/strategy/index.js';
import { parseAddress, type LocatorPair } from '../../src/wire/address.js';
import type { Keepalive, Probe, ProbeReport, ProbeState } from '../../src/wire/shim6/message.js';
import { contextTag, ms } from '../../src/wire/units.js';
import { seeded } from '../support/engines.js';

const pair = (i: number, j: number): LocatorPair => ({
  local: parseAddress(`2001:db8:a${i}::1`),
  peer: parseAddress(`2001:db8:b${j}::1`),
});
const PAIRS = [1, 2, 3].flatMap((i) => [1, 2, 3].map((j) => ({ pair: pair(i, j), rank: 0 })));

class Bench {
  readonly sent: { at: number; pair: LocatorPair; message: Keepalive | Probe }[] = [];
  readonly states: string[] = [];
  readonly moves: LocatorPair[] = [];
  readonly reap: Reap;
  now = 0;

  constructor(seed = 1, pairs = PAIRS) {
    const listener: ReapListener = {
      send: (p, message) => void this.sent.push({ at: this.now, pair: p, message }),
      stateChanged: (from, to) => void this.states.push(`${from}>${to}`),
      pairChanged: (_from, to) => void this.moves.push(to),
    };
    this.reap = new Reap({
      constants: RFC5534,
      strategy: shuffle,
      random: seeded(seed),
      listener,
      peerTag: contextTag(7),
      pair: pair(1, 1),
      pairs,
      now: ms(0),
    });
  }
  until(t: number): void {
    for (let next = this.reap.deadline(); next !== undefined && next <= t;) {
      this.now = Math.max(this.now, next);
      this.reap.tick(ms(this.now));
      next = this.reap.deadline();
    }
    this.now = t;
  }
  out(): void {
    this.reap.payloadSent(ms(this.now));
  }
  in(): void {
    this.reap.payloadReceived(ms(this.now), ms(this.now));
  }
  keepalive(): void {
    this.reap.keepaliveReceived(ms(this.now));
  }
  probe(state: ProbeState, received: readonly ProbeReport[] = [], arrival = pair(2, 2)): void {
    const own = { source: arrival.peer, destination: arrival.local, nonce: this.now + 1, data: 0 };
    const probe: Probe = {
      message: 'probe',
      receiverContextTag: contextTag(1),
      state,
      sent: [own],
      received,
      options: [],
    };
    this.reap.probeReceived(probe, arrival, ms(this.now));
  }
  names(): string[] {
    return this.sent.map((s) => (s.message.message === 'probe' ? s.message.state : 'keepalive'));
  }
  lastProbe(): Probe {
    const m = this.sent.at(-1)?.message;
    if (m?.message !== 'probe') throw new Error('no probe was sent last');
    return m;
  }
}

describe('failure detection', () => {
  it('explores when a payload packet is unanswered for Send Timeout [RFC5534 §6.4]', () => {
    const b = new Bench();
    b.now = 1_000;
    b.out();
    b.until(15_999);
    expect(b.names()).toEqual([]);
    b.until(16_400);
    expect(b.names()).toEqual(['exploring']);
    expect(b.reap.state).toBe('exploring');
  });

  it('does not restart the send timer for later packets [RFC5534 §6.2]', () => {
    const b = new Bench();
    for (let t = 0; t <= 15_000; t += 500) {
      b.until(t);
      b.out();
    }
    b.until(15_400);
    expect(b.reap.state).toBe('exploring');
  });

  it('stops the send timer for payload and for a keepalive [RFC5534 §6.1] [RFC5534 §6.6]', () => {
    for (const answer of ['in', 'keepalive'] as const) {
      const b = new Bench();
      b.out();
      b.until(14_000);
      b[answer]();
      b.until(60_000);
      expect(b.reap.state).toBe('operational');
    }
  });

  it('keeps one-way traffic alive for minutes, and no longer than it lasts [RFC5534 §6.1] [RFC5534 §6.3]', () => {
    const b = new Bench();
    for (let t = 0; t <= 300_000; t += 1_000) {
      b.until(t);
      b.in();
    }
    const times = b.sent.map((s) => s.at);
    const gaps = times.slice(1).map((t, i) => t - (times[i] ?? 0));
    expect(b.names().every((n) => n === 'keepalive')).toBe(true);
    // The peer waits 15 s: it must hear of us well before.
    expect(Math.max(...gaps)).toBeLessThan(10_000);
    b.until(330_000);
    const end = b.sent.length;
    b.until(900_000);
    expect(b.sent.length).toBe(end);
  });

  it('honours the peer’s Keepalive Timeout [RFC5534 §5.3]', () => {
    const b = new Bench();
    b.reap.setKeepaliveTimeout(3_000);
    b.in();
    b.until(10_000);
    const times = b.sent.map((s) => s.at);
    expect(times[0]).toBeGreaterThanOrEqual(1_000);
    expect(times[0]).toBeLessThanOrEqual(1_500);
    expect(times.at(-1)).toBe(3_000);
  });

  it('sends no keepalive when payload goes out, the timers exclude each other [RFC5534 §4.1]', () => {
    const b = new Bench();
    for (let t = 0; t < 60_000; t += 1_000) {
      b.until(t);
      b.in();
      b.until(t + 500);
      b.out();
    }
    expect(b.sent).toEqual([]);
  });
});

describe('exploration', () => {
  const explore = (seed = 1): Bench => {
    const b = new Bench(seed);
    b.out();
    b.until(15_400);
    return b;
  };

  it('sends four probes at 500 ms, then doubles up to 60 s, each within 20 % [RFC5534 §4.3] [RFC5534 §7]', () => {
    const b = explore();
    b.until(600_000);
    const times = b.sent.map((s) => s.at);
    const gaps = times.slice(1).map((t, i) => t - (times[i] ?? 0));
    const nominal = [500, 500, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000];
    for (const [i, want] of nominal.entries()) {
      expect(gaps[i], `gap ${i}`).toBeGreaterThanOrEqual(want * 0.8);
      expect(gaps[i], `gap ${i}`).toBeLessThanOrEqual(want * 1.2);
    }
  });

  it('tries every pair before it repeats one [RFC5534 §4.3]', () => {
    const b = explore();
    b.until(400_000);
    const first = b.sent.slice(0, 9).map((s) => `${s.pair.local} ${s.pair.peer}`);
    expect(new Set(first).size).toBe(9);
  });

  it('answers Exploring with InboundOk and reports what it received [RFC5534 §6.7]', () => {
    const b = new Bench();
    b.probe('exploring', [], pair(3, 2));
    expect(b.reap.state).toBe('inboundOk');
    expect(b.lastProbe().state).toBe('inboundOk');
    expect(b.lastProbe().received).toMatchObject([
      { source: pair(3, 2).peer, destination: pair(3, 2).local },
    ]);
  });

  it('takes the pair that the peer reports, and says Operational over it [RFC5534 §6.8]', () => {
    const b = explore();
    const probe = b.lastProbe().sent[0];
    const used = b.sent.at(-1)?.pair;
    expect(probe).toBeDefined();
    if (!probe || !used) return;
    b.now = (b.sent.at(-1)?.at ?? 0) + 30;
    b.probe('inboundOk', [probe]);
    expect(b.reap.state).toBe('operational');
    expect(b.lastProbe().state).toBe('operational');
    expect(b.sent.at(-1)?.pair).toEqual(used);
    expect(b.reap.pair).toEqual(used);
    expect(b.reap.log.knowledge(used).rtt).toBeCloseTo(30, 0);
  });

  it('believes no report of a probe it did not send, nor with other addresses', () => {
    const b = explore();
    const real = b.lastProbe().sent[0];
    if (!real) throw new Error('no probe');
    b.probe('inboundOk', [
      { ...real, nonce: (real.nonce + 1) >>> 0 },
      { ...real, destination: parseAddress('2001:db8:bad::1') },
    ]);
    expect(b.moves).toEqual([]);
    expect(b.reap.pair).toEqual(pair(1, 1));
  });

  it('stays on the current pair where the peer reports that too', () => {
    const b = explore();
    while (
      !b.sent.some((s) => s.pair.local === pair(1, 1).local && s.pair.peer === pair(1, 1).peer)
    ) {
      b.until(b.reap.deadline() ?? b.now);
    }
    const reports = b.sent.flatMap((s) =>
      s.message.message === 'probe' ? s.message.sent.slice(0, 1) : [],
    );
    b.probe('inboundOk', reports);
    expect(b.moves).toEqual([]);
    expect(b.reap.state).toBe('operational');
  });

  it('ends when the peer is Operational, with the pair it reports [RFC5534 §6.9]', () => {
    const b = new Bench();
    b.probe('exploring');
    const mine = b.lastProbe().sent[0];
    const used = b.sent.at(-1)?.pair;
    b.probe('operational', mine ? [mine] : []);
    expect(b.reap.state).toBe('operational');
    expect(b.reap.pair).toEqual(used);
    const end = b.sent.length;
    b.until(b.now + 4_000);
    expect(b.sent.length).toBe(end);
  });

  it('goes from Exploring to InboundOk on payload or keepalive [RFC5534 §6.1] [RFC5534 §6.6]', () => {
    for (const what of ['in', 'keepalive'] as const) {
      const b = explore();
      b[what]();
      expect(b.reap.state).toBe('inboundOk');
      expect(b.lastProbe().state).toBe('inboundOk');
      // Nothing comes any more: Exploring again.
      b.until(b.now + 15_400);
      expect(b.reap.state).toBe('exploring');
    }
  });

  it('carries at most 15 reports each way, the newest first', () => {
    const b = explore();
    for (let i = 0; i < 40; i++) {
      b.now += 1;
      b.probe('exploring', [], pair(1 + (i % 3), 1 + (i % 2)));
    }
    expect(b.lastProbe().sent.length).toBe(15);
    expect(b.lastProbe().received.length).toBe(15);
    expect(b.lastProbe().received[0]?.nonce).toBe(b.now + 1);
  });

  it('survives having no pair, and starts at once when one appears (lesson 8)', () => {
    const b = new Bench(1, []);
    b.out();
    b.until(300_000);
    expect(b.reap.state).toBe('exploring');
    const before = b.sent.length;
    b.reap.setPairs(PAIRS, ms(b.now));
    b.until(b.now + 1);
    expect(b.sent.length).toBe(before + 1);
  });

  it('a hint shortens suspicion and proves nothing [RFC5534 §8]', () => {
    const quiet = new Bench();
    quiet.reap.hint(ms(0));
    quiet.until(100_000);
    expect(quiet.sent).toEqual([]);
    const b = new Bench();
    b.out();
    b.reap.hint(ms(0));
    b.until(400);
    b.in();
    b.until(20_000);
    expect(b.reap.state).toBe('operational');
    const c = new Bench();
    c.out();
    c.reap.hint(ms(0));
    c.until(501);
    expect(c.reap.state).toBe('exploring');
  });

  it('a hint counts once in a Send Timeout, and the current pair is probed along: what is forged moves nothing', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const b = new Bench(seed);
      b.out();
      expect(b.reap.hint(ms(0))).toBe(true);
      expect(b.reap.hint(ms(0))).toBe(false);
      b.until(501);
      const probes = b.sent.filter((x) => x.message.message === 'probe');
      expect(probes.map((x) => x.pair)).toHaveLength(2);
      expect(probes[0]?.pair).toEqual(pair(1, 1));
      expect(probes[1]?.pair).not.toEqual(pair(1, 1));
      // The peer has heard both; the current one is among them.
      const reports = probes.flatMap((x) =>
        x.message.message === 'probe' ? [x.message.sent[0]!] : [],
      );
      b.probe('inboundOk', [...reports].reverse(), pair(1, 1));
      expect(b.reap.state).toBe('operational');
      expect(b.moves).toEqual([]);
      // The next one has to wait.
      b.out();
      expect(b.reap.hint(ms(b.now))).toBe(false);
      b.in();
      b.until(15_001);
      b.out();
      expect(b.reap.hint(ms(b.now))).toBe(true);
    }
  });
});
