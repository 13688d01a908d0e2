import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Rtnetlink } from '../../src/linux/netlink/client.js';
import { RTPROT_SAM } from '../../src/linux/netlink/constants.js';
import { spawnSyncIn, writeSysctl } from '../../src/linux/netns.js';
import { openIcmpSender, RawSocket } from '../../src/linux/rawsocket.js';
import { FdPoller } from '../../src/linux/poller.js';
import { encapsulate } from '../../src/sam/encapsulation.js';
import {
  addressFromBytes,
  isLinkLocal,
  parseAddress,
  type Address,
} from '../../src/wire/address.js';
import { buildIpv6 } from '../../src/wire/ipv6.js';
import { ALL_NODES } from '../../src/wire/multicast.js';
import { advertisement, parameters, pio } from '../sam/run.js';
import { GLOBALS, LOCAL, mayPass } from '../sam/everybody.js';
import { udp } from '../sam/support.js';
import { traces, type Up } from './up-support.js';
import { FAR, HOST, hostConfig, ip, needsIp, PEER, SamSite } from './sam-site.js';

/** Sends whole packets out of an interface of a namespace, whatever they say. */
class Forger {
  readonly #poller = new FdPoller();
  readonly #socket;
  readonly index: number;
  constructor(namespace: string, device: string) {
    this.#socket = openIcmpSender({ poller: this.#poller, namespace });
    const netlink = new Rtnetlink(namespace);
    this.index = netlink.index(device);
    netlink.close();
  }
  send(packet: Uint8Array): number {
    return this.#socket.send(packet, this.index);
  }
  close(): void {
    this.#socket.close();
    this.#poller.close();
  }
}

const linkLocalOf = (namespace: string, device: string): Address => {
  const netlink = new Rtnetlink(namespace);
  try {
    const index = netlink.index(device);
    const found = netlink.addresses().find((a) => a.index === index && isLinkLocal(a.address));
    if (found === undefined) throw new Error('no link-local address');
    return found.address;
  } finally {
    netlink.close();
  }
};

/** What SAM alone could leave: `traces` knows the rest. */
const samTraces = (of: Up): string[] => {
  const netlink = new Rtnetlink(of.namespace);
  try {
    return [
      ...netlink
        .addresses()
        .filter((a) => a.protocol === RTPROT_SAM)
        .map((a) => a.address),
      ...netlink
        .routes()
        .filter((r) => r.protocol === RTPROT_SAM)
        .map((r) => r.destination.address),
      ...netlink
        .links()
        .filter((l) => l.name.startsWith('rehome'))
        .map((l) => l.name),
    ];
  } finally {
    netlink.close();
  }
};

/** A local address as a killed daemon leaves it. */
const leaveBehind = (of: Up, address: Address, device: string): void => {
  const netlink = new Rtnetlink(of.namespace);
  const index = netlink.index(device);
  netlink.addAddress({ address, prefixLength: 64, index, noDad: true, protocol: RTPROT_SAM });
  netlink.close();
};

