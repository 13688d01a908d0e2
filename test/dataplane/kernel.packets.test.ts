import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ContextHandle, DataPathEvent } from '../../src/dataplane/datapath.js';
import type { KernelDataPath } from '../../src/dataplane/kernel/index.js';
import { disableFeatures } from '../../src/linux/bpf/ethtool.js';
import { inNamespace } from '../../src/linux/netns.js';
import { parseAddress } from '../../src/wire/address.js';
import { contextTag } from '../../src/wire/units.js';
import { needsRoot } from '../support/root.js';
import {
  A,
  B,
  bindings,
  checksum,
  ipv6,
  payloadHeader,
  Raw,
  sleep,
  TwoHosts,
  Udp,
} from './kernel.support.js';

const [UDP, ICMPV6, SHIM6, RAW] = [17, 58, 140, 255];
const text = (bytes: Uint8Array | undefined): string =>
  bytes === undefined ? '(nothing)' : Buffer.from(bytes).toString();

/** A UDP datagram with its checksum over `source` and `destination`, which need not be those of the packet. */
function datagram(source: string, destination: string, port: number, data: string): Buffer {
  const udp = Buffer.alloc(8 + data.length);
  udp.writeUInt16BE(9, 0);
  udp.writeUInt16BE(port, 2);
  udp.writeUInt16BE(udp.length, 4);
  udp.write(data, 8);
  const whole = ipv6(source, destination, UDP, udp);
  udp.writeUInt16BE(checksum(whole, 40, UDP), 6);
  return udp;
}

