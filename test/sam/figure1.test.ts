import { describe, expect, it } from 'vitest';
import { encapsulate } from '../../src/sam/encapsulation.js';
import { decodeInfix } from '../../src/sam/infix.js';
import { delegate } from '../../src/sam/mapping.js';
import { figure1, type Figure1 } from '../../src/sim/sam/figures.js';
import type { SamNode } from '../../src/sim/sam/node.js';
import { parseAddress, type Address } from '../../src/wire/address.js';
import { ALL_NODES } from '../../src/wire/multicast.js';
import { buildNd } from '../../src/wire/nd.js';
import { buildIcmpError, parseIcmpError } from '../../src/wire/icmpv6.js';
import { parseIpv6 } from '../../src/wire/ipv6.js';
import { formatPrefix, parsePrefix, prefixContains, type Prefix } from '../../src/wire/prefix.js';
import { ms } from '../../src/wire/units.js';
import { immutable, line, PlainHost, taken, udp } from './support.js';

interface Hierarchy extends Figure1 {
  readonly far: PlainHost;
  /** Every encapsulation that was sent: the link, and the outer addresses. */
  readonly legs: string[];
  /** Host f sends, and the packet comes to wherever it goes. */
  readonly host: (packet: Uint8Array) => void;
}

/** Three levels, configured, each link listened to. */
function hierarchy(seed = 'figure 1'): Hierarchy {
  const f = figure1(seed);
  f.clock.run(60_000);
  const legs: string[] = [];
  for (const link of Object.values(f.links)) {
    link.tap = (packet) => {
      const ip = parseIpv6(packet);
      if (ip.ok && ip.header.nextHeader === 41) {
        legs.push(
          `${link.name} ${ip.header.source} > ${ip.header.destination} ${ip.header.hopLimit}`,
        );
      }
    };
  }
  const host = (packet: Uint8Array): void => {
    f.hosts.f.send(packet);
    f.clock.run(200);
  };
  return { ...f, far: new PlainHost(f.internet, '2001:db8:ffff::1'), legs, host };
}

const A = parsePrefix('2001:db0::/32');
const B = parsePrefix('2001:db1::/32');
/** The prefix that a node has in a zone under a path of nodes, from the provider down: ACDF is `of(A, CA, DC, FD)`. */
const of = (provider: Prefix, ...path: readonly SamNode[]): Prefix =>
  path.reduce((prefix, node) => delegate(prefix, node.locals[0] as Address), provider);
const own = (node: SamNode): Address[] => node.addresses.map((a) => a.address);
const addressUnder = (node: SamNode, provider: Prefix): Address[] =>
  own(node).filter((a) => prefixContains(provider, a));
/** The zones an encapsulation went through, in order. */
const zones = (legs: string[]): string =>
  legs
    .splice(0)
    .map((leg) => leg[0])
    .join('');

