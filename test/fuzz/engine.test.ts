import { describe, expect, it } from 'vitest';
import { HostEngine } from '../../src/engine/host.js';
import { FAST } from '../../src/reap/constants.js';
import { internetChecksum } from '../../src/wire/checksum.js';
import { ms } from '../../src/wire/units.js';
import { locator, seeded, testConfig, Wire } from '../support/engines.js';

/**
 * Issue "end to end", point 6: mutations of real packets through the engine. No crash, no state for strangers, each
 * packet counted. `REHOME_SEED` replays, `REHOME_FUZZ_N` sets how many.
 */
const N = Number(process.env['REHOME_FUZZ_N'] ?? 1_000_000);
const SEED = Number(process.env['REHOME_SEED'] ?? 20_260_911);

const A = ['2001:db8:a1::1', '2001:db8:a2::1'];
const B = ['2001:db8:b1::1', '2001:db8:b2::1'];

/** Every kind of message, as two hosts really exchange them. */
function recorded(): Uint8Array[] {
  const wire = new Wire();
  const a = wire.add('A', A);
  const b = wire.add('B', B);
  wire.establish(a, b);
  wire.run(a, a.engine.explore(b.address(0), wire.now));
  wire.pass(2_000);
  wire.run(
    a,
    a.engine.setLocalLocators(
      [...a.locators, locator('2001:db8:a3::1', { priority: 9 })],
      wire.now,
    ),
  );
  wire.pass(2_000);
  const tag = b.context()?.localTag;
  if (tag !== undefined) wire.run(b, b.engine.forget(tag, wire.now));
  wire.run(a, a.engine.explore(b.address(0), wire.now));
  wire.pass(30_000);
  const kinds = new Set(wire.crossed.map((c) => c.message.message));
  expect([...kinds].sort()).toEqual(
    ['i1', 'i2', 'i2bis', 'keepalive', 'probe', 'r1', 'r1bis', 'r2']
      .concat(['updateAcknowledgement', 'updateRequest'])
      .sort(),
  );
  return wire.crossed.map((c) => c.packet);
}

describe('mutated packets', () => {
  it(`does not crash, keeps no state for strangers and counts every one (${N}, seed ${SEED})`, () => {
    const corpus = recorded();
    const random = seeded(SEED);
    const pick = (n: number): number => Math.floor(random.uniform() * n);
    const engine = new HostEngine({ config: testConfig(), random: seeded(7), now: ms(0) });
    engine.setLocalLocators(
      B.map((a) => locator(a)),
      ms(0),
    );
    const total = (): number => Object.values(engine.counters()).reduce((x, y) => x + y, 0);
    let before = total();
    for (let i = 0; i < N; i++) {
      const packet = mutate(corpus[pick(corpus.length)] ?? new Uint8Array(), random, pick);
      const now = ms(i * 0.37);
      engine.receive(packet, now);
      if (i % 1000 === 999) {
        engine.tick(now);
        const after = total();
        // Whatever happened to a packet, some counter says so.
        expect(after - before).toBeGreaterThanOrEqual(1000);
        before = after;
        expect(engine.contexts()).toEqual([]);
      }
    }
    const counters = engine.counters();
    expect(counters['drop-bad-checksum']).toBeGreaterThan(0);
    expect(Object.keys(counters).filter((k) => k.startsWith('drop-')).length).toBeGreaterThan(10);
  }, 240_000);
});

describe.each([
  ['rfc', testConfig()],
  ['fast', testConfig({ profile: 'fast', reap: FAST, strategy: 'informed' })],
])('mutated packets into a live session (%s)', (_profile, config) => {
  it('never moves traffic to a locator that neither host has told', () => {
    const corpus = recorded();
    const random = seeded(SEED + 1);
    const pick = (n: number): number => Math.floor(random.uniform() * n);
    const wire = new Wire();
    const a = wire.add('A', A, config);
    const b = wire.add('B', B, config);
    wire.establish(a, b);
    corpus.push(...wire.crossed.map((c) => c.packet));
    const known = { local: new Set(B), peer: new Set<string>([...A, '2001:db8:a3::1']) };
    for (let i = 0; i < N / 10; i++) {
      const now = ms(2_000 + i * 0.01);
      b.engine.receive(mutate(corpus[pick(corpus.length)] ?? new Uint8Array(), random, pick), now);
      if (i % 500 !== 499) continue;
      b.engine.tick(now);
      for (const c of b.engine.contexts()) {
        expect(known.local.has(c.pair.local) && known.peer.has(c.pair.peer)).toBe(true);
        expect(c.peerLocators.length).toBeLessThanOrEqual(3);
      }
      expect(b.engine.contexts().length).toBeLessThanOrEqual(2);
    }
  }, 120_000);
});

function mutate(
  original: Uint8Array,
  random: ReturnType<typeof seeded>,
  pick: (n: number) => number,
): Uint8Array {
  let packet = new Uint8Array(original);
  for (let flips = pick(4); flips >= 0; flips--) {
    const at = pick(packet.length);
    const how = pick(4);
    if (how === 0) packet[at] = random.uint32() & 0xff;
    else if (how === 1) packet[at] = (packet[at] ?? 0) ^ (1 << pick(8));
    else if (how === 2 && packet.length > 8) packet = packet.slice(0, at + 1);
    else packet[at] = [0, 1, 0x7f, 0x80, 0xff][pick(5)] ?? 0;
  }
  // Half of them with lengths and checksum put right, or nothing but the checksum would ever be tested.
  if (packet.length > 48 && pick(2) === 0) {
    packet[4] = (packet.length - 40) >> 8;
    packet[5] = (packet.length - 40) & 0xff;
    packet[41] = Math.min(255, Math.max(0, ((packet.length - 40) >> 3) - 1));
    packet[44] = packet[45] = 0;
    const end = 40 + 8 * ((packet[41] ?? 0) + 1);
    const sum = internetChecksum(packet.subarray(40, Math.min(end, packet.length)));
    packet[44] = sum >> 8;
    packet[45] = sum & 0xff;
  }
  return packet;
}
