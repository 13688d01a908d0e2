import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ranges } from '../../src/sim/apps/ranges.js';
import { RtoEstimator } from '../../src/sim/apps/rto.js';
import { buildTcp, isSegment, parseTransport } from '../../src/sim/packets.js';
import { bulkTraffic } from '../../src/sim/traffic/streams.js';
import { simAddress } from '../../src/sim/world.js';
import { plainPair, sendTimes } from './support.js';

const SEGMENT = 1_400;
const isData = (packet: Uint8Array): boolean => packet.length > 500;

describe('timing as Linux has it, by hand', () => {
  it('RTO: 1 s at first, then the smoothed round trip and 200 ms or four deviations (RFC 6298)', () => {
    const rto = new RtoEstimator();
    expect(rto.rto).toBe(1_000);
    expect(rto.probeTimeout(5)).toBeUndefined();
    rto.sample(20); // deviation 10
    expect(rto.rto).toBe(220);
    rto.sample(40); // smoothed 22.5, deviation 0.75 * 10 + 0.25 * 20
    expect(rto.rto).toBe(222.5);
    rto.sample(1_000); // deviation 0.75 * 12.5 + 0.25 * 977.5 = 253.75; smoothed 144.6875
    expect(rto.rto).toBeCloseTo(144.6875 + 1_015, 6);
  });

  it('doubles for each timeout up to two minutes, until something new is acknowledged', () => {
    const rto = new RtoEstimator();
    rto.sample(20);
    for (const expected of [440, 880, 1_760]) {
      rto.ranOut();
      expect(rto.rto).toBe(expected);
    }
    for (let i = 0; i < 10; i++) rto.ranOut();
    expect(rto.rto).toBe(120_000);
    rto.progress();
    expect(rto.rto).toBe(220);
  });

  it('tail loss probe: two round trips, 200 ms more for a single segment, never after the RTO (RFC 8985 §7.2)', () => {
    const rto = new RtoEstimator();
    rto.sample(20);
    expect(rto.probeTimeout(5)).toBe(42);
    expect(rto.probeTimeout(1)).toBe(220); // 240, but the RTO comes first
  });

  it('a cut is met with one tail loss probe, then timeouts that double', () => {
    const { world, a, b, ends } = plainPair({ delay: 10 });
    const { sender } = bulkTraffic(ends);
    sender.start(10 * SEGMENT);
    world.clock.run(1_000);
    expect(sender.done).toBe(true);
    world.network.configure(a.locators[0]!, b.locators[0]!, { up: false });
    const times = sendTimes(world, isData);
    const from = world.clock.now();
    sender.start(20 * SEGMENT);
    world.clock.run(4_000);
    const after = times.map((t) => Math.round(t - from));
    expect(after.slice(0, 10)).toEqual(new Array(10).fill(0));
    expect(after.slice(10)).toEqual([42, 262, 702, 1_582, 3_342]);
    expect([sender.tailProbes, sender.timeouts]).toEqual([1, 4]);
  });

  it('a path that comes back is used at the next timeout, not before: the outage is paid twice', () => {
    const { world, a, b, ends } = plainPair({ delay: 10 });
    const flow = bulkTraffic(ends);
    flow.sender.start(10 * SEGMENT);
    world.clock.run(1_000);
    world.network.configure(a.locators[0]!, b.locators[0]!, { up: false });
    const from = world.clock.now();
    flow.sender.start(20 * SEGMENT);
    world.clock.run(1_600);
    world.network.configureAll({ up: true }); // just after the timeout at 1582
    world.clock.run(5_000);
    expect(flow.sender.done).toBe(true);
    expect((flow.forward.lastAt ?? 0) - from).toBeGreaterThan(3_342);
    expect((flow.forward.lastAt ?? 0) - from).toBeLessThan(3_500);
  });
});

describe('an outage of 30 s under a bulk transfer', () => {
  it('costs about 39 s, as kernel TCP was measured to (design/recovery.md: median 39.9 s)', () => {
    for (const seed of ['1', '2', '3']) {
      const { world, ends } = plainPair({ delay: 10, rate: 2_500_000, queue: 262_144 }, seed);
      const flow = bulkTraffic(ends);
      flow.start();
      world.clock.run(3_000 + world.random.uniform() * 2_000);
      flow.forward.watchGaps();
      world.network.configureAll({ up: false });
      world.clock.run(30_000);
      world.network.configureAll({ up: true });
      world.clock.run(12_000);
      expect(flow.forward.longestGap).toBeGreaterThan(38_000);
      expect(flow.forward.longestGap).toBeLessThan(41_000);
    }
  });
});