describe('the hierarchy of figure 1', () => {
  it('every zone has the prefixes of its parent zones, each followed by its infix there [SAM-2.1-1] [SAM-2.1-2]', () => {
    const f = hierarchy();
    const { CA, CB, EA, EB, DC, DE, FD, FE } = f.routers;
    const inZone = (node: SamNode, zone: string): string[] =>
      (node.table.zones.find((z) => z.name === zone)?.prefixes ?? [])
        .map((p) => formatPrefix(p.prefix))
        .sort();
    const prefixes = (...all: Prefix[]): string[] => all.map(formatPrefix).sort();
    expect(inZone(f.hosts.c, 'C')).toEqual(prefixes(of(A, CA), of(B, CB)));
    expect(inZone(f.hosts.e, 'E')).toEqual(prefixes(of(A, EA), of(B, EB)));
    const D = [of(A, CA, DC), of(B, CB, DC), of(A, EA, DE), of(B, EB, DE)];
    expect(inZone(f.hosts.d, 'D')).toEqual(prefixes(...D));
    const F = [
      of(A, CA, DC, FD), // ACDF, as the draft writes it
      of(B, CB, DC, FD),
      of(A, EA, DE, FD),
      of(B, EB, DE, FD),
      of(A, EA, FE),
      of(B, EB, FE),
    ];
    expect(inZone(f.hosts.f, 'F')).toEqual(prefixes(...F));
    expect(new Set(inZone(f.hosts.f, 'F').map((p) => p.split('/')[1]))).toEqual(
      new Set(['64', '80']),
    );
    expect(f.hosts.f.addresses).toHaveLength(6);
    // Past 64 bits, and each infix is where its level put it (§2.5).
    const deep = f.hosts.f.addresses.find((a) => a.delegated.length === 96);
    for (const at of [32, 48, 64, 80]) {
      expect(decodeInfix(deep?.address ?? parseAddress('::'), at)).toMatchObject({
        ok: true,
        length: 16,
      });
    }
  });

  it('all six prefixes of a host reach the Internet through every level and come back [SAM-2.3-1] [SAM-2.5-1]', () => {
    const f = hierarchy();
    for (const { address, delegated } of f.hosts.f.addresses) {
      const sent = udp(address, f.far.address);
      f.host(sent);
      const levels = (delegated.length - 32) / 16;
      expect(f.far.received.map(immutable)).toEqual([immutable(sent)]);
      // Each gateway counts as one hop, however its zone looks inside.
      expect(taken(f.far)).toEqual([`${address} > ${f.far.address} ${64 - levels}`]);
      expect(taken(f.hosts.f)).toEqual([`${f.far.address} > ${address} ${64 - levels}`]);
      expect(f.legs).toHaveLength(2 * levels);
      expect(new Set(f.legs.map((leg) => leg.split(' ').at(-1)))).toEqual(new Set(['64']));
      const way = zones(f.legs);
      expect(way.slice(levels)).toBe([...way.slice(0, levels)].reverse().join(''));
    }
    expect(f.internet.filtered).toBe(0);
  });

  it('the way is that of the prefix, up and down', () => {
    const f = hierarchy();
    const { CA, DC, FD, EB, FE } = f.routers;
    const [acdf] = f.hosts.f.addresses.filter((a) => prefixContains(of(A, CA, DC, FD), a.address));
    const [bef] = f.hosts.f.addresses.filter((a) => prefixContains(of(B, EB, FE), a.address));
    f.host(udp(acdf?.address ?? '', f.far.address));
    expect(zones(f.legs)).toBe('FDCAACDF');
    f.host(udp(bef?.address ?? '', f.far.address));
    expect(zones(f.legs)).toBe('FEBBEF');
  });

  it('between two sites, end to end, nothing changes but the hop limit', () => {
    const f = hierarchy();
    const { c, f: inner } = f.hosts;
    const from = addressUnder(inner, A).find((a) => prefixContains(of(A, f.routers.EA), a)) ?? '';
    const to = addressUnder(c, B)[0] ?? '';
    const sent = udp(from, to);
    f.host(sent);
    expect(c.received.map(immutable)).toEqual([immutable(sent)]);
    expect(taken(c).join()).toMatch(new RegExp(`^${from} > ${to} \\d+$`));
    // Out by A, over the Internet, in by B.
    expect(zones(f.legs)).toMatch(/^F.*A+BC$/);
  });

  it('to somebody in a zone on the way it does not go further up than it must', () => {
    const f = hierarchy();
    const { CA, DC, FD } = f.routers;
    const acdf = own(f.hosts.f).find((a) => prefixContains(of(A, CA, DC, FD), a)) ?? '';
    const acd = own(f.hosts.d).find((a) => prefixContains(of(A, CA, DC), a)) ?? '';
    const bcd = own(f.hosts.d).find((a) => prefixContains(of(B, f.routers.CB, DC), a)) ?? '';
    f.host(udp(acdf, acd));
    expect([taken(f.hosts.d), zones(f.legs)]).toEqual([[`${acdf} > ${acd} 63`], 'FD']);
    f.host(udp(acdf, bcd));
    expect([taken(f.hosts.d), zones(f.legs)]).toEqual([[`${acdf} > ${bcd} 63`], 'FD']);
    // In zone C the gateway DC and host c are siblings.
    const ac = addressUnder(f.hosts.c, A)[0] ?? '';
    f.host(udp(acdf, ac));
    expect([taken(f.hosts.c), zones(f.legs)]).toEqual([[`${acdf} > ${ac} 62`], 'FDC']);
    // ... and a provider's customers are siblings in its zone.
    const ae = addressUnder(f.hosts.e, A)[0] ?? '';
    f.host(udp(acdf, ae));
    expect([taken(f.hosts.e), zones(f.legs)]).toEqual([[`${acdf} > ${ae} 60`], 'FDCAE']);
  });

  it('every host reaches every address of every other, without a drop or a loop', () => {
    const f = hierarchy();
    const all = Object.values(f.hosts);
    let packets = 0;
    for (const from of all) {
      for (const to of all) {
        if (from === to) continue;
        for (const source of own(from)) {
          for (const destination of own(to)) {
            const sent = udp(source, destination);
            from.send(sent);
            f.clock.run(200);
            expect(to.received.map(immutable)).toEqual([immutable(sent)]);
            to.received.length = 0;
            // At most up through all levels, and down through all again.
            expect(f.legs.splice(0).length).toBeLessThanOrEqual(8);
            packets++;
          }
        }
      }
    }
    expect(packets).toBe(14 ** 2 - 2 ** 2 - 2 ** 2 - 4 ** 2 - 6 ** 2);
    const drops = [...all, ...Object.values(f.routers)].map((n) => n.drops);
    expect(drops.every((d) => Object.keys(d).length === 0)).toBe(true);
    expect([f.internet.filtered, f.internet.unroutable]).toEqual([0, 0]);
  }, 60_000);

  it('a hop limit that is too small is answered by the gateway where it ends', () => {
    const f = hierarchy();
    const acdf = own(f.hosts.f).find((a) => prefixContains(of(A, f.routers.CA, f.routers.DC), a)) ?? ''; // prettier-ignore
    const seen: (string | undefined)[] = [];
    for (let hopLimit = 1; hopLimit <= 5; hopLimit++) {
      f.host(udp(acdf, f.far.address, { hopLimit }));
      const [reply] = f.hosts.f.received.splice(0);
      const icmp = reply && parseIcmpError(reply);
      seen.push(icmp?.ok === true ? `${icmp.type}/${icmp.code} ${icmp.header.source}` : undefined);
    }
    // A traceroute: each gateway answers from its own address under the path's prefix.
    const { CA, DC, FD } = f.routers;
    expect(seen.slice(0, 4)).toEqual([
      `3/0 ${of(A, CA, DC, FD).address}`,
      `3/0 ${of(A, CA, DC).address}`,
      `3/0 ${of(A, CA).address}`,
      `3/0 ${A.address}`,
    ]);
    expect(f.far.received.length).toBe(1);
  });

  it('an ICMPv6 error from the Internet reaches the host, through every level', () => {
    const f = hierarchy();
    const [address] = own(f.hosts.f);
    const sent = udp(address ?? '', '2001:db8:ffff::9');
    const source = parseAddress('2001:db8:ffff::fe');
    f.far.send(buildIcmpError({ source, destination: parseAddress(address ?? ''), type: 1, code: 3, invokingPacket: sent })); // prettier-ignore
    f.clock.run(200);
    expect(taken(f.hosts.f).join()).toMatch(/icmp 1\/3$/);
  });
});

