import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FdPoller } from '../../src/linux/poller.js';
import { monotonicMs } from '../../src/linux/clock.js';
import { Rtnetlink } from '../../src/linux/netlink/client.js';
import { writeSysctl } from '../../src/linux/netns.js';
import {
  openIcmpErrorSocket,
  openShim6Socket,
  RawSocket,
  type RawPacket,
} from '../../src/linux/rawsocket.js';
import { addressFromBytes, addressToBytes, parseAddress } from '../../src/wire/address.js';
import { parsePrefix } from '../../src/wire/prefix.js';
import { needsRoot } from '../support/root.js';
import { eventually, namespaces, prefixFor, wipe, wire } from './lab.js';

const PREFIX = prefixFor('raw');
const [H, R] = [`${PREFIX}h`, `${PREFIX}r`];
const A1 = '2001:db8:a1::2';
const A2 = '2001:db8:a2::2';
const FAR = '2001:db8:ff::1';

const packet = (source: string, destination: string, nextHeader: number, payload: Uint8Array) => {
  const out = new Uint8Array(40 + payload.length);
  out.set([0x61, 0x20, 0, 0, payload.length >> 8, payload.length & 0xff, nextHeader, 33]);
  out.set(addressToBytes(parseAddress(source)), 8);
  out.set(addressToBytes(parseAddress(destination)), 24);
  out.set(payload, 40);
  return out;
};

/**
 *   h ==up1== r    2001:db8:a1::/64
 *     ==up2==      2001:db8:a2::/64     r also holds 2001:db8:ff::1
 */
