import { describe, expect, it } from 'vitest';
import { COUNTER } from '../../src/dataplane/counters.js';
import type { ContextBinding, ContextHandle, DataPathEvent } from '../../src/dataplane/datapath.js';
import { MemoryDataPath } from '../../src/dataplane/memory.js';
import { MAX_FLOWS } from '../../src/dataplane/memory/flows.js';
import { packetTooBig } from '../../src/dataplane/memory/icmp.js';
import { VirtualClock } from '../../src/sim/clock.js';
import { Network } from '../../src/sim/network.js';
import { buildUdp, parseTransport } from '../../src/sim/packets.js';
import { SeededRandom } from '../../src/sim/random.js';
import {
  addressFromBytes,
  addressToBytes,
  parseAddress,
  type Address,
} from '../../src/wire/address.js';
import { concatBytes, setU16, u16, u32, u47, u8 } from '../../src/wire/bytes.js';
import { upperLayerChecksum } from '../../src/wire/checksum.js';
import { buildIpv6, parseIpv6, PROTOCOL, walkHeaders } from '../../src/wire/ipv6.js';
import { contextTag, ms } from '../../src/wire/units.js';
import {
  describeDataPath,
  type ComplianceHost,
  type ComplianceWorld,
  type Received,
} from './compliance.js';

const A = [parseAddress('2001:db8:a0::1'), parseAddress('2001:db8:a1::1')] as const;
const B = [parseAddress('2001:db8:b0::1'), parseAddress('2001:db8:b1::1')] as const;

function memoryWorld(): ComplianceWorld {
  const clock = new VirtualClock();
  const network = new Network(clock, new SeededRandom('compliance'));
  const wire: Uint8Array[] = [];
  const clears: (() => void)[] = [() => void wire.splice(0)];
  network.tap((packet) => void wire.push(packet));
  const host = (locators: readonly [Address, Address]): ComplianceHost => {
    const received: Received[] = [];
    const dataPath = new MemoryDataPath({
      now: () => clock.now(),
      toNetwork: (packet) => network.send(packet),
      toApplication: (packet) => {
        const datagram = parseTransport(packet);
        if (datagram === undefined) return;
        const { source, destination, sourcePort, destinationPort, payload } = datagram;
        received.push({ source, destination, sourcePort, destinationPort, payload });
      },
    });
    dataPath.setAddresses(locators);
    for (const locator of locators) {
      network.attach(locator, { deliver: (packet) => dataPath.fromNetwork(packet) });
    }
    clears.push(() => void received.splice(0));
    return {
      dataPath,
      locators,
      sendUdp: async (source, sourcePort, destination, destinationPort, payload) =>
        dataPath.fromApplication(
          buildUdp({ source, destination, sourcePort, destinationPort, payload }),
        ),
      received: async () => received.map((d) => ({ ...d, payload: Uint8Array.from(d.payload) })),
    };
  };
  return {
    a: host(A),
    b: host(B),
    now: () => clock.now(),
    settle: async () => clock.run(10),
    wire: async () => [...wire],
    inject: async (packet) => network.send(packet),
    clear: async () => clears.forEach((clear) => clear()),
    close: async () => undefined,
  };
}

describeDataPath({ name: 'memory', create: async () => memoryWorld() });

const binding = (change: Partial<ContextBinding> = {}): ContextBinding => ({
  ulids: { local: A[0], peer: B[0] },
  pair: { local: A[1], peer: B[1] },
  forkedInstanceIdentifier: 0,
  localTag: contextTag(0x1111),
  peerTag: contextTag(0x2222),
  peerLocators: [...B],
  ...change,
});

/** One host, and everything that leaves it. */
function oneHost(mtu?: number) {
  const out = {
    now: ms(0),
    network: [] as Uint8Array[],
    application: [] as Uint8Array[],
    events: [] as DataPathEvent[],
    activity: [] as (ContextHandle | undefined)[],
  };
  const dataPath = new MemoryDataPath({
    now: () => out.now,
    toNetwork: (packet) => void out.network.push(packet),
    toApplication: (packet) => void out.application.push(packet),
    ...(mtu === undefined ? {} : { mtu }),
  });
  dataPath.setAddresses(A);
  dataPath.onEvent((event) => void out.events.push(event));
  dataPath.onActivity((handle) => void out.activity.push(handle));
  return { dataPath, out };
}

