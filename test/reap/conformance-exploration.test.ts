import { describe, expect, it } from 'vitest';
import { RFC5534 } from '../../src/reap/constants.js';
import { parseAddress } from '../../src/wire/address.js';
import { locator } from '../support/engines.js';
import {
  H,
  H0,
  H1,
  list,
  only,
  own,
  P,
  P0,
  P1,
  preferences,
  Puppet,
  type SentOf,
} from '../conformance/puppet.js';

/** RFC 5534 §3.3, §4.3, §5.2, §7: the probes of an exploration that gets no answer. */

/** Explores since `start`; every probe until `duration` later. */
function explore(
  duration: number,
  seed = 1,
  p = new Puppet({}, seed).initiated([list(7)]),
): { p: Puppet; start: number; sent: SentOf<'probe'>[] } {
  p.pass(90_000);
  p.heard();
  p.payload('sent');
  const start = p.now;
  p.pass(duration);
  return { p, start, sent: only(p.heard(), 'probe') };
}
const gaps = (sent: readonly { at: number }[]): number[] =>
  sent.slice(1).map((s, i) => s.at - (sent[i]?.at ?? 0));
const pairOf = (s: SentOf<'probe'>): string => `${s.source} ${s.destination}`;

describe('detection', () => {
  it('takes the Send Timeout, drawn anew for each host and time [RFC5534-4.1-4] [RFC5534-3.3-1] [RFC5534-7-3]', () => {
    const delays = Array.from({ length: 30 }, (_, i) => {
      const { start, sent } = explore(20_000, i + 1);
      return (sent[0]?.at ?? 0) - start;
    });
    for (const d of delays) {
      expect(d).toBeGreaterThanOrEqual(15_000);
      expect(d).toBeLessThanOrEqual(16_000);
    }
    expect(new Set(delays).size).toBeGreaterThan(25);
  });

  it('has the constants of section 7 [RFC5534-7-3] [RFC5534-7-1] [RFC5534-7-2]', () => {
    expect(RFC5534).toMatchObject({
      initialProbeTimeout: 500,
      initialProbes: 4,
      maxProbeTimeout: 60_000,
      sendTimeout: 15_000,
      keepaliveTimeout: 15_000,
    });
    expect(RFC5534.sendTimeout).toBeGreaterThanOrEqual(10_000);
    expect(RFC5534.sendTimeout).toBeLessThanOrEqual(100_000);
  });
});

describe('probing', () => {
  it('is four probes at 500 ms, then ever slower, at 60 s in the end, for as long as needed [RFC5534-4.3-2] [RFC5534-4.3-3] [RFC5534-4.3-1]', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { sent } = explore(520_000, seed);
      const intervals = gaps(sent);
      intervals.forEach((gap, i) => {
        const nominal = Math.min(60_000, 500 * 2 ** Math.max(0, i - 2));
        expect([i, gap >= nominal * 0.8 - 1e-6, gap <= nominal * 1.2 + 1e-6]).toEqual([
          i,
          true,
          true,
        ]);
      });
      // One after the other: never two at a time.
      expect(Math.min(...intervals)).toBeGreaterThanOrEqual(400);
      // It has not given up: the last one is not older than the longest interval.
      expect(sent.length).toBeGreaterThan(12);
    }
  });

  it('goes through every pair before any is probed again, and then again [RFC5534-4.3-1]', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const p = new Puppet({ reap: { ...RFC5534, maxProbeTimeout: 500 } }, seed).initiated([
        list(7),
      ]);
      const { sent } = explore(15_300 + 20_000, seed, p);
      const all = H.flatMap((h) => P.map((q) => `${h} ${q}`)).sort();
      for (const round of [0, 1, 2]) {
        expect(
          sent
            .slice(9 * round, 9 * round + 9)
            .map(pairOf)
            .sort(),
        ).toEqual(all);
      }
    }
  });

  it('leaves out what is known not to work, and takes it up again when it does [RFC5534 §4.3]', () => {
    const p = new Puppet({ reap: { ...RFC5534, maxProbeTimeout: 500 } }).initiated([
      list(7),
      preferences(7, [0, 1, 0]),
    ]);
    const { sent } = explore(30_000, 1, p);
    expect(sent.map((s) => s.destination)).not.toContain(P1);
    p.do(p.engine.setLocalLocators([...own([H0]), locator(H1, { operational: false })], p.now));
    p.heard();
    p.pass(10_000);
    expect(new Set(only(p.heard(), 'probe').map((s) => s.source))).toEqual(new Set([H0]));
  });

  it('never uses a link-local address towards a global one [RFC5534 §4.3]', () => {
    const linkLocal = parseAddress('fe80::1');
    const p = new Puppet({ reap: { ...RFC5534, maxProbeTimeout: 500 } }, 1, [
      ...own([H0]),
      locator(linkLocal),
    ]).initiated([list(7)]);
    const { sent } = explore(30_000, 1, p);
    expect(sent.map((s) => s.source)).not.toContain(linkLocal);
    for (const s of p.all) expect(JSON.stringify(s.message)).not.toContain(linkLocal);
  });
});

