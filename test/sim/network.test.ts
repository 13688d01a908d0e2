import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/sim/clock.js';
import { Network, type PathSettings } from '../../src/sim/network.js';
import { SeededRandom } from '../../src/sim/random.js';
import { simAddress } from '../../src/sim/world.js';
import { buildUdp } from '../../src/sim/packets.js';
import { u32 } from '../../src/wire/bytes.js';
import { Site, type Exit } from '../../src/sim/site.js';
import type { Address } from '../../src/wire/address.js';
import { ms } from '../../src/wire/units.js';

const A = simAddress(1, 1);
const B = simAddress(2, 1);
const packet = (number: number, size = 100): Uint8Array => {
  const payload = new Uint8Array(size);
  new DataView(payload.buffer).setUint32(0, number);
  return buildUdp({ source: A, destination: B, sourcePort: 1, destinationPort: 2, payload });
};

function send(settings: Partial<PathSettings>, count: number, size?: number) {
  const clock = new VirtualClock();
  const network = new Network(clock, new SeededRandom(5));
  const arrived: { number: number; at: number }[] = [];
  network.attach(B, { deliver: (p) => void arrived.push({ number: u32(p, 48), at: clock.now() }) });
  network.configure(A, B, settings);
  for (let i = 0; i < count; i++) network.send(packet(i, size));
  clock.run(60_000);
  return { arrived, counters: network.counters(A, B), network };
}

describe('a one-way path', () => {
  it('delays', () => {
    expect(send({ delay: 25 }, 3).arrived.map(({ at }) => at)).toEqual([25, 25, 25]);
  });
  it('loses about as many as it should', () => {
    const { arrived, counters } = send({ loss: 0.3 }, 10_000);
    expect(arrived.length).toBeGreaterThan(6_700);
    expect(arrived.length).toBeLessThan(7_300);
    expect(counters.lost + arrived.length).toBe(10_000);
  });
  it('duplicates, and lets packets overtake each other under jitter', () => {
    const { arrived } = send({ duplicate: 0.5, jitter: 50 }, 200);
    const numbers = arrived.map(({ number }) => number);
    expect(numbers.length).toBeGreaterThan(250);
    expect(numbers).not.toEqual([...numbers].sort((x, y) => x - y));
  });
  it('serves at its rate, and loses what its queue cannot hold', () => {
    const { arrived, counters } = send({ delay: 0, rate: 10_000, queue: 1_480 }, 20);
    expect(arrived).toHaveLength(10);
    expect(arrived.at(-1)?.at).toBeCloseTo(148);
    expect(counters.overflowed).toBe(10);
  });
  it('swallows everything when it is stopped, in this direction only', () => {
    const { arrived, counters, network } = send({ up: false }, 5);
    expect([arrived.length, counters.cut]).toEqual([0, 5]);
    expect(network.settings(B, A).up).toBe(true);
  });
});