describe.skipIf(needsRoot() !== undefined)('packets through the kernel data path', () => {
  let net: TwoHosts;
  let pa: KernelDataPath;
  let pb: KernelDataPath;
  let ha: ContextHandle;
  let hb: ContextHandle;
  let ua: Udp;
  let ub: Udp;
  let raw: Raw;
  const eventsB: DataPathEvent[] = [];
  const eventsA: DataPathEvent[] = [];

  beforeAll(async () => {
    net = await new TwoHosts('rhU').ready();
    // What leaves A has its checksums done in software: they must be right without any offload.
    inNamespace(net.a, () => {
      for (const name of ['a0', 'a1']) disableFeatures(name, (f) => f.startsWith('tx-checksum'));
    });
    pa = net.open('a');
    pb = net.open('b');
    pa.onEvent((e) => eventsA.push(e));
    pb.onEvent((e) => eventsB.push(e));
    ua = new Udp(net.a, A[0], 5000);
    ub = new Udp(net.b, B[0], 5001);
    raw = new Raw(net.a, RAW);
    ha = pa.install(bindings().a);
    hb = pb.install(bindings().b);
  });
  afterAll(() => {
    raw.close();
    ua.close();
    ub.close();
    net.close();
  });
  beforeEach(() => {
    pa.update(ha, bindings().a);
    pb.update(hb, bindings().b);
    eventsA.length = 0;
    eventsB.length = 0;
  });
  const rehome = (): void => {
    pa.update(ha, bindings(A[1], B[1]).a);
    pb.update(hb, bindings(A[1], B[1]).b);
  };
  const counted = (path: KernelDataPath, name: string): number => path.counters()[name] ?? -1;

  it('leaves payload alone while the pair is the ULIDs and counts it [RFC5533 §11] [RFC5533 §12.1]', () => {
    const [encoded, direct] = [counted(pa, 'encoded'), counted(pa, 'sent-unshimmed')];
    ua.send(Buffer.from('direct'), B[0], 5001);
    expect(text(ub.receive())).toBe('direct');
    expect(counted(pa, 'encoded')).toBe(encoded);
    expect(counted(pa, 'sent-unshimmed')).toBe(direct + 1);
  });

  it('carries the context tag of the peer and the locators on the wire, not the ULIDs [RFC5533 §5.2] [RFC5533 §11.1]', () => {
    // Without its context B's raw socket of protocol 140 gets the packet as it is on the wire.
    const wire = new Raw(net.b, SHIM6);
    const lonely = bindings(A[1], B[1]).b;
    pb.update(hb, { ...lonely, localTag: contextTag(1) });
    pa.update(ha, bindings(A[1], B[1]).a);
    const unknown = counted(pb, 'unknown-tag');
    ua.send(Buffer.from('on the wire'), B[0], 5001);
    const packet = wire.receive();
    wire.close();
    expect(Buffer.from(packet?.subarray(0, 8) ?? []).toString('hex')).toBe('11009234' + '56789abc');
    expect(text(packet?.subarray(16))).toBe('on the wire');
    // The checksum is still that of the ULIDs: end to end (§11.1).
    const udp = Buffer.from(packet?.subarray(8) ?? []);
    expect(checksum(ipv6(A[0], B[0], UDP, udp), 40, UDP)).toBe(0);
    expect(counted(pb, 'unknown-tag')).toBe(unknown + 1);
  });

  it('encodes and decodes, and measures liveness on both sides [RFC5533 §12.2] [RFC5534 §4.1]', () => {
    rehome();
    const before = pa.liveness(ha);
    ua.send(Buffer.from('there'), B[0], 5001);
    expect(text(ub.receive())).toBe('there');
    const sent = pa.liveness(ha);
    expect(sent.sentPackets).toBe(before.sentPackets + 1);
    expect(sent.sentBytes).toBe(before.sentBytes + 40 + 8 + 5);
    expect(sent.unansweredSince).toBeDefined();
    expect(sent.owedSince).toBeUndefined();
    expect(pb.liveness(hb).owedSince).toBeDefined();
    expect(Math.abs((sent.lastSent ?? 0) - performance.timeOrigin)).toBeGreaterThan(0);
    ub.send(Buffer.from('back'), A[0], 5000);
    expect(text(ua.receive())).toBe('back');
    const answered = pa.liveness(ha);
    expect(answered.unansweredSince).toBeUndefined();
    expect(answered.owedSince).toBeDefined();
    expect(answered.receivedPackets).toBe(sent.receivedPackets + 1);
  });

  it('carries fragments, the Fragment header behind ours [RFC5533 §11.1] [RFC5533-11.1-2]', () => {
    rehome();
    const big = Buffer.alloc(20_000, 'fragments ');
    const encoded = counted(pa, 'encoded');
    ua.send(big, B[0], 5001);
    expect(Buffer.compare(ub.receive() ?? Buffer.alloc(0), big)).toBe(0);
    expect(counted(pa, 'encoded') - encoded).toBe(Math.ceil(20_008 / 1440));
  });

  it('segments UDP_SEGMENT trains before the rewrite', () => {
    rehome();
    const train = new Udp(net.a, A[0], 5010).option(17, 103, 1000); // UDP_SEGMENT
    const encoded = counted(pa, 'encoded');
    train.send(Buffer.alloc(5_500, 'x'), B[0], 5001);
    const sizes = Array.from({ length: 6 }, () => ub.receive()?.length);
    train.close();
    expect(sizes).toEqual([1000, 1000, 1000, 1000, 1000, 500]);
    expect(counted(pa, 'encoded') - encoded).toBe(6);
  });

  it('steps over a Hop-by-Hop header on both sides [RFC5533 §11.1] [RFC5533-11.1-2]', () => {
    rehome();
    const options = Buffer.from('1100010400000000', 'hex'); // next UDP, PadN
    const packet = ipv6(A[0], B[0], 0, Buffer.concat([options, datagram(A[0], B[0], 5001, 'hop')]));
    const [encoded, decoded] = [counted(pa, 'encoded'), counted(pb, 'decoded')];
    raw.send(packet, B[0]);
    expect(text(ub.receive())).toBe('hop');
    expect([counted(pa, 'encoded'), counted(pb, 'decoded')]).toEqual([encoded + 1, decoded + 1]);
  });

  const shimmed = (source: string, tag: number, inner: Buffer): Buffer =>
    ipv6(source, B[1], SHIM6, Buffer.concat([payloadHeader(UDP, tag), inner]));

  it('drops and counts payload whose source is no locator of the peer', async () => {
    const name = 'drop-source-not-peer-locator';
    const before = counted(pb, name);
    raw.send(
      shimmed('2001:db8:a0::66', bindings().b.localTag, datagram(A[0], B[0], 5001, 'evil')),
      B[1],
    );
    expect(ub.receive(100)).toBeUndefined();
    expect(counted(pb, name)).toBe(before + 1);
  });

  it('delivers payload from any locator of the peer, and drops nested and malformed headers', () => {
    const tag = bindings().b.localTag;
    raw.send(shimmed(A[1], tag, datagram(A[0], B[0], 5001, 'good')), B[1]);
    expect(text(ub.receive())).toBe('good');
    const [nested, malformed] = [counted(pb, 'drop-nested'), counted(pb, 'drop-malformed')];
    raw.send(
      ipv6(A[1], B[1], SHIM6, Buffer.concat([payloadHeader(SHIM6, tag), payloadHeader(UDP, tag)])),
      B[1],
    );
    const long = payloadHeader(UDP, tag);
    long[1] = 1;
    raw.send(ipv6(A[1], B[1], SHIM6, Buffer.concat([long, long])), B[1]);
    raw.send(ipv6(A[1], B[1], SHIM6, long.subarray(0, 4)), B[1]);
    expect(ub.receive(100)).toBeUndefined();
    expect(counted(pb, 'drop-nested')).toBe(nested + 1);
    expect(counted(pb, 'drop-malformed')).toBe(malformed + 2);
  });

  it('drops payload whose restored ULID is not an address of this host', () => {
    const foreign = parseAddress('2001:db8:f0::1');
    const binding = bindings(A[1], B[1]).b;
    const tag = contextTag(77);
    const handle = pb.install({
      ...binding,
      ulids: { ...binding.ulids, local: foreign },
      localTag: tag,
    });
    const before = counted(pb, 'drop-ulid-not-local');
    raw.send(shimmed(A[1], tag, datagram(A[0], foreign, 5001, 'stray')), B[1]);
    expect(ub.receive(100)).toBeUndefined();
    expect(counted(pb, 'drop-ulid-not-local')).toBe(before + 1);
    pb.remove(handle);
  });

  it('leaves packets of other flows as they are and reports them as samples [RFC5533 §4]', async () => {
    const other = new Udp(net.a, A[1], 5020);
    const far = new Udp(net.b, B[1], 5353);
    for (let i = 0; i < 3; i++) {
      other.send(Buffer.from('other'), B[1], 5353);
      expect(text(far.receive())).toBe('other');
    }
    const sample = pa.flows().find((f) => f.local === A[1] && f.peer === B[1]);
    expect(sample).toMatchObject({
      packets: 3,
      bytes: 3 * 53,
      outbound: true,
      protocol: 17,
      peerPort: 5353,
    });
    expect(pb.flows().find((f) => f.peer === A[1])).toMatchObject({
      packets: 3,
      outbound: false,
      peerPort: 5020,
    });
    expect(pa.flows().some((f) => f.local === A[0] && f.peer === B[0])).toBe(false);
    other.close();
    far.close();
  });

  it('decodes a forked instance and never chooses it for payload [RFC5533 §12.4]', () => {
    const binding = {
      ...bindings(A[1], B[1]).b,
      forkedInstanceIdentifier: 5,
      localTag: contextTag(99),
    };
    const handle = pb.install(binding);
    raw.send(shimmed(A[1], 99, datagram(A[0], B[0], 5001, 'forked')), B[1]);
    expect(text(ub.receive())).toBe('forked');
    expect(pb.liveness(handle).receivedPackets).toBe(1);
    ub.send(Buffer.from('answer'), A[0], 5000);
    expect(text(ua.receive())).toBe('answer');
    expect(pb.liveness(handle).sentPackets).toBe(0);
    pb.remove(handle);
  });

  /** An ICMPv6 error from the router about a packet that A has sent on A[1], B[1]. */
  function icmpError(type: number, code: number, value: number): Buffer {
    const inner = datagram(A[0], B[0], 5001, 'lost');
    inner.writeUInt16BE(5000, 0);
    const quoted = ipv6(
      A[1],
      B[1],
      SHIM6,
      Buffer.concat([payloadHeader(UDP, bindings().a.peerTag), inner]),
    );
    const icmp = Buffer.alloc(8 + quoted.length);
    icmp[0] = type;
    icmp[1] = code;
    icmp.writeUInt32BE(value, 4);
    icmp.set(quoted, 8);
    const packet = ipv6('2001:db8:a1::ff', A[1], ICMPV6, icmp);
    packet.writeUInt16BE(checksum(packet, 40, ICMPV6), 42);
    return packet;
  }

  it('translates errors about encoded packets for the transport [RFC5533 §8] [RFC5533-8-5] [RFC5533-8-6]', async () => {
    rehome();
    const router = new Raw(net.r, RAW);
    const connected = new Udp(net.a, A[0], 5030).option(41, 25, 1); // IPV6_RECVERR, to see them at all
    const seen = new Raw(net.a, ICMPV6);
    const before = counted(pa, 'icmp-translated');
    router.send(icmpError(1, 4, 0), A[1]);
    const error = Buffer.from(seen.receive() ?? []);
    expect(counted(pa, 'icmp-translated')).toBe(before + 1);
    const quoted = error.subarray(8);
    expect(quoted.equals(ipv6(A[0], B[0], UDP, quoted.subarray(40)))).toBe(true);
    expect(text(quoted.subarray(48))).toBe('lost');
    expect(checksum(ipv6('2001:db8:a1::ff', A[0], ICMPV6, error), 40, ICMPV6)).toBe(0);
    router.send(icmpError(2, 0, 1400), A[1]);
    expect(Buffer.from(seen.receive() ?? []).readUInt32BE(4)).toBe(1392); // eight octets less
    await sleep(50);
    expect(eventsA.map((e) => e.kind)).toEqual(['icmp', 'icmp']);
    expect(Buffer.from(eventsA[0]?.packet ?? []).equals(icmpError(1, 4, 0).fill(0, 7, 8))).toBe(
      false,
    );
    router.close();
    connected.close();
    seen.close();
  });

  it('keeps errors it can act on from the transport and tells the daemon [RFC5533 §8] [RFC5533-8-3]', async () => {
    rehome();
    const router = new Raw(net.r, RAW);
    const seen = new Raw(net.a, ICMPV6);
    for (const [type, code] of [
      [1, 0],
      [1, 1],
      [1, 2],
      [1, 3],
      [1, 5],
      [1, 6],
      [3, 0],
      [4, 1],
    ] as const) {
      const absorbed = counted(pa, 'icmp-absorbed');
      router.send(icmpError(type, code, type === 4 ? 40 : 0), A[1]);
      expect(seen.receive(50)).toBeUndefined();
      expect(counted(pa, 'icmp-absorbed')).toBe(absorbed + 1);
    }
    await sleep(50);
    expect(eventsA).toHaveLength(8);
    expect(eventsA[0]?.packet.subarray(40, 42)).toEqual(Uint8Array.of(1, 0));
    router.close();
    seen.close();
  });

  it('tells a socket bound to its device when the header makes packets too long', () => {
    const bound = new Udp(net.a, A[0], 5040).option(41, 23, 2).option(41, 62, 1); // MTU_DISCOVER do, DONTFRAG
    bound.bindToDevice('a0').connect(B[0], 5001);
    rehome();
    const [big, told] = [counted(pa, 'drop-too-big'), counted(pa, 'packet-too-big-sent')];
    const payload = Buffer.alloc(1452, 'b'); // 1500 with its headers
    expect(bound.sendConnected(payload)).toBe(1452);
    expect(counted(pa, 'drop-too-big')).toBe(big + 1);
    expect(counted(pa, 'packet-too-big-sent')).toBe(told + 1);
    const EMSGSIZE = -90;
    expect(bound.sendConnected(payload)).toBe(EMSGSIZE); // it has learned
    const fits = payload.subarray(8);
    const tries = [bound.sendConnected(fits), bound.sendConnected(fits)]; // the first may report the error once more
    expect(tries).toContain(1444);
    expect(bound.sendConnected(payload)).toBe(EMSGSIZE);
    expect(ub.receive()?.length).toBe(1444);
    expect(counted(pa, 'bypass')).toBeGreaterThan(0); // the safety net has encoded it
    bound.close();
  });
});