const udpPacket = (source: Address = A[0], destination: Address = B[0], size = 20): Uint8Array =>
  buildUdp({
    source,
    destination,
    sourcePort: 1,
    destinationPort: 2,
    payload: new Uint8Array(size),
  });

const extension = (next: number, octets = 8): Uint8Array => {
  const out = new Uint8Array(octets);
  out[0] = next;
  out[1] = octets / 8 - 1;
  return out;
};
const chain = (first: number, ...parts: Uint8Array[]): Uint8Array =>
  buildIpv6({ source: A[0], destination: B[0], nextHeader: first, payload: concatBytes(...parts) });
const protocols = (packet: Uint8Array): number[] => {
  const walk = walkHeaders(packet);
  if (!walk.ok) throw new Error(walk.reason);
  return [...walk.extensions.map((e) => e.protocol), walk.upper.protocol];
};
const { hopByHop, routing, destinationOptions, fragment, shim6, udp, icmpv6 } = PROTOCOL;

describe('where the Payload Extension header goes [RFC5533 §4.6 §11.1]', () => {
  const transport = udpPacket().subarray(40);
  it.each([
    ['directly', chain(udp, transport), [shim6, udp]],
    ['behind Hop-by-Hop', chain(hopByHop, extension(udp), transport), [hopByHop, shim6, udp]],
    ['behind Routing', chain(routing, extension(udp, 24), transport), [routing, shim6, udp]],
    [
      'behind Destination Options that Routing follows',
      chain(destinationOptions, extension(routing), extension(udp), transport),
      [destinationOptions, routing, shim6, udp],
    ],
    [
      'before other Destination Options',
      chain(destinationOptions, extension(udp, 16), transport),
      [shim6, destinationOptions, udp],
    ],
    ['before Fragment', chain(fragment, extension(udp), transport), [shim6, fragment, udp]],
    [
      'behind everything of the routing sublayer',
      chain(
        hopByHop,
        extension(destinationOptions),
        extension(routing),
        extension(destinationOptions),
        extension(udp),
        transport,
      ),
      [hopByHop, destinationOptions, routing, shim6, destinationOptions, udp],
    ],
  ])(
    '%s, and off again to the same octets [RFC5533-11.1-2] [RFC5533-12.2-2]',
    (_, packet, expected) => {
      const { dataPath, out } = oneHost();
      dataPath.install(binding());
      dataPath.fromApplication(packet);
      const [sent = new Uint8Array()] = out.network;
      expect(protocols(sent)).toEqual(expected);
      expect(sent.length).toBe(packet.length + 8);

      const peer = oneHost();
      peer.dataPath.setAddresses(B);
      peer.dataPath.install(
        binding({
          ulids: { local: B[0], peer: A[0] },
          localTag: contextTag(0x2222),
          peerTag: contextTag(0x1111),
          peerLocators: [...A],
        }),
      );
      peer.dataPath.fromNetwork(sent);
      expect(peer.out.application).toEqual([packet]);
    },
  );

  it('nowhere when the chain runs past the packet', () => {
    const { dataPath, out } = oneHost();
    dataPath.install(binding());
    dataPath.fromApplication(chain(hopByHop, Uint8Array.of(udp, 5, 0, 0, 0, 0, 0, 0)));
    expect(out.network).toEqual([]);
    expect(dataPath.counters()[COUNTER.dropMalformed]).toBe(1);
  });
});

