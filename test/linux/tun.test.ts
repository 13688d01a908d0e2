import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { Rtnetlink } from '../../src/linux/netlink/client.js';
import { inNamespace } from '../../src/linux/netns.js';
import { FdPoller } from '../../src/linux/poller.js';
import { AF_INET6, SOCK_DGRAM, socket } from '../../src/linux/syscalls.js';
import {
  decodeVnetHeader,
  encodeVnetHeader,
  PLAIN_VNET_HEADER,
  TunDevice,
  VNET_HEADER_LENGTH,
  VNET_NEEDS_CSUM,
} from '../../src/linux/tun.js';
import { addressFromBytes, parseAddress } from '../../src/wire/address.js';
import { needsTun } from '../support/root.js';
import { eventually, namespaces, prefixFor, wipe } from './lab.js';

const PREFIX = prefixFor('tun');
const N = `${PREFIX}n`;
const ME = parseAddress('2001:db8:1::1');
const PEER = '2001:db8:1::2';

describe('virtio_net_hdr', () => {
  it('is read as it was written', () => {
    const u16 = fc.nat(0xffff);
    fc.assert(
      fc.property(fc.nat(255), fc.nat(255), u16, u16, u16, u16, (a, b, c, d, e, f) => {
        const header = {
          flags: a,
          gsoType: b,
          headerLength: c,
          gsoSize: d,
          checksumStart: e,
          checksumOffset: f,
        };
        const bytes = new Uint8Array(12);
        encodeVnetHeader(header, bytes.subarray(1));
        expect(decodeVnetHeader(bytes.subarray(1))).toEqual(header);
        expect([bytes[0], bytes[11]]).toEqual([0, 0]);
      }),
    );
  });
});

describe.skipIf(needsTun() !== undefined)('TUN device', () => {
  const poller = new FdPoller();
  let nl: Rtnetlink;
  beforeAll(() => {
    namespaces(PREFIX, 'n');
    nl = new Rtnetlink(N);
  });
  afterAll(() => {
    poller.close();
    nl.close();
    wipe(PREFIX);
  });

  const exchange = async (vnetHeader: boolean, name: string): Promise<void> => {
    const tun = new TunDevice({ name, namespace: N, mtu: 1400, vnetHeader });
    const skip = vnetHeader ? VNET_HEADER_LENGTH : 0;
    nl.addAddress({ address: ME, prefixLength: 64, index: tun.index, noDad: true });
    expect(nl.link(name)).toMatchObject({ up: true, mtu: 1400, kind: 'tun' });
    expect(nl.addresses().filter((a) => a.index === tun.index)).toHaveLength(1);

    const seen: Uint8Array[] = [];
    const buffer = new Uint8Array(70_000);
    poller.add(tun.fd, () => {
      for (let n = tun.read(buffer); n > 0; n = tun.read(buffer)) seen.push(buffer.slice(0, n));
    });
    const udp = createSocket('udp6');
    udp.bind({ fd: inNamespace(N, () => socket(AF_INET6, SOCK_DGRAM, 0)) });
    udp.send('question', 9, PEER);
    const question = await eventually(() => seen[0], 'the packet in the TUN');
    const ip = question.subarray(skip);
    expect(addressFromBytes(ip, 8)).toBe(ME);
    expect(addressFromBytes(ip, 24)).toBe(PEER);
    expect(Buffer.from(ip.subarray(48)).toString()).toBe('question');
    if (vnetHeader) {
      expect(decodeVnetHeader(question)).toMatchObject({
        flags: VNET_NEEDS_CSUM,
        checksumStart: 40,
        checksumOffset: 6,
      });
    }

    // Back to its sender. Swapped addresses and ports leave a UDP checksum as it is.
    const answer = ip.slice();
    answer.set(ip.subarray(8, 24), 24);
    answer.set(ip.subarray(24, 40), 8);
    answer.set(ip.subarray(40, 42), 42);
    answer.set(ip.subarray(42, 44), 40);
    const reply = once(udp, 'message') as Promise<[Buffer]>;
    if (vnetHeader) {
      const header = new Uint8Array(VNET_HEADER_LENGTH);
      encodeVnetHeader(
        { ...PLAIN_VNET_HEADER, flags: VNET_NEEDS_CSUM, checksumStart: 40, checksumOffset: 6 },
        header,
      );
      expect(tun.writeParts([header, answer])).toBe(answer.length + VNET_HEADER_LENGTH);
    } else {
      expect(tun.write(answer)).toBe(answer.length);
    }
    expect((await reply)[0].toString()).toBe('question');

    udp.close();
    poller.remove(tun.fd);
    tun.close();
    tun.close();
    expect(nl.link(name)).toBeUndefined();
  };

  it('hands over and takes packets', () => exchange(false, 'tun0'));
  it('hands over and takes packets with virtio_net_hdr', () => exchange(true, 'tun1'));
  it('refuses a taken name', () => {
    const tun = new TunDevice({ name: 'tun2', namespace: N });
    expect(() => new TunDevice({ name: 'tun2', namespace: N })).toThrow(/EBUSY/);
    tun.close();
  });
});