describe.skipIf(needsIp() !== undefined)('[sam] in network namespaces', () => {
  let site: SamSite;
  const running = (): readonly Up[] => [site.a, site.b, site.h, site.x];

  beforeAll(() => void (site = new SamSite('samd')));
  afterAll(() => site.close());

  const stopped = async (): Promise<void> => {
    for (const up of running()) await up.kill('SIGTERM');
    site.configure();
  };
  const startSite = async (): Promise<void> => {
    await Promise.all([site.a.start(), site.b.start(), site.h.start()]);
    expect((await site.addresses(site.h, 4)).sort()).toEqual(Object.values(HOST).sort());
  };

  // One site for all of them: each test leaves it running for the next.
  describe('the site as it runs', () => {
    let before: readonly (readonly string[])[] = [];

    it('figure 7: a host gets four addresses by itself, and each leaves by the gateway that it belongs to [SAM-2.3-1]', async () => {
      before = running().map((up) => traces(up.namespace));
      await startSite();
      for (const [name, address] of Object.entries(HOST)) {
        const gateway = name.startsWith('A') ? site.a : site.b;
        const other = gateway === site.a ? site.b : site.a;
        const [own, others] = [await site.counter(gateway, 'decapsulated'), await site.counter(other, 'decapsulated')]; // prettier-ignore
        expect([name, site.reaches(site.h, address)]).toEqual([name, true]);
        expect(await site.counter(gateway, 'decapsulated'), name).toBeGreaterThan(own);
        expect(await site.counter(other, 'decapsulated'), name).toBe(others);
      }
      // The host without a daemon's help: the kernel chooses an address, and it works.
      expect(site.reaches(site.h, '::')).toBe(true);
      // A gateway has addresses of its own, and those under the other gateway's prefix leave there.
      expect(site.reaches(site.a, '2001:db8:a::')).toBe(true);
      expect(site.reaches(site.a, '2001:db8:b:12:9555:5000::')).toBe(true);
      const zone = await site.a.client.sam();
      expect(zone.zones[0]?.parents.map((p) => [p.local, p.ours])).toEqual([
        [LOCAL.m, true],
        [LOCAL.n, false],
      ]);
      expect(zone.zones[0]?.children.map((c) => c.local).sort()).toEqual([LOCAL.h, LOCAL.k]);
      expect((await site.a.client.status()).sam).toMatchObject({
        role: 'gateway',
        zones: ['zone'],
      });
    }, 60_000);

    it('every wrong combination of inner and outer addresses is dropped and counted at the gateway [SAM-5-1]', async () => {
      const forger = new Forger(site.h.namespace, 'eth0');
      try {
        expect(site.reaches(site.h, HOST.AH)).toBe(true);
        const before = (await site.a.client.sam()).counters;
        let wrong = 0;
        for (const source of GLOBALS) {
          for (const destination of GLOBALS) {
            if (mayPass('m', 'h', source, destination)) continue;
            const inner = udp(source.address, destination.address);
            expect(forger.send(encapsulate(inner, { source: LOCAL.h, destination: LOCAL.m }))).toBe(
              0,
            );
            wrong++;
          }
        }
        expect(wrong).toBeGreaterThan(200);
        const after = async (): Promise<number> => {
          const { counters } = await site.a.client.sam();
          return Object.entries(counters)
            .filter(([name]) => name.startsWith('drop-'))
            .reduce((sum, [name, n]) => sum + n - (before[name] ?? 0), 0);
        };
        await expect.poll(after, { timeout: 5_000 }).toBe(wrong);
        const { counters } = await site.a.client.sam();
        for (const reason of ['source-mismatch', 'source-not-in-zone', 'wrong-gateway']) {
          expect(counters[`drop-${reason}`] ?? 0, reason).toBeGreaterThan(0);
        }
        // Without an outer packet there is nothing to check against.
        const bare = await site.counter(site.a, 'drop-unencapsulated');
        ip(site.h.namespace, `route add 2001:db8:eeee::/48 via ${linkLocalOf(site.a.namespace, 'lan0')} dev eth0`); // prettier-ignore
        expect(forger.send(udp(HOST.AK, '2001:db8:eeee::1'))).toBe(0);
        await expect.poll(() => site.counter(site.a, 'drop-unencapsulated')).toBe(bare + 1);
        // From the Internet, with addresses of the site.
        const outside = new Forger(site.internet, 'wa');
        const spoofed = await site.counter(site.a, 'drop-source-is-below');
        expect(outside.send(udp(HOST.AK, HOST.AH))).toBe(0);
        await expect.poll(() => site.counter(site.a, 'drop-source-is-below')).toBe(spoofed + 1);
        outside.close();
      } finally {
        forger.close();
      }
    }, 60_000);

    it('is transparent: what IPsec AH protects comes out as it went in (RFC 4302; computed here, this kernel need not have AH)', async () => {
      const poller = new FdPoller();
      const arrived: Uint8Array[] = [];
      const receiver = new RawSocket(51, {
        poller,
        namespace: site.p.namespace,
        onPacket: ({ packet }) => arrived.push(packet),
      });
      const forger = new Forger(site.h.namespace, 'rehome0');
      try {
        for (const source of Object.values(HOST)) {
          const header = Uint8Array.of(59, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, ...new Uint8Array(12));
          const packet = Buffer.from(
            buildIpv6({
              source: parseAddress(source),
              destination: parseAddress(PEER),
              nextHeader: 51,
              hopLimit: 64,
              payload: Uint8Array.of(...header, ...Buffer.from('four octets of eight')),
            }),
          );
          packet.set(integrity(packet), 40 + 12);
          expect(site.reaches(site.h, source, PEER)).toBe(true);
          arrived.length = 0;
          expect(forger.send(packet)).toBe(0);
          await expect.poll(() => arrived.length).toBe(1);
          const [got = new Uint8Array()] = arrived;
          expect(addressFromBytes(got, 8)).toBe(source);
          expect(integrity(got).equals(got.subarray(40 + 12, 40 + 24))).toBe(true);
        }
      } finally {
        receiver.close();
        forger.close();
        poller.close();
      }
    }, 60_000);

    it('errors: too big, nobody there, no such child', async () => {
      const error = (from: Up | string, source: string, destination: string, size = 8): string => {
        const namespace = typeof from === 'string' ? from : from.namespace;
        return errorAbout(namespace, source, destination, size);
      };
      expect(error(site.internet, FAR, '2001:db8:a:0:1::')).toBe('1/3 from 2001:db8:a::');
      expect(error(site.internet, FAR, HOST.AH, 1_440)).toBe('2/0 from 2001:db8:fa::2 mtu 1460');
      expect(error(site.h, HOST.AH, '2001:db8:a:1299:9990::')).toBe(`1/3 from ${HOST.AH}`);
    }, 60_000);

    it('leaves nothing when it stops', async () => {
      for (const up of running()) await up.kill('SIGTERM');
      expect(running().map(samTraces)).toEqual([[], [], [], []]);
      expect(running().map((up) => traces(up.namespace))).toEqual(before);
    }, 30_000);
  });

  it('a plain host of the same site, routed as usual, is stopped by the ingress filters', async () => {
    await stopped();
    await Promise.all([site.a.start(), site.b.start()]);
    await site.addresses(site.a, 3);
    // The host sends to gateway a with an address of B's: what draft-despres-sam-03 §1 begins with.
    const gateway = linkLocalOf(site.a.namespace, 'lan0');
    ip(site.x.namespace, `addr add ${HOST.BH}/128 dev lo`);
    ip(site.x.namespace, 'addr add 2001:db8:b:1234::5/128 dev lo');
    ip(site.x.namespace, `route add default via ${gateway} dev eth0`);
    try {
      const heard = site.echosHeard();
      for (const source of [HOST.BH, '2001:db8:b:1234::5']) {
        expect(site.reaches(site.x, source)).toBe(false);
      }
      expect(site.echosHeard()).toBe(heard);
      // The same gateway with one of its own.
      expect(site.reaches(site.a, '2001:db8:a::')).toBe(true);
      expect(site.echosHeard()).toBeGreaterThan(heard);
    } finally {
      ip(site.x.namespace, 'addr flush dev lo scope global');
      ip(site.x.namespace, 'route del default');
    }
  }, 60_000);

  it('after a kill the next start clears up, and a start that fails leaves nothing', async () => {
    await stopped();
    await site.h.start();
    await site.h.kill('SIGKILL');
    expect(samTraces(site.h)).toContain('rehome0');
    await site.h.start();
    await site.h.kill('SIGTERM');
    expect(samTraces(site.h)).toEqual([]);
    // Also if it is told something else by then: another device, or nothing of SAM.
    for (const next of ['[sam]\nrole = "host"\ninterfaces = ["eth0"]\ndevice = "zone0"', '']) {
      await site.h.start();
      await site.h.kill('SIGKILL');
      leaveBehind(site.h, LOCAL.k, 'wlan0');
      expect(samTraces(site.h)).toEqual(expect.arrayContaining([LOCAL.k, 'rehome0']));
      site.h.write(next);
      await site.h.start();
      expect(samTraces(site.h)).toEqual([]);
      await site.h.kill('SIGTERM');
      site.h.write(hostConfig({ eth0: '7777', wlan0: '8888' }));
    }

    ip(site.h.namespace, 'link set eth0 mtu 1300');
    expect(await site.h.spawn()).toBe(1);
    expect(site.h.output).toMatch(/eth0 has an MTU of 1300: links of a zone carry at least 1320/);
    ip(site.h.namespace, 'link set eth0 mtu 1500');
    ip(site.h.namespace, 'link add rehome0 type veth peer name other0');
    site.h.output = '';
    expect(await site.h.spawn()).toBe(1);
    expect(site.h.output).toMatch(
      /a device named rehome0 exists and is not rehome's: choose another/,
    );
    ip(site.h.namespace, 'link del rehome0');
    expect(samTraces(site.h)).toEqual([]);
    const forwarding = site.b;
    writeSysctl(forwarding.namespace, 'net/ipv6/conf/all/forwarding', 0);
    forwarding.output = '';
    expect(await forwarding.spawn()).toBe(1);
    expect(forwarding.output).toMatch(/role gateway needs a forwarding kernel: sysctl -w net.ipv6/);
    writeSysctl(forwarding.namespace, 'net/ipv6/conf/all/forwarding', 1);
    forwarding.write('[sam]\nrole = "gateway"\ninterfaces = ["lan0"]\n[[sam.provider]]\nprefix = "2001:db8:b::/56"\ninterface = "nowhere0"\n'); // prettier-ignore
    forwarding.output = '';
    expect(await forwarding.spawn()).toBe(1);
    expect(forwarding.output).toMatch(/\[sam\] names nowhere0: there is no such network interface/);
    expect(samTraces(forwarding)).toEqual([]);
  }, 60_000);

  it('two children with infixes that collide: one takes another [SAM-3.3-2]', async () => {
    await stopped();
    await Promise.all([site.a.start(), site.b.start()]);
    await site.addresses(site.a, 3);
    // 77 is a prefix of 7777: duplicates by the rule of §3.3.
    site.h.write(hostConfig({ eth0: '77' }));
    site.x.write(hostConfig({ eth0: '7777' }));
    await Promise.all([site.h.start(), site.x.start()]);
    await site.addresses(site.h, 2);
    await site.addresses(site.x, 2);
    const local = async (up: Up): Promise<string> =>
      (await up.client.sam()).zones[0]?.links[0]?.local ?? '';
    const found = [await local(site.h), await local(site.x)];
    const wished = ['fcf9::1:1f00:0:0:77', LOCAL.h];
    expect(found).not.toEqual(wished);
    expect(found.filter((f) => wished.includes(f)).length).toBeLessThan(2);
    expect(site.reaches(site.h, (await site.addresses(site.h, 2))[0] ?? '')).toBe(true);
    expect(site.reaches(site.x, (await site.addresses(site.x, 2))[0] ?? '')).toBe(true);
  }, 60_000);

  it('a rogue advertisement is ignored where the link is not trusted', async () => {
    await stopped();
    const rogue = new Forger(site.x.namespace, 'eth0');
    const says = advertisement(
      [pio('fcf9:0:0:1::/64'), parameters('2001:db8:bad::/48')],
      linkLocalOf(site.x.namespace, 'eth0'),
      ALL_NODES,
    );
    try {
      for (const trusted of [false, true]) {
        site.h.write(hostConfig({ eth0: '7777' }, `trusted = ${trusted}`));
        await site.h.start();
        await expect.poll(async () => (await site.h.client.sam()).zones[0]?.links[0]?.state).toBe('no-subnet'); // prettier-ignore
        expect(rogue.send(says)).toBe(0);
        if (trusted) {
          expect(await site.addresses(site.h, 1)).toEqual(['2001:db8:bad:1297:7770::']);
        } else {
          await expect.poll(() => site.counter(site.h, 'untrusted-advertisement')).toBe(1);
          expect((await site.h.client.sam()).zones[0]?.parents).toEqual([]);
        }
        await site.h.kill('SIGTERM');
      }
    } finally {
      rogue.close();
    }
  }, 60_000);
});