describe('a site behind exit routers', () => {
  const insider = (host: number, provider: number) => simAddress(10 + host, provider);
  const datagram = (source: Address, destination: Address, size = 100): Uint8Array =>
    buildUdp({
      source,
      destination,
      sourcePort: 1,
      destinationPort: 2,
      payload: new Uint8Array(size),
    });

  /** Two hosts with two providers each in a site, one outside. */
  function campus(access: Partial<PathSettings> = {}, routing: 'source' | 'default' = 'source') {
    const clock = new VirtualClock();
    const network = new Network(clock, new SeededRandom(5));
    const site = new Site('campus', 2, access, routing);
    const arrived: { at: number; to: string }[] = [];
    const listen = (address: Address, exit?: Exit): void =>
      network.attach(
        address,
        { deliver: () => void arrived.push({ at: clock.now(), to: address }) },
        exit,
      );
    for (const host of [1, 2]) {
      site.exits.forEach((exit, i) => listen(insider(host, i + 1), exit));
    }
    listen(B);
    return { clock, network, site, arrived };
  }

  it('shares an access link among its hosts: one queue, one after the other', () => {
    const { clock, network, arrived } = campus({ rate: 14_800, delay: 5 });
    for (const host of [1, 2, 1, 2]) network.send(datagram(insider(host, 1), B)); // 148 octets each
    network.send(datagram(insider(1, 2), B)); // by the other exit: nobody before it
    clock.run(1_000);
    expect(arrived.map(({ at }) => at)).toEqual([16, 16, 26, 36, 46]);
  });

  it('loses one provider in both directions, for all hosts, and keeps the other', () => {
    const { clock, network, site, arrived } = campus();
    site.exits[0]?.change({ up: false });
    for (const host of [1, 2]) {
      for (const provider of [1, 2]) {
        network.send(datagram(insider(host, provider), B));
        network.send(datagram(B, insider(host, provider)));
      }
    }
    clock.run(1_000);
    expect(arrived.map(({ to }) => to).sort()).toEqual([B, B, insider(1, 2), insider(2, 2)].sort());
    expect(site.exits[0]?.outward.counters.cut).toBe(2);
    expect(site.exits[0]?.inward.counters.cut).toBe(2);
  });

  it('stops one way only where only that is stopped', () => {
    const { clock, network, site, arrived } = campus();
    site.exits[0]?.inward.change({ up: false });
    network.send(datagram(insider(1, 1), B));
    network.send(datagram(B, insider(1, 1)));
    clock.run(1_000);
    expect(arrived.map(({ to }) => to)).toEqual([B]);
  });

  it("has its packets dropped by a provider's ingress filter when it routes by destination alone", () => {
    const { clock, network, site, arrived } = campus({}, 'default');
    network.send(datagram(insider(1, 1), B));
    network.send(datagram(insider(1, 2), B)); // leaves by exit 1 with the other provider's source
    clock.run(1_000);
    expect(arrived).toHaveLength(1);
    expect(network.filtered).toBe(1);
    expect(site.exits[0]?.filtered).toBe(1);
  });

  it('tells of a packet when it is sent, and of its end', () => {
    const { clock, network, site } = campus({ delay: 2 });
    const fates: string[] = [];
    network.tap((_packet, fate) => fates.push(`sent: ${fate}`));
    const stop = network.tapEnds((_packet, fate) => fates.push(`end: ${fate}`));
    network.send(datagram(insider(1, 1), B));
    clock.run(100);
    site.exits[1]?.inward.change({ up: false });
    network.send(datagram(B, insider(1, 2)));
    clock.run(100);
    stop();
    network.send(datagram(insider(1, 1), B));
    clock.run(100);
    expect(fates).toEqual(['sent: sent', 'end: arrived', 'sent: sent', 'end: cut', 'sent: sent']);
  });
});

describe('virtual time', () => {
  it('runs callbacks by time, then in the order they were asked for; cancelled ones never', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(50), fc.boolean()), { maxLength: 60 }), (wanted) => {
        const clock = new VirtualClock();
        const ran: { when: number; i: number }[] = [];
        wanted.forEach(([when, keep], i) => {
          const timer = clock.at(ms(when), () => {
            expect(clock.now()).toBe(when);
            ran.push({ when, i });
          });
          if (!keep) timer.cancel();
        });
        clock.run(100);
        const expected = wanted
          .map(([when, keep], i) => ({ when, keep, i }))
          .filter(({ keep }) => keep)
          .sort((x, y) => x.when - y.when || x.i - y.i)
          .map(({ when, i }) => ({ when, i }));
        expect(ran).toEqual(expected);
        expect(clock.pending).toBe(0);
      }),
    );
  });
});

describe('seeded randomness', () => {
  it('repeats, differs between seeds and forks, and is even', () => {
    const draws = (seed: string): number[] => {
      const random = new SeededRandom(seed);
      return Array.from({ length: 8 }, () => random.uint32());
    };
    expect(draws('x')).toEqual(draws('x'));
    expect(draws('x')).not.toEqual(draws('y'));
    expect(new SeededRandom('x').fork('a').uint32()).not.toBe(new SeededRandom('x').uint32());
    const random = new SeededRandom(1);
    const buckets = new Array<number>(16).fill(0);
    for (let i = 0; i < 16_000; i++) {
      const bucket = random.below(16);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    for (const bucket of buckets) expect(bucket).toBeGreaterThan(800);
  });
  it('shuffles without loss', () => {
    const items = Array.from({ length: 50 }, (_, i) => i);
    const shuffled = new SeededRandom(3).shuffled(items);
    expect(shuffled).not.toEqual(items);
    expect([...shuffled].sort((x, y) => x - y)).toEqual(items);
  });
});
