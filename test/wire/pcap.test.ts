import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, toHex } from '../../src/wire/bytes.js';
import { parseIcmpError, parseIcmpv6, readEcho } from '../../src/wire/icmpv6.js';
import { PROTOCOL, shim6Offset, walkHeaders } from '../../src/wire/ipv6.js';
import { ipv6OfFrame, LINKTYPE } from '../../src/wire/link.js';
import { buildNd, parseNd } from '../../src/wire/nd.js';
import { isCapture, readCapture, type CapturedPacket } from '../../src/wire/pcap.js';
import { pcapngInterface, pcapngPacket, pcapngSection } from '../../src/wire/pcapng-write.js';
import { decodeControl } from '../../src/wire/shim6/index.js';
import { transportChecksumOk } from '../../src/wire/tcp.js';
import { udpChecksumOk } from '../../src/wire/udp.js';
import { octets } from './arbitrary.js';
import { vectorBytes } from './vectors.js';

const IPV6 = vectorBytes('nd/router-solicitation');

const words = (little: boolean, ...values: number[]): Uint8Array => {
  const out = new Uint8Array(4 * values.length);
  const view = new DataView(out.buffer);
  values.forEach((value, i) => view.setUint32(4 * i, value, little));
  return out;
};
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const packets = (bytes: Uint8Array): CapturedPacket[] =>
  [...readCapture(bytes)].filter((item) => item.kind === 'packet');
const reasons = (bytes: Uint8Array): string[] =>
  [...readCapture(bytes)].map((item) => (item.kind === 'packet' ? 'packet' : item.reason));

describe('pcap', () => {
  const file = (little: boolean, magic: number): Uint8Array =>
    concatBytes(
      words(little, magic, little ? 0x00040002 : 0x00020004, 0, 0, 65535, LINKTYPE.raw),
      words(little, 1_700_000_000, 123_456, IPV6.length, IPV6.length),
      IPV6,
      words(little, 1_700_000_001, 999_999, 3, 1500),
      new Uint8Array([0x60, 1, 2]),
    );

  it('in both byte orders, with microseconds and nanoseconds', () => {
    for (const little of [true, false]) {
      for (const [magic, unit] of [
        [0xa1b2c3d4, 1000n],
        [0xa1b23c4d, 1n],
      ] as const) {
        const bytes = file(little, magic);
        expect(isCapture(bytes)).toBe(true);
        const [first, second] = packets(bytes);
        expect(first).toMatchObject({ linkType: 101, originalLength: IPV6.length });
        expect(first?.timestamp).toBe(1_700_000_000_000_000_000n + 123_456n * unit);
        expect(toHex(first?.frame ?? new Uint8Array())).toBe(toHex(IPV6));
        expect(second).toMatchObject({ originalLength: 1500 });
        expect(second?.frame).toHaveLength(3);
      }
    }
  });

  it('cut anywhere: gives what is there and says where it ends', () => {
    const bytes = file(true, 0xa1b2c3d4);
    const whole = 24 + 16 + IPV6.length;
    for (let length = 4; length < bytes.length; length++) {
      const got = reasons(bytes.subarray(0, length));
      if (length < 24) expect(got).toEqual(['truncated-header']);
      else if (length === 24) expect(got).toEqual([]);
      else if (length < 40) expect(got).toEqual(['truncated-packet']);
      else if (length < whole) expect(got).toEqual(['truncated-packet', 'packet']);
      else if (length === whole) expect(got).toEqual(['packet']);
      else expect(got.slice(0, 2)).toEqual(['packet', 'truncated-packet']);
    }
  });

  it('leaves the note on frame checksums out of the link type', () => {
    const bytes = file(true, 0xa1b2c3d4).slice();
    bytes[23] = 0x24; // FCS of 2 words present
    expect(packets(bytes)[0]).toMatchObject({ linkType: 101 });
    bytes[21] = 1; // and link types have more than 8 bits
    expect(packets(bytes)[0]).toMatchObject({ linkType: 357 });
    bytes[22] = 2; // more than 16 bits, even
    expect(packets(bytes)[0]).toMatchObject({ linkType: 0x20165 });
  });

  it('is no capture: says so', () => {
    for (const bytes of [new Uint8Array(0), new Uint8Array(3), ascii('60 00 00 00')]) {
      expect(isCapture(bytes)).toBe(false);
      expect(reasons(bytes)).toEqual(['not-a-capture']);
    }
  });
});