/** RFC 4302 §3.3.3: what of a packet with an Authentication Header is protected, hashed; mutable fields count as zeros. */
function integrity(packet: Uint8Array): Buffer {
  const copy = Buffer.from(packet);
  copy.fill(0, 0, 4);
  copy[0] = 0x60;
  copy[7] = 0;
  copy.fill(0, 40 + 12, 40 + 24);
  return createHmac('sha1', 'a key that both ends have').update(copy).digest().subarray(0, 12);
}

/** `type/code from whom` of the first ICMPv6 error about a datagram. */
function errorAbout(namespace: string, source: string, destination: string, size: number): string {
  const done = spawnSyncIn(namespace, 'python3', [
    '-c',
    PROVOKE,
    source,
    destination,
    String(size),
  ]);
  return String(done.stdout).trim();
}
const PROVOKE = `
import socket, struct, sys, time
raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58)
raw.settimeout(5)
u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
u.bind((sys.argv[1], 0))
end = time.time() + 6
u.sendto(b'x' * int(sys.argv[3]), (sys.argv[2], 9))
while time.time() < end:
    try: d, a = raw.recvfrom(2000)
    except socket.timeout: break
    if d[0] < 128 and not a[0].startswith('fcf9'): # the system's own, about the outer packet
        print('%d/%d from %s%s' % (d[0], d[1], a[0], ' mtu %d' % struct.unpack('!I', d[4:8]) if d[0] == 2 else ''))
        break
`;