describe.skipIf(needsRoot() !== undefined)('raw IPv6 sockets', () => {
  const poller = new FdPoller();
  const atH: RawPacket[] = [];
  const atR: RawPacket[] = [];
  const open: RawSocket[] = [];
  const tagged = (list: RawPacket[], tag: number) => list.find((p) => p.packet[41] === tag);
  let h: RawSocket;
  let nlh: Rtnetlink;
  let nlr: Rtnetlink;

  beforeAll(() => {
    namespaces(PREFIX, 'h', 'r');
    wire(
      { namespace: H, name: 'up1', address: A1 },
      { namespace: R, name: 'r1', address: '2001:db8:a1::1' },
    );
    wire(
      { namespace: H, name: 'up2', address: A2 },
      { namespace: R, name: 'r2', address: '2001:db8:a2::1' },
    );
    nlh = new Rtnetlink(H);
    nlr = new Rtnetlink(R);
    const lo = nlr.index('lo');
    nlr.addAddress({ address: parseAddress(FAR), prefixLength: 128, index: lo, noDad: true });
    nlh.addRoute({
      destination: parsePrefix('::/0'),
      source: parsePrefix('2001:db8:a1::/64'),
      gateway: parseAddress('2001:db8:a1::1'),
      index: nlh.index('up1'),
    });
    nlh.addRoute({
      destination: parsePrefix('::/0'),
      table: 1002,
      gateway: parseAddress('2001:db8:a2::1'),
      index: nlh.index('up2'),
    });
    nlh.addRule({ priority: 500, from: parsePrefix('2001:db8:a2::/64'), table: 1002 });
    h = openShim6Socket({ poller, namespace: H, onPacket: (p) => atH.push(p) });
    open.push(h);
  });
  afterAll(() => {
    open.forEach((s) => s.close());
    poller.close();
    nlh.close();
    nlr.close();
    wipe(PREFIX);
  });

  it('leave protocol 140 to the kernel while none is open: Parameter Problem comes back', async () => {
    const errors: RawPacket[] = [];
    const icmp = openIcmpErrorSocket({ poller, namespace: H, onPacket: (p) => errors.push(p) });
    open.push(icmp);
    expect(h.send(packet(A1, FAR, 140, Uint8Array.of(59, 0, 1, 0, 0, 0, 0, 0)))).toBe(0);
    const error = await eventually(() => errors[0], 'Parameter Problem');
    expect([error.packet[6], error.packet[40], error.packet[41]]).toEqual([58, 4, 1]);
    expect(addressFromBytes(error.packet, 24)).toBe(A1);
    // The packet that caused it is embedded behind the 8 octets of ICMPv6.
    expect(addressFromBytes(error.packet, 40 + 8 + 24)).toBe(FAR);
    icmp.close();
  });

  it('route by the source of each packet: source-specific route and `from` rule', async () => {
    open.push(openShim6Socket({ poller, namespace: R, onPacket: (p) => atR.push(p) }));
    expect(h.send(packet(A1, FAR, 140, Uint8Array.of(59, 1, 1, 0, 0, 0, 0, 0)))).toBe(0);
    expect(h.send(packet(A2, FAR, 140, Uint8Array.of(59, 2, 1, 0, 0, 0, 0, 0)))).toBe(0);
    const one = await eventually(() => tagged(atR, 1), 'by up1');
    const two = await eventually(() => tagged(atR, 2), 'by up2');
    expect([one.index, two.index]).toEqual([nlr.index('r1'), nlr.index('r2')]);
    expect(addressFromBytes(two.packet, 8)).toBe(A2);
  });

  it('rebuild what arrived: header fields and payload', async () => {
    const sent = packet(A1, FAR, 140, Uint8Array.of(59, 3, 1, 9, 8, 7, 6, 5));
    expect(h.send(sent)).toBe(0);
    expect((await eventually(() => tagged(atR, 3), 'arrival')).packet).toEqual(sent);
  });

  it('send from an address that is not ours, routed by it as well', async () => {
    const gone = '2001:db8:a2::dead';
    expect(h.send(packet(gone, FAR, 140, Uint8Array.of(59, 4, 1, 0, 0, 0, 0, 0)))).toBe(0);
    const got = await eventually(() => tagged(atR, 4), 'arrival');
    expect(addressFromBytes(got.packet, 8)).toBe(gone);
    expect(got.index).toBe(nlr.index('r2'));
  });

  it('stop the Parameter Problem while open', async () => {
    const errors: RawPacket[] = [];
    const icmp = openIcmpErrorSocket({ poller, namespace: H, onPacket: (p) => errors.push(p) });
    expect(h.send(packet(A1, FAR, 140, Uint8Array.of(59, 5, 1, 0, 0, 0, 0, 0)))).toBe(0);
    await eventually(() => tagged(atR, 5), 'arrival');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(errors).toEqual([]);
    icmp.close();
  });

  it('let only ICMPv6 errors through the filter', async () => {
    const errors: RawPacket[] = [];
    const icmp = openIcmpErrorSocket({ poller, namespace: H, onPacket: (p) => errors.push(p) });
    const echo = new RawSocket(58, { poller, namespace: R, onPacket: () => undefined });
    open.push(icmp, echo);
    writeSysctl(R, 'net/ipv6/conf/all/forwarding', 1);
    // An echo reply (type 129), then something unroutable: the router answers with type 1.
    const reply = packet(FAR, A1, 58, Uint8Array.of(129, 0, 0, 0, 0, 0, 0, 0));
    expect(echo.send(reply)).toBe(0);
    expect(h.send(packet(A1, '2001:db8:dead::1', 140, new Uint8Array(8)))).toBe(0);
    const error = await eventually(() => errors[0], 'Destination Unreachable');
    expect(error.packet[40]).toBe(1);
    expect(errors).toHaveLength(1);
    icmp.close();
  });

  it('say why a packet does not go: too big, no route, not IPv6', () => {
    expect(h.send(packet(A1, FAR, 140, new Uint8Array(1500)))).toBe(-90); // EMSGSIZE
    expect(h.send(packet('2001:db8:cc::1', FAR, 140, new Uint8Array(8)))).toBe(-101); // ENETUNREACH
    expect(h.send(new Uint8Array(39))).toBe(-22);
    expect(h.send(new Uint8Array(48).fill(0x45))).toBe(-22);
  });

  it('report an arrival within a millisecond, half of the time or more', async () => {
    const delays: number[] = [];
    for (let i = 0; i < 100; i++) {
      atR.length = 0;
      const start = monotonicMs();
      const arrived = new Promise<number>((resolve) => {
        const watch = new RawSocket(140, {
          poller,
          namespace: R,
          onPacket: () => {
            watch.close();
            resolve(monotonicMs() - start);
          },
        });
      });
      h.send(packet(A1, FAR, 140, Uint8Array.of(59, 6, 1, 0, 0, 0, 0, 0)));
      delays.push(await arrived);
    }
    delays.sort((x, y) => x - y);
    console.log(`arrival to callback: median ${delays[50]} ms, 95 % ${delays[95]} ms`);
    expect(delays[50]).toBeLessThan(1);
  });

  it('deliver nothing after close, and close twice', async () => {
    let count = 0;
    const s = openShim6Socket({ poller, namespace: R, onPacket: () => count++ });
    h.send(packet(A1, FAR, 140, Uint8Array.of(59, 7, 1, 0, 0, 0, 0, 0)));
    s.close();
    s.close();
    expect(s.send(packet(FAR, A1, 140, new Uint8Array(8)))).toBe(-22);
    await eventually(() => tagged(atR, 7), 'arrival at the other socket');
    expect(count).toBe(0);
    expect(atH).toEqual([]);
  });
});
