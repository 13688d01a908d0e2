import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { COUNTER } from '../../src/dataplane/counters.js';
import type {
  ContextBinding,
  ContextHandle,
  DataPath,
  DataPathEvent,
} from '../../src/dataplane/datapath.js';
import { packetTooBig } from '../../src/dataplane/memory/icmp.js';
import { parseAddress, type Address } from '../../src/wire/address.js';
import { concatBytes, setU16, setU32, u47, u8 } from '../../src/wire/bytes.js';
import { upperLayerChecksum } from '../../src/wire/checksum.js';
import { buildIpv6, parseIpv6, PROTOCOL } from '../../src/wire/ipv6.js';
import { buildControlPacket, encodePayloadHeader } from '../../src/wire/shim6/index.js';
import { contextTag, type ContextTag, type Millis } from '../../src/wire/units.js';

/**
 * What every data path must do, shown on two hosts A and B with two locators each. An implementation brings a world;
 * memory runs it in virtual time, the kernel in network namespaces.
 */
export interface Received {
  readonly source: Address;
  readonly destination: Address;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

export interface ComplianceHost {
  readonly dataPath: DataPath;
  /** Two at least, of different prefixes; the first is the ULID of most tests. */
  readonly locators: readonly [Address, Address, ...Address[]];
  /** An application of this host sends a UDP datagram from one of its addresses. */
  sendUdp(
    source: Address,
    sourcePort: number,
    destination: Address,
    destinationPort: number,
    payload: Uint8Array,
  ): Promise<void>;
  /** UDP datagrams that applications of this host got since `clear`, on the ports of `PORTS`, any local address. */
  received(): Promise<readonly Received[]>;
}

export interface ComplianceWorld {
  readonly a: ComplianceHost;
  readonly b: ComplianceHost;
  /** The data paths' clock. */
  now(): Millis;
  /** Waits until what was sent has arrived, and was counted and reported. */
  settle(): Promise<void>;
  /** UDP and protocol-140 packets seen between the hosts since `clear`, whole IPv6 packets in order. */
  wire(): Promise<readonly Uint8Array[]>;
  /** Puts a packet on the wire, on its way to the host that has its destination address. */
  inject(packet: Uint8Array): Promise<void>;
  /** Forgets what `received` and `wire` would tell. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

export interface ComplianceFactory {
  readonly name: string;
  /** Why this cannot run here, printed. */
  readonly skip?: string | undefined;
  create(): Promise<ComplianceWorld>;
  /** Milliseconds by which the data path's own clock may be off. Default 0. */
  readonly clockError?: number;
}

/** Ports that applications listen on, on both hosts. */
export const PORTS = { a: 4000, b: 4001 } as const;
/** An address that is no host's. */
export const NOBODY = parseAddress('2001:db8:dead::1');

const TAG = { a: contextTag(0x7abc_def0_1234), b: contextTag(0x1234_5678_9abc) };
const TEXT = new TextEncoder().encode('the octets of an application');

type Change = Partial<ContextBinding>;

export function describeDataPath(factory: ComplianceFactory): void {
  if (factory.skip !== undefined) console.log(`${factory.name}: skipped: ${factory.skip}`);
  describe.skipIf(factory.skip !== undefined)(`data path compliance: ${factory.name}`, () => {
    let world: ComplianceWorld;
    let a: ComplianceHost;
    let b: ComplianceHost;
    const events: { a: DataPathEvent[]; b: DataPathEvent[] } = { a: [], b: [] };
    let handles: [DataPath, ContextHandle][] = [];

    beforeAll(async () => {
      world = await factory.create();
      ({ a, b } = world);
      a.dataPath.onEvent((event) => events.a.push(event));
      b.dataPath.onEvent((event) => events.b.push(event));
    });
    afterAll(() => world?.close());
    beforeEach(async () => {
      for (const [dataPath, handle] of handles) dataPath.remove(handle);
      handles = [];
      await world.settle();
      await world.clear();
      events.a.length = 0;
      events.b.length = 0;
    });

    const bindA = (change: Change = {}): ContextBinding => ({
      ulids: { local: a.locators[0], peer: b.locators[0] },
      pair: { local: a.locators[0], peer: b.locators[0] },
      forkedInstanceIdentifier: 0,
      localTag: TAG.a,
      peerTag: TAG.b,
      peerLocators: b.locators,
      ...change,
    });
    const bindB = (change: Change = {}): ContextBinding => ({
      ulids: { local: b.locators[0], peer: a.locators[0] },
      pair: { local: b.locators[0], peer: a.locators[0] },
      forkedInstanceIdentifier: 0,
      localTag: TAG.b,
      peerTag: TAG.a,
      peerLocators: a.locators,
      ...change,
    });
    const install = (host: ComplianceHost, binding: ContextBinding): ContextHandle => {
      const handle = host.dataPath.install(binding);
      handles.push([host.dataPath, handle]);
      return handle;
    };
    const moved = {
      a: (): Change => ({ pair: { local: a.locators[1], peer: b.locators[1] } }),
      b: (): Change => ({ pair: { local: b.locators[1], peer: a.locators[1] } }),
    };
    const toB = async (i = 0, j = i): Promise<void> => {
      await a.sendUdp(at(a, i), PORTS.a, at(b, j), PORTS.b, TEXT);
      await world.settle();
    };
    const toA = async (i = 0, j = i): Promise<void> => {
      await b.sendUdp(at(b, i), PORTS.b, at(a, j), PORTS.a, TEXT);
      await world.settle();
    };
    const expectAtB = async (times: number, i = 0): Promise<void> => {
      const datagram = {
        source: a.locators[i],
        destination: b.locators[i],
        sourcePort: PORTS.a,
        destinationPort: PORTS.b,
        payload: TEXT,
      };
      expect(await b.received()).toEqual(Array<unknown>(times).fill(datagram));
    };
    const count = (host: ComplianceHost, name: string): number =>
      host.dataPath.counters()[name] ?? 0;
    /** How much a counter grows while something happens. */
    const growth = async (
      host: ComplianceHost,
      name: string,
      during: () => Promise<void>,
    ): Promise<number> => {
      const before = count(host, name);
      await during();
      await world.settle();
      return count(host, name) - before;
    };
    /** A shimmed packet to B, as A's data path would make it but for `change`. */
    const forged = (
      change: { tag?: ContextTag; source?: Address; inner?: Uint8Array; next?: number } = {},
    ): Uint8Array =>
      buildIpv6({
        source: change.source ?? a.locators[1],
        destination: b.locators[1],
        nextHeader: PROTOCOL.shim6,
        payload: concatBytes(
          encodePayloadHeader({
            message: 'payload',
            nextHeader: change.next ?? PROTOCOL.udp,
            receiverContextTag: change.tag ?? TAG.b,
          }),
          change.inner ?? udp(a.locators[0], b.locators[0]),
        ),
      });

    describe('without a context', () => {
      it('leaves payload as it is and reports the flow [RFC5533 §11] [RFC5533-11-1]', async () => {
        await toB();
        await expectAtB(1);
        const [packet] = await world.wire();
        expect(header(packet)).toMatchObject({ ...ends(a, b, 0), nextHeader: PROTOCOL.udp });
        const flow = { packets: expect.any(Number) as number, protocol: PROTOCOL.udp };
        expect(a.dataPath.flows()).toContainEqual(
          expect.objectContaining({
            ...flow,
            local: a.locators[0],
            peer: b.locators[0],
            peerPort: PORTS.b,
            outbound: true,
          }),
        );
        expect(b.dataPath.flows()).toContainEqual(
          expect.objectContaining({
            ...flow,
            local: b.locators[0],
            peer: a.locators[0],
            peerPort: PORTS.a,
            outbound: false,
          }),
        );
      });

      it('names every shared counter', () => {
        expect(Object.keys(a.dataPath.counters())).toEqual(
          expect.arrayContaining(Object.values(COUNTER)),
        );
      });
    });

    describe('while the ULIDs are the locators', () => {
      it('leaves payload as it is [RFC5533 §11] [RFC5533-11-2]', async () => {
        install(a, bindA());
        install(b, bindB());
        const sent = await growth(a, COUNTER.sentUnshimmed, () => toB());
        expect(sent).toBe(1);
        await expectAtB(1);
        const [packet] = await world.wire();
        expect(header(packet)).toMatchObject({ ...ends(a, b, 0), nextHeader: PROTOCOL.udp });
      });

      it('counts it for the context that has these ULIDs [RFC5533 §12.1] [RFC5533-12.1-1]', async () => {
        const [left, right] = [install(a, bindA()), install(b, bindB())];
        await toB();
        await toB();
        expect(a.dataPath.liveness(left)).toMatchObject({ sentPackets: 2, receivedPackets: 0 });
        expect(b.dataPath.liveness(right)).toMatchObject({ sentPackets: 0, receivedPackets: 2 });
        expect(a.dataPath.liveness(left).sentBytes).toBe(2 * (40 + 8 + TEXT.length));
      });

      it('reports the flow no more', async () => {
        await toB();
        install(a, bindA());
        await toB();
        const pair = { local: a.locators[0], peer: b.locators[0] };
        expect(a.dataPath.flows()).not.toContainEqual(expect.objectContaining(pair));
      });
    });

    describe('after a switch', () => {
      it('puts locators and a Payload Extension header on [RFC5533 §11.1 §5.2]', async () => {
        install(a, bindA(moved.a()));
        install(b, bindB());
        expect(await growth(a, COUNTER.encoded, () => toB())).toBe(1);
        const [packet] = await world.wire();
        expect(header(packet)).toMatchObject({ ...ends(a, b, 1), nextHeader: PROTOCOL.shim6 });
        expect(shim(packet)).toEqual({
          nextHeader: PROTOCOL.udp,
          length: 0,
          payload: true,
          tag: TAG.b,
        });
      });

      it('does not touch the transport, its checksum least of all [RFC5533 §11.1] [RFC5533-11.1-1]', async () => {
        install(a, bindA(moved.a()));
        await toB();
        const [packet = new Uint8Array()] = await world.wire();
        const upper = packet.subarray(48);
        const [from, to] = [a.locators[0], b.locators[0]];
        expect(upperLayerChecksum(from, to, PROTOCOL.udp, upper)).toBe(0);
      });

      it('gives the receiver its ULIDs back, header gone [RFC5533 §12.2] [RFC5533-12.2-2] [RFC5533-12-1]', async () => {
        install(a, bindA(moved.a()));
        install(b, bindB());
        expect(await growth(b, COUNTER.decoded, () => toB())).toBe(1);
        await expectAtB(1);
      });

      it('moves the two directions independently', async () => {
        install(a, bindA());
        install(b, bindB(moved.b()));
        await toB();
        await toA();
        const [there, back] = await world.wire();
        expect(header(there)).toMatchObject({ ...ends(a, b, 0), nextHeader: PROTOCOL.udp });
        expect(header(back)).toMatchObject({ ...ends(b, a, 1), nextHeader: PROTOCOL.shim6 });
        expect(await a.received()).toHaveLength(1);
      });

      it('switches at an update, and drops the header on return to the ULIDs [RFC5533 §11.1] [RFC5533-11-2]', async () => {
        const left = install(a, bindA());
        install(b, bindB());
        await toB();
        a.dataPath.update(left, bindA(moved.a()));
        await toB();
        a.dataPath.update(left, bindA());
        await toB();
        const headers = (await world.wire()).map((packet) => header(packet)?.nextHeader);
        expect(headers).toEqual([PROTOCOL.udp, PROTOCOL.shim6, PROTOCOL.udp]);
        await expectAtB(3);
        expect(a.dataPath.liveness(left).sentPackets).toBe(3);
      });

      it('stops at removal', async () => {
        const left = install(a, bindA(moved.a()));
        a.dataPath.remove(left);
        handles = [];
        await toB();
        const [packet] = await world.wire();
        expect(header(packet)).toMatchObject({ ...ends(a, b, 0), nextHeader: PROTOCOL.udp });
      });

      it('keeps contexts of different ULID pairs apart', async () => {
        const across = { local: a.locators[1], peer: b.locators[1] };
        const back = { local: b.locators[1], peer: a.locators[1] };
        install(a, bindA(moved.a()));
        install(b, bindB());
        const other = { localTag: contextTag(77), peerTag: contextTag(88) };
        install(a, bindA({ ulids: across, pair: bindA().pair, ...other }));
        install(
          b,
          bindB({ ulids: back, pair: back, localTag: contextTag(88), peerTag: contextTag(77) }),
        );
        await toB(1);
        await expectAtB(1, 1);
        const [packet] = await world.wire();
        expect(header(packet)).toMatchObject(ends(a, b, 0));
        expect(shim(packet)?.tag).toBe(88);
      });

      it('decodes for a forked instance, and never chooses it for payload [RFC5533 §12.4]', async () => {
        const fork = { forkedInstanceIdentifier: 7 };
        install(a, bindA({ ...moved.a(), ...fork }));
        install(b, bindB(fork));
        await toB();
        const [packet] = await world.wire();
        expect(header(packet)?.nextHeader).toBe(PROTOCOL.udp);
        await world.clear();
        await world.inject(forged());
        await world.settle();
        await expectAtB(1);
      });
    });

    describe('what arrives', () => {
      it('reports an unknown tag, and delivers nothing [RFC5533 §12.2]', async () => {
        const packet = forged({ tag: contextTag(4711) });
        expect(await growth(b, COUNTER.unknownTag, () => world.inject(packet))).toBe(1);
        expect(await b.received()).toEqual([]);
        expect(events.b.map((event) => event.kind)).toEqual(['shim6']);
        expect(sameButHops(events.b[0]?.packet, packet)).toBe(true);
      });

      it('drops payload from a source that is no locator of the peer', async () => {
        install(b, bindB({ peerLocators: [a.locators[0]] }));
        const dropped = await growth(b, COUNTER.dropSourceNotPeerLocator, () =>
          world.inject(forged()),
        );
        expect(dropped).toBe(1);
        expect(await b.received()).toEqual([]);
      });

      it('drops payload whose ULID is not local', async () => {
        install(b, bindB({ ulids: { local: NOBODY, peer: a.locators[0] } }));
        const dropped = await growth(b, COUNTER.dropUlidNotLocal, () => world.inject(forged()));
        expect(dropped).toBe(1);
        expect(await b.received()).toEqual([]);
      });

      it('does not count what it drops as received', async () => {
        const right = install(b, bindB({ peerLocators: [a.locators[0]] }));
        await world.inject(forged());
        await world.settle();
        expect(b.dataPath.liveness(right).receivedPackets).toBe(0);
      });

      it('drops a second Shim6 header behind the first', async () => {
        install(b, bindB());
        const inner = forged().subarray(40);
        const packet = forged({ next: PROTOCOL.shim6, inner });
        expect(await growth(b, COUNTER.dropNested, () => world.inject(packet))).toBe(1);
        expect(await b.received()).toEqual([]);
      });

      it('drops a Payload Extension header that claims more than its 8 octets [RFC5533 §5.2]', async () => {
        install(b, bindB());
        const packet = forged();
        packet[41] = 1;
        expect(await growth(b, COUNTER.dropMalformed, () => world.inject(packet))).toBe(1);
        expect(await b.received()).toEqual([]);
      });
    });

    describe('control packets', () => {
      const keepalive = (from: ComplianceHost, to: ComplianceHost, i: number): Uint8Array =>
        buildControlPacket(at(from, i), at(to, i), {
          message: 'keepalive',
          receiverContextTag: TAG.b,
          options: [],
        });

      it('go out as they are, also over a pair whose payload is rewritten', async () => {
        install(a, bindA(moved.a()));
        install(b, bindB());
        for (const i of [0, 1]) {
          const packet = keepalive(a, b, i);
          expect(a.dataPath.send(packet)).toBe(true);
          await world.settle();
          expect(sameButHops((await world.wire())[i], packet)).toBe(true);
        }
      });

      it('arrive as events, whole and untouched, and count for nobody’s liveness [RFC5533-12-1]', async () => {
        const right = install(b, bindB());
        const packet = keepalive(a, b, 0);
        a.dataPath.send(packet);
        await world.settle();
        expect(events.b.map((event) => event.kind)).toEqual(['shim6']);
        expect(sameButHops(events.b[0]?.packet, packet)).toBe(true);
        expect(b.dataPath.liveness(right).receivedPackets).toBe(0);
      });
    });

    describe('liveness', () => {
      const within = (time: Millis | undefined, from: Millis, to: Millis): void => {
        const slack = factory.clockError ?? 0;
        expect(time).toBeGreaterThanOrEqual(from - slack);
        expect(time).toBeLessThanOrEqual(to + slack);
      };

      it('is empty before the first packet', () => {
        expect(a.dataPath.liveness(install(a, bindA()))).toEqual({
          sentPackets: 0,
          sentBytes: 0,
          receivedPackets: 0,
          receivedBytes: 0,
          lastSent: undefined,
          lastReceived: undefined,
          unansweredSince: undefined,
          owedSince: undefined,
        });
      });

      it('remembers the first of the packets without an answer [RFC5534 §6.2]', async () => {
        const left = install(a, bindA());
        const before = world.now();
        await toB();
        const between = world.now();
        await toB();
        const liveness = a.dataPath.liveness(left);
        within(liveness.unansweredSince, before, between);
        within(liveness.lastSent, between, world.now());
        expect(liveness.owedSince).toBeUndefined();
      });

      it('an answer ends the waiting, and is owed an answer itself [RFC5534 §4.1]', async () => {
        const left = install(a, bindA());
        install(b, bindB());
        await toB();
        const before = world.now();
        await toA();
        const between = world.now();
        await toA();
        const liveness = a.dataPath.liveness(left);
        expect(liveness.unansweredSince).toBeUndefined();
        within(liveness.owedSince, before, between);
        await toB();
        const after = a.dataPath.liveness(left);
        expect(after.owedSince).toBeUndefined();
        expect(after.unansweredSince).toBe(after.lastSent);
      });

      it('is the same with the header on', async () => {
        const left = install(a, bindA(moved.a()));
        const right = install(b, bindB(moved.b()));
        await toB();
        expect(a.dataPath.liveness(left)).toMatchObject({
          sentPackets: 1,
          sentBytes: 40 + 8 + TEXT.length,
          owedSince: undefined,
        });
        const received = b.dataPath.liveness(right);
        expect(received).toMatchObject({ receivedPackets: 1, receivedBytes: 40 + 8 + TEXT.length });
        expect(received.owedSince).toBe(received.lastReceived);
        await toA();
        expect(a.dataPath.liveness(left).unansweredSince).toBeUndefined();
      });
    });

    describe('ICMPv6 errors', () => {
      const about = async (type: number, code: number, value = 0): Promise<Uint8Array> => {
        install(a, bindA(moved.a()));
        await toB();
        const [packet = new Uint8Array()] = await world.wire();
        const error = packetTooBig(packet, value);
        error[40] = type;
        error[41] = code;
        return withIcmpChecksum(error);
      };

      it('Packet Too Big is reported and translated for the transport [RFC5533 §8] [RFC5533-8-1] [RFC5533-8-4]', async () => {
        const error = await about(2, 0, 1400);
        expect(await growth(a, COUNTER.icmpTranslated, () => world.inject(error))).toBe(1);
        expect(events.a.map((event) => event.kind)).toEqual(['icmp']);
      });

      it('what Shim6 can act on is reported, and kept from the transport [RFC5533 §8] [RFC5533-8-3]', async () => {
        const error = await about(1, 0);
        expect(await growth(a, COUNTER.icmpAbsorbed, () => world.inject(error))).toBe(1);
        expect(events.a.map((event) => event.kind)).toEqual(['icmp']);
      });

      it('an error about a tag that is nobody’s is not delivered', async () => {
        const error = await about(2, 0, 1400);
        setU32(error, 40 + 8 + 40 + 4, 4711);
        withIcmpChecksum(error);
        expect(await growth(a, COUNTER.icmpTranslated, () => world.inject(error))).toBe(0);
      });
    });

    // Last: nothing runs after it.
    it('closes twice without complaint, and takes its contexts along', async () => {
      const left = a.dataPath.install(bindA(moved.a()));
      a.dataPath.close();
      a.dataPath.close();
      expect(() => a.dataPath.update(left, bindA())).toThrow();
    });
  });
}

function at(host: ComplianceHost, i: number): Address {
  const address = host.locators[i];
  if (address === undefined) throw new Error(`no locator ${i}`);
  return address;
}

const ends = (
  from: ComplianceHost,
  to: ComplianceHost,
  i: number,
): { source: Address; destination: Address } => ({ source: at(from, i), destination: at(to, i) });

function header(packet: Uint8Array | undefined) {
  const parsed = packet && parseIpv6(packet);
  return parsed?.ok === true ? parsed.header : undefined;
}

function shim(packet: Uint8Array | undefined) {
  if (packet === undefined) return undefined;
  return {
    nextHeader: u8(packet, 40),
    length: u8(packet, 41),
    payload: u8(packet, 42) >= 0x80,
    tag: u47(packet, 42),
  };
}

/** Equal but for the hop limit, which routers between may have lowered, and the traffic class and flow label. */
function sameButHops(seen: Uint8Array | undefined, expected: Uint8Array): boolean {
  if (seen === undefined) return false;
  const [x, y] = [Uint8Array.from(seen), Uint8Array.from(expected)];
  for (const packet of [x, y]) {
    setU32(packet, 0, 0x6000_0000);
    packet[7] = 0;
  }
  return Buffer.compare(x, y) === 0;
}

function udp(source: Address, destination: Address): Uint8Array {
  const out = concatBytes(new Uint8Array(8), TEXT);
  setU16(out, 0, PORTS.a);
  setU16(out, 2, PORTS.b);
  setU16(out, 4, out.length);
  setU16(out, 6, upperLayerChecksum(source, destination, PROTOCOL.udp, out));
  return out;
}

function withIcmpChecksum(packet: Uint8Array): Uint8Array {
  const parsed = parseIpv6(packet);
  if (!parsed.ok) throw new Error(parsed.reason);
  const { source, destination } = parsed.header;
  setU16(packet, 42, 0);
  setU16(packet, 42, upperLayerChecksum(source, destination, PROTOCOL.icmpv6, packet.subarray(40)));
  return packet;
}