describe('too big with the header on', () => {
  it('answers the transport with Packet Too Big, eight octets less [RFC5533-15.4-1]', () => {
    const { dataPath, out } = oneHost(1280);
    dataPath.install(binding());
    const packet = udpPacket(A[0], B[0], 1280 - 48);
    dataPath.fromApplication(packet);
    expect(out.network).toEqual([]);
    const [answer = new Uint8Array()] = out.application;
    expect([u8(answer, 40), u32(answer, 44)]).toEqual([2, 1272]);
    expect(addressFromBytes(answer, 24)).toBe(A[0]);
    expect(upperLayerChecksum(B[0], A[0], icmpv6, answer.subarray(40))).toBe(0);
    expect(dataPath.counters()[COUNTER.dropTooBig]).toBe(1);
  });

  it('a packet that just fits goes', () => {
    const { dataPath, out } = oneHost(1280);
    dataPath.install(binding());
    dataPath.fromApplication(udpPacket(A[0], B[0], 1280 - 8 - 48));
    expect(out.network[0]).toHaveLength(1280);
  });

  it('refuses a control packet over the MTU, and counts it', () => {
    const { dataPath } = oneHost(1280);
    expect(dataPath.send(udpPacket(A[0], B[0], 1280))).toBe(false);
    expect(dataPath.counters()[COUNTER.controlRefused]).toBe(1);
  });
});

describe('ICMPv6 errors [RFC5533 §8]', () => {
  const router = parseAddress('2001:db8:ff::1');
  /** An error of a router on the way about a packet. */
  const error = (about: Uint8Array, type: number, code = 0, field = 0): Uint8Array => {
    const out = packetTooBig(about, field);
    out.set(addressToBytes(router), 8);
    out[40] = type;
    out[41] = code;
    setU16(out, 42, 0);
    const destination = addressFromBytes(out, 24);
    setU16(out, 42, upperLayerChecksum(router, destination, icmpv6, out.subarray(40)));
    return out;
  };
  const sendOne = (change: Partial<ContextBinding> = {}) => {
    const { dataPath, out } = oneHost();
    dataPath.install(binding(change));
    const packet = udpPacket();
    dataPath.fromApplication(packet);
    const [sent = new Uint8Array()] = out.network;
    return { dataPath, out, packet, sent };
  };

  it('Packet Too Big: ULIDs in, header out, MTU eight less, checksum right [RFC5533-8-5] [RFC5533-8-6] [RFC5533-8-4]', () => {
    const { dataPath, out, packet, sent } = sendOne();
    dataPath.fromNetwork(error(sent, 2, 0, 1400));
    const [given = new Uint8Array()] = out.application;
    expect(u32(given, 44)).toBe(1392);
    expect(given.subarray(48)).toEqual(packet);
    expect(parseIpv6(given)).toMatchObject({ ok: true, header: { source: router } });
    expect(upperLayerChecksum(router, A[1], icmpv6, given.subarray(40))).toBe(0);
    expect(out.events).toHaveLength(1);
  });

  it('also when the pair has changed meanwhile, and never for another peer', () => {
    const { dataPath, out, sent } = sendOne();
    const other = udpPacket();
    other.set(sent.subarray(0, 40));
    const handle = dataPath.install(binding({ localTag: contextTag(3), peerTag: contextTag(4) }));
    dataPath.remove(handle);
    dataPath.fromNetwork(error(sent, 2, 0, 1400));
    expect(out.application).toHaveLength(1);
    const strange = Uint8Array.from(sent);
    strange.set(addressToBytes(parseAddress('2001:db8:c0::1')), 24);
    dataPath.fromNetwork(error(strange, 2, 0, 1400));
    expect(out.application).toHaveLength(1);
  });

  it.each([
    ['no route', 1, 0],
    ['prohibited', 1, 1],
    ['beyond scope', 1, 2],
    ['address unreachable', 1, 3],
    ['source policy', 1, 5],
    ['reject route', 1, 6],
    ['time exceeded', 3, 0],
  ])('%s is for Shim6, not for the transport [RFC5533-8-3]', (_, type, code) => {
    const { dataPath, out, sent } = sendOne();
    dataPath.fromNetwork(error(sent, type, code));
    expect(out.application).toEqual([]);
    expect(out.events.map((e) => e.kind)).toEqual(['icmp']);
    expect(dataPath.counters()[COUNTER.icmpAbsorbed]).toBe(1);
  });

  it('a Parameter Problem is for Shim6 when it points into the Shim6 header [RFC5533-8-3] [RFC5533-8-4]', () => {
    const { dataPath, out, sent } = sendOne();
    dataPath.fromNetwork(error(sent, 4, 1, 40));
    expect(out.application).toEqual([]);
    dataPath.fromNetwork(error(sent, 4, 1, 6 + 48));
    const [given = new Uint8Array()] = out.application;
    expect(u32(given, 44)).toBe(46);
  });

  it('port unreachable goes to the transport [RFC5533-8-1] [RFC5533-8-4]', () => {
    const { dataPath, out, packet, sent } = sendOne();
    dataPath.fromNetwork(error(sent, 1, 4));
    expect(out.application[0]?.subarray(48)).toEqual(packet);
  });

  it('delivers everything when told to [RFC5533-8-2]', () => {
    const application: Uint8Array[] = [];
    const network: Uint8Array[] = [];
    const dataPath = new MemoryDataPath({
      now: () => ms(0),
      toNetwork: (packet) => void network.push(packet),
      toApplication: (packet) => void application.push(packet),
      deliverAllIcmp: true,
    });
    dataPath.setAddresses(A);
    dataPath.install(binding());
    dataPath.fromApplication(udpPacket());
    dataPath.fromNetwork(error(network[0] ?? new Uint8Array(), 1, 0));
    expect(application).toHaveLength(1);
  });

  it('about an unshimmed packet of a context: reported; of none: simply delivered [RFC5533-8-1]', () => {
    const { dataPath, out, sent } = sendOne({ pair: { local: A[0], peer: B[0] } });
    dataPath.fromNetwork(error(sent, 2, 0, 1400));
    expect([out.events.length, out.application.length]).toEqual([1, 1]);
    expect(u32(out.application[0] ?? new Uint8Array(), 44)).toBe(1400);
    dataPath.fromNetwork(error(udpPacket(A[1], B[1]), 1, 0));
    expect([out.events.length, out.application.length]).toEqual([1, 2]);
  });

  it('keeps the announced length of a datagram with extensions behind it', () => {
    const { dataPath, out, packet, sent } = sendOne();
    const datagram = new Uint8Array(128);
    datagram.set(sent);
    const objects = Uint8Array.of(0x20, 0, 0, 0, 0, 4, 1, 1);
    const whole = error(concatBytes(datagram, objects), 1, 4);
    whole[44] = 128 / 8;
    setU16(whole, 42, 0);
    setU16(whole, 42, upperLayerChecksum(router, A[1], icmpv6, whole.subarray(40)));
    dataPath.fromNetwork(whole);
    const [given = new Uint8Array()] = out.application;
    expect(given.subarray(48, 48 + packet.length)).toEqual(packet);
    expect(given.subarray(48 + 128)).toEqual(objects);
    expect(given.length).toBe(whole.length);
  });

  it('drops an error with a wrong checksum', () => {
    const { dataPath, out, sent } = sendOne();
    const bad = error(sent, 2, 0, 1400);
    bad[43] = u8(bad, 43) ^ 1;
    dataPath.fromNetwork(bad);
    expect([out.events.length, out.application.length]).toEqual([0, 0]);
    expect(dataPath.counters()[COUNTER.dropMalformed]).toBe(1);
  });
});