describe('renumbering in the middle', () => {
  it('a provider that takes a new prefix: all below follow, old addresses work until they end', () => {
    const f = hierarchy();
    const before = f.hosts.f.prefixes;
    // The provider A takes a new prefix, and keeps the old one for a while: seen from F, three levels below.
    const now = f.clock.now();
    const next = parsePrefix('2001:db2::/32');
    f.routers.A.connect(f.internet, next);
    const old = { prefix: A, preferredUntil: now, validUntil: ms(now + 300_000) };
    f.routers.A.setProviders([old, { prefix: next }]);
    f.clock.run(30_000);
    const under = (p: Prefix) => f.hosts.f.addresses.filter((a) => prefixContains(p, a.address));
    expect(under(A).map((a) => a.deprecated)).toEqual([true, true, true]);
    expect(under(next).map((a) => a.deprecated)).toEqual([false, false, false]);
    expect(under(B).map((a) => a.deprecated)).toEqual([false, false, false]);
    // The same infixes under the new prefix: nobody below had to do anything.
    const tail = (p: string): string => p.slice(p.indexOf(':', 6));
    expect(
      under(next)
        .map((a) => tail(formatPrefix(a.delegated)))
        .sort(),
    ).toEqual(
      before
        .filter((p) => p.startsWith('2001:db0'))
        .map(tail)
        .sort(),
    );
    // Old flows keep their gateway until the old prefix ends.
    for (const { address } of under(A)) {
      f.host(udp(address, f.far.address));
      expect(taken(f.hosts.f)).toHaveLength(1);
    }
    f.clock.run(300_000);
    expect(under(A)).toEqual([]);
    expect(f.hosts.f.addresses).toHaveLength(6);
    for (const { address } of f.hosts.f.addresses) {
      f.host(udp(address, f.far.address));
      expect(taken(f.hosts.f)).toHaveLength(1);
    }
  });

  it('a middle router that has to give up its infix: other prefixes for all below, at once', () => {
    const f = hierarchy();
    const { CA } = f.routers;
    const [local] = CA.locals;
    const before = of(A, CA);
    expect(f.hosts.f.prefixes.some((p) => prefixContains(before, parsePrefix(p).address))).toBe(
      true,
    );
    // Somebody with a lower link-local address holds the same infix in zone A.
    const claim = buildNd(parseAddress('fe80::'), ALL_NODES, {
      message: 'neighborAdvertisement',
      target: local as Address,
      router: false,
      solicited: false,
      override: false,
      options: [],
    });
    const index = CA.engine.view(f.clock.now()).zones.findIndex((z) => z.name === 'A') + 1;
    CA.deliver(index, claim);
    f.clock.run(15_000);
    expect(CA.locals[0]).not.toBe(local);
    const after = of(A, CA);
    const count = (p: Prefix): number =>
      f.hosts.f.addresses.filter((a) => prefixContains(p, a.address)).length;
    expect([count(before), count(after), f.hosts.f.addresses.length]).toEqual([0, 1, 6]);
    for (const { address } of f.hosts.f.addresses) {
      f.host(udp(address, f.far.address));
      expect(taken(f.hosts.f)).toHaveLength(1);
    }
  });

  it('a middle zone that loses a parent zone: the prefixes through it end, the others stay', () => {
    const f = hierarchy();
    f.routers.DC.die();
    f.clock.run(7_300_000);
    const { EA, EB, DE, FD, FE } = f.routers;
    const left = [of(A, EA, DE, FD), of(B, EB, DE, FD), of(A, EA, FE), of(B, EB, FE)];
    const zone = f.hosts.f.table.zones[0];
    expect(zone?.prefixes.map((p) => formatPrefix(p.prefix)).sort()).toEqual(left.map(formatPrefix).sort()); // prettier-ignore
  });
});