describe('a probe', () => {
  it('describes itself first [RFC5534-5.2-3]', () => {
    for (const s of explore(120_000).sent) {
      expect(s.message.sent.length).toBeGreaterThanOrEqual(1);
      expect(s.message.sent[0]).toMatchObject({ source: s.source, destination: s.destination });
    }
  });

  it('repeats fields of recent probes unchanged, and the newest nonce is new [RFC5534 §5.2]', () => {
    const { sent } = explore(120_000);
    const known = new Map<number, object>();
    for (const s of sent) {
      const [first, ...older] = s.message.sent;
      if (!first) throw new Error('no report');
      expect(known.has(first.nonce)).toBe(false);
      for (const o of older) expect(known.get(o.nonce)).toEqual(o);
      known.set(first.nonce, first);
    }
    expect(sent.at(-1)?.message.sent.length).toBeGreaterThan(1);
  });

  it('has a nonce nobody can tell from those before [RFC5534-5.2-6] [RFC5534-5.2-7]', () => {
    const nonces: number[] = [];
    for (let seed = 1; seed <= 40; seed++) {
      for (const s of explore(60_000, seed * 7919).sent) nonces.push(s.message.sent[0]?.nonce ?? 0);
    }
    expect(new Set(nonces).size).toBe(nonces.length);
    const steps = nonces.slice(1).map((n, i) => (n - (nonces[i] ?? 0)) >>> 0);
    expect(new Set(steps).size).toBe(steps.length);
    for (let bit = 0; bit < 32; bit++) {
      const ones = nonces.filter((n) => Math.floor(n / 2 ** bit) % 2 === 1).length;
      expect(ones / nonces.length).toBeGreaterThan(0.38);
      expect(ones / nonces.length).toBeLessThan(0.62);
    }
  });

  it('reports what came in since the exploration began, and nothing older [RFC5534-5.2-8]', () => {
    const p = new Puppet().initiated([list(7)]).pass(90_000);
    const say = (nonce: number, source = P0, destination = H0): Puppet =>
      p.say(
        {
          message: 'probe',
          receiverContextTag: p.localTag,
          state: 'exploring',
          sent: [{ source, destination, nonce, data: 77 }],
          received: [],
          options: [],
        },
        source,
        destination,
      );
    say(1).pass(100);
    say(2, P1, H1);
    const both = p.last('probe').message.received;
    expect(both).toContainEqual({ source: P0, destination: H0, nonce: 1, data: 77 });
    expect(both).toContainEqual({ source: P1, destination: H1, nonce: 2, data: 77 });
    // Back to Operational, then silence: a new exploration. What was received before it is not news any more.
    p.say({
      message: 'probe',
      receiverContextTag: p.localTag,
      state: 'operational',
      sent: [{ source: P0, destination: H0, nonce: 3, data: 77 }],
      received: [],
      options: [],
    });
    p.pass(60_000).payload('sent').pass(15_301);
    expect(p.view?.reap?.state).toBe('exploring');
    expect(p.last('probe').message).toMatchObject({ state: 'exploring', received: [] });
  });
});
