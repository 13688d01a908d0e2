import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { IdentityJson } from '../../src/control/schema.js';
import { Rtnetlink } from '../../src/linux/netlink/client.js';
import { openNamespace, writeSysctl } from '../../src/linux/netns.js';
import { FdPoller } from '../../src/linux/poller.js';
import { RawSocket } from '../../src/linux/rawsocket.js';
import { close, setsockopt } from '../../src/linux/syscalls.js';
import { parseAddress, type Address } from '../../src/wire/address.js';
import { buildNd, parseNd, type NdOption } from '../../src/wire/nd.js';
import { parsePrefix, prefixContains } from '../../src/wire/prefix.js';
import { Udp } from '../dataplane/kernel.support.js';
import { namespaces, prefixFor, wipe } from '../linux/lab.js';
import { needsRoot } from '../support/root.js';
import { traces, Up } from './up-support.js';

const PREFIX = prefixFor('identity');
const ALL_NODES = parseAddress('ff02::1');
const ELSEWHERE = parseAddress('2001:db8:ffff::1');
const IDENTITY = 'identity = "hba"';
const ROUTER = ['fe80::1', 'fe80::2'] as const;

/*
 * host H: up1 --- r1 router R      A router on each link, which advertises what the test says and answers
 *         up2 --- r2               solicitations with it. Duplicate Address Detection as the kernel does it.
 */
class RouterAndHost {
  readonly host: string;
  readonly router: string;
  readonly poller = new FdPoller();
  readonly #netlink: Rtnetlink;
  readonly #icmp: RawSocket;
  solicited = 0;
  /** Prefix Information by link, 0 and 1. */
  readonly advertised: NdOption[][] = [[], []];

  constructor(autoconf: boolean) {
    const [host = '', router = ''] = namespaces(PREFIX, 'h', 'r');
    this.host = host;
    this.router = router;
    // The quickest that is still DAD: one probe, one second.
    writeSysctl(host, 'net/ipv6/conf/default/autoconf', autoconf ? 1 : 0);
    writeSysctl(host, 'net/ipv6/conf/default/dad_transmits', 1);
    writeSysctl(router, 'net/ipv6/conf/all/forwarding', 1);
    const netlink = new Rtnetlink(host);
    this.#netlink = new Rtnetlink(router);
    const fd = openNamespace(router);
    for (const n of [1, 2]) {
      netlink.createVeth({ name: `up${n}` }, { name: `r${n}`, namespaceFd: fd });
      this.#netlink.setLink(`r${n}`, { addressGeneration: 'none' });
      this.#netlink.setLink(`r${n}`, { up: true });
      const index = this.#netlink.index(`r${n}`);
      const address = parseAddress(ROUTER[n - 1]!);
      this.#netlink.addAddress({ address, prefixLength: 64, index, noDad: true });
    }
    close(fd);
    this.#icmp = new RawSocket(
      58,
      { poller: this.poller, namespace: router, onPacket: ({ packet }) => this.#heard(packet) },
      (socket) => setsockopt(socket, 58, 1, onlyRouterSolicitations()),
    );
    for (const n of [1, 2]) netlink.setLink(`up${n}`, { up: true });
    netlink.close();
  }

  /** From now on, and at once. */
  advertise(link: 0 | 1, ...prefixes: readonly [string, number, number][]): void {
    this.advertised[link] = prefixes.map(([prefix, preferredLifetime, validLifetime]) => ({
      option: 'prefixInformation',
      prefix: parsePrefix(prefix),
      onLink: true,
      autonomous: true,
      preferredLifetime,
      validLifetime,
    }));
    this.send(link);
  }

  send(link: 0 | 1): void {
    const advertisement = buildNd(parseAddress(ROUTER[link]), ALL_NODES, {
      message: 'routerAdvertisement',
      curHopLimit: 64,
      managed: false,
      otherConfig: false,
      preference: 'medium',
      routerLifetime: 1_800,
      reachableTime: 0,
      retransTimer: 0,
      options: this.advertised[link] ?? [],
    });
    this.#icmp.send(advertisement, this.#netlink.index(`r${link + 1}`));
  }

  #heard(packet: Uint8Array): void {
    if (!parseNd(packet).ok) return;
    this.solicited++;
    for (const link of [0, 1] as const) if (this.advertised[link]?.length) this.send(link);
  }

  /** Somebody else on the first link has this address. */
  occupy(address: Address): void {
    const index = this.#netlink.index('r1');
    this.#netlink.addAddress({ address, prefixLength: 128, index, noDad: true });
  }

  close(): void {
    this.#icmp.close();
    this.poller.close();
    this.#netlink.close();
    wipe(PREFIX);
  }
}

