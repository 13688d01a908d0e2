import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import type { KernelDataPath } from '../../src/dataplane/kernel/index.js';
import { loadObject } from '../../src/linux/bpf/object.js';
import { ATTACH, attachTcx, queryTcx } from '../../src/linux/bpf/syscall.js';
import { Rtnetlink } from '../../src/linux/netlink/client.js';
import { inNamespace } from '../../src/linux/netns.js';
import { parseAddress } from '../../src/wire/address.js';
import { parsePrefix } from '../../src/wire/prefix.js';
import { needsRoot } from '../support/root.js';
import { A, B, bindings, Child, sleep, TwoHosts, Udp } from './kernel.support.js';

const COMPILED = new URL('../../dist/dataplane/kernel/index.js', import.meta.url);
const { TCX_INGRESS, TCX_EGRESS } = ATTACH;

describe.skipIf(needsRoot() !== undefined)('what the kernel data path leaves behind', () => {
  const open: { close(): void }[] = [];
  afterEach(() => {
    for (const thing of open.splice(0).reverse()) thing.close();
  });
  function hosts(): { net: TwoHosts; netlink: Rtnetlink } {
    const net = new TwoHosts('rhL');
    const netlink = new Rtnetlink(net.a);
    open.push(net, netlink);
    return { net, netlink };
  }
  /** Everything in namespace A that could change, but for lifetimes. */
  function picture(net: TwoHosts, netlink: Rtnetlink): unknown {
    const programs = (name: string): number[][] =>
      inNamespace(net.a, () =>
        [TCX_INGRESS, TCX_EGRESS].map((where) => queryTcx(netlink.index(name), where)),
      );
    return {
      links: netlink.links().map((l) => l.name),
      rules: netlink.rules(),
      addresses: netlink.addresses().map((a) => `${a.address}/${a.prefixLength} ${a.index}`),
      routes: netlink.routes().filter((r) => r.table === 5533),
      programs: [programs('a0'), programs('a1')],
    };
  }
  /** Lets pass everything and belongs to somebody else. */
  function foreignProgram(net: TwoHosts, name: string): void {
    const pass = Uint8Array.of(0xb7, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x95, 0, 0, 0, 0, 0, 0, 0);
    const programs = [{ name: 'other', instructions: pass, mapReferences: [] }];
    const object = loadObject({ license: 'MIT', maps: [], programs }, {});
    inNamespace(net.a, () => {
      const netlink = new Rtnetlink();
      const { fd } = object.program('other');
      open.push(object, netlink, attachTcx(fd, netlink.index(name), TCX_INGRESS));
    });
  }

  it('is nothing after close, and other people’s programs, rules and routes stay', async () => {
    const { net, netlink } = hosts();
    await net.ready();
    foreignProgram(net, 'a0');
    netlink.addRule({ priority: 54, table: 777, protocol: 4 });
    netlink.addRoute({
      destination: parsePrefix('2001:db8:9::/48'),
      index: netlink.index('a0'),
      table: 5533,
      protocol: 4,
    });
    const before = picture(net, netlink);
    const path = net.open('a');
    path.install(bindings(A[1], B[1]).a);
    await sleep(50);
    expect(picture(net, netlink)).not.toEqual(before);
    expect(inNamespace(net.a, () => queryTcx(netlink.index('a0'), TCX_INGRESS))).toHaveLength(2);
    path.close();
    path.close();
    expect(picture(net, netlink)).toEqual(before);
  });

  it('is nothing after a start that fails', () => {
    const { net, netlink } = hosts();
    const before = picture(net, netlink);
    const uplinks = ['a0', 'a1', 'nosuchdevice'];
    expect(() => net.open('a', { uplinks })).toThrow(
      expect.objectContaining({ code: 'REHOME_E_NO_LINK' }) as Error,
    );
    expect(picture(net, netlink)).toEqual(before);
  });

  it('refuses a device of its name that is not its own, and leaves it', () => {
    const { net, netlink } = hosts();
    netlink.createVeth({ name: 'shim0' }, { name: 'else0' });
    expect(() => net.open('a')).toThrow(
      expect.objectContaining({ code: 'REHOME_E_DEVICE_TAKEN' }) as Error,
    );
    expect(netlink.link('shim0')).toBeDefined();
    expect(() => net.open('a', { device: 'shim7', uplinks: ['lo'] })).not.toThrow();
  });

  it.skipIf(!existsSync(COMPILED))(
    'after kill -9 is no program, and the rest goes at the next start',
    async () => {
      const { net, netlink } = hosts();
      const script = `
        import { KernelDataPath } from ${JSON.stringify(COMPILED.pathname)};
        const path = new KernelDataPath({ uplinks: ['a0', 'a1'] });
        const binding = JSON.parse(process.argv[1]);
        path.install(binding);
        setInterval(() => console.log('ready'), 50);`;
      const clean = picture(net, netlink);
      const child = new Child(net.a, script, JSON.stringify(bindings(A[1], B[1]).a));
      await child.line(/ready/);
      child.kill();
      await child.end();
      await sleep(100); // the kernel frees programs a little later
      const programs = ['a0', 'a1', 'shim0'].flatMap((name) =>
        inNamespace(net.a, () => queryTcx(netlink.index(name), TCX_EGRESS)),
      );
      expect(programs).toEqual([]);
      expect(netlink.link('shim0')).toBeDefined();
      net.open('a').close();
      expect(picture(net, netlink)).toEqual(clean);
    },
  );

  it('follows addresses, interfaces and MTUs as they change', async () => {
    const { net, netlink } = hosts();
    await net.ready();
    const [pa, pb] = [net.open('a', { uplinks: ['a0'] }), net.open('b')];
    const [ua, ub] = [new Udp(net.a, A[0], 5000), new Udp(net.b, B[0], 5001)];
    open.push(ua, ub);
    pa.install(bindings(A[1], B[1]).a);
    pb.install(bindings(A[1], B[1]).b);
    ua.send(Buffer.from('x'), B[0], 5001);
    expect(ub.receive(100)).toBeUndefined(); // a1 is no uplink yet
    expect(pa.counters()['drop-no-uplink']).toBe(1);
    inNamespace(net.a, () => pa.attachUplink('a1'));
    ua.send(Buffer.from('y'), B[0], 5001);
    expect(Buffer.from(ub.receive() ?? []).toString()).toBe('y');
    // The ULID's own interface loses its address: the session goes on.
    netlink.deleteAddress({ address: A[0], prefixLength: 64, index: netlink.index('a0') });
    await sleep(50);
    ua.send(Buffer.from('z'), B[0], 5001);
    expect(Buffer.from(ub.receive() ?? []).toString()).toBe('z');
    ub.send(Buffer.from('back'), A[0], 5000);
    expect(Buffer.from(ua.receive() ?? []).toString()).toBe('back');
    netlink.setLink('a1', { mtu: 1400 });
    await sleep(100);
    const route = netlink.routes().find((r) => r.table === 5533);
    expect(route?.mtu).toBe(1392);
    // When nothing has the ULID any more, nothing is delivered to it.
    netlink.deleteAddress({ address: A[0], prefixLength: 128, index: netlink.index('shim0') });
    await sleep(50);
    ub.send(Buffer.from('late'), A[0], 5000);
    expect(ua.receive(100)).toBeUndefined();
    expect(pa.counters()['drop-ulid-not-local']).toBe(1);
  });

  it('holds as many contexts as it says, and then says so', () => {
    const { net } = hosts();
    const path = net.open('a', { maxContexts: 3 });
    const nth = (n: number) => ({
      ...bindings().a,
      ulids: { local: A[0], peer: parseAddress(`2001:db8:b0::${n}`) },
      localTag: (1000 + n) as ReturnType<typeof bindings>['a']['localTag'],
    });
    const handles = [1, 2, 3].map((n) => path.install(nth(n)));
    expect(() => path.install(nth(4))).toThrow(
      expect.objectContaining({ code: 'REHOME_E_LIMIT' }) as Error,
    );
    expect(() => path.update(handles[0] ?? path.install(nth(9)), nth(2))).toThrow(
      expect.objectContaining({ code: 'REHOME_E_DUPLICATE_TAG' }) as Error,
    );
    const [first] = handles;
    if (first !== undefined) path.remove(first);
    path.install(nth(4));
    expect(path.inspect().contexts).toEqual({ used: 3, most: 3 });
  });

  it('refuses an interface without Ethernet', () => {
    const { net } = hosts();
    const path: KernelDataPath = net.open('a');
    expect(() => inNamespace(net.a, () => path.attachUplink('shim0'))).toThrow(
      expect.objectContaining({ code: 'REHOME_E_UPLINK_NOT_ETHERNET' }) as Error,
    );
  });
});
