import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/sim/random.js';
import { Arrivals } from '../../src/sim/traffic/arrivals.js';
import { makeTraffic, type TrafficSpec } from '../../src/sim/traffic/index.js';
import { mixTraffic, paretoSize } from '../../src/sim/traffic/streams.js';
import { ms } from '../../src/wire/units.js';
import { plainPair, sendTimes } from './support.js';

function run(spec: TrafficSpec, seconds: number) {
  const { world, ends } = plainPair({ delay: 10 });
  const flow = makeTraffic(spec, ends);
  flow.start();
  world.clock.run(seconds * 1_000);
  return { world, flow };
}

describe('traffic models', () => {
  it('cbr: one packet an interval, each way', () => {
    const { flow } = run({ model: 'cbr', interval: 1_000, size: 64 }, 60);
    for (const end of [flow.forward, flow.backward]) {
      expect(end.packets).toBeGreaterThanOrEqual(59);
      expect(end.packets).toBeLessThanOrEqual(60);
      expect(end.octets).toBe(64 * end.packets);
      expect(end.longestGap).toBeCloseTo(1_000, 6);
    }
  });

  it('one-way: nothing comes back', () => {
    const { flow } = run({ model: 'one-way', interval: 500, size: 200 }, 10);
    expect(flow.forward.packets).toBeGreaterThanOrEqual(19);
    expect(flow.backward.packets).toBe(0);
  });

  it('request-response: an answer each, a pause between; round trip and pause add up', () => {
    const spec = { model: 'request-response', think: 480, request: 100, response: 1_000 } as const;
    const { flow } = run(spec, 60);
    // Every 480 ms + 20 ms of round trip.
    expect(flow.forward.packets).toBeGreaterThanOrEqual(119);
    expect(flow.forward.packets).toBeLessThanOrEqual(120);
    expect(flow.backward.packets).toBe(flow.forward.packets);
    expect(flow.backward.octets).toBe(1_000 * flow.backward.packets);
  });

  it('request-response: what is not answered is asked again after 1, 2, 4 s', () => {
    const { world, ends } = plainPair({ delay: 10, up: false });
    const times = sendTimes(world, () => true);
    makeTraffic({ model: 'request-response', think: 0, request: 100, response: 100 }, ends).start();
    world.clock.run(16_000);
    const gaps = times.slice(1).map((t, i) => t - (times[i] ?? 0));
    expect(gaps).toEqual([1_000, 2_000, 4_000, 8_000]);
  });

  it('idle-then-active: keystrokes with echo, then silence', () => {
    const { world, ends } = plainPair({ delay: 10 });
    const times = sendTimes(world, () => true);
    const spec = { model: 'idle-then-active', active: 5_000, idle: 20_000, interval: 250 } as const;
    const flow = makeTraffic(spec, ends);
    flow.start();
    world.clock.run(50_000);
    expect(times.filter((t) => t > 5_100 && t < 25_000)).toEqual([]);
    expect(times.filter((t) => t >= 25_000 && t < 30_100).length).toBeGreaterThan(36);
    expect(flow.backward.packets).toBe(flow.forward.packets);
    flow.stop();
    world.clock.run(50_000);
    expect(Math.max(...times)).toBeLessThan(50_100);
  });

  it('mix: sizes with a heavy tail, every transfer complete', () => {
    const { world, ends } = plainPair({ delay: 10 });
    const spec = { model: 'mix', arrivals: 5, meanSize: 20_000, alpha: 1.5 } as const;
    const flow = mixTraffic(ends, spec);
    flow.start();
    world.clock.run(120_000);
    flow.stop();
    expect(flow.sizes.length).toBeGreaterThan(500);
    expect(flow.sizes.length).toBeLessThan(700);
    expect(flow.durations.length).toBeGreaterThan(flow.sizes.length - 10);
    const sorted = [...flow.sizes].sort((x, y) => x - y);
    const total = sorted.reduce((x, y) => x + y, 0);
    const largest = sorted.slice(-Math.ceil(sorted.length / 10)).reduce((x, y) => x + y, 0);
    expect(largest / total).toBeGreaterThan(0.35); // a tenth of the flows, over a third of the octets
    expect(flow.forward.octets).toBeGreaterThan(0.95 * total);
  });

  it('Pareto sizes have the mean and the median that their parameters say', () => {
    const random = new SeededRandom('pareto');
    const sizes = Array.from({ length: 50_000 }, () => paretoSize(random, 30_000, 2.5));
    const mean = sizes.reduce((x, y) => x + y, 0) / sizes.length;
    expect(mean).toBeGreaterThan(28_500);
    expect(mean).toBeLessThan(31_500);
    const median = sizes.sort((x, y) => x - y)[25_000] ?? 0;
    expect(median).toBeCloseTo(18_000 * 2 ** (1 / 2.5), -3); // smallest 30000 * 1.5 / 2.5
    expect(sizes[0]).toBeGreaterThanOrEqual(18_000);
  });
});

describe('Arrivals', () => {
  it('count gaps from when they are watched', () => {
    const arrivals = new Arrivals();
    for (const t of [0, 1_000, 5_000]) arrivals.note(10, ms(t));
    expect(arrivals).toMatchObject({ packets: 3, octets: 30, longestGap: 4_000 });
    arrivals.watchGaps();
    arrivals.note(10, ms(6_000));
    expect(arrivals.longestGap).toBe(1_000);
    arrivals.watchGaps(ms(9_000));
    arrivals.note(10, ms(9_500));
    expect(arrivals.longestGap).toBe(500);
  });
});
