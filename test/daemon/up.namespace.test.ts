import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Rtnetlink } from '../../src/linux/netlink/client.js';
import { parseAddress } from '../../src/wire/address.js';
import { A, B, TwoHosts, Udp } from '../dataplane/kernel.support.js';
import { needsRoot } from '../support/root.js';
import { traces, Up } from './up-support.js';

describe.skipIf(needsRoot() !== undefined)('rehome up in network namespaces', () => {
  let net: TwoHosts;
  let directory: string;
  let a: Up;
  let b: Up;

  beforeAll(async () => {
    net = await new TwoHosts('rhdm-').ready();
    directory = mkdtempSync(join(tmpdir(), 'rehome-up-'));
  });
  afterAll(() => {
    net.close();
    rmSync(directory, { recursive: true, force: true });
  });
  afterEach(async () => {
    await a?.kill('SIGKILL');
    await b?.kill('SIGKILL');
  });

  it('starts, protects what the trigger says, survives a lost link, and leaves nothing', async () => {
    const before = [traces(net.a), traces(net.b)];
    a = new Up(net.a, directory);
    b = new Up(net.b, directory);
    a.write('[trigger]\npackets = 10');
    await a.start();
    await b.start();
    const [from, to] = [new Udp(net.a, A[0], 5000), new Udp(net.b, B[0], 5001)];
    const exchange = (): boolean => {
      from.send(Uint8Array.of(1), B[0], 5001);
      to.send(Uint8Array.of(2), A[0], 5000);
      return to.receive(50) !== undefined && from.receive(50) !== undefined;
    };
    for (let i = 0; i < 30; i++) exchange();
    await expect
      .poll(async () => (exchange(), (await a.client.status()).summary.protected), {
        timeout: 5_000,
      })
      .toBe(1);
    expect((await a.client.locators()).local.map((l) => l.address)).toEqual([...A]);

    const router = new Rtnetlink(net.r);
    router.setLink('a0', { up: false });
    await expect
      .poll(async () => (exchange(), (await a.client.status()).summary.rehomed), {
        timeout: 10_000,
      })
      .toBe(1);
    await expect.poll(exchange, { timeout: 5_000 }).toBe(true);
    const [session] = (await a.client.status()).sessions;
    expect(session?.pair.local).toBe(A[1]);
    expect(session?.ulids).toEqual({ local: A[0], peer: B[0] });
    router.setLink('a0', { up: true });
    // The router forgot its address with the link.
    const gateway = parseAddress('2001:db8:a0::ff');
    const index = router.index('a0');
    router.replaceAddress({ address: gateway, prefixLength: 64, index, noDad: true });
    router.close();
    from.close();
    to.close();

    expect([await a.kill('SIGTERM'), await b.kill('SIGINT')]).toEqual([0, 0]);
    expect([existsSync(a.socket), existsSync(b.socket)]).toEqual([false, false]);
    await net.ready();
    expect([traces(net.a), traces(net.b)]).toEqual(before);
  });

  it('after kill -9 the next start cleans up', async () => {
    const before = traces(net.a);
    a = new Up(net.a, directory);
    await a.start();
    await a.kill('SIGKILL');
    expect(traces(net.a)).not.toEqual(before);
    a.output = '';
    await a.start();
    expect((await a.client.status()).locators).toEqual({ total: 2, operational: 2 });
    expect(await a.kill('SIGTERM')).toBe(0);
    expect(traces(net.a)).toEqual(before);
  });

  it('is one to a namespace, whatever its socket', async () => {
    a = new Up(net.a, directory);
    await a.start();
    const second = new Up(net.a, directory, 'second');
    expect(await second.spawn()).toBe(1);
    expect(second.output).toContain('another rehome daemon runs in this network namespace');
    expect((await a.client.status()).locators.total).toBe(2);
    b = new Up(net.b, directory); // but other namespaces have their own
    await b.start();
  });

  it('SIGHUP reloads; a mistake is logged and changes nothing', async () => {
    a = new Up(net.a, directory);
    await a.start();
    a.write('profile = "paper"');
    a.child?.kill('SIGHUP');
    await expect.poll(async () => (await a.client.status()).daemon.profile).toBe('paper');
    a.write('profile = "quick"');
    a.child?.kill('SIGHUP');
    await expect.poll(() => a.output).toContain('reload refused, nothing changed');
    expect((await a.client.status()).daemon.profile).toBe('paper');
  });

  it('follows addresses that come and go', async () => {
    a = new Up(net.a, directory);
    await a.start();
    const netlink = new Rtnetlink(net.a);
    const address = { address: A[1], prefixLength: 64, index: netlink.index('a1'), noDad: true };
    const total = async (): Promise<number> => (await a.client.locators()).local.length;
    netlink.deleteAddress(address);
    await expect.poll(total).toBe(1);
    netlink.addAddress(address);
    await expect.poll(total).toBe(2);
    netlink.close();
  });

  it('says which capabilities are missing', async () => {
    a = new Up(net.a, directory);
    chmodSync(directory, 0o755);
    const code = await a.spawn({ uid: 65_534, gid: 65_534 });
    expect([code, a.output]).toEqual([
      1,
      expect.stringMatching(/missing CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF: run as root/),
    ]);
  });
});
