import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/wire/address.js';
import { concatBytes, fromHex, setU16, toHex } from '../../src/wire/bytes.js';
import { buildTcp, parseTcp, TCP_FLAG, transportChecksumOk } from '../../src/wire/tcp.js';
import { buildUdp, parseUdp, udpChecksumOk } from '../../src/wire/udp.js';
import { address, octets, uint16, uint32, uint8 } from './arbitrary.js';

const source = parseAddress('2001:db8:1::a');
const destination = parseAddress('2001:db8:2::b');

describe('TCP', () => {
  const segment = fc.record({
    sourcePort: uint16,
    destinationPort: uint16,
    sequence: uint32,
    acknowledgement: uint32,
    flags: uint8,
    window: uint16,
    urgentPointer: uint16,
    options: fc
      .integer({ min: 0, max: 10 })
      .chain((n) => fc.uint8Array({ minLength: 4 * n, maxLength: 4 * n })),
    payload: octets(50),
  });

  it('a segment survives, its checksum holds for its addresses and not for others', () => {
    fc.assert(
      fc.property(address, address, segment, (from, to, value) => {
        const bytes = buildTcp(from, to, value);
        const parsed = parseTcp(bytes);
        expect(parsed.ok && parsed.segment).toEqual(value);
        expect(transportChecksumOk(from, to, 6, bytes)).toBe(true);
        expect(transportChecksumOk(from, to, 17, bytes)).toBe(false);
      }),
    );
  });

  it('refuses a data offset that cannot be', () => {
    const bytes = new Uint8Array(24);
    expect(parseTcp(bytes.subarray(0, 19))).toMatchObject({ reason: 'truncated' });
    expect(parseTcp(bytes)).toMatchObject({ reason: 'bad-length', offset: 12 });
    bytes[12] = 0x70;
    expect(parseTcp(bytes)).toMatchObject({ reason: 'bad-length' });
    bytes[12] = 0x60;
    expect(parseTcp(bytes)).toMatchObject({ ok: true });
    expect(TCP_FLAG.syn | TCP_FLAG.ack).toBe(0x12);
  });

  it('refuses options that are no multiple of 4 octets', () => {
    const base = parseTcp(Uint8Array.from({ length: 20 }, (_, i) => (i === 12 ? 0x50 : 0)));
    if (!base.ok) throw new Error('not parsed');
    const odd = { ...base.segment, options: new Uint8Array(3) };
    expect(() => buildTcp(source, destination, odd)).toThrow(/data offset/);
    expect(() => buildTcp(source, destination, { ...odd, options: new Uint8Array(44) })).toThrow();
  });
});

describe('UDP', () => {
  const datagram = fc.record({
    sourcePort: uint16,
    destinationPort: uint16,
    payload: octets(50),
  });

  it('a datagram survives, also with octets behind it', () => {
    fc.assert(
      fc.property(address, address, datagram, (from, to, value) => {
        const bytes = buildUdp(from, to, value);
        const parsed = parseUdp(concatBytes(bytes, new Uint8Array([1, 2, 3])));
        expect(parsed.ok && parsed.datagram).toEqual(value);
        expect(udpChecksumOk(from, to, bytes)).toBe(true);
      }),
    );
  });

  it('writes ffff for a checksum of zero, and takes zero for wrong (RFC 8200 §8.1)', () => {
    const empty = { sourcePort: 0, destinationPort: 0, payload: new Uint8Array(2) };
    const before = parseUdp(buildUdp(source, destination, empty));
    if (!before.ok) throw new Error('not parsed');
    // the payload that makes the sum come out as zero
    const payload = new Uint8Array(2);
    setU16(payload, 0, before.checksum);
    const bytes = buildUdp(source, destination, { ...empty, payload });
    expect(toHex(bytes.subarray(6, 8))).toBe('ffff');
    expect(udpChecksumOk(source, destination, bytes)).toBe(true);
    bytes.fill(0, 6, 8);
    expect(udpChecksumOk(source, destination, bytes)).toBe(false);
  });

  it('refuses a Length that cannot be', () => {
    expect(parseUdp(new Uint8Array(7))).toMatchObject({ reason: 'truncated' });
    expect(parseUdp(new Uint8Array(8))).toMatchObject({ reason: 'bad-length', offset: 4 });
    const long = fromHex('0001000200090000') ?? new Uint8Array(0);
    expect(parseUdp(long)).toMatchObject({ reason: 'bad-length' });
    expect(udpChecksumOk(source, destination, long)).toBe(false);
  });
});
