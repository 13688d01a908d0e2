import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AddressMonitor, type OwnAddress } from '../../src/linux/addresses.js';
import { LinkMonitor, type LinkChange } from '../../src/linux/links.js';
import { Rtnetlink } from '../../src/linux/netlink/client.js';
import { FdPoller } from '../../src/linux/poller.js';
import { parseAddress } from '../../src/wire/address.js';
import { parsePrefix } from '../../src/wire/prefix.js';
import { needsRoot } from '../support/root.js';
import { eventually, namespaces, prefixFor, wipe, wire } from './lab.js';

const PREFIX = prefixFor('mon');
const [H, R] = [`${PREFIX}h`, `${PREFIX}r`];
const A1 = parseAddress('2001:db8:a1::2');
const A2 = parseAddress('2001:db8:a2::2');
const ROUTER = parseAddress('2001:db8:a1::1');

describe.skipIf(needsRoot() !== undefined)('own addresses and links', () => {
  const poller = new FdPoller();
  const lists: (readonly OwnAddress[])[] = [];
  const changes: LinkChange[] = [];
  let monitor: AddressMonitor;
  let links: LinkMonitor;
  let nl: Rtnetlink;
  let far: Rtnetlink;
  const newest = (address: string) => lists.at(-1)?.find((a) => a.address === address);
  const until = (test: () => boolean, what: string) => eventually(test, what);

  beforeAll(() => {
    namespaces(PREFIX, 'h', 'r');
    wire({ namespace: H, name: 'up1', address: A1 }, { namespace: R, name: 'r1', address: ROUTER });
    nl = new Rtnetlink(H);
    far = new Rtnetlink(R);
    nl.createVeth({ name: 'shim0' }, { name: 'shim0p' });
    monitor = new AddressMonitor({
      poller,
      namespace: H,
      ignore: (name) => name.startsWith('shim0'),
      onChange: (list) => lists.push(list),
    });
    links = new LinkMonitor(poller, (change) => changes.push(change), H);
  });
  afterAll(() => {
    monitor.close();
    links.close();
    poller.close();
    nl.close();
    far.close();
    wipe(PREFIX);
  });

  it('lists what is there at the start', () => {
    expect(monitor.addresses()).toMatchObject([
      {
        address: A1,
        prefixLength: 64,
        interface: 'up1',
        preferredUntil: Infinity,
        dad: 'valid',
        deprecated: false,
        linkUp: true,
        router: 'none',
      },
    ]);
    expect(links.links().map((l) => l.name)).toContain('up1');
  });

  it('tells an address added, checked, deprecated and deleted [RFC5534 §3.1]', async () => {
    const a = { address: A2, prefixLength: 64, index: nl.index('up1') };
    nl.addAddress({ ...a, preferredSeconds: 1000, validSeconds: 2000 });
    await until(() => newest(A2)?.dad === 'tentative', 'tentative');
    await until(() => newest(A2)?.dad === 'valid', 'valid after DAD');
    expect((newest(A2)?.validUntil ?? 0) - (newest(A2)?.preferredUntil ?? 0)).toBeCloseTo(
      1_000_000,
    );
    nl.replaceAddress({ ...a, preferredSeconds: 0, validSeconds: 2000 });
    await until(() => newest(A2)?.deprecated === true, 'deprecated');
    nl.deleteAddress(a);
    await until(() => newest(A2) === undefined, 'gone');
    expect(newest(A1)).toBeDefined();
  });

  it('finds a duplicate [RFC5534 §3.2]', async () => {
    const duplicate = parseAddress('2001:db8:a1::d');
    far.addAddress({ address: duplicate, prefixLength: 64, index: far.index('r1'), noDad: true });
    nl.addAddress({ address: duplicate, prefixLength: 64, index: nl.index('up1') });
    await until(() => newest(duplicate)?.dad === 'failed', 'DAD failed');
    nl.deleteAddress({ address: duplicate, prefixLength: 64, index: nl.index('up1') });
    await until(() => newest(duplicate) === undefined, 'gone');
  });

  it('knows a dead router by Neighbor Unreachability Detection, and its return', async () => {
    const route = {
      destination: parsePrefix('::/0'),
      gateway: ROUTER,
      index: nl.index('up1'),
      protocol: 4,
    };
    nl.addRoute(route);
    await until(() => newest(A1)?.router === 'reachable', 'a default router');
    const neighbour = {
      address: ROUTER,
      index: nl.index('up1'),
      mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
    };
    // The kernel announces a failure only of what it believed to be there.
    nl.setNeighbour({ ...neighbour, state: 'reachable' });
    nl.setNeighbour({ ...neighbour, state: 'failed' });
    await until(() => newest(A1)?.router === 'unreachable', 'router given up');
    // The kernel forgets the entry: that is no sign of life.
    nl.deleteNeighbour(neighbour);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(monitor.addresses().find((a) => a.address === A1)?.router).toBe('unreachable');
    nl.setNeighbour({ ...neighbour, state: 'reachable' });
    await until(() => newest(A1)?.router === 'reachable', 'router back');
    nl.deleteRoute(route);
    await until(() => newest(A1)?.router === 'none', 'no router');
  });

  it('is silent about our own routes and ignored interfaces', async () => {
    const before = lists.length;
    const shim = nl.index('shim0');
    nl.addAddress({
      address: parseAddress('2001:db8:51::1'),
      prefixLength: 128,
      index: shim,
      noDad: true,
    });
    nl.addRoute({ destination: parsePrefix('2001:db8:9::9/128'), index: nl.index('up1') });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(lists.length).toBe(before);
  });

  it('tells carrier lost and back, from the far end of the link', async () => {
    changes.length = 0;
    far.setLink('r1', { up: false });
    await until(() => newest(A1)?.linkUp === false, 'link down');
    expect(changes.some((c) => c.kind === 'down' && c.link.name === 'up1')).toBe(true);
    far.setLink('r1', { up: true });
    await until(() => newest(A1)?.linkUp === true, 'link up');
    expect(changes.some((c) => c.kind === 'up' && c.link.name === 'up1')).toBe(true);
  });

  it('tells links that come, change and go', async () => {
    changes.length = 0;
    const told = (kind: LinkChange['kind']) =>
      eventually(() => changes.find((c) => c.kind === kind && c.link.name === 'x0'), kind);
    nl.createVeth({ name: 'x0' }, { name: 'x1' });
    await told('added');
    nl.setLink('x0', { mtu: 1300 });
    expect((await told('changed')).link.mtu).toBe(1300);
    nl.deleteLink('x0');
    await told('removed');
  });

  it('loses its addresses with the link that carries them', async () => {
    nl.deleteLink('up1');
    await until(() => lists.at(-1)?.length === 0, 'empty list');
  });
});
