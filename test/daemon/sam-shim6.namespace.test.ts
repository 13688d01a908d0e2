import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Udp } from '../dataplane/kernel.support.js';
import type { Up } from './up-support.js';
import { HOST, hostConfig, ip, needsIp, PEER, SamSite } from './sam-site.js';

/**
 * What draft-despres-sam-03 §1 promises of the two together: the locators of a SAM host are its global addresses, and
 * whichever Shim6 chooses leaves by the gateway that it belongs to. There is no rule in the host but the daemon's own.
 */
describe.skipIf(needsIp() !== undefined)('Shim6 above SAM', () => {
  let site: SamSite;
  beforeAll(() => void (site = new SamSite('sams')));
  afterAll(() => site.close());

  it('a session survives the death of the gateway that it goes through', async () => {
    const shim = 'profile = "paper"\n[trigger]\npackets = 10\n';
    site.h.write(shim + hostConfig({ eth0: '7777', wlan0: '8888' }));
    site.p.write(shim);
    await Promise.all([site.a.start(), site.b.start(), site.h.start(), site.p.start()]);
    await site.addresses(site.h, 4);
    await expect.poll(async () => (await site.h.client.locators()).local.length).toBe(4);
    expect((await site.h.client.locators()).local.map((l) => [l.address, l.interface])).toEqual(
      Object.values(HOST)
        .sort()
        .map((a) => [a, 'rehome0']),
    );

    const [from, to] = [new Udp(site.h.namespace, HOST.AH, 5000), new Udp(site.p.namespace, PEER, 5001)]; // prettier-ignore
    const exchange = (): boolean => {
      from.send(Uint8Array.of(1), PEER, 5001);
      if (to.receive(50) === undefined) return false;
      to.send(Uint8Array.of(2), HOST.AH, 5000);
      return from.receive(50) !== undefined;
    };
    try {
      await expect.poll(exchange, { timeout: 5_000 }).toBe(true);
      for (let i = 0; i < 20; i++) exchange();
      await expect
        .poll(async () => (exchange(), (await site.h.client.status()).summary.protected), {
          timeout: 10_000,
        })
        .toBe(1);

      // The provider of gateway a is gone without a word: nothing of it comes through any more, in either direction.
      ip(site.internet, 'rule add iif wa blackhole priority 1');
      ip(site.internet, 'rule add to 2001:db8:a::/48 blackhole priority 2');
      await expect.poll(exchange, { timeout: 500 }).toBe(false);
      await expect.poll(exchange, { timeout: 12_000, interval: 100 }).toBe(true);
      const [context] = (await site.h.client.contexts()).contexts;
      expect(context?.ulids).toEqual({ local: HOST.AH, peer: PEER });
      expect(context?.health).toBe('rehomed');
      expect([HOST.BH, HOST.BK]).toContain(context?.pair.local);

      // It leaves by gateway b, and comes back by it; the application still says AH.
      const before = (await site.b.client.sam()).counters;
      for (let i = 0; i < 10; i++) expect(exchange()).toBe(true);
      const after = (await site.b.client.sam()).counters;
      expect((after['decapsulated'] ?? 0) - (before['decapsulated'] ?? 0)).toBeGreaterThanOrEqual(
        10,
      );
      expect((after['encapsulated'] ?? 0) - (before['encapsulated'] ?? 0)).toBeGreaterThanOrEqual(
        10,
      );
      const rules = ip(site.h.namespace, 'rule show')
        .split('\n')
        .filter((l) => l !== '');
      expect(
        rules.every((r) => /lookup (local|main|5533)|goto|nop/.test(r)),
        rules.join(),
      ).toBe(true);
    } finally {
      from.close();
      to.close();
    }
  }, 60_000);

  it('addresses are proven where a delegated prefix leaves room: HBA across both providers', async () => {
    // Two prefixes of 48 bits, and infixes of one octet: /64 for the host.
    ip(site.internet, 'route add 2001:db8:d::/48 via 2001:db8:fb::2');
    ip(site.internet, 'rule add iif wb from 2001:db8:d::/48 lookup local priority 3');
    ip(site.internet, 'rule add iif wb from 2001:db8:d::/48 lookup main priority 4');
    const gateway = (prefix: string): string => `
[sam]
role = "gateway"
interfaces = ["lan0"]
[[sam.provider]]
prefix = "${prefix}"
interface = "wan0"
`;
    for (const up of [site.a, site.b, site.h, site.p]) await up.kill('SIGTERM');
    ip(site.internet, 'rule del priority 1');
    ip(site.internet, 'rule del priority 2');
    site.a.write(gateway('2001:db8:a::/48'));
    site.b.write(gateway('2001:db8:d::/48'));
    const shim = 'profile = "paper"\n[trigger]\npackets = 10\n';
    site.h.write(`${shim}[sam]\nrole = "host"\ninterfaces = ["eth0"]\n`, 'identity = "hba"');
    site.p.write(shim, 'identity = "hba"');
    await Promise.all([site.a.start(), site.b.start(), site.h.start(), site.p.start()]);
    await site.addresses(site.h, 2);
    expect((await site.h.client.sam()).addresses.every((a) => a.provable)).toBe(true);
    const proven = async (up: Up): Promise<string[]> => {
      const { identities } = await up.client.identity();
      const current = identities.find((i) => i.current);
      return (current?.addresses ?? [])
        .filter((a) => a.state === 'preferred')
        .map((a) => a.address);
    };
    await expect.poll(() => proven(site.h).then((a) => a.length), { timeout: 10_000 }).toBe(2);
    await expect.poll(() => proven(site.p).then((a) => a.length), { timeout: 10_000 }).toBe(1);
    const [[first = '', second = ''], [peer = '']] = [await proven(site.h), await proven(site.p)];
    expect(site.reaches(site.h, first, peer)).toBe(true);
    expect(site.reaches(site.h, second, peer)).toBe(true);

    const [from, to] = [
      new Udp(site.h.namespace, first, 5000),
      new Udp(site.p.namespace, peer, 5001),
    ];
    const exchange = (): boolean => {
      from.send(Uint8Array.of(1), peer, 5001);
      if (to.receive(50) === undefined) return false;
      to.send(Uint8Array.of(2), first, 5000);
      return from.receive(50) !== undefined;
    };
    try {
      for (let i = 0; i < 20; i++) exchange();
      await expect
        .poll(async () => (exchange(), (await site.h.client.status()).summary.protected), {
          timeout: 10_000,
        })
        .toBe(1);
      ip(site.internet, 'rule add iif wa blackhole priority 1');
      ip(site.internet, 'rule add to 2001:db8:a::/48 blackhole priority 2');
      const gone = first.startsWith('2001:db8:a:');
      await expect.poll(exchange, { timeout: 15_000, interval: 100 }).toBe(true);
      const [context] = (await site.h.client.contexts()).contexts;
      expect(context?.localLocators.filter((l) => l.verified).map((l) => l.address).sort()).toEqual([first, second].sort()); // prettier-ignore
      if (gone) {
        await expect
          .poll(
            async () => (exchange(), (await site.h.client.contexts()).contexts[0]?.pair.local),
            { timeout: 15_000 },
          )
          .toBe(second);
      }
    } finally {
      from.close();
      to.close();
    }
  }, 90_000);
});