describe('slow start and congestion', () => {
  it('doubles what it sends each round trip: 10, 20, 40 segments', () => {
    const { world, ends } = plainPair({ delay: 50 });
    const { sender } = bulkTraffic(ends);
    const times = sendTimes(world, isData);
    sender.start();
    world.clock.run(299);
    const perRound = [0, 1, 2].map((i) => times.filter((t) => Math.floor(t / 100) === i).length);
    expect(perRound).toEqual([10, 20, 40]);
  });

  it('fills a link of 8 Mbit/s, and no more', () => {
    const { world, ends } = plainPair({ delay: 10, rate: 1_000_000, queue: 65_536 });
    const flow = bulkTraffic(ends);
    flow.start();
    world.clock.run(20_000);
    const rate = flow.forward.octets / 20;
    expect(rate).toBeGreaterThan(0.9e6);
    expect(rate).toBeLessThan(1e6);
  });

  it('a lone segment is acknowledged after 40 ms, two at once', () => {
    const { world, ends } = plainPair({ delay: 10 });
    const { sender } = bulkTraffic(ends);
    let done = 0;
    sender.onDone = () => (done = world.clock.now());
    sender.start(100);
    world.clock.run(500);
    expect(done).toBe(60);
    sender.start(100 + 2 * SEGMENT);
    const from = world.clock.now();
    world.clock.run(500);
    expect(done - from).toBe(20);
  });

  it('sends again what was lost and hardly anything else (RFC 2018, RFC 6675); every octet is right', () => {
    const { world, a, b, ends } = plainPair({ delay: 20 });
    world.network.configure(a.locators[0]!, b.locators[0]!, { loss: 0.02 });
    const flow = bulkTraffic(ends);
    flow.sender.start(2_000_000);
    world.clock.run(600_000);
    const lost = world.network.counters(a.locators[0]!, b.locators[0]!).lost;
    expect(flow.sender.done).toBe(true);
    expect(flow.receiver.received).toBe(2_000_000);
    expect(flow.receiver.verified).toBe(2_000_000);
    expect(lost).toBeGreaterThan(15);
    expect(flow.sender.retransmissions).toBeGreaterThanOrEqual(lost);
    expect(flow.sender.retransmissions).toBeLessThan(1.5 * lost + 10);
  });
});

describe('recovery', () => {
  it('of twenty segments lost in a row takes round trips, no timeout (RFC 6675)', () => {
    const { world, a, b, ends } = plainPair({ delay: 20 });
    world.network.configure(a.locators[0]!, b.locators[0]!, { rate: 1_250_000, queue: 1 << 20 });
    const flow = bulkTraffic(ends);
    flow.start();
    world.clock.run(4_000);
    const before = world.network.counters(a.locators[0]!, b.locators[0]!).cut;
    world.network.configure(a.locators[0]!, b.locators[0]!, { up: false });
    world.clock.run(24);
    world.network.configure(a.locators[0]!, b.locators[0]!, { up: true });
    const lost = world.network.counters(a.locators[0]!, b.locators[0]!).cut - before;
    flow.forward.watchGaps();
    world.clock.run(5_000);
    expect(lost).toBeGreaterThan(12);
    expect(flow.sender.timeouts).toBe(0);
    expect(flow.sender.retransmissions).toBe(lost);
    expect(flow.receiver.verified).toBe(flow.receiver.received);
  });
});

describe('a TCP header', () => {
  it('carries up to three selective acknowledgements, and a checksum over all of it', () => {
    const packet = buildTcp({
      source: simAddress(1, 1),
      destination: simAddress(2, 1),
      sourcePort: 1,
      destinationPort: 2,
      sequence: 7,
      acknowledgement: 100,
      window: 4_096,
      fin: false,
      payload: Uint8Array.of(1, 2, 3),
      sack: [
        [300, 400],
        [200, 250],
        [500, 600],
        [700, 800],
      ],
    });
    const parsed = parseTransport(packet);
    if (parsed === undefined || !isSegment(parsed)) throw new Error('not parsed');
    expect(parsed.sack).toEqual([
      [300, 400],
      [200, 250],
      [500, 600],
    ]);
    expect([...parsed.payload]).toEqual([1, 2, 3]);
    expect(parsed).toMatchObject({ sequence: 7, acknowledgement: 100, window: 4_096 });
    packet[65] = (packet[65] ?? 0) ^ 1;
    expect(parseTransport(packet)).toBeUndefined();
  });
});

describe('Ranges', () => {
  const range = fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 12 }));
  it('is a set of octets', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 20 }), fc.nat(70), (added, below) => {
        const ranges = new Ranges();
        const octets = new Set<number>();
        for (const [from, length] of added) {
          ranges.add(from, from + length);
          for (let i = from; i < from + length; i++) octets.add(i);
        }
        ranges.dropBelow(below);
        for (const octet of [...octets]) if (octet < below) octets.delete(octet);
        expect(ranges.octets).toBe(octets.size);
        expect(ranges.end).toBe(octets.size === 0 ? 0 : Math.max(...octets) + 1);
        for (let i = 0; i < 75; i++) {
          let after = i;
          while (octets.has(after)) after++;
          expect(ranges.skip(i)).toBe(after);
          const more = [...octets].some((o) => o > after);
          const hole = ranges.hole(i);
          expect(hole?.[0]).toBe(more ? after : undefined);
          if (hole !== undefined) {
            expect(octets.has(hole[1])).toBe(true);
            for (let o = hole[0]; o < hole[1]; o++) expect(octets.has(o)).toBe(false);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