function onlyRouterSolicitations(): Uint8Array {
  const filter = new Uint8Array(32).fill(0xff); // a set bit blocks its type (RFC 3542 §3.2)
  const word = 133 >>> 5;
  filter[4 * word + ((133 & 31) >>> 3)] = 0xff & ~(1 << (133 & 7));
  return filter;
}

describe.skipIf(needsRoot() !== undefined)(
  'addresses on a real kernel',
  { timeout: 40_000 },
  () => {
    let directory: string;
    let net: RouterAndHost;
    let up: Up;

    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), 'rehome-ids-'));
    });
    afterAll(() => rmSync(directory, { recursive: true, force: true }));
    afterEach(async () => {
      await up.kill('SIGKILL');
      rmSync(up.stateDirectory, { recursive: true, force: true });
      net.close();
    });

    const begin = async (autoconf = true): Promise<void> => {
      net = new RouterAndHost(autoconf);
      up = new Up(net.host, directory, 'host');
      up.write('', IDENTITY);
    };
    const identities = async (): Promise<IdentityJson[]> => (await up.client.identity()).identities;
    const currentOnes = async () =>
      (await identities()).filter((i) => i.current).flatMap((i) => i.addresses);
    const states = async (): Promise<string[]> => (await currentOnes()).map((a) => a.state);
    /** Which source the kernel chooses towards the Internet, by the link it leaves by. */
    const source = (link: number): string | undefined => {
      const netlink = new Rtnetlink(net.host);
      try {
        const index = netlink.index(`up${link}`);
        return netlink.routeFor({ destination: ELSEWHERE, index })?.preferredSource;
      } finally {
        netlink.close();
      }
    };

    it('are made for advertised prefixes, live as long as these, and are what connections leave from', async () => {
      await begin();
      await up.start();
      expect(await identities()).toEqual([]);
      net.advertise(0, ['2001:db8:a:1::/64', 1_000, 2_000]);
      net.advertise(1, ['2001:db8:b:1::/64', 3_000, 4_000]);
      await expect.poll(states, { timeout: 15_000 }).toEqual(['preferred', 'preferred']);
      const [a, b] = await currentOnes();
      expect([a?.prefix, a?.interface]).toEqual(['2001:db8:a:1::/64', 'up1']);
      expect([b?.prefix, b?.interface]).toEqual(['2001:db8:b:1::/64', 'up2']);
      await expect.poll(() => [source(1), source(2)]).toEqual([a?.address, b?.address]);
      const netlink = new Rtnetlink(net.host);
      const lifetimes = (): number[] => {
        const found = netlink.addresses().find((x) => x.address === a?.address);
        return [found?.preferredSeconds ?? 0, found?.validSeconds ?? 0];
      };
      await expect
        .poll(() => lifetimes().map((s) => Math.ceil(s / 100)), { timeout: 5_000 })
        .toEqual([10, 20]);
      net.advertise(0, ['2001:db8:a:1::/64', 8_000, 9_000]);
      await expect
        .poll(() => lifetimes().map((s) => Math.ceil(s / 100)), { timeout: 5_000 })
        .toEqual([80, 90]);
      netlink.close();
      expect(statSync(join(up.stateDirectory, 'identities.json')).mode & 0o777).toBe(0o600);
    });

    it('are made also where the kernel makes none: the routers are asked', async () => {
      await begin(false);
      net.advertise(0, ['2001:db8:a:1::/64', 1_000, 2_000]);
      // What the kernel itself asks at start is over; nobody tells of the prefix any more.
      await expect.poll(() => net.solicited, { timeout: 10_000 }).toBeGreaterThan(0);
      const before = net.solicited;
      await up.start();
      await expect.poll(states, { timeout: 15_000 }).toEqual(['preferred']);
      expect(net.solicited).toBeGreaterThan(before);
      expect(source(1)).toBe((await currentOnes())[0]?.address);
    });

    it('a renumbering: a new set for the new prefix, the old addresses are deprecated and go', async () => {
      await begin();
      net.advertise(0, ['2001:db8:a:1::/64', 1_000, 2_000]);
      net.advertise(1, ['2001:db8:b:1::/64', 1_000, 2_000]);
      await up.start();
      await expect.poll(states, { timeout: 15_000 }).toEqual(['preferred', 'preferred']);
      const old = (await currentOnes()).map((a) => a.address);
      const socket = new Udp(net.host, old[1]!, 7_000);
      net.advertise(0, ['2001:db8:a:1::/64', 0, 2_000], ['2001:db8:a:2::/64', 1_000, 2_000]);
      const places = async () =>
        (await currentOnes()).filter((a) => a.state === 'preferred').map((a) => a.prefix);
      await expect
        .poll(places, { timeout: 15_000 })
        .toEqual(['2001:db8:a:2::/64', '2001:db8:b:1::/64']);
      const [former] = await identities();
      expect(former?.addresses.map((a) => [a.address, a.state])).toEqual(
        old.map((address) => [address, 'deprecated']),
      );
      expect(prefixContains(parsePrefix('2001:db8:a:2::/64'), source(1) as Address)).toBe(true);
      expect(old).not.toContain(source(2));
      socket.close();
    });

    it('an address that somebody has is left to them: the set is made anew [RFC3972 §4]', async () => {
      await begin();
      net.advertise(0, ['2001:db8:a:1::/64', 1_000, 2_000]);
      await up.start();
      await expect.poll(states, { timeout: 15_000 }).toEqual(['preferred']);
      const [first] = await currentOnes();
      expect(await up.kill('SIGTERM')).toBe(0);
      net.occupy(parseAddress(first!.address));
      await up.start();
      await expect.poll(() => up.output, { timeout: 15_000 }).toContain('address-collision');
      await expect.poll(states, { timeout: 15_000 }).toEqual(['preferred']);
      const [second] = await currentOnes();
      expect(second?.address).not.toBe(first?.address);
      expect((await identities()).map((i) => i.collisionCount)).toEqual([1]);
      expect(source(1)).toBe(second?.address);
    });

    it('kill -9 leaves them for the next start; an orderly stop leaves what sockets use, and no preference', async () => {
      await begin();
      net.advertise(0, ['2001:db8:a:1::/64', 1_000, 2_000]);
      net.advertise(1, ['2001:db8:b:1::/64', 1_000, 2_000]);
      const netlink = new Rtnetlink(net.host);
      const settled = (): boolean =>
        netlink
          .addresses()
          .filter((a) => a.scope === 'global' && a.address.startsWith('2001') && !a.tentative)
          .length === 2;
      await expect.poll(settled, { timeout: 10_000 }).toBe(true);
      const before = traces(net.host);
      const plain = [source(1), source(2)];
      await up.start();
      await expect.poll(states, { timeout: 15_000 }).toEqual(['preferred', 'preferred']);
      const made = (await currentOnes()).map((a) => a.address);
      await up.kill('SIGKILL');
      expect([source(1), source(2)], 'still there').toEqual(made);
      await up.start();
      expect((await currentOnes()).map((a) => a.address)).toEqual(made);
      const socket = new Udp(net.host, made[0]!, 7_000);
      expect(await up.kill('SIGTERM')).toBe(0);
      expect([source(1), source(2)]).toEqual(plain);
      const kept = netlink.addresses().filter((a) => made.includes(a.address));
      expect(kept).toMatchObject([{ address: made[0], deprecated: true }]);
      expect(kept[0]?.validSeconds).toBeLessThanOrEqual(3_600);
      expect(traces(net.host).filter((t) => !t.includes(made[0]!))).toEqual(before);
      socket.close();
      await up.start();
      await expect.poll(states, { timeout: 15_000 }).toEqual(['preferred', 'preferred']);
      expect(await up.kill('SIGTERM')).toBe(0);
      expect(traces(net.host)).toEqual(before);
      netlink.close();
    });

    it('security "none" is refused where an address is global, unless forced', async () => {
      await begin();
      net.advertise(0, ['2001:db8:a:1::/64', 1_000, 2_000]);
      const netlink = new Rtnetlink(net.host);
      await expect
        .poll(() => netlink.addresses().some((a) => a.address.startsWith('2001') && !a.tentative), {
          timeout: 10_000,
        })
        .toBe(true);
      netlink.close();
      const before = traces(net.host);
      up.write('', 'security = "none"');
      expect(await up.spawn()).toBe(1);
      expect(up.output).toMatch(/security = "none" and the global address 2001:db8:a:1:/);
      expect(up.output).toContain('force_insecure');
      expect(traces(net.host)).toEqual(before);
    });
  },
);
