import { describe, expect, it } from 'vitest';
import { figure7, type Figure7 } from '../../src/sim/sam/figures.js';
import { SamNode } from '../../src/sim/sam/node.js';
import { isUnspecified } from '../../src/wire/address.js';
import { ICMPV6_TYPE, parseIcmpError } from '../../src/wire/icmpv6.js';
import { parseIpv6 } from '../../src/wire/ipv6.js';
import { parseNd } from '../../src/wire/nd.js';
import { formatPrefix, parsePrefix } from '../../src/wire/prefix.js';
import { ms } from '../../src/wire/units.js';
import { immutable, PlainHost, taken, udp } from './support.js';

/** The site, with everybody configured, and a host of the Internet. */
function site(
  options: { random?: boolean; provable?: boolean } = {},
): Figure7 & { far: PlainHost } {
  const f = figure7('figure 7', options);
  f.clock.run(20_000);
  return { ...f, far: new PlainHost(f.internet, '2001:db8:ffff::1') };
}

const HOST = {
  AH: '2001:db8:a:1297:7770::',
  AK: '2001:db8:a:1298:8880::',
  BH: '2001:db8:b:12:9777:7000::',
  BK: '2001:db8:b:12:9888:8000::',
} as const;

describe('the site of figure 7', () => {
  it('configures itself to the addresses and prefixes of the example [SAM-3.3-3] [SAM-4-1]', () => {
    const f = site();
    expect([f.gatewayA.locals, f.gatewayB.locals]).toEqual([
      ['fcf9::1:2f00:0:0:5555'],
      ['fcf9::1:2f00:0:0:6666'],
    ]);
    expect(f.host.locals).toEqual(['fcf9::1:2f00:0:0:7777', 'fcf9::1:2f00:0:0:8888']);
    expect(f.host.prefixes).toEqual([
      '2001:db8:a:1297:7770::/76',
      '2001:db8:a:1298:8880::/76',
      '2001:db8:b:12:9777:7000::/84',
      '2001:db8:b:12:9888:8000::/84',
    ]);
    expect(f.host.addresses.map((a) => a.address)).toEqual(Object.values(HOST));
    expect(f.host.addresses.every((a) => !a.provable && !a.deprecated)).toBe(true);
  });

  it('table 1 is what children are told, and nothing else [SAM-3.1-1] [SAM-4-2]', () => {
    const f = site();
    const [zone] = f.host.table.zones;
    expect(zone?.prefixes.map((p) => [p.parents, formatPrefix(p.prefix)])).toEqual([
      [['fcf9::1:2f00:0:0:6666'], '2001:db8:b::/56'],
      [['fcf9::1:2f00:0:0:5555'], '2001:db8:a::/48'],
    ]);
    expect(JSON.parse(JSON.stringify(f.host.table))).toEqual(f.host.table);
  });

  it('a host that comes later is ready in under 5 s, with random infixes', () => {
    for (let i = 0; i < 20; i++) {
      const f = figure7(`late ${i}`, { random: true });
      f.clock.run(20_000 + 997 * i);
      const late = new SamNode({
        name: 'late',
        clock: f.clock,
        random: f.random,
        zones: [{ name: 'site', role: 'child', links: [{ link: f.link }] }],
      });
      f.clock.run(5_000);
      expect([i, late.addresses.length]).toEqual([i, 2]);
    }
  });

  it('each of the four addresses works, and leaves by its own gateway [SAM-2.3-1]', () => {
    const f = site();
    const out: string[] = [];
    f.internet.tap = (_packet, provider) => out.push(formatPrefix(provider));
    for (const address of Object.values(HOST)) {
      const sent = udp(address, f.far.address);
      f.host.send(sent);
      f.clock.run(100);
      expect(f.far.received.map(immutable)).toEqual([immutable(sent)]);
      expect(taken(f.far)).toEqual([`${address} > ${f.far.address} 63`]); // one gateway
      expect(taken(f.host)).toEqual([`${f.far.address} > ${address} 63`]);
    }
    const far = '2001:db8:ffff::/64';
    const [a, b] = ['2001:db8:a::/48', '2001:db8:b::/56'];
    expect(out).toEqual([a, far, a, far, b, far, b, far]);
    expect(f.internet.filtered).toBe(0);
    expect([f.host.drops, f.gatewayA.drops, f.gatewayB.drops]).toEqual([{}, {}, {}]);
  });

  it('what an ingress filter would drop never leaves the site: code 5 [SAM-2.3-1]', () => {
    const f = site();
    f.host.send(udp('2001:db8:c::1', f.far.address));
    f.clock.run(100);
    expect(f.host.drops).toEqual({ 'source-policy': 1 });
    expect(f.internet.filtered).toBe(0);
    // The program that sent it is on this very host, and is told there.
    expect(taken(f.host)).toEqual([`${HOST.BH} > 2001:db8:c::1 64 icmp 1/5`]);
  });

  it('gateways are reached at the address of their prefix, and answer from it [SAM-3.2.3-4]', () => {
    const f = site();
    f.host.send(udp(HOST.AH, '2001:db8:a::'));
    f.far.send(udp(f.far.address, '2001:db8:b::'));
    f.clock.run(100);
    expect(taken(f.gatewayA)).toEqual([`${HOST.AH} > 2001:db8:a:: 64`]);
    expect(taken(f.gatewayB)).toEqual([`${f.far.address} > 2001:db8:b:: 64`]);
    f.gatewayA.send(udp('2001:db8:a::', HOST.BK));
    f.gatewayB.send(udp('2001:db8:b::', f.far.address));
    f.clock.run(100);
    expect(taken(f.host)).toEqual([`2001:db8:a:: > ${HOST.BK} 64`]);
    expect(taken(f.far)).toEqual([`2001:db8:b:: > ${f.far.address} 64`]);
  });

  it('every address below a delegated prefix is the host’s own', () => {
    const f = site();
    f.far.send(udp(f.far.address, '2001:db8:a:1297:777f:1:2:3'));
    f.clock.run(100);
    expect(taken(f.host)).toHaveLength(1);
  });

  it('a gateway knows nothing of its children: forty more change nothing in its table [SAM-5-2]', () => {
    const f = site();
    const before = JSON.stringify(f.gatewayA.table);
    const children = Array.from(
      { length: 40 },
      (_, i) =>
        new SamNode({
          name: `child${i}`,
          clock: f.clock,
          random: f.random,
          zones: [{ name: 'site', role: 'child', links: [{ link: f.link }] }],
        }),
    );
    f.clock.run(10_000);
    for (const child of children) {
      child.send(udp(child.addresses[0]?.address ?? '', f.far.address));
      f.clock.run(20);
      expect(taken(child)).toHaveLength(1);
    }
    expect(new Set(children.flatMap((c) => c.locals)).size).toBe(40);
    expect(JSON.stringify(f.gatewayA.table)).toBe(before);
  });

  it('an infix that nobody can have, or nobody has, is answered by the gateway', () => {
    const f = site();
    f.far.send(udp(f.far.address, '2001:db8:a:9297:7770::')); // format of the future
    f.clock.run(100);
    expect(f.gatewayA.drops).toEqual({ 'no-such-child': 1 });
    const [reply] = f.far.received.splice(0);
    expect(reply && parseIcmpError(reply)).toMatchObject({
      type: ICMPV6_TYPE.destinationUnreachable,
      code: 3,
      header: { source: '2001:db8:a::' },
    });
  });

  it('siblings speak to each other directly, whatever prefixes they use', () => {
    const f = site();
    const second = new SamNode({
      name: 'second',
      clock: f.clock,
      random: f.random,
      zones: [
        { name: 'site', role: 'child', links: [{ link: f.link, octets: 2, infix: 0x9999n }] },
      ],
    });
    f.clock.run(5_000);
    const seen: string[] = [];
    f.link.tap = (packet) => {
      const ip = parseIpv6(packet);
      if (ip.ok && ip.header.nextHeader === 41) seen.push(`${ip.header.source} > ${ip.header.destination}`); // prettier-ignore
    };
    const [a, b] = second.addresses.map((x) => x.address);
    f.host.send(udp(HOST.AH, b ?? ''));
    f.host.send(udp(HOST.BK, a ?? ''));
    f.clock.run(100);
    expect(taken(second)).toEqual([`${HOST.AH} > ${b} 64`, `${HOST.BK} > ${a} 64`]);
    expect(seen).toEqual([
      'fcf9::1:2f00:0:0:7777 > fcf9::1:2f00:0:0:9999',
      'fcf9::1:2f00:0:0:8888 > fcf9::1:2f00:0:0:9999',
    ]);
  });

  it('an address never appears on a link that is no local address [SAM-2.2-1]', () => {
    const f = site();
    const wrong: string[] = [];
    f.link.tap = (packet) => {
      const ip = parseIpv6(packet);
      if (!ip.ok) return;
      for (const a of [ip.header.source, ip.header.destination]) {
        if (!/^(f[ce]|fd|ff)/.test(a) && !isUnspecified(a)) wrong.push(a);
      }
    };
    f.host.send(udp(HOST.AH, f.far.address));
    f.clock.run(60_000);
    expect(taken(f.host)).toHaveLength(1);
    expect(wrong).toEqual([]);
  });
});