describe('pcapng', () => {
  it('what we write, we read: names, link types, both resolutions', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ us: fc.boolean(), at: fc.bigInt(0n, 2n ** 53n), frame: octets(70) })),
        (list) => {
          const bytes = concatBytes(
            pcapngSection('test'),
            pcapngInterface({ name: 'shim0' }),
            pcapngInterface({ linkType: LINKTYPE.ethernet, resolution: 'us' }),
            ...list.map(({ us, at, frame }) =>
              pcapngPacket({ timestamp: at, frame, interfaceId: us ? 1 : 0, comment: 'ä' }),
            ),
          );
          expect(packets(bytes)).toEqual(
            list.map(({ us, at, frame }) => ({
              kind: 'packet',
              timestamp: us ? at * 1000n : at,
              linkType: us ? 1 : 101,
              interfaceId: us ? 1 : 0,
              ...(us ? {} : { interfaceName: 'shim0' }),
              frame,
              originalLength: frame.length,
            })),
          );
        },
      ),
    );
  });

  it('writes the octets of the specification', () => {
    expect(toHex(pcapngInterface())).toBe(
      '01000000' +
        '20000000' +
        '65000000' +
        '00000000' +
        '0900010009000000' +
        '00000000' +
        '20000000',
    );
    expect(toHex(pcapngPacket({ timestamp: 0x1_0000_0002n, frame: new Uint8Array([0x60]) }))).toBe(
      '06000000' + '24000000' + '00000000' + '01000000' + '02000000' + '01000000' + '01000000' +
        '60000000' + '24000000', // prettier-ignore
    );
  });

  /** Big-endian blocks, as another machine writes them. */
  const block = (type: number, ...body: Uint8Array[]): Uint8Array => {
    const contents = concatBytes(...body);
    return concatBytes(
      words(false, type, contents.length + 12),
      contents,
      words(false, contents.length + 12),
    );
  };
  const section = block(0x0a0d0d0a, words(false, 0x1a2b3c4d, 0x00010000, 0xffffffff, 0xffffffff));
  const eth = words(false, 0x00010000, 96);

  it('reads big-endian files, offsets, powers of two, simple and old blocks, unknown blocks', () => {
    const offset = words(false, 0x000e0008, 0, 1000); // if_tsoffset
    const twos = concatBytes(words(false, 0x00090001), new Uint8Array([0x8a, 0, 0, 0]));
    const frame = new Uint8Array(8).fill(7);
    const bytes = concatBytes(
      section,
      block(1, eth, twos, offset, words(false, 0)),
      block(0xbad, words(false, 1, 2, 3)),
      block(6, words(false, 0, 0, 2048, 8, 60), frame),
      block(3, words(false, 8), frame),
      block(2, words(false, 0x00000001, 0, 1024, 8, 8), frame),
      section, // a new section forgets the interfaces
      block(6, words(false, 0, 0, 0, 8, 8), frame),
    );
    const items = [...readCapture(bytes)];
    expect(items.map((i) => (i.kind === 'packet' ? i.timestamp : i.reason))).toEqual([
      1_002_000_000_000n,
      undefined,
      1_001_000_000_000n,
      'unknown-interface',
    ]);
    expect(items[0]).toMatchObject({ linkType: 1, originalLength: 60, frame });
  });

  it('cut or damaged anywhere: never throws, never hangs', () => {
    const bytes = concatBytes(
      section,
      block(1, eth),
      block(6, words(false, 0, 0, 2048, 8, 60), new Uint8Array(8)),
      block(3, words(false, 8), new Uint8Array(8)),
    );
    for (let length = 0; length <= bytes.length; length++) {
      expect(reasons(bytes.subarray(0, length)).length).toBeLessThan(5);
      for (const value of [0, 1, 0x7f, 0xff]) {
        const damaged = bytes.slice();
        damaged[length] = value;
        expect(reasons(damaged).length).toBeLessThan(8);
      }
    }
    expect(reasons(bytes.subarray(0, bytes.length - 1))).toEqual([
      'packet',
      'truncated-block',
      'packet',
    ]);
    expect(reasons(concatBytes(section, words(false, 6, 13, 0)))).toEqual(['bad-block-length']);
    expect(reasons(words(false, 0x0a0d0d0a, 28, 0))).toEqual(['not-a-capture']);
  });
});

