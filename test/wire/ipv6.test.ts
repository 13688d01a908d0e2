import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/wire/address.js';
import { concatBytes } from '../../src/wire/bytes.js';
import { internetChecksum, upperLayerChecksum } from '../../src/wire/checksum.js';
import {
  buildIpv6,
  MAX_EXTENSION_HEADERS,
  parseIpv6,
  PROTOCOL,
  shim6Offset,
  walkHeaders,
} from '../../src/wire/ipv6.js';
import { address, octets, uint8 } from './arbitrary.js';
import { vectorBytes } from './vectors.js';

const source = parseAddress('2001:db8:1::a');
const destination = parseAddress('2001:db8:2::b');

/** A packet of extension headers, then `upper`. */
function chain(headers: readonly [number, readonly number[]][], protocol: number, upper = 16) {
  const numbers = [...headers.map(([n]) => n), protocol];
  const parts = headers.map(([, rest], i) => new Uint8Array([numbers[i + 1] ?? 0, ...rest]));
  const payload = concatBytes(...parts, new Uint8Array(upper));
  return buildIpv6({ source, destination, nextHeader: numbers[0] ?? 59, payload });
}
const OPTIONS8 = [0, 1, 4, 0, 0, 0, 0];
const OPTIONS16 = [1, 1, 12, ...new Array<number>(12).fill(0)];
const AH24 = [4, 0, 0, ...new Array<number>(20).fill(1)];
const SHIM6 = [0, 0x80, 0, 0, 0, 0, 1];
const fragment = (units: number, more: number): number[] => [
  0,
  units >> 5,
  ((units << 3) & 0xf8) | more,
  0,
  0,
  0,
  9,
];

describe('the fixed header', () => {
  it('survives building and parsing', () => {
    fc.assert(
      fc.property(
        fc.record({
          source: address,
          destination: address,
          nextHeader: uint8,
          hopLimit: uint8,
          trafficClass: uint8,
          flowLabel: fc.integer({ min: 0, max: 0xfffff }),
          payload: octets(100),
        }),
        (packet) => {
          const bytes = buildIpv6(packet);
          const { payload, ...header } = packet;
          expect(parseIpv6(bytes)).toEqual({
            ok: true,
            header: { ...header, payloadLength: payload.length },
            end: bytes.length,
            missing: 0,
          });
        },
      ),
    );
  });

  it('every field in its place (RFC 8200 §3)', () => {
    const bytes = buildIpv6({
      source,
      destination,
      nextHeader: 140,
      hopLimit: 3,
      trafficClass: 0xab,
      flowLabel: 0x12345,
      payload: new Uint8Array(8),
    });
    expect([...bytes.subarray(0, 8)]).toEqual([0x6a, 0xb1, 0x23, 0x45, 0, 8, 140, 3]);
  });

  it('refuses what does not fit its field', () => {
    const base = { source, destination, nextHeader: 59, payload: new Uint8Array(0) };
    expect(() => buildIpv6({ ...base, nextHeader: 256 })).toThrow(/next header/);
    expect(() => buildIpv6({ ...base, hopLimit: -1 })).toThrow(/hop limit/);
    expect(() => buildIpv6({ ...base, flowLabel: 2 ** 20 })).toThrow(/flow label/);
    expect(() => buildIpv6({ ...base, payload: new Uint8Array(65536) })).toThrow(/payload length/);
  });

  it('says what is wrong, and where', () => {
    const packet = chain([], 17);
    expect(parseIpv6(packet.subarray(0, 39))).toMatchObject({ reason: 'truncated', offset: 39 });
    expect(parseIpv6(new Uint8Array(0))).toMatchObject({ reason: 'truncated', offset: 0 });
    expect(parseIpv6(packet.subarray(0, 55))).toMatchObject({ reason: 'bad-length', offset: 4 });
    expect(parseIpv6(new Uint8Array([0x45, 0]))).toMatchObject({ reason: 'not-ipv6', offset: 0 });
    expect(parseIpv6(packet.subarray(0, 55), { allowTruncated: true })).toMatchObject({
      ok: true,
      end: 55,
      missing: 1,
    });
  });

  it('leaves padding of the link outside', () => {
    const padded = concatBytes(chain([], 17), new Uint8Array(6));
    expect(parseIpv6(padded)).toMatchObject({ ok: true, end: 56 });
  });
});

