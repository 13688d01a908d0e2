import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/wire/address.js';
import { concatBytes, setU16 } from '../../src/wire/bytes.js';
import { upperLayerChecksum } from '../../src/wire/checksum.js';
import {
  buildEcho,
  buildIcmpError,
  buildIcmpv6,
  ICMPV6_TYPE,
  parseIcmpError,
  parseIcmpv6,
  readEcho,
  UNRECOGNIZED_NEXT_HEADER,
} from '../../src/wire/icmpv6.js';
import { buildIpv6, parseIpv6 } from '../../src/wire/ipv6.js';
import { buildNd, parseNd, type NdMessage, type NdOption } from '../../src/wire/nd.js';
import { prefixOf } from '../../src/wire/prefix.js';
import { address, octets, uint16, uint32, uint8 } from './arbitrary.js';
import { vectorBytes, vectorJson, vectorNames } from './vectors.js';

const source = parseAddress('2001:db8:1::a');
const destination = parseAddress('2001:db8:2::b');

/** Changes an octet of an ICMPv6 packet without extension headers and puts the checksum right again. */
function edit(packet: Uint8Array, at: number, value: number): Uint8Array {
  const out = packet.slice();
  out[at] = value;
  setU16(out, 42, 0);
  const ip = parseIpv6(out);
  if (!ip.ok) throw new Error(ip.reason);
  const { header } = ip;
  setU16(out, 42, upperLayerChecksum(header.source, header.destination, 58, out.subarray(40)));
  return out;
}

describe('ICMPv6', () => {
  it('errors survive building and parsing, the invoking packet cut to 1280 octets', () => {
    fc.assert(
      fc.property(
        address,
        address,
        fc.constantFrom(1, 2, 3, 4, 100),
        uint8,
        uint32,
        octets(1400),
        (from, to, type, code, parameter, invokingPacket) => {
          const packet = buildIcmpError({
            source: from,
            destination: to,
            type,
            code,
            parameter,
            invokingPacket,
          });
          expect(packet.length).toBeLessThanOrEqual(1280);
          expect(parseIcmpError(packet)).toMatchObject({
            ok: true,
            type,
            code,
            parameter,
            invokingPacket: invokingPacket.slice(0, 1232),
            header: { source: from, destination: to },
          });
        },
      ),
    );
  });

  it('no error packet over 1280 octets (RFC 4443 §2.4)', () => {
    for (const [length, kept] of [
      [1231, 1231],
      [1232, 1232],
      [1500, 1232],
    ] as const) {
      const invokingPacket = new Uint8Array(length).map((_, i) => i);
      const packet = buildIcmpError({ source, destination, type: 2, code: 0, invokingPacket });
      expect(packet).toHaveLength(48 + kept);
      expect(parseIcmpError(packet)).toMatchObject({
        invokingPacket: invokingPacket.subarray(0, kept),
      });
    }
  });

  it('names the parameter of Packet Too Big and Parameter Problem (RFC 4443 §3.2, §3.4)', () => {
    const build = (type: number, parameter: number) =>
      parseIcmpError(
        buildIcmpError({
          source,
          destination,
          type,
          code: 0,
          parameter,
          invokingPacket: new Uint8Array(40),
        }),
      );
    expect(build(ICMPV6_TYPE.packetTooBig, 1280)).toMatchObject({ mtu: 1280 });
    expect(build(ICMPV6_TYPE.packetTooBig, 1280)).not.toHaveProperty('pointer');
    expect(build(ICMPV6_TYPE.parameterProblem, 6)).toMatchObject({ pointer: 6 });
    expect(build(ICMPV6_TYPE.timeExceeded, 0)).not.toHaveProperty('mtu');
    expect(UNRECOGNIZED_NEXT_HEADER).toBe(1);
  });

  it('echo survives building and parsing', () => {
    fc.assert(
      fc.property(
        fc.record({ reply: fc.boolean(), identifier: uint16, sequence: uint16, data: octets(64) }),
        (echo) => {
          const message = parseIcmpv6(buildEcho(source, destination, echo));
          expect(message.ok && readEcho(message)).toEqual(echo);
        },
      ),
    );
  });

  it('refuses what is damaged, short, fragmented or something else', () => {
    const echo = buildEcho(source, destination, {
      reply: false,
      identifier: 1,
      sequence: 1,
      data: new Uint8Array(8),
    });
    for (let bit = 0; bit < 8 * (echo.length - 40); bit++) {
      const flipped = echo.slice();
      const at = 40 + (bit >> 3);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit & 7));
      expect(parseIcmpv6(flipped)).toMatchObject({ reason: 'bad-checksum' });
    }
    expect(parseIcmpError(echo)).toMatchObject({ reason: 'not-an-error' });
    expect(parseNd(echo)).toMatchObject({ reason: 'not-neighbor-discovery' });
    const build = (nextHeader: number, payload: Uint8Array) =>
      buildIpv6({ source, destination, nextHeader, payload });
    expect(parseIcmpv6(build(17, new Uint8Array(8)))).toMatchObject({ reason: 'not-icmpv6' });
    expect(parseIcmpv6(build(58, new Uint8Array(3)))).toMatchObject({ reason: 'bad-length' });
    const short = buildIcmpv6({ source, destination, type: 1, body: new Uint8Array(3) });
    expect(parseIcmpError(short)).toMatchObject({ reason: 'bad-length' });
    const fragment = concatBytes(new Uint8Array([58, 0, 0, 1, 0, 0, 0, 1]), echo.subarray(40));
    expect(parseIcmpv6(build(44, fragment))).toMatchObject({ reason: 'fragment' });
  });
});