describe('link layers', () => {
  const ether = (...types: number[]): Uint8Array =>
    concatBytes(
      new Uint8Array(12),
      ...types.map((t, i) => new Uint8Array(i < types.length - 1 ? [t >> 8, t & 255, 0, 5] : [t >> 8, t & 255])), // prettier-ignore
      IPV6,
    );
  const cases: [string, number, Uint8Array][] = [
    ['raw', 101, IPV6],
    ['raw, as BSD numbers it', 12, IPV6],
    ['ipv6', 229, IPV6],
    ['ethernet', 1, ether(0x86dd)],
    ['one VLAN tag', 1, ether(0x8100, 0x86dd)],
    ['two VLAN tags', 1, ether(0x88a8, 0x8100, 0x86dd)],
    ['Linux cooked', 113, concatBytes(new Uint8Array(14), new Uint8Array([0x86, 0xdd]), IPV6)],
    ['Linux cooked v2', 276, concatBytes(new Uint8Array([0x86, 0xdd]), new Uint8Array(18), IPV6)],
    ['null, little-endian', 0, concatBytes(new Uint8Array([10, 0, 0, 0]), IPV6)],
    ['null, big-endian', 0, concatBytes(new Uint8Array([0, 0, 0, 30]), IPV6)],
    ['loop', 108, concatBytes(new Uint8Array([0, 0, 0, 24]), IPV6)],
  ];
  for (const [name, linkType, frame] of cases) {
    it(`${name}: finds the packet, whatever is cut`, () => {
      const found = ipv6OfFrame(linkType, frame);
      expect(found.ok && toHex(found.packet)).toBe(toHex(IPV6));
      for (let length = 0; length < frame.length; length++) {
        const cut = ipv6OfFrame(linkType, frame.subarray(0, length));
        if (length <= frame.length - IPV6.length) {
          expect(cut).toEqual({ ok: false, reason: 'truncated' });
        } else {
          expect(cut).toMatchObject({ ok: true });
        }
      }
    });
  }

  it('says what is not IPv6 or not known', () => {
    expect(ipv6OfFrame(1, ether(0x0800))).toEqual({ ok: false, reason: 'not-ipv6' });
    expect(ipv6OfFrame(101, new Uint8Array([0x45, 0]))).toEqual({ ok: false, reason: 'not-ipv6' });
    expect(ipv6OfFrame(0, new Uint8Array([2, 0, 0, 0, 0x45]))).toMatchObject({
      reason: 'not-ipv6',
    });
    expect(ipv6OfFrame(147, IPV6)).toEqual({ ok: false, reason: 'unknown-link-type' });
  });
});

/**
 * Recorded by tcpdump on a veth between two network namespaces (Linux 6.18, offloads off): address configuration,
 * echo, fragments, an unreachable route, UDP and TCP to closed ports, and an I1 to a host without Shim6.
 */
describe('a capture of the Linux kernel', () => {
  const file = new URL('../vectors/captures/linux-veth.pcap', import.meta.url);
  const all = packets(new Uint8Array(readFileSync(file))).map(({ linkType, frame }) => {
    const found = ipv6OfFrame(linkType, frame);
    if (!found.ok) throw new Error(found.reason);
    return found.packet;
  });

  it('every packet reads, every checksum of every whole packet holds', () => {
    const seen = new Map<number, number>();
    for (const packet of all) {
      const walk = walkHeaders(packet);
      if (!walk.ok) throw new Error(walk.reason);
      const { protocol, offset } = walk.upper;
      seen.set(protocol, (seen.get(protocol) ?? 0) + 1);
      const { source, destination } = walk.header;
      const bytes = packet.subarray(offset, walk.end);
      if (walk.fragment !== undefined) {
        expect(parseIcmpv6(packet).ok).toBe(false);
      } else if (protocol === PROTOCOL.udp) {
        expect(udpChecksumOk(source, destination, bytes)).toBe(true);
      } else if (protocol !== PROTOCOL.shim6) {
        expect(transportChecksumOk(source, destination, protocol, bytes)).toBe(true);
      }
    }
    expect([...seen.keys()].sort((a, b) => a - b)).toEqual([6, 17, 58, 140]);
  });

  it('Neighbor Discovery of the kernel builds to the same octets', () => {
    const counts = new Map<string, number>();
    for (const packet of all) {
      const nd = parseNd(packet);
      if (!nd.ok) continue;
      counts.set(nd.message.message, (counts.get(nd.message.message) ?? 0) + 1);
      expect(toHex(buildNd(nd.header.source, nd.header.destination, nd.message))).toBe(
        toHex(packet),
      );
    }
    expect([...counts.keys()].sort()).toEqual([
      'neighborAdvertisement',
      'neighborSolicitation',
      'routerSolicitation',
    ]);
  });

  it('echoes and errors', () => {
    const messages = all.map((p) => parseIcmpv6(p)).filter((m) => m.ok);
    const echoes = messages.map((m) => readEcho(m)).filter((e) => e !== undefined);
    expect(echoes.filter((e) => e.reply)).toHaveLength(1);
    expect(echoes[0]).toMatchObject({ reply: false, identifier: 0x1234, sequence: 1 });
    const errors = all.map((p) => parseIcmpError(p)).filter((e) => e.ok);
    expect(errors.map((e) => [e.type, e.code])).toEqual([
      [1, 0],
      [1, 0],
      [1, 4],
      [4, 1],
    ]);
  });

  it('a host without Shim6 answers an I1 with Parameter Problem, and the I1 is in it', () => {
    const error = all.map((p) => parseIcmpError(p)).findLast((e) => e.ok);
    if (error === undefined || !error.ok) throw new Error('no error');
    expect(error).toMatchObject({ type: 4, code: 1, pointer: 6 });
    const at = shim6Offset(error.invokingPacket);
    expect(at).toBe(40);
    expect(
      decodeControl(error.invokingPacket.subarray(at), { ignoreChecksum: true }),
    ).toMatchObject({ ok: true, message: { message: 'i1', initiatorContextTag: 0x7abcdef01234 } });
  });
});