describe('ULIDs that outlive their locator', () => {
  const arrival = (): Uint8Array => {
    const peer = oneHost();
    peer.dataPath.setAddresses(B);
    peer.dataPath.install(
      binding({
        ulids: { local: B[0], peer: A[0] },
        pair: { local: B[1], peer: A[1] },
        localTag: contextTag(0x2222),
        peerTag: contextTag(0x1111),
      }),
    );
    peer.dataPath.fromApplication(udpPacket(B[0], A[0]));
    return peer.out.network[0] ?? new Uint8Array();
  };

  it('stay local while a context has them, and no longer', () => {
    const { dataPath, out } = oneHost();
    const handle = dataPath.install(binding());
    dataPath.setAddresses([A[1]]);
    expect(dataPath.isLocal(A[0])).toBe(true);
    dataPath.fromNetwork(arrival());
    expect(out.application).toHaveLength(1);
    dataPath.remove(handle);
    expect(dataPath.isLocal(A[0])).toBe(false);
  });

  it('a ULID that was never ours is not made ours by a context', () => {
    const { dataPath, out } = oneHost();
    dataPath.setAddresses([A[1]]);
    dataPath.install(binding());
    dataPath.fromNetwork(arrival());
    expect(out.application).toEqual([]);
    expect(dataPath.counters()[COUNTER.dropUlidNotLocal]).toBe(1);
  });
});

