import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Rtnetlink } from '../../../src/linux/netlink/client.js';
import { RTPROT_REHOME } from '../../../src/linux/netlink/constants.js';
import { NetlinkEvents, type NetlinkEvent } from '../../../src/linux/netlink/events.js';
import { isLinkUp } from '../../../src/linux/netlink/link.js';
import { NetlinkError } from '../../../src/linux/netlink/socket.js';
import { spawnSyncIn, openNamespace } from '../../../src/linux/netns.js';
import { close } from '../../../src/linux/syscalls.js';
import { FdPoller } from '../../../src/linux/poller.js';
import { parseAddress } from '../../../src/wire/address.js';
import { parsePrefix } from '../../../src/wire/prefix.js';
import { needsRoot } from '../../support/root.js';
import { eventually, namespaces, prefixFor, wipe } from '../lab.js';

const PREFIX = prefixFor('nl');
const [A, B] = [`${PREFIX}a`, `${PREFIX}b`];

describe.skipIf(needsRoot() !== undefined)('rtnetlink in a namespace', () => {
  const poller = new FdPoller();
  const events: NetlinkEvent[] = [];
  let subscription: NetlinkEvents;
  let nl: Rtnetlink;
  let other: Rtnetlink;
  const happened = (kind: NetlinkEvent['kind'], test: (e: NetlinkEvent) => boolean) =>
    eventually(() => events.find((e) => e.kind === kind && test(e)), `${kind} event`);
  const v0 = () => nl.index('v0');

  beforeAll(() => {
    namespaces(PREFIX, 'a', 'b');
    nl = new Rtnetlink(A);
    other = new Rtnetlink(B);
    const groups = ['link', 'address6', 'route6', 'neighbour', 'rule6', 'prefix6'] as const;
    subscription = new NetlinkEvents(poller, groups, (event) => events.push(event), A);
    nl.createVeth({ name: 'v0' }, { name: 'v1' });
    nl.setLink('v0', { addressGeneration: 'none' });
  });
  beforeEach(() => void events.splice(0));
  afterAll(() => {
    subscription.close();
    poller.close();
    nl.close();
    other.close();
    wipe(PREFIX);
  });

  it('creates a veth pair, sets it up, moves and deletes it', async () => {
    const mac = Uint8Array.of(2, 0, 0, 0, 0, 7);
    nl.createVeth({ name: 'w0', mac, mtu: 1400, noArp: true }, { name: 'w1' });
    const w0 = nl.link('w0');
    expect(w0).toMatchObject({ kind: 'veth', up: false, mtu: 1400, peerIndex: nl.index('w1') });
    expect([...(w0?.mac ?? [])]).toEqual([...mac]);
    expect((w0?.flags ?? 0) & 0x80).toBe(0x80);
    const fd = openNamespace(B);
    nl.setLink('w1', { namespaceFd: fd, name: 'moved' });
    close(fd);
    expect(nl.link('w1')).toBeUndefined();
    other.setLink('moved', { up: true });
    nl.setLink('w0', { up: true });
    await happened('link', (e) => e.kind === 'link' && e.value.name === 'w0' && isLinkUp(e.value));
    expect(other.links().map((l) => l.name)).toEqual(['lo', 'moved']);
    expect(nl.deleteLink('w0')).toBe(true);
    expect(nl.deleteLink('w0')).toBe(false);
    expect(other.link('moved')).toBeUndefined();
    await happened('link', (e) => e.kind === 'link' && e.removed && e.value.name === 'w0');
    expect(() => nl.index('w0')).toThrow(/no network interface w0/);
  });

  it('adds, deprecates and deletes an address', async () => {
    nl.setLink('v1', { up: true });
    nl.setLink('v0', { up: true });
    const a = { address: parseAddress('2001:db8:1::1'), prefixLength: 64, index: v0() };
    nl.addAddress({ ...a, preferredSeconds: 100, validSeconds: 200, noDad: true });
    const find = () => nl.addresses().find((x) => x.address === a.address);
    expect(find()).toMatchObject({
      preferredSeconds: 100,
      validSeconds: 200,
      deprecated: false,
      tentative: false,
      permanent: false,
      scope: 'global',
      protocol: RTPROT_REHOME,
    });
    expect(() => nl.addAddress(a)).toThrow(/EEXIST/);
    nl.replaceAddress({ ...a, preferredSeconds: 0 });
    expect(find()).toMatchObject({ deprecated: true, preferredSeconds: 0, permanent: true });
    await happened('address', (e) => e.kind === 'address' && e.value.deprecated);
    expect(nl.deleteAddress(a)).toBe(true);
    expect(nl.deleteAddress(a)).toBe(false);
    expect(find()).toBeUndefined();
    await happened('address', (e) => e.kind === 'address' && e.removed);
  });

  it('shows an address in duplicate address detection as tentative', () => {
    const a = { address: parseAddress('2001:db8:1::9'), prefixLength: 64, index: v0() };
    nl.addAddress(a);
    expect(nl.addresses().find((x) => x.address === a.address)?.tentative).toBe(true);
    nl.deleteAddress(a);
  });

  it('adds a source-specific route in a table over 255, with MTU', async () => {
    const r = {
      destination: parsePrefix('2001:db8:2::2/128'),
      source: parsePrefix('2001:db8:3::3/128'),
      table: 1400,
      index: v0(),
      mtu: 1492,
      metric: 7,
    };
    nl.addRoute(r);
    expect(() => nl.addRoute(r)).toThrow(/EEXIST/);
    const find = () => nl.routes().filter((x) => x.table === 1400);
    expect(find()).toEqual([
      {
        ...r,
        type: 'unicast',
        gateway: undefined,
        preferredSource: undefined,
        protocol: RTPROT_REHOME,
        nexthops: [{ gateway: undefined, index: v0() }],
      },
    ]);
    nl.replaceRoute({ ...r, mtu: 1300 });
    expect(find().map((x) => x.mtu)).toEqual([1300]);
    await happened('route', (e) => e.kind === 'route' && e.value.mtu === 1300);
    expect(nl.deleteRoute(r)).toBe(true);
    expect(nl.deleteRoute(r)).toBe(false);
    expect(find()).toEqual([]);
  });

  it('adds unreachable routes and asks which route a packet takes', () => {
    const destination = parsePrefix('2001:db8:5::/48');
    nl.addRoute({ destination, type: 'unreachable' });
    const to = parseAddress('2001:db8:5::5');
    expect(nl.routeFor({ destination: to })).toBeUndefined();
    nl.deleteRoute({ destination, type: 'unreachable' });
    nl.addRoute({ destination, index: v0() });
    expect(nl.routeFor({ destination: to })?.index).toBe(v0());
    nl.deleteRoute({ destination });
  });

  it('adds and deletes rules', async () => {
    const r = { priority: 500, from: parsePrefix('2001:db8:3::/48'), table: 1400 };
    nl.addRule(r);
    expect(() => nl.addRule(r)).toThrow(/EEXIST/);
    nl.addRule({
      priority: 501,
      inputInterface: 'v0',
      mark: 5,
      table: 254,
      suppressPrefixLength: 0,
    });
    const ours = () => nl.rules().filter((x) => x.protocol === RTPROT_REHOME);
    expect(ours()).toMatchObject([
      { ...r, action: 'table' },
      { priority: 501, inputInterface: 'v0', mark: 5, suppressPrefixLength: 0, table: 254 },
    ]);
    await happened('rule', (e) => e.kind === 'rule' && !e.removed && e.value.priority === 500);
    expect(nl.deleteRule(r)).toBe(true);
    expect(nl.deleteRule(r)).toBe(false);
    expect(nl.deleteRule({ priority: 501, table: 254 })).toBe(true);
    expect(ours()).toEqual([]);
    expect(nl.rules().map((x) => x.priority)).toEqual([0, 32766]);
  });

  it('sets permanent neighbours, and sees an unreachable one fail', async () => {
    const n = { address: parseAddress('2001:db8:1::77'), index: v0() };
    const mac = Uint8Array.of(2, 1, 2, 3, 4, 5);
    nl.setNeighbour({ ...n, mac });
    const found = nl.neighbours().find((x) => x.address === n.address);
    expect(found).toMatchObject({ state: 'permanent', router: false });
    expect([...(found?.mac ?? [])]).toEqual([...mac]);
    expect(nl.deleteNeighbour(n)).toBe(true);
    expect(nl.deleteNeighbour(n)).toBe(false);

    nl.addAddress({ ...n, address: parseAddress('2001:db8:1::1'), prefixLength: 64, noDad: true });
    spawnSyncIn(A, process.execPath, [
      '-e',
      "const s=require('dgram').createSocket('udp6');s.send('x',9,'2001:db8:1::78',()=>s.close())",
    ]);
    await happened(
      'neighbour',
      (e) =>
        e.kind === 'neighbour' &&
        e.value.address === '2001:db8:1::78' &&
        e.value.state === 'failed',
    );
  });

  it("passes on the kernel's own explanation", () => {
    let caught: unknown;
    try {
      nl.addRoute({
        destination: parsePrefix('2001:db8:6::/48'),
        gateway: parseAddress('2001:db8:ffff::1'),
      });
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(NetlinkError);
    expect((caught as NetlinkError).errnoName).toBe('EHOSTUNREACH');
    expect((caught as NetlinkError).code).toBe('REHOME_E_SYSCALL');
    expect(() => nl.createVeth({ name: 'v0' }, { name: 'v9' })).toThrow(/EEXIST/);
    expect(() => nl.setLink('v0', { mtu: 10 })).toThrow(/mtu less than device minimum/);
  });

  it('dumps thousands of routes, and asks for a resync when events were lost', async () => {
    const index = v0();
    const many = Array.from({ length: 3000 }, (_, i) => ({
      destination: parsePrefix(`2001:db8:100:${i.toString(16)}::/64`),
      table: 1500,
      index,
    }));
    many.forEach((r) => nl.addRoute(r));
    expect(nl.routes().filter((r) => r.table === 1500)).toHaveLength(3000);
    // Nobody reads the events while this loop runs: the buffer overflows in the end.
    for (let round = 0; round < 12; round++) {
      many.forEach((r) => nl.deleteRoute(r));
      many.forEach((r) => nl.addRoute(r));
    }
    await happened('resync', () => true);
    many.forEach((r) => nl.deleteRoute(r));
  });

  it('refuses to work after close', () => {
    const gone = new Rtnetlink(A);
    gone.close();
    gone.close();
    expect(() => gone.links()).toThrow(/closed/);
  });
});
