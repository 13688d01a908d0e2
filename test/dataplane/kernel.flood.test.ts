import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KernelDataPath } from '../../src/dataplane/kernel/index.js';
import { monotonicMs } from '../../src/linux/clock.js';
import { SeededRandom } from '../../src/sim/random.js';
import { addressFromBytes, type Address } from '../../src/wire/address.js';
import { buildControlPacket, type ControlMessage } from '../../src/wire/shim6/index.js';
import { contextTag } from '../../src/wire/units.js';
import { needsRoot } from '../support/root.js';
import { A, B, bindings, checksum, payloadHeader, ipv6, Raw, TwoHosts } from './kernel.support.js';

/** bpf/layout.h: a second of strangers, and how much of it at once. */
const RATE = { total: 8_000, site: 2_000 };
const BURST_SECONDS = 0.25;

/** A flood must not keep the daemon from the hosts it knows (RFC 4218 §7). */
describe.skipIf(needsRoot() !== undefined)('floods and the kernel data path', () => {
  const random = new SeededRandom('flood');
  let net: TwoHosts;
  let pb: KernelDataPath;
  let raw: Raw;

  beforeAll(async () => {
    net = await new TwoHosts('rhF').ready();
    pb = net.open('b');
    // From the router: no host's own addresses, no filter.
    raw = new Raw(net.r, 255);
  });
  afterAll(() => {
    raw?.close();
    net?.close();
  });

  const anywhere = (): Address =>
    addressFromBytes(Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, ...random.bytes(12)));
  const oneSite = (): Address =>
    addressFromBytes(Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0x66, 0x66, ...random.bytes(10)));
  const i1 = (): ControlMessage => ({
    message: 'i1',
    initiatorContextTag: contextTag(random.uint32()),
    initiatorNonce: random.uint32(),
    options: [],
  });
  const keepalive = (tag: number): ControlMessage => ({
    message: 'keepalive',
    receiverContextTag: contextTag(tag),
    options: [],
  });

  /** Sends and counts: what passed, what did not, and how many may have passed at most. */
  function flood(
    count: number,
    rate: number,
    packet: () => Uint8Array,
  ): { passed: number; dropped: number; most: number } {
    const packets = Array.from({ length: count }, packet); // before, or a busy machine would make no flood
    const before = pb.counters();
    const start = monotonicMs();
    for (const each of packets) raw.send(each, B[0]);
    const seconds = (monotonicMs() - start) / 1_000;
    const after = pb.counters();
    const grown = (name: string): number => (after[name] ?? 0) - (before[name] ?? 0);
    return {
      passed: grown('control-received') + grown('unknown-tag'),
      dropped: grown('drop-flood'),
      // The clock of the program moves in steps of 4 ms.
      most: Math.ceil(rate * (BURST_SECONDS + seconds + 0.02)),
    };
  }

  it('is not answered with "no such protocol" where nobody reads it: who hears that believes it [RFC5533 §7.8]', () => {
    // Without a control socket the kernel says so, as it does when the socket is full: once a second to each host, so
    // this comes before the floods.
    const icmpAtA = new Raw(net.a, 58);
    const handle = pb.install(bindings().b);
    try {
      const before = pb.counters()['drop-denial'] ?? 0;
      raw.send(buildControlPacket(A[1], B[1], i1()), B[1]);
      raw.send(buildControlPacket(A[0], B[0], i1()), B[0]); // the ULIDs of a context
      for (let heard = icmpAtA.receive(300); heard; heard = icmpAtA.receive(300)) {
        expect(heard[0], 'Parameter Problem').not.toBe(4);
      }
      expect(pb.counters()['drop-denial']).toBe(before + 2);
    } finally {
      pb.remove(handle);
      icmpAtA.close();
    }
  });

  it('of a hundred thousand sources gets no more than its share, and every packet is counted', () => {
    const seen = flood(40_000, RATE.total, () => buildControlPacket(anywhere(), B[0], i1()));
    expect(seen.passed + seen.dropped).toBe(40_000);
    expect(seen.passed).toBeGreaterThan(RATE.total * BURST_SECONDS * 0.5);
    expect(seen.passed).toBeLessThanOrEqual(seen.most);
    expect(seen.dropped).toBeGreaterThan(0);
  });

  it('of one site leaves room for the others', () => {
    const seen = flood(20_000, RATE.site, () => buildControlPacket(oneSite(), B[0], i1()));
    expect(seen.passed).toBeLessThanOrEqual(seen.most);
    expect(seen.dropped).toBeGreaterThan(0);
    const others = flood(200, RATE.total, () => buildControlPacket(anywhere(), B[0], i1()));
    expect(others.passed).toBeGreaterThan(150);
  });

  it('of one kind of message does not keep out another, nor what names a context of ours', () => {
    const handle = pb.install(bindings().b);
    const known = (): Uint8Array =>
      buildControlPacket(A[0], B[0], keepalive(bindings().b.localTag));
    const r1 = (): Uint8Array =>
      buildControlPacket(anywhere(), B[0], {
        message: 'r1',
        initiatorNonce: 1,
        responderNonce: 2,
        options: [],
      });
    flood(40_000, RATE.total, () => buildControlPacket(anywhere(), B[0], i1()));
    flood(40_000, RATE.total, () => buildControlPacket(anywhere(), B[0], keepalive(12_345)));
    expect(flood(100, RATE.total, r1).passed).toBe(100);
    expect(flood(5_000, RATE.total, known).passed, 'as many as come').toBe(5_000);
    const foreign = (): Uint8Array =>
      buildControlPacket(oneSite(), B[0], keepalive(bindings().b.localTag));
    expect(
      flood(20_000, RATE.site, foreign).dropped,
      'the tag alone is not enough',
    ).toBeGreaterThan(0);
    pb.remove(handle);
  });

  it('of payload with unknown tags is held back as well', () => {
    const seen = flood(40_000, RATE.total, () =>
      ipv6(
        anywhere(),
        B[0],
        140,
        Buffer.concat([payloadHeader(17, random.uint32()), Buffer.alloc(16)]),
      ),
    );
    expect(seen.passed).toBeLessThanOrEqual(seen.most);
    expect(seen.dropped).toBeGreaterThan(0);
  });

  it('of I1 leaves no flow, nor does an error count as one: nothing that would deserve a context', () => {
    const source = anywhere();
    const mine = (): unknown[] => pb.flows().filter((flow) => flow.peer === source);
    raw.send(buildControlPacket(source, B[0], i1()), B[0]);
    expect(mine()).toEqual([]);
    // A port that nobody listens on: the datagram is one, "port unreachable" is not.
    const datagram = Buffer.from([0x10, 0, 0x27, 0x0f, 0, 8, 0, 0]);
    const packet = ipv6(source, B[0], 17, datagram);
    packet.writeUInt16BE(checksum(packet, 40, 17), 46);
    raw.send(packet, B[0]);
    expect(mine()).toEqual([expect.objectContaining({ packets: 1, outbound: false })]);
  });
});