describe('notifications and bounds', () => {
  it('says once that a context has news, until somebody reads it', () => {
    const { dataPath, out } = oneHost();
    const handle = dataPath.install(binding());
    dataPath.fromApplication(udpPacket());
    dataPath.fromApplication(udpPacket());
    expect(out.activity).toEqual([handle]);
    dataPath.liveness(handle);
    dataPath.fromApplication(udpPacket());
    expect(out.activity).toEqual([handle, handle]);
  });

  it('says once that unprotected flows have news', () => {
    const { dataPath, out } = oneHost();
    dataPath.fromApplication(udpPacket());
    dataPath.fromApplication(udpPacket());
    expect(out.activity).toEqual([undefined]);
    expect(dataPath.flows()).toMatchObject([{ packets: 2 }]);
    dataPath.fromApplication(udpPacket());
    expect(out.activity).toEqual([undefined, undefined]);
  });

  it('forgets the longest silent flow, and counts it', () => {
    const { dataPath } = oneHost();
    for (let i = 0; i <= MAX_FLOWS; i++) {
      dataPath.fromApplication(udpPacket(A[0], parseAddress(`2001:db8::${i.toString(16)}`)));
    }
    expect(dataPath.flows()).toHaveLength(MAX_FLOWS);
    expect(dataPath.counters()[COUNTER.flowsEvicted]).toBe(1);
  });

  it('never lists multicast, and forgets a flow after a minute of silence', () => {
    const { dataPath, out } = oneHost();
    dataPath.fromApplication(udpPacket(A[0], parseAddress('ff02::1')));
    expect(dataPath.flows()).toEqual([]);
    dataPath.fromApplication(udpPacket());
    out.now = ms(60_001);
    expect(dataPath.flows()).toEqual([]);
  });

  it('lists no ICMPv6 error: an answer to anybody is no flow', () => {
    const { dataPath } = oneHost();
    const icmp = (type: number): Uint8Array =>
      buildIpv6({
        source: A[0],
        destination: B[0],
        nextHeader: PROTOCOL.icmpv6,
        payload: Uint8Array.of(type, 0, 0, 0, 0, 0, 0, 0),
      });
    dataPath.fromApplication(icmp(4));
    expect(dataPath.flows()).toEqual([]);
    dataPath.fromApplication(icmp(128)); // an echo request is somebody's
    dataPath.fromApplication(icmp(1));
    expect(dataPath.flows()).toMatchObject([{ packets: 1, outbound: true }]);
  });

  it('refuses a second context with the same local tag', () => {
    const { dataPath } = oneHost();
    dataPath.install(binding());
    expect(() => dataPath.install(binding())).toThrowError(
      expect.objectContaining({ code: 'REHOME_E_DUPLICATE_TAG' }),
    );
  });

  it('falls back to the older context of a ULID pair when the newer goes', () => {
    const { dataPath, out } = oneHost();
    dataPath.install(binding());
    const newer = dataPath.install(binding({ localTag: contextTag(9), peerTag: contextTag(10) }));
    dataPath.fromApplication(udpPacket());
    dataPath.remove(newer);
    dataPath.fromApplication(udpPacket());
    expect(out.network.map((packet) => u47(packet, 42))).toEqual([10, 0x2222]);
  });

  it.each([
    ['empty', new Uint8Array()],
    ['IPv4', Uint8Array.of(0x45, ...new Array<number>(60).fill(0))],
    ['cut short', udpPacket().subarray(0, 50)],
  ])('drops a packet that is %s, both ways', (_, packet) => {
    const { dataPath, out } = oneHost();
    dataPath.fromApplication(packet);
    dataPath.fromNetwork(packet);
    expect([out.network.length, out.application.length]).toEqual([0, 0]);
    expect(dataPath.counters()[COUNTER.dropMalformed]).toBe(2);
  });

  it('leaves the packet it was given alone', () => {
    const { dataPath } = oneHost();
    dataPath.install(binding());
    const packet = udpPacket();
    const copy = Uint8Array.from(packet);
    dataPath.fromApplication(packet);
    expect(packet).toEqual(copy);
    expect(u16(packet, 4)).toBe(28);
  });
});
