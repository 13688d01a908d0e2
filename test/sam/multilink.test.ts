import { describe, expect, it } from 'vitest';
import { SAM } from '../../src/sam/constants.js';
import { VirtualClock } from '../../src/sim/clock.js';
import { SeededRandom } from '../../src/sim/random.js';
import { GlobalInternet } from '../../src/sim/sam/internet.js';
import { SamLink } from '../../src/sim/sam/link.js';
import { SamNode, type NodeZone } from '../../src/sim/sam/node.js';
import { parseNd } from '../../src/wire/nd.js';
import { formatPrefix, parsePrefix } from '../../src/wire/prefix.js';
import { addMs } from '../../src/wire/units.js';
import { PlainHost, taken, udp } from './support.js';

const PREFIX = parsePrefix('2001:db8:a::/48');

/** A zone of several links, joined by routers that re-advertise. Subnet n is that of link n. */
function zone(count: number, options: { loss?: number; mtu?: number[] } = {}) {
  const clock = new VirtualClock();
  const random = new SeededRandom('multi-link');
  const internet = new GlobalInternet(clock);
  const links = Array.from({ length: count }, (_, i) => {
    const mtu = options.mtu?.[i] ?? 1500;
    return new SamLink(clock, random.fork(`link ${i}`), { name: `${i + 1}`, mtu, loss: options.loss ?? 0 }); // prettier-ignore
  });
  const at = (n: number, router: boolean): NodeZone['links'][number] => ({
    link: links[n - 1] as SamLink,
    ...(router ? { subnet: parsePrefix(`fcf${n}:0:0:1::/64`) } : {}),
  });
  const node = (name: string, role: 'child' | 'gateway', ...places: [number, boolean][]): SamNode =>
    new SamNode({
      name,
      clock,
      random,
      zones: [{ name: 'site', role, links: places.map(([n, router]) => at(n, router)) }],
    });
  const gateway = node('gateway', 'gateway', [1, true]);
  gateway.connect(internet, PREFIX);
  /** A router of the zone between two links. */
  const relay = (a: number, b: number): SamNode =>
    node(`relay${a}${b}`, 'child', [a, true], [b, true]);
  const host = (n: number): SamNode => node(`host${n}`, 'child', [n, false]);
  return { clock, internet, links, gateway, relay, host, node };
}

/** Hop counts of the options seen on a link in a while. */
function hopCounts(z: ReturnType<typeof zone>, link: number, duration: number): number[] {
  const seen = new Set<number>();
  const on = z.links[link - 1] as SamLink;
  on.tap = (packet) => {
    const nd = parseNd(packet);
    if (!nd.ok || nd.message.message !== 'routerAdvertisement') return;
    for (const o of nd.message.options) if (o.option === 'samParameters') seen.add(o.hopCount);
  };
  z.clock.run(duration);
  on.tap = undefined;
  return [...seen].sort();
}

