import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KernelDataPath } from '../../src/dataplane/kernel/index.js';
import { monotonicMs } from '../../src/linux/clock.js';
import { SeededRandom } from '../../src/sim/random.js';
import { addressFromBytes, type Address } from '../../src/wire/address.js';
import { buildControlPacket, type ControlMessage } from '../../src/wire/shim6/index.js';
import { contextTag } from '../../src/wire/units.js';
import { needsRoot } from '../support/root.js';
import { A, B, bindings, payloadHeader, ipv6, Raw, TwoHosts } from './kernel.support.js';

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
    const before = pb.counters();
    const start = monotonicMs();
    for (let i = 0; i < count; i++) raw.send(packet(), B[0]);
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
      buildControlPacket(anywhere(), B[0], keepalive(bindings().b.localTag));
    expect(
      flood(5_000, RATE.total, foreign).dropped,
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
});