const lifetime = uint32;
const prefix = fc
  .tuple(address, fc.integer({ min: 0, max: 128 }))
  .map(([a, length]) => prefixOf(a, length));
const linkLayer = fc
  .constantFrom(6, 14)
  .chain((n) => fc.uint8Array({ minLength: n, maxLength: n }));
const preference = fc.constantFrom('high' as const, 'medium' as const, 'low' as const);
const option: fc.Arbitrary<NdOption> = fc.oneof(
  fc.record({ option: fc.constant('sourceLinkLayerAddress' as const), address: linkLayer }),
  fc.record({ option: fc.constant('targetLinkLayerAddress' as const), address: linkLayer }),
  fc.record({ option: fc.constant('mtu' as const), mtu: uint32 }),
  fc.record({
    option: fc.constant('prefixInformation' as const),
    prefix,
    onLink: fc.boolean(),
    autonomous: fc.boolean(),
    validLifetime: lifetime,
    preferredLifetime: lifetime,
  }),
  fc.record({ option: fc.constant('routeInformation' as const), prefix, preference, lifetime }),
  fc.record({
    option: fc.constant('unknown' as const),
    type: fc.integer({ min: 25, max: 255 }),
    contents: fc
      .integer({ min: 1, max: 5 })
      .chain((n) => fc.uint8Array({ minLength: 8 * n - 2, maxLength: 8 * n - 2 })),
  }),
);
const options = fc.array(option, { maxLength: 6 });
const target = address.filter((a) => !a.startsWith('ff'));
const ndMessage: fc.Arbitrary<NdMessage> = fc.oneof(
  fc.record({ message: fc.constant('routerSolicitation' as const), options }),
  fc.record({
    message: fc.constant('routerAdvertisement' as const),
    curHopLimit: uint8,
    managed: fc.boolean(),
    otherConfig: fc.boolean(),
    preference,
    routerLifetime: uint16,
    reachableTime: uint32,
    retransTimer: uint32,
    options,
  }),
  fc.record({ message: fc.constant('neighborSolicitation' as const), target, options }),
  fc.record({
    message: fc.constant('neighborAdvertisement' as const),
    target,
    router: fc.boolean(),
    solicited: fc.boolean(),
    override: fc.boolean(),
    options,
  }),
);

describe('Neighbor Discovery', () => {
  for (const name of vectorNames('nd')) {
    it(`${name}: known octets both ways`, () => {
      const bytes = vectorBytes(`nd/${name}`);
      const expected = vectorJson(`nd/${name}`);
      const packet = parseNd(bytes);
      expect(packet).toMatchObject({ ok: true, header: { source: expected['source'] } });
      if (!packet.ok) return;
      expect(packet.message).toEqual(expected['value']);
      expect(buildNd(packet.header.source, packet.header.destination, packet.message)).toEqual(
        bytes,
      );
    });
  }

  it('any message survives building and parsing', () => {
    fc.assert(
      fc.property(ndMessage, (message) => {
        const packet = parseNd(buildNd(source, destination, message));
        expect(packet).toMatchObject({ ok: true });
        if (packet.ok) expect(packet.message).toEqual(message);
      }),
    );
  });

  it('refuses what RFC 4861 §7.1 refuses', () => {
    const packet = vectorBytes('nd/neighbor-advertisement');
    const reason = (bytes: Uint8Array) => {
      const result = parseNd(bytes);
      return result.ok ? 'ok' : `${result.reason} @${result.offset}`;
    };
    expect(reason(edit(packet, 7, 254))).toBe('bad-hop-limit @7');
    expect(reason(edit(packet, 41, 1))).toBe('bad-code @41');
    expect(reason(edit(packet, 48, 0xff))).toBe('bad-target @48');
    expect(reason(edit(packet, 65, 0))).toBe('bad-option @64');
    expect(reason(edit(packet, 65, 2))).toBe('bad-option @64');
    expect(reason(edit(packet, 64, 200))).toBe('ok');
    const short = buildIcmpv6({
      source,
      destination,
      type: 136,
      body: new Uint8Array(19),
      hopLimit: 255,
    });
    expect(reason(short)).toBe('bad-length @44');
  });

  it('keeps an option of a strange form as unknown', () => {
    const packet = vectorBytes('nd/router-advertisement');
    const kinds = (bytes: Uint8Array) => {
      const result = parseNd(bytes);
      return result.ok ? result.message.options.map((o) => o.option) : result.reason;
    };
    const prefixLength = 40 + 16 + 8 + 8 + 2;
    expect(kinds(edit(packet, prefixLength, 129))[2]).toBe('unknown');
    const route = prefixLength + 30 + 2;
    expect(kinds(edit(packet, route, 65))[3]).toBe('unknown'); // 8 octets hold no /65
    expect(kinds(edit(packet, route + 1, 0x10))[3]).toBe('unknown'); // reserved preference
    const mtu = 40 + 16 + 8;
    expect(kinds(edit(packet, mtu + 1, 5))[1]).toBe('unknown');
  });
});