describe('a zone of several links', () => {
  it('parameters reach every link, one hop further on each [SAM-3.1-3]', () => {
    const z = zone(3);
    z.relay(1, 2);
    z.relay(2, 3);
    const hosts = [1, 2, 3].map(z.host);
    z.clock.run(60_000);
    expect(hosts.map((h) => h.prefixes.length)).toEqual([1, 1, 1]);
    expect(hosts.map((h) => h.locals.map((l) => l.slice(0, 4)))).toEqual([
      ['fcf1'],
      ['fcf2'],
      ['fcf3'],
    ]);
    expect([1, 2, 3].map((n) => hopCounts(z, n, 120_000))).toEqual([[0], [1], [2]]);
  });

  it('packets of one subnet reach the gateway in another, and come back', () => {
    const z = zone(2);
    z.relay(1, 2);
    const host = z.host(2);
    z.clock.run(30_000);
    const far = new PlainHost(z.internet, '2001:db8:ffff::1');
    const address = host.addresses[0]?.address ?? '';
    host.send(udp(address, far.address));
    z.clock.run(100);
    // Two links, but one hop: the outer header hides the zone's inside.
    expect(taken(far)).toEqual([`${address} > ${far.address} 63`]);
    expect(taken(host)).toEqual([`${far.address} > ${address} 63`]);
  });

  it('siblings in different subnets speak to each other without the gateway', () => {
    const z = zone(2);
    z.relay(1, 2);
    const [a, b] = [z.host(1), z.host(2)];
    z.clock.run(30_000);
    const [from, to] = [a, b].map((h) => h.addresses[0]?.address ?? '');
    a.send(udp(from ?? '', to ?? ''));
    z.clock.run(100);
    expect(taken(b)).toEqual([`${from} > ${to} 64`]);
  });

  it('a smaller link in the middle: its Packet Too Big is translated, 40 octets less', () => {
    const z = zone(2, { mtu: [1400, 1500] });
    z.relay(1, 2);
    const host = z.host(2);
    z.clock.run(30_000);
    const far = new PlainHost(z.internet, '2001:db8:ffff::1');
    const address = host.addresses[0]?.address ?? '';
    const send = (size: number): string[] => {
      host.send(udp(address, far.address, { size }));
      z.clock.run(100);
      return taken(host);
    };
    expect(send(1361)).toEqual([`${address} > ${address} 64 icmp 2/0`]);
    expect(send(1360)).toEqual([`${far.address} > ${address} 63`]);
  });

  it('a child that is not there: the relay says so, and the Internet host is told', () => {
    const z = zone(2);
    z.relay(1, 2);
    const host = z.host(2);
    z.clock.run(30_000);
    const far = new PlainHost(z.internet, '2001:db8:ffff::1');
    const address = host.addresses[0]?.address ?? '';
    host.die();
    const gone = address.replace(/[0-9a-f]{2}::$/, '01::');
    far.send(udp(far.address, gone));
    z.clock.run(100);
    expect(taken(far)).toEqual([`2001:db8:a:: > ${far.address} 64 icmp 1/3`]);
  });

  it('in a ring nothing goes round: hop counts stay those of the shortest ways [SAM-3.1-3]', () => {
    const z = zone(3);
    z.relay(1, 2);
    z.relay(2, 3);
    z.relay(3, 1);
    z.clock.run(60_000);
    // The router across from the gateway hears of it on both sides, and may repeat the one on the other.
    const counts = [1, 2, 3].map((n) => hopCounts(z, n, 300_000));
    expect(counts[0]).toEqual([0]);
    expect([1, 2]).toContain(Math.max(...counts.flat()));
  });

  it('what was withdrawn does not come back out of the ring, even with loss', () => {
    const z = zone(3, { loss: 0.3 });
    z.relay(1, 2);
    z.relay(2, 3);
    z.relay(3, 1);
    const hosts = [1, 2, 3].map(z.host);
    z.clock.run(300_000);
    expect(hosts.map((h) => h.prefixes.length)).toEqual([1, 1, 1]);
    z.gateway.setProviders([]);
    z.clock.run(300_000);
    expect(hosts.map((h) => h.prefixes.length)).toEqual([0, 0, 0]);
    const learned = (): number =>
      hosts.flatMap((h) => h.events).filter((e) => e.name === 'prefix-learned').length;
    const before = learned();
    z.clock.run(3 * 7_200_000);
    expect(learned()).toBe(before);
    // The prefix may come again, and does.
    z.gateway.setProviders([{ prefix: PREFIX }]);
    z.clock.run(300_000);
    expect(hosts.map((h) => h.prefixes.length)).toEqual([1, 1, 1]);
  }, 60_000);

  it('what a dead gateway said ends on time everywhere: routers that repeat it do not keep it alive', () => {
    const z = zone(3);
    const relays = [z.relay(1, 2), z.relay(2, 3), z.relay(3, 1)];
    const hosts = [1, 2, 3].map(z.host);
    z.clock.run(300_000);
    z.gateway.die();
    z.clock.run(1_000 * (SAM.advertisedValid - 100));
    expect(hosts.map((h) => h.prefixes.length)).toEqual([1, 1, 1]);
    z.clock.run(110_000);
    for (const n of [...hosts, ...relays]) expect(n.prefixes).toEqual([]);
    z.clock.run(7_200_000);
    for (const n of [...hosts, ...relays]) expect(n.prefixes).toEqual([]);
  }, 60_000);
});

describe('a gateway with two links', () => {
  it('is one parent with one address, known on both', () => {
    const z = zone(2);
    // Another gateway, between the links, with a prefix of its own.
    const second = z.node('second', 'gateway', [1, true], [2, true]);
    second.connect(z.internet, parsePrefix('2001:db8:b::/48'));
    const host = z.host(2);
    z.clock.run(30_000);
    const [table] = host.table.zones;
    expect(table?.prefixes.map((p) => [formatPrefix(p.prefix), p.parents])).toEqual([
      ['2001:db8:a::/48', [z.gateway.locals[0]]],
      ['2001:db8:b::/48', [second.locals[0]]],
    ]);
    const far = new PlainHost(z.internet, '2001:db8:ffff::1');
    for (const { address } of host.addresses) {
      host.send(udp(address, far.address));
      z.clock.run(100);
      expect(taken(host)).toEqual([`${far.address} > ${address} 63`]);
    }
  });

  it('one prefix at two gateways: both are accepted, one is used, the other when that is gone', () => {
    const z = zone(1);
    const second = z.node('second', 'gateway', [1, true]);
    second.setProviders([{ prefix: PREFIX }]);
    const host = z.host(1);
    z.clock.run(60_000);
    expect(host.prefixes).toHaveLength(1);
    const parents = (): unknown => host.table.zones[0]?.prefixes.map((p) => p.parents);
    const both = [z.gateway.locals[0], second.locals[0]].sort();
    expect(parents()).toEqual([both]);
    // One that does not want new connections is the last to be used, and the longer lifetimes count.
    for (const late of [z.gateway, second]) {
      const [first, other] = late === second ? [z.gateway, second] : [second, z.gateway];
      first.setProviders([{ prefix: PREFIX }]);
      late.setProviders([{ prefix: PREFIX, preferredUntil: z.clock.now(), validUntil: addMs(z.clock.now(), 600_000) }]); // prettier-ignore
      z.clock.run(10_000);
      expect(parents()).toEqual([[first.locals[0], other.locals[0]]]);
      expect(host.addresses).toMatchObject([{ deprecated: false }]);
      expect(host.addresses[0]?.validUntil).toBeGreaterThan(z.clock.now() + 3_600_000);
    }
    second.setProviders([{ prefix: PREFIX }]);
    z.clock.run(10_000);
    z.gateway.setProviders([]);
    z.clock.run(10_000);
    expect(parents()).toEqual([second.locals]);
    expect(host.prefixes).toHaveLength(1);
  });
});
