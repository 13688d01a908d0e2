import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ExitJson, ExitUplinkJson } from '../../src/control/schema.js';
import { Rtnetlink } from '../../src/linux/netlink/client.js';
import { inNamespace } from '../../src/linux/netns.js';
import { FdPoller } from '../../src/linux/poller.js';
import { openIcmpErrorSocket } from '../../src/linux/rawsocket.js';
import { parseIcmpError } from '../../src/wire/icmpv6.js';
import { parseIpv6 } from '../../src/wire/ipv6.js';
import { parsePrefix } from '../../src/wire/prefix.js';
import { Udp } from '../dataplane/kernel.support.js';
import { prefixFor } from '../linux/lab.js';
import { needsRoot } from '../support/root.js';
import { EXIT, Site, SOURCE } from './exit-support.js';
import { traces, Up } from './up-support.js';

const FAR = '2001:db8:f::1';

/** Rules, links and routes of a namespace, everybody's. */
function everything(namespace: string): string[] {
  const nl = new Rtnetlink(namespace);
  try {
    const routes = nl
      .routes()
      .map((r) => `route ${r.table} ${r.destination.address}/${r.destination.length} ${r.metric}`);
    return [...traces(namespace), ...routes].sort();
  } finally {
    nl.close();
  }
}

describe.skipIf(needsRoot() !== undefined)('an exit router in network namespaces', () => {
  let site: Site;
  let directory: string;
  let up: Up;
  const poller = new FdPoller();
  const errors: string[] = [];
  let listener: { close(): void };

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'rehome-exit-'));
  });
  afterAll(() => {
    poller.close();
    rmSync(directory, { recursive: true, force: true });
  });
  beforeEach(async () => {
    site = new Site(prefixFor('exit'));
    up = new Up(site.router, directory);
    errors.length = 0;
    listener = inNamespace(site.host, () =>
      openIcmpErrorSocket({
        poller,
        onPacket: ({ packet }) => {
          const e = parseIcmpError(packet);
          const about = e.ok ? parseIpv6(e.invokingPacket, { allowTruncated: true }) : undefined;
          if (e.ok && about?.ok) errors.push(`${about.header.source} ${e.type}/${e.code}`);
        },
      }),
    );
    await expect.poll(() => site.reaches(SOURCE.a, 1), { timeout: 5_000 }).toBe(true);
  });
  afterEach(async () => {
    listener.close();
    await up.kill('SIGKILL');
    site.close();
  });

  const exit = (): Promise<ExitJson> => up.client.exit();
  const uplink = async (name: string): Promise<ExitUplinkJson> => {
    const found = (await exit()).uplinks.find((u) => u.name === name);
    if (found === undefined) throw new Error(name);
    return found;
  };
  const stateOf = async (name: string): Promise<string> => (await uplink(name)).state;
  const start = async (more = EXIT): Promise<void> => {
    up.write(more, '');
    await up.start();
  };

  it('sends each packet out by the uplink of its source; without it, the filters drop B’s', async () => {
    expect([site.reaches(SOURCE.a), site.reaches(SOURCE.b)]).toEqual([true, false]);
    await start();
    expect([site.reaches(SOURCE.a), site.reaches(SOURCE.b)]).toEqual([true, true]);
    const [a, b] = [await uplink('isp-a'), await uplink('isp-b')];
    expect([a.state, a.nextHop, a.learned]).toEqual(['up', '2001:db8:aa::1', true]);
    expect([b.state, b.nextHop, b.learned]).toEqual(['up', '2001:db8:bb::1', false]);
    expect([a.sentPackets, b.sentPackets]).toEqual([1, 1]);
    expect(errors).toEqual([]);
  });

  it('counts what goes out and what comes back, for each uplink', async () => {
    await start();
    const [from, to] = [new Udp(site.host, SOURCE.b, 4000), new Udp(site.far, FAR, 4001)];
    for (let i = 0; i < 10; i++) {
      from.send(new Uint8Array(100), FAR, 4001);
      expect(to.receive()).toHaveLength(100);
      to.send(new Uint8Array(50), SOURCE.b, 4000);
      expect(from.receive()).toHaveLength(50);
    }
    from.close();
    to.close();
    const b = await uplink('isp-b');
    expect([b.sentPackets, b.receivedPackets]).toEqual([10, 10]);
    expect([b.sentBytes, b.receivedBytes]).toEqual([10 * 162, 10 * 112]); // Ethernet, IPv6, UDP
  });

  it('tells the sender whose source belongs to no uplink: ICMPv6 code 5', async () => {
    await start();
    expect(site.reaches(SOURCE.nobody)).toBe(false);
    await expect.poll(() => errors).toContain(`${SOURCE.nobody} 1/5`);
    const view = await exit();
    expect(view.unknownSourcePackets).toBe(5);
    // One notice in 100 ms for a source.
    expect(view.noticesSent).toBeGreaterThan(0);
    expect(view.noticesSent + view.noticesNotSent).toBe(5);
    expect(view.noticesNotSent).toBeGreaterThan(0);
  });

  it('or drops and counts in silence, as configured', async () => {
    await start(EXIT.replace('[exit]', '[exit]\nunknown_source = "drop"'));
    expect(site.reaches(SOURCE.nobody)).toBe(false);
    expect((await exit()).unknownSourcePackets).toBe(5);
    expect([errors, (await exit()).noticesSent]).toEqual([[], 0]);
  });

  it('notices that an uplink’s link is down, tells its hosts, and takes it back', async () => {
    await start();
    site.link(site.b, 'cust', false);
    await expect.poll(() => stateOf('isp-b'), { timeout: 2_000 }).toBe('link-down');
    expect([site.reaches(SOURCE.a), site.reaches(SOURCE.b)]).toEqual([true, false]);
    await expect.poll(() => errors).toContain(`${SOURCE.b} 1/0`);
    expect((await uplink('isp-b')).refusedPackets).toBe(5);
    const { events } = await up.client.events();
    expect(events.filter((e) => e.name === 'exit-uplink-down').map((e) => e.detail)).toEqual([
      { uplink: 'isp-b', interface: 'wan1', state: 'link-down' },
    ]);
    site.link(site.b, 'cust', true);
    site.address(site.b, 'cust', '2001:db8:bb::1');
    site.route(site.b, '2001:db8:b::/48', '2001:db8:bb::2', 'cust');
    await expect.poll(() => stateOf('isp-b'), { timeout: 5_000 }).toBe('up');
    await expect.poll(() => site.reaches(SOURCE.b, 1), { timeout: 5_000 }).toBe(true);
  });

  it('notices a next hop that does not answer although the link is up', async () => {
    await start();
    expect(site.reaches(SOURCE.b)).toBe(true);
    const nl = new Rtnetlink(site.b);
    const index = nl.index('cust');
    const { address } = { address: '2001:db8:bb::1' };
    nl.deleteAddress({ address: parsePrefix(address).address, prefixLength: 64, index });
    nl.close();
    await expect.poll(() => stateOf('isp-b'), { timeout: 10_000 }).toBe('next-hop-silent');
    expect(site.reaches(SOURCE.b)).toBe(false);
    await expect.poll(() => errors).toContain(`${SOURCE.b} 1/0`);
    site.address(site.b, 'cust', address);
    site.route(site.b, '2001:db8:b::/48', '2001:db8:bb::2', 'cust');
    await expect.poll(() => stateOf('isp-b'), { timeout: 10_000 }).toBe('up');
    await expect.poll(() => site.reaches(SOURCE.b, 1), { timeout: 5_000 }).toBe(true);
  }, 30_000);

  it('notices that the default route of an uplink has gone', async () => {
    await start();
    const nl = new Rtnetlink(site.router);
    nl.deleteRoute({ destination: parsePrefix('::/0'), index: nl.index('wan0'), protocol: 4 });
    nl.close();
    await expect.poll(() => stateOf('isp-a')).toBe('no-default-route');
    expect([site.reaches(SOURCE.a), site.reaches(SOURCE.b)]).toEqual([false, true]);
    site.route(site.router, '::/0', '2001:db8:aa::1', 'wan0');
    await expect.poll(() => stateOf('isp-a')).toBe('up');
    expect(site.reaches(SOURCE.a)).toBe(true);
  });

  it('stops what another route would lead out by the wrong uplink', async () => {
    await start();
    site.route(site.router, '2001:db8:f::/64', '2001:db8:aa::1', 'wan0');
    expect([site.reaches(SOURCE.a), site.reaches(SOURCE.b)]).toEqual([true, false]);
    await expect.poll(() => errors).toContain(`${SOURCE.b} 1/5`);
    const view = await exit();
    expect(view.wrongUplinkPackets).toBe(5);
    expect(view.warnings.join()).toContain('the route to 2001:db8:f::/64 by wan0 is taken');
  });

  it('does not send out what is of the site and nowhere in it', async () => {
    await start();
    const from = new Udp(site.host, SOURCE.a, 4000);
    from.send(Uint8Array.of(1), '2001:db8:a:77::1', 4001);
    await expect.poll(() => errors).toContain(`${SOURCE.a} 1/0`);
    from.close();
    expect((await uplink('isp-a')).sentPackets).toBe(0);
  });

  it('never answers a forged source out of the site', async () => {
    await start();
    site.address(site.host, 'up0', '2001:db8:f::2'); // of the far host's prefix
    const from = new Udp(site.host, '2001:db8:f::2', 4000);
    for (let i = 0; i < 3; i++) from.send(Uint8Array.of(i), '2001:db8:fa::2', 4001);
    from.close();
    await expect.poll(async () => (await exit()).noticesNotSent).toBe(3);
    const view = await exit();
    expect([view.unknownSourcePackets, view.noticesSent]).toEqual([3, 0]);
  });

  it('leaves nothing behind, and touches nobody else’s rules', async () => {
    const nl = new Rtnetlink(site.router);
    const rule = { priority: 5_650, from: parsePrefix('2001:db8:a:9::/64'), table: 254 };
    nl.addRule({ ...rule, protocol: 4 });
    const before = everything(site.router);
    await start();
    expect(everything(site.router)).not.toEqual(before);
    expect(await up.kill('SIGTERM')).toBe(0);
    expect(everything(site.router)).toEqual(before);
    nl.close();
  });

  it('after kill -9 the next start cleans up, with and without [exit]', async () => {
    const before = everything(site.router);
    await start();
    const running = everything(site.router);
    await up.kill('SIGKILL');
    await start();
    expect(everything(site.router)).toEqual(running);
    expect([site.reaches(SOURCE.a), site.reaches(SOURCE.b)]).toEqual([true, true]);
    await up.kill('SIGKILL');
    await start('shim6 = false');
    expect((await exit()).router).toBe(false);
    await up.kill('SIGTERM');
    expect(everything(site.router)).toEqual(before);
  }, 30_000);

  it('says what is in the way', async () => {
    const nl = new Rtnetlink(site.router);
    nl.createVeth({ name: 'exit0' }, { name: 'other' });
    up.write(EXIT, '');
    expect(await up.spawn()).toBe(1);
    expect(up.output).toContain('a device named exit0 exists and is not rehome');
    expect(nl.link('exit0')).toBeDefined();
    nl.close();
  });
});
