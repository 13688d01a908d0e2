import { describe, expect, it } from 'vitest';
import { locator, Wire, type TestHost } from '../support/engines.js';

const A = ['2001:db8:a1::1', '2001:db8:a2::1'];
const B = ['2001:db8:b1::1', '2001:db8:b2::1'];
const NEW = '2001:db8:a3::1';

function established(): { wire: Wire; a: TestHost; b: TestHost; from: number } {
  const wire = new Wire();
  const a = wire.add('A', A);
  const b = wire.add('B', B);
  wire.establish(a, b);
  return { wire, a, b, from: wire.crossed.length };
}
const known = (b: TestHost): string[] => b.context()?.peerLocators.map((l) => l.address) ?? [];
const setA = (wire: Wire, a: TestHost, ...extra: Parameters<typeof locator>[]): void => {
  a.locators.splice(0, a.locators.length, ...extra.map((e) => locator(...e)));
  wire.run(a, a.engine.setLocalLocators(a.locators, wire.now));
};

describe('updates', () => {
  it('tells a new locator and gets it acknowledged [RFC5533 §10.1] [RFC5533 §10.4]', () => {
    const { wire, a, b, from } = established();
    setA(wire, a, [A[0] ?? ''], [A[1] ?? ''], [NEW]);
    wire.pass(100);
    expect(wire.names(from)).toEqual(['A:updateRequest', 'B:updateAcknowledgement']);
    expect(known(b)).toEqual([...A, NEW]);
  });

  it('repeats until acknowledged, with one nonce, ever slower [RFC5533 §10.2]', () => {
    const { wire, a, b, from } = established();
    wire.lose = (c) => c.message.message === 'updateRequest' && wire.now < 100_000;
    setA(wire, a, [A[0] ?? ''], [NEW]);
    wire.pass(400_000);
    const sent = wire.crossed.slice(from).filter((c) => c.message.message === 'updateRequest');
    const nonces = sent.map((c) => 'requestNonce' in c.message && c.message.requestNonce);
    expect(sent.length).toBeGreaterThan(3);
    expect(new Set(nonces).size).toBe(1);
    const gaps = sent.slice(1).map((c, i) => c.at - (sent[i]?.at ?? 0));
    for (const [i, gap] of gaps.entries()) {
      expect(gap).toBeGreaterThanOrEqual(0.5 * Math.min(120_000, 4_000 * 2 ** i));
      expect(gap).toBeLessThanOrEqual(1.5 * Math.min(120_000, 4_000 * 2 ** i));
    }
    expect(known(b)).toEqual([A[0], NEW]);
  });

  it('lets newer information overtake older, also when the older arrives last [RFC5533 §10.3]', () => {
    const { wire, a, b, from } = established();
    let late: Uint8Array | undefined;
    wire.lose = (c) => {
      if (c.message.message !== 'updateRequest' || late) return false;
      late = c.packet;
      return true;
    };
    setA(wire, a, [A[0] ?? ''], [NEW]);
    setA(wire, a, [A[0] ?? ''], [NEW], ['2001:db8:a4::1']);
    wire.pass(100);
    expect(known(b)).toEqual([A[0], NEW, '2001:db8:a4::1']);
    if (late) wire.inject(late);
    wire.pass(100);
    expect(known(b)).toEqual([A[0], NEW, '2001:db8:a4::1']);
    expect(b.engine.counters()['drop-update-stale']).toBe(1);
    const [first, second] = wire.crossed.slice(from).map((c) => c.message);
    expect(first && 'requestNonce' in first && first.requestNonce).not.toBe(
      second && 'requestNonce' in second && second.requestNonce,
    );
  });

  it('does not bring old locators back for an I2 that arrives twice', () => {
    const { wire, a, b } = established();
    const i2 = wire.crossed.find((c) => c.message.message === 'i2');
    setA(wire, a, [A[0] ?? ''], [NEW]);
    wire.pass(100);
    if (i2) wire.inject(i2.packet);
    wire.pass(100);
    expect(wire.names().at(-1)).toBe('B:r2');
    expect(known(b)).toEqual([A[0], NEW]);
  });

  it('ignores an acknowledgement with another nonce [RFC5533 §10.5]', () => {
    const { wire, a, b } = established();
    setA(wire, a, [A[0] ?? ''], [NEW]);
    wire.pass(100);
    const ack = wire.crossed.find((c) => c.message.message === 'updateAcknowledgement');
    wire.lose = (c) => c.message.message === 'updateAcknowledgement';
    setA(wire, a, [A[0] ?? '']);
    wire.pass(20);
    if (ack) wire.inject(ack.packet);
    wire.pass(20);
    expect(a.engine.counters()['drop-update-acknowledgement-unexpected']).toBe(1);
    expect(known(b)).toEqual([A[0]]);
  });

  it('moves away from a locator that its owner marks BROKEN, after probing [RFC5533 §10.4]', () => {
    const { wire, a, b } = established();
    wire.payload(a, b);
    wire.payload(b, a);
    setA(wire, a, [A[0] ?? '', { operational: false }], [A[1] ?? '']);
    wire.pass(3_000);
    expect(b.context()?.peerLocators[0]?.broken).toBe(true);
    expect(b.context()?.pair.peer).toBe(A[1]);
    expect(a.context()?.pair.local).toBe(A[1]);
    const moved = wire.crossed.findIndex((c) => c.from === 'A' && c.message.message === 'probe');
    expect(moved).toBeGreaterThan(-1);
  });

  it('tells priority and weight, and the peer probes by priority [RFC5533 §5.15.3]', () => {
    const { wire, a, b } = established();
    setA(wire, a, [A[0] ?? '', { priority: 2 }], [A[1] ?? '', { priority: 1, weight: 7 }]);
    wire.pass(100);
    expect(b.context()?.peerLocators).toMatchObject([{ priority: 2 }, { priority: 1, weight: 7 }]);
    const first = b
      .context()
      ?.reap?.pairs.slice(0, 2)
      .map((p) => p.pair.peer);
    expect(first).toEqual([A[1], A[1]]);
  });

  it('uses a new locator as source only when it is acknowledged [RFC5533 §7.2]', () => {
    const { wire, a } = established();
    const sources = (): Set<string> => new Set(a.context()?.reap?.pairs.map((p) => p.pair.local));
    wire.lose = (c) => c.message.message === 'updateAcknowledgement';
    setA(wire, a, [A[0] ?? ''], [NEW]);
    wire.pass(100);
    expect(sources()).toEqual(new Set([A[0]]));
    wire.lose = () => false;
    wire.pass(10_000);
    expect(sources()).toEqual(new Set([A[0], NEW]));
  });

  it('starts over with a new locator where the old one is down, acknowledged or not', () => {
    const wire = new Wire();
    const a = wire.add('A', [A[0] ?? '']);
    const b = wire.add('B', B);
    wire.establish(a, b);
    wire.lose = (c) => c.source === A[0] || c.destination === A[0];
    setA(wire, a, [A[0] ?? '', { operational: false }], [NEW]);
    wire.pass(60_000);
    expect(a.context()?.pair.local).toBe(NEW);
    expect(known(b)).toEqual([A[0], NEW]);
  });

  it('tells 16 of many locators, the ULID always among them', () => {
    const wire = new Wire();
    const many = Array.from({ length: 40 }, (_, i) => `2001:db8:a1::${(i + 1).toString(16)}`);
    const a = wire.add('A', many);
    const b = wire.add('B', B);
    wire.establish(a, b, 39, 0);
    expect(known(b)).toHaveLength(16);
    expect(known(b)[0]).toBe(many[39]);
    wire.payload(a, b);
    wire.pass(10_000);
    expect(wire.names().filter((n) => n.includes('r1bis'))).toEqual([]);
    expect(wire.names().filter((n) => n === 'B:keepalive').length).toBeGreaterThan(0);
    // What is told is what is explored (lesson 6).
    const told = new Set(known(b));
    expect(a.context()?.reap?.pairs.every((p) => told.has(p.pair.local))).toBe(true);
  });

  it('survives one locator, and none (lesson 8)', () => {
    const { wire, a, b } = established();
    setA(wire, a, [A[0] ?? '']);
    wire.pass(100);
    expect(known(b)).toEqual([A[0]]);
    setA(wire, a);
    wire.pass(10_000);
    setA(wire, a, [A[1] ?? '']);
    wire.pass(200_000);
    expect(known(b)).toEqual([A[1]]);
    expect(a.context()?.pair.local).toBe(A[1]);
  });
});
