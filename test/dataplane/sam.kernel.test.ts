import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encapsulate } from '../../src/sam/encapsulation.js';
import type { SamTable } from '../../src/sam/table.js';
import { Rtnetlink } from '../../src/linux/netlink/client.js';
import { inNamespace } from '../../src/linux/netns.js';
import type { SamKernelEvent } from '../../src/dataplane/sam/layout.js';
import { FdPoller } from '../../src/linux/poller.js';
import { addressFromBytes, parseAddress } from '../../src/wire/address.js';
import { RehomeError } from '../../src/wire/errors.js';
import { namespaces, prefixFor, wipe } from '../linux/lab.js';
import { needsRoot } from '../support/root.js';
import { buildIpv6 } from '../../src/wire/ipv6.js';
import { TABLES } from '../sam/everybody.js';
import { udp } from '../sam/support.js';
import { samCompliance } from './sam.compliance.js';
import { KernelPath, MemoryPath, type Outcome } from './sam.paths.js';
import { globalsOf, localsOf, randomTable } from './sam.random.js';

const FAR = '2001:db8:ffff::1';
const prefix = prefixFor('sam');
const skip = needsRoot() !== undefined;

describe.skipIf(skip)('SAM data path in the kernel', () => {
  let name = '';
  let indexes: number[] = [];
  const open: KernelPath[] = [];
  const run = <T>(fn: () => T): T => inNamespace(name, fn);
  const kernel = (): KernelPath => {
    const path = run(() => new KernelPath(indexes[4] ?? 0, indexes[5] ?? 0));
    open.push(path);
    return path;
  };

  beforeAll(() => {
    [name = ''] = namespaces(prefix, 'k');
    const netlink = new Rtnetlink(name);
    indexes = [0, 1, 2].flatMap((i) => {
      netlink.createVeth({ name: `x${i}` }, { name: `y${i}` });
      for (const end of ['x', 'y']) netlink.setLink(`${end}${i}`, { up: true });
      return [netlink.index(`x${i}`), netlink.index(`y${i}`)];
    });
    netlink.close();
  });
  afterAll(() => {
    for (const path of open) run(() => path.close());
    wipe(prefix);
  });

  samCompliance(() => ({ path: kernel(), index: indexes[0] ?? 0, run }));

  describe('shows the daemon', () => {
    const events: SamKernelEvent[] = [];
    let [path, poller]: [KernelPath | undefined, FdPoller?] = [undefined];
    const sent = (packet: Uint8Array): Outcome => run(() => kernel_().fromHost(packet));
    const kernel_ = (): KernelPath => {
      if (path === undefined) throw new Error('not open');
      return path;
    };
    beforeAll(() => {
      path = kernel();
      poller = new FdPoller();
      path.programs.listen(poller, (event) => events.push(event));
      const index = indexes[0] ?? 0;
      const zones = TABLES.k.zones.map((z) => ({
        ...z,
        interfaces: z.interfaces.map((i) => ({ ...i, index })),
      }));
      run(() => kernel_().setTable({ ...TABLES.k, zones }));
    });
    afterAll(() => poller?.close());

    it('packets that limit their own encapsulation (RFC 2473 §4.1.1), whole', async () => {
      const [source, far] = [parseAddress('2001:db8:a:1298:8880::'), parseAddress(FAR)];
      // Behind a padding of one octet and one of two, as they may be.
      for (const options of [
        [4, 1, 7, 0, 1, 0],
        [0, 1, 0, 4, 1, 7],
      ]) {
        const payload = Uint8Array.of(59, 0, ...options);
        const packet = buildIpv6({ source, destination: far, nextHeader: 60, hopLimit: 64, payload }); // prettier-ignore
        events.length = 0;
        expect(sent(packet)).toEqual({ what: 'drop', reason: 'limit-told' });
        await expect.poll(() => events).toMatchObject([{ kind: 'limit', packet }]);
      }
      // Another option is none of that.
      const payload = Uint8Array.of(59, 0, 5, 2, 4, 1, 1, 0);
      const plain = buildIpv6({ source, destination: far, nextHeader: 60, hopLimit: 64, payload });
      expect(sent(plain).what).toBe('outer');
    });

    it('no more of what it refuses than can be answered', async () => {
      const before = kernel_().programs.counters()['tell-limited'] ?? 0;
      events.length = 0;
      for (let i = 0; i < 2_000; i++) {
        sent(udp('2001:db8:eeee::1', FAR));
        // The ring is read meanwhile: it is not what limits.
        if (i % 50 === 49) await new Promise((done) => setTimeout(done, 1));
      }
      const told = 2_000 - ((kernel_().programs.counters()['tell-limited'] ?? 0) - before);
      // 50 at once, then 200 a second: all of them would take ten seconds.
      expect(told).toBeGreaterThan(0);
      expect(told).toBeLessThan(1_500);
      await expect.poll(() => events.length).toBe(told);
      expect(new Set(events.map((e) => e.reason))).toEqual(new Set(['drop-source-policy']));
    });
  });

  describe('comes to the verdicts of the table in memory', () => {
    const memory = new MemoryPath();
    const text = (o: Outcome): string =>
      o.what === 'drop' ? `drop ${o.reason}` : 'packet' in o ? `${o.what} ${Buffer.from(o.packet).toString('hex')}` : o.what; // prettier-ignore
    const seen = new Map<string, number>();
    let path: KernelPath;
    const both = (ask: (p: KernelPath | MemoryPath) => Outcome, what: string): void => {
      const [wanted, found] = [ask(memory), ask(path)];
      const key = wanted.what === 'drop' ? wanted.reason : wanted.what;
      seen.set(key, (seen.get(key) ?? 0) + 1);
      expect(text(found), what).toBe(text(wanted));
    };
    const use = (table: SamTable): boolean => {
      memory.setTable(table);
      try {
        path.setTable(table);
        return true;
      } catch (error) {
        // More prefixes inside each other than the programs go through: refused, the old table stays.
        if (!(error instanceof RehomeError) || error.code !== 'REHOME_E_SAM_TABLE') throw error;
        return false;
      }
    };

    it('for random zones, mappings and packets', () => {
      path = kernel();
      run(() =>
        fc.assert(
          fc.property(randomTable(indexes), fc.infiniteStream(fc.nat()), (table, choice) => {
            if (table.zones.length === 0 || !use(table)) return;
            const next = (): number => choice.next().value as number;
            const globals = fc.sample(globalsOf(table), { numRuns: 12, seed: next() });
            const any = <T>(list: readonly T[]): T => list[next() % list.length] as T;
            for (let i = 0; i < 12; i++) {
              const packet = udp(any(globals), any(globals));
              const [source, destination] = [
                addressFromBytes(packet, 8),
                addressFromBytes(packet, 24),
              ];
              const what = `${source} > ${destination} with ${JSON.stringify(table)}`;
              both((p) => p.fromHost(packet), `from the host: ${what}`);
              both((p) => p.fromProvider(packet), `from the provider: ${what}`);
              const zone = any(table.zones);
              const link = any(zone.interfaces);
              const outer = { source: any(localsOf(zone)), destination: link.local };
              const wrapped = encapsulate(packet, outer);
              const of = `from ${outer.source} to ${outer.destination} in ${zone.name}: ${what}`;
              both((p) => p.fromZone(zone.name, link.index, wrapped), of);
              both((p) => p.fromZone(zone.name, link.index, packet), `bare ${of}`);
            }
          }),
          { numRuns: 400 },
        ),
      );
      // What was generated is worth something: every verdict occurs.
      for (const reason of [
        'outer',
        'native',
        'delivered',
        'forwarded',
        'pass',
        'source-mismatch',
        'destination-mismatch',
        'wrong-gateway',
        'wrong-parent',
        'no-such-child',
        'source-policy',
        'source-is-below',
        'unencapsulated',
        'source-not-in-zone',
        'destination-not-in-zone',
        'no-such-address',
      ]) {
        // prettier-ignore
        expect(seen.get(reason) ?? 0, reason).toBeGreaterThan(0);
      }
    }, 120_000);
  });
});