describe('the header chain', () => {
  it('every kind of extension header in a row', () => {
    const packet = chain(
      [
        [0, OPTIONS8],
        [60, OPTIONS16],
        [43, [0, 0, 0, 0, 0, 0, 0]],
        [44, fragment(0, 1)],
        [51, AH24],
        [140, SHIM6],
      ],
      6,
    );
    expect(walkHeaders(packet)).toMatchObject({
      ok: true,
      extensions: [
        { protocol: 0, offset: 40, length: 8 },
        { protocol: 60, offset: 48, length: 16 },
        { protocol: 43, offset: 64, length: 8 },
        { protocol: 44, offset: 72, length: 8 },
        { protocol: 51, offset: 80, length: 24 },
        { protocol: 140, offset: 104, length: 8 },
      ],
      upper: { protocol: 6, offset: 112 },
      fragment: { offset: 0, more: true, identification: 9 },
      truncated: false,
    });
    expect(shim6Offset(packet)).toBe(104);
  });

  it('stops at a later fragment: nothing behind it is a header', () => {
    const packet = chain([[44, fragment(181, 0)]], 140);
    expect(walkHeaders(packet)).toMatchObject({
      upper: { protocol: 140, offset: 48 },
      fragment: { offset: 1448, more: false },
    });
    expect(shim6Offset(packet)).toBeUndefined();
  });

  it('takes nothing in a later fragment for a header, whatever it looks like', () => {
    for (const [protocol, rest] of [
      [140, SHIM6],
      [60, OPTIONS8],
    ] as const) {
      const packet = chain([[44, fragment(1, 1)], [protocol, rest]], 6); // prettier-ignore
      expect(walkHeaders(packet)).toMatchObject({
        extensions: [{ protocol: 44 }],
        upper: { protocol, offset: 48 },
        fragment: { offset: 8, more: true },
      });
      expect(shim6Offset(packet)).toBeUndefined();
    }
  });

  it('stops at a Shim6 control message, ESP, no next header and unknown protocols', () => {
    for (const protocol of [140, 50, 59, 253, 58, 41]) {
      expect(walkHeaders(chain([[60, OPTIONS8]], protocol))).toMatchObject({
        upper: { protocol, offset: 48 },
      });
    }
    expect(shim6Offset(chain([[60, OPTIONS8]], 140))).toBe(48);
    expect(shim6Offset(chain([], 6))).toBeUndefined();
  });

  it('refuses a header past the end, a late hop-by-hop, and endless chains', () => {
    expect(walkHeaders(chain([[60, [200, 1, 4, 0, 0, 0, 0]]], 6))).toMatchObject({
      reason: 'bad-extension-header',
      offset: 40,
    });
    expect(walkHeaders(chain([], 60, 4))).toMatchObject({ reason: 'bad-extension-header' });
    expect(
      walkHeaders(
        chain(
          [
            [60, OPTIONS8],
            [0, OPTIONS8],
          ],
          6,
        ),
      ),
    ).toMatchObject({
      // prettier-ignore
      reason: 'misplaced-hop-by-hop',
      offset: 48,
    });
    const long = (n: number) =>
      chain(
        Array.from({ length: n }, () => [60, OPTIONS8]),
        6,
      );
    expect(walkHeaders(long(MAX_EXTENSION_HEADERS))).toMatchObject({ ok: true });
    expect(walkHeaders(long(MAX_EXTENSION_HEADERS + 1))).toMatchObject({
      reason: 'too-many-headers',
    });
  });

  it('reads a packet that came back cut as far as it goes', () => {
    const packet = chain([[140, SHIM6]], 6, 1000);
    for (let length = 40; length <= packet.length; length++) {
      const cut = packet.subarray(0, length);
      expect(shim6Offset(cut), `${length}`).toBe(length >= 48 ? 40 : undefined);
      const walk = walkHeaders(cut, { allowTruncated: true });
      expect(walk).toMatchObject({ ok: true, truncated: length < 48 });
    }
  });

  it('finds the protocols by number', () => {
    expect(PROTOCOL).toMatchObject({ tcp: 6, udp: 17, icmpv6: 58, shim6: 140 });
  });
});

describe('checksums', () => {
  it('of RFC 1071 §3 and of an odd number of octets', () => {
    const octetsOf = new Uint8Array([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
    expect(internetChecksum(octetsOf)).toBe(~0xddf2 & 0xffff);
    expect(internetChecksum(new Uint8Array([0x01]))).toBe(0xfeff);
    expect(internetChecksum(new Uint8Array(0))).toBe(0xffff);
  });

  it('of the pseudo-header: octets of the kernel and vectors by hand', () => {
    const packet = vectorBytes('nd/router-advertisement');
    const from = parseAddress('fe80::1');
    const to = parseAddress('ff02::1');
    expect(upperLayerChecksum(from, to, 58, packet.subarray(40))).toBe(0);
    expect(upperLayerChecksum(from, to, 17, packet.subarray(40))).not.toBe(0);
  });
});