describe('parameters', () => {
  it('from a link that is not trusted are ignored and counted', () => {
    const f = figure7('untrusted');
    const host = new SamNode({
      name: 'careful',
      clock: f.clock,
      random: f.random,
      zones: [{ name: 'site', role: 'child', links: [{ link: f.link, trusted: false }] }],
    });
    f.clock.run(60_000);
    expect([host.locals, host.addresses]).toEqual([[], []]);
    expect(host.engine.counters()['untrusted-advertisement']).toBeGreaterThan(3);
  });

  it('of a gateway that dies grow old: deprecated after half an hour, gone after two', () => {
    const f = site();
    f.gatewayA.die();
    f.clock.run(60_000);
    const states = (): unknown =>
      f.host.addresses.map((a) => [a.address.slice(0, 10), a.deprecated]);
    expect(states()).toEqual([
      ['2001:db8:a', false],
      ['2001:db8:a', false],
      ['2001:db8:b', false],
      ['2001:db8:b', false],
    ]);
    f.clock.run(1_800_000);
    expect(states()).toEqual([
      ['2001:db8:b', false],
      ['2001:db8:b', false],
      ['2001:db8:a', true],
      ['2001:db8:a', true],
    ]);
    f.clock.run(7_200_000);
    expect(states()).toEqual([
      ['2001:db8:b', false],
      ['2001:db8:b', false],
    ]);
    expect(f.host.table.zones[0]?.prefixes).toHaveLength(1);
  });

  it('of a gateway that is shut down are taken back by it at once', () => {
    const f = site();
    f.gatewayA.stop();
    f.clock.run(10);
    expect(f.host.prefixes).toEqual([
      '2001:db8:b:12:9777:7000::/84',
      '2001:db8:b:12:9888:8000::/84',
    ]);
    expect(f.gatewayA.locals).toEqual([]);
  });

  it('a provider that takes its prefix back: gone everywhere within seconds', () => {
    const f = site();
    f.gatewayA.setProviders([]);
    f.clock.run(5_000);
    expect(f.host.prefixes).toEqual([
      '2001:db8:b:12:9777:7000::/84',
      '2001:db8:b:12:9888:8000::/84',
    ]);
    expect(f.host.events.filter((e) => e.name === 'prefix-withdrawn')).toHaveLength(1);
    // ... and back again.
    f.gatewayA.setProviders([{ prefix: f.prefixA }]);
    f.clock.run(5_000);
    expect(f.host.prefixes).toHaveLength(4);
  });

  it('renumbering: the old prefix is deprecated, works until it ends, and ends on time', () => {
    const f = site();
    const now = f.clock.now();
    const old = { prefix: f.prefixA, preferredUntil: now, validUntil: ms(now + 600_000) };
    const prefix = parsePrefix('2001:db8:d::/48');
    f.gatewayA.connect(f.internet, prefix);
    f.gatewayA.setProviders([old, { prefix }]);
    f.clock.run(10_000);
    expect(f.host.addresses.map((a) => [a.address, a.deprecated])).toEqual([
      [HOST.BH, false],
      [HOST.BK, false],
      ['2001:db8:d:1297:7770::', false],
      ['2001:db8:d:1298:8880::', false],
      [HOST.AH, true],
      [HOST.AK, true],
    ]);
    for (const address of [HOST.AH, '2001:db8:d:1297:7770::']) {
      f.host.send(udp(address, f.far.address));
      f.clock.run(100);
      expect(taken(f.host)).toEqual([`${f.far.address} > ${address} 63`]);
    }
    f.clock.run(600_000);
    expect(f.host.prefixes).toEqual([
      '2001:db8:b:12:9777:7000::/84',
      '2001:db8:b:12:9888:8000::/84',
      '2001:db8:d:1297:7770::/76',
      '2001:db8:d:1298:8880::/76',
    ]);
    f.host.send(udp(HOST.AH, f.far.address));
    expect(f.host.drops).toEqual({ 'source-policy': 1 });
  });

  it('advertisements say nothing that a host without SAM would act on', () => {
    const f = site();
    const options: string[] = [];
    f.link.tap = (packet) => {
      const nd = parseNd(packet);
      if (!nd.ok || nd.message.message !== 'routerAdvertisement') return;
      expect(nd.message.routerLifetime).toBe(0);
      for (const o of nd.message.options) {
        options.push(o.option === 'prefixInformation' ? `autonomous ${o.autonomous}` : o.option);
      }
    };
    f.clock.run(120_000);
    expect([...new Set(options)].sort()).toEqual(['autonomous false', 'samParameters']);
  });

  it('for Shim6 the infix is as long as a /64 allows; where none fits, the addresses say so', () => {
    const short = site({ random: true, provable: true });
    // /48 and one half-octet of subnet leave no octet: 48 + 8 + 4 + 8 = 68.
    expect(short.host.addresses.every((a) => !a.provable)).toBe(true);
  });
});