describe('spoofing in the hierarchy', () => {
  it('a host that uses the address of another is stopped where it is, or at the first gateway [SAM-5-1]', () => {
    const f = hierarchy();
    const { hosts, routers } = f;
    const forged = own(hosts.d)[0] ?? '';
    // Host f has no way to send it: its own data path refuses.
    f.host(udp(forged, f.far.address));
    expect(hosts.f.drops).toEqual({ 'source-policy': 1 });
    expect(f.legs).toEqual([]);
    expect(Object.values(routers).every((r) => Object.keys(r.drops).length === 0)).toBe(true);
    expect(taken(hosts.f).map((l) => l.slice(-8))).toEqual(['icmp 1/5']);
    // A forger writes the outer header himself.
    const { FD } = routers;
    const [source, destination] = [hosts.f.locals[0] as Address, FD.locals[1] as Address];
    const mine = own(hosts.f).find((a) => prefixContains(of(A, routers.CA, routers.DC), a)) ?? '';
    const other = mine.replace(/[0-9a-f]+::$/, '1::'); // another child of zone F
    for (const inner of [forged, other]) {
      FD.deliver(2, encapsulate(udp(inner, f.far.address), { source, destination }));
    }
    FD.deliver(2, encapsulate(udp(mine, f.far.address), { source, destination }));
    f.clock.run(200);
    expect(FD.drops).toEqual({ 'source-not-in-zone': 1, 'source-mismatch': 1 });
    expect(taken(f.far)).toHaveLength(1);
  });

  it('a packet of our own that comes back from above is dropped', () => {
    const f = hierarchy();
    const target = own(f.hosts.f).find((a) => prefixContains(B, a)) ?? '';
    const source = own(f.hosts.c).find((a) => prefixContains(B, a)) ?? '';
    // Somebody outside writes a source of provider B's into a packet for B.
    const provider = f.internet.attach(parsePrefix('2001::/16'), () => undefined);
    provider(udp(source, target));
    f.clock.run(100);
    expect(f.routers.B.drops).toEqual({ 'source-is-below': 1 });
    expect(taken(f.hosts.f)).toEqual([]);
    expect(line(udp(source, target))).toContain(source);
  });
});
