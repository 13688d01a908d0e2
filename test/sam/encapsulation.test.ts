import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SAM } from '../../src/sam/constants.js';
import {
  decapsulate,
  decapsulatedEcn,
  encapsulate,
  encapsulationLimit,
} from '../../src/sam/encapsulation.js';
import { ErrorBudget } from '../../src/sam/error-budget.js';
import { fromHost, fromProvider, fromZone, type Verdict } from '../../src/sam/forward.js';
import type { SamTable } from '../../src/sam/table.js';
import { parseAddress, type Address } from '../../src/wire/address.js';
import { concatBytes, u8 } from '../../src/wire/bytes.js';
import { buildEcho, buildIcmpError, parseIcmpError } from '../../src/wire/icmpv6.js';
import { buildIpv6, parseIpv6, walkHeaders } from '../../src/wire/ipv6.js';
import { parsePrefix } from '../../src/wire/prefix.js';
import { ms } from '../../src/wire/units.js';
import { address, octets, uint8 } from '../wire/arbitrary.js';
import { immutable, udp } from './support.js';

const local = (digits: string): Address => parseAddress(`fcf9:0:0:1:2f00::${digits}`);
const [M, H, K] = [local('5555'), local('7777'), local('8888')];
const AH = '2001:db8:a:1297:7770::';
const AK = '2001:db8:a:1298:8880::';
const FAR = '2001:db8:ffff::1';
const table = (own: Address, mtu = 1500): SamTable => ({
  zones: [
    {
      name: 'site',
      constant: parsePrefix('fcf0::/12'),
      prefixes: [{ prefix: parsePrefix('2001:db8:a::/48'), parents: [M] }],
      interfaces: [{ index: 7, local: own, mtu }],
    },
  ],
  providers: own === M ? [parsePrefix('2001:db8:a::/48')] : [],
});
const sent = (verdict: Verdict): Uint8Array => {
  if (verdict.verdict !== 'send') throw new Error(JSON.stringify(verdict));
  return verdict.packet;
};
const icmpOf = (verdict: Verdict): unknown => {
  if (verdict.verdict !== 'drop' || verdict.reply === undefined) return verdict.verdict;
  const { reply } = verdict;
  const packet = reply.verdict === 'send' ? sealed(reply.packet) : 'packet' in reply ? reply.packet : undefined; // prettier-ignore
  const icmp = packet && parseIcmpError(packet);
  return icmp?.ok === true
    ? [
        verdict.reason,
        icmp.type,
        icmp.code,
        icmp.parameter,
        icmp.header.source,
        icmp.header.destination,
      ]
    : verdict.reason;
};
const sealed = (outer: Uint8Array): Uint8Array => {
  const found = decapsulate(outer);
  if (!found.ok) throw new Error(found.reason);
  return found.inner;
};
/** A tunnel packet with the given encapsulation limit, other options around it. */
const limited = (value: number, source = AH, destination = FAR): Uint8Array =>
  buildIpv6({
    source: parseAddress(source),
    destination: parseAddress(destination),
    nextHeader: 60,
    payload: concatBytes(Uint8Array.of(41, 1, 0, 0, 5, 2, 0, 0, 4, 1, value, 1, 3, 0, 0, 0), udp('2001:db8:1::1', '2001:db8:2::2')), // prettier-ignore
  });

describe('encapsulation', () => {
  const inner = fc
    .record({ source: address, destination: address, trafficClass: uint8, flowLabel: fc.integer({ min: 0, max: 0xfffff }), hopLimit: uint8, payload: octets(200) })
    .map((p) => buildIpv6({ ...p, nextHeader: 17 })); // prettier-ignore

  it('puts 40 octets before a packet and takes them off again [SAM-2.2-2]', () => {
    fc.assert(
      fc.property(inner, address, address, (packet, source, destination) => {
        const outer = encapsulate(packet, { source, destination });
        const parsed = parseIpv6(outer);
        const before = parseIpv6(packet);
        if (!parsed.ok || !before.ok) throw new Error('IPv6');
        expect(parsed.header).toEqual({
          source,
          destination,
          nextHeader: 41,
          hopLimit: SAM.hopLimit, // whatever the inner one is: one hop, for the inner packet
          payloadLength: packet.length,
          trafficClass: before.header.trafficClass,
          flowLabel: before.header.flowLabel,
        });
        expect(outer.subarray(40)).toEqual(packet);
        expect(sealed(outer)).toEqual(packet);
      }),
    );
  });

  it('the congestion mark comes out as RFC 6040 §4.2 wants it', () => {
    // Rows: inner Not-ECT, ECT(1), ECT(0), CE; columns: outer, in the same order.
    const all = [0, 1, 2, 3];
    expect(all.map((i) => all.map((o) => decapsulatedEcn(i, o)))).toEqual([
      [0, 0, 0, undefined],
      [1, 1, 1, 3],
      [2, 1, 2, 3],
      [3, 3, 3, 3],
    ]);
    for (const ecn of all) {
      const packet = udp(AH, FAR);
      packet[1] = ecn << 4;
      const outer = encapsulate(packet, { source: H, destination: M });
      outer[1] = u8(outer, 1) | 0x30; // a router of the zone marks it
      const found = decapsulate(outer);
      expect(found.ok ? (u8(found.inner, 1) >>> 4) & 3 : found.reason).toBe(
        ecn === 0 ? 'congestion-mark' : 3,
      );
    }
  });

  it('refuses fragments, and outer packets around something else', () => {
    const reason = (nextHeader: number, payload: Uint8Array): unknown => {
      const found = decapsulate(buildIpv6({ source: H, destination: M, nextHeader, payload }));
      return found.ok ? 'ok' : found.reason;
    };
    const packet = udp(AH, FAR);
    expect(reason(41, packet)).toBe('ok');
    expect(reason(44, concatBytes(Uint8Array.of(41, 0, 0, 1, 0, 0, 0, 1), packet))).toBe(
      'outer-fragment',
    );
    expect(reason(17, packet)).toBe('not-a-tunnel');
    expect(reason(41, packet.subarray(0, 39))).toBe('inner-malformed');
    expect(reason(41, concatBytes(packet, Uint8Array.of(0)))).toBe('inner-malformed');
    expect(reason(41, concatBytes(Uint8Array.of(0x45), packet.subarray(1)))).toBe(
      'inner-malformed',
    );
  });
});

describe('the encapsulation limit (RFC 2473 §4.1.1)', () => {
  it('is found where it is', () => {
    expect(encapsulationLimit(limited(3))).toEqual({ value: 3, offset: 50 });
    expect(encapsulationLimit(udp(AH, FAR))).toBeUndefined();
  });

  it('goes on in the outer header, one lower', () => {
    const outer = sent(fromHost(table(H), limited(3)));
    const walk = walkHeaders(outer);
    expect(walk).toMatchObject({
      extensions: [{ protocol: 60, offset: 40, length: 8 }],
      upper: { protocol: 41, offset: 48 },
    });
    expect(encapsulationLimit(outer)).toEqual({ value: 2, offset: 44 });
    expect(sealed(outer)).toEqual(limited(3));
  });

  it('of zero: no further encapsulation, and a Parameter Problem that points at it', () => {
    expect(icmpOf(fromHost(table(H), limited(0)))).toEqual([
      'encapsulation-limit',
      4,
      0,
      50,
      AH,
      AH,
    ]);
    const forwarded = fromProvider(table(M), limited(0, FAR, AH));
    expect(icmpOf(forwarded)).toEqual(['encapsulation-limit', 4, 0, 50, '2001:db8:a::', FAR]);
  });
});

describe('hop limits (RFC 2473 §3.1)', () => {
  it('ours is not touched; of others each forwarding takes one, however many routers the zone has', () => {
    expect(u8(sealed(sent(fromHost(table(H), udp(AH, FAR, { hopLimit: 1 })))), 7)).toBe(1);
    const outer = encapsulate(udp(AH, FAR, { hopLimit: 9 }), { source: H, destination: M });
    const up = fromZone(table(M), 'site', outer);
    expect(up.verdict === 'provider' && u8(up.packet, 7)).toBe(8);
    const down = sent(fromProvider(table(M), udp(FAR, AH, { hopLimit: 9 })));
    expect([u8(down, 7), u8(sealed(down), 7)]).toEqual([SAM.hopLimit, 8]);
    const last = fromZone(table(H), 'site', down);
    expect(last.verdict === 'deliver' && u8(last.packet, 7)).toBe(8);
  });

  it('that end here are answered with Time Exceeded', () => {
    for (const hopLimit of [0, 1]) {
      const packet = udp(AH, FAR, { hopLimit });
      const outer = encapsulate(packet, { source: H, destination: M });
      expect(icmpOf(fromZone(table(M), 'site', outer))).toEqual([
        'hop-limit',
        3,
        0,
        0,
        '2001:db8:a::',
        AH,
      ]);
    }
    // Delivery is no forwarding.
    const here = encapsulate(udp(FAR, AH, { hopLimit: 1 }), { source: M, destination: H });
    expect(fromZone(table(H), 'site', here).verdict).toBe('deliver');
  });
});

describe('packet sizes (RFC 2473 §7.1)', () => {
  it('what does not fit with 40 octets more is answered with what would', () => {
    const at = (size: number, mtu: number): unknown =>
      icmpOf(fromProvider(table(M, mtu), udp(FAR, AH, { size })));
    expect(at(1460, 1500)).toBe('send');
    expect(at(1461, 1500)).toEqual(['too-big', 2, 0, 1460, '2001:db8:a::', FAR]);
    expect(at(1280, 1320)).toBe('send');
    expect(at(1281, 1320)).toEqual(['too-big', 2, 0, 1280, '2001:db8:a::', FAR]);
    // Links of less than 1320 octets cannot carry what IPv6 promises: said by name, never fragmented in the dark.
    expect(at(1281, 1300)).toEqual(['too-big', 2, 0, 1280, '2001:db8:a::', FAR]);
    expect(fromProvider(table(M, 1300), udp(FAR, AH, { size: 1280 }))).toEqual({
      verdict: 'drop',
      reason: 'zone-mtu-too-small',
    });
    expect(at(1260, 1300)).toBe('send');
  });

  it('our own program is told where it is', () => {
    const verdict = fromHost(table(H), udp(AH, FAR, { size: 1461 }));
    expect(icmpOf(verdict)).toEqual(['too-big', 2, 0, 1460, AH, AH]);
    expect(verdict.verdict === 'drop' && verdict.reply?.verdict).toBe('deliver');
  });

  it('with an encapsulation limit it is eight octets less', () => {
    const padded = concatBytes(limited(3, FAR, AH), new Uint8Array(1345));
    padded[4] = (padded.length - 40) >>> 8;
    padded[5] = padded.length - 40;
    const room = 1500 - padded.length;
    expect(room).toBeLessThan(48);
    expect(icmpOf(fromProvider(table(M), padded))).toEqual([
      'too-big',
      2,
      0,
      1452,
      '2001:db8:a::',
      FAR,
    ]);
  });
});

describe('ICMPv6 errors from inside the zone (RFC 2473 §8)', () => {
  const packet = udp(FAR, AH, { size: 1400 });
  const outer = encapsulate(packet, { source: M, destination: H });
  const ROUTER = local('4444');
  const report = (type: number, code: number, parameter = 0, about = outer, to = M): Uint8Array =>
    buildIcmpError({
      source: ROUTER,
      destination: to,
      type,
      code,
      parameter,
      invokingPacket: about,
    });
  const relayed = (error: Uint8Array, at = table(M)): unknown => {
    const verdict = fromZone(at, 'site', error);
    const inside = 'packet' in verdict ? verdict.packet : undefined;
    const icmp = inside && parseIcmpError(verdict.verdict === 'send' ? sealed(inside) : inside);
    if (icmp?.ok !== true) return verdict.verdict === 'drop' ? verdict.reason : verdict.verdict;
    const { type, code, parameter, header, invokingPacket } = icmp;
    expect(packet.subarray(0, invokingPacket.length)).toEqual(invokingPacket);
    return [verdict.verdict, type, code, parameter, header.source, header.destination];
  };

  it('Packet Too Big says 40 octets less, to the source of the inner packet', () => {
    expect(relayed(report(2, 0, 1400))).toEqual(['provider', 2, 0, 1360, '2001:db8:a::', FAR]);
    // Not below what every link carries.
    expect(relayed(report(2, 0, 1290))).toEqual(['provider', 2, 0, 1280, '2001:db8:a::', FAR]);
    // What is as small as that already cannot be helped.
    const small = encapsulate(udp(FAR, AH, { size: 1270 }), { source: M, destination: H });
    expect(relayed(report(2, 0, 1290, small))).toBe('error-has-no-inner-meaning');
  });

  it('what goes wrong in the zone is an address that cannot be reached', () => {
    const expected = ['provider', 1, 3, 0, '2001:db8:a::', FAR];
    expect(relayed(report(1, 0))).toEqual(expected);
    expect(relayed(report(3, 0))).toEqual(expected);
    // ... the encapsulation limit that was used up further on, too. The mistake would be ours to correct, not the source's.
    const tunnel = limited(3, FAR, AH);
    const about = encapsulate(tunnel, { source: M, destination: H });
    const verdict = fromZone(table(M), 'site', report(4, 0, 44, about));
    const icmp = verdict.verdict === 'provider' && parseIcmpError(verdict.packet);
    expect(icmp).toMatchObject({ type: 1, code: 3, invokingPacket: tunnel });
    expect(relayed(report(4, 0, 6))).toBe('error-has-no-inner-meaning');
  });

  it('is believed only about an outer packet that would leave here', () => {
    const about = (inner: Uint8Array, source: Address, destination: Address): Uint8Array =>
      report(1, 0, 0, encapsulate(inner, { source, destination }));
    expect(relayed(about(packet, M, K))).toBe('error-not-ours'); // another child
    expect(relayed(about(packet, K, H))).toBe('error-not-ours'); // not from us
    expect(relayed(about(udp(AH, FAR), M, H))).toBe('error-not-ours'); // the wrong direction
    expect(relayed(report(1, 0, 0, outer.subarray(0, 60)))).toBe('error-without-inner-packet');
    expect(relayed(report(100, 0))).toBe('error-has-no-inner-meaning');
    const damaged = report(1, 0);
    damaged[50] = u8(damaged, 50) ^ 1;
    expect(relayed(damaged)).toBe('error-malformed');
    // About the host's own local traffic: its business.
    expect(relayed(report(1, 0, 0, udp(M, H)))).toBe('pass');
  });

  it('is not relayed about an ICMPv6 error (RFC 4443 §2.4 (e))', () => {
    const error = buildIcmpError({ source: parseAddress(FAR), destination: parseAddress(AH), type: 1, code: 0, invokingPacket: udp(AH, FAR) }); // prettier-ignore
    expect(relayed(report(1, 0, 0, encapsulate(error, { source: M, destination: H })))).toBe('error-not-answered'); // prettier-ignore
    const echo = buildEcho(parseAddress(FAR), parseAddress(AH), { reply: false, identifier: 1, sequence: 1, data: new Uint8Array(0) }); // prettier-ignore
    const verdict = fromZone(table(M), 'site', report(1, 0, 0, encapsulate(echo, { source: M, destination: H }))); // prettier-ignore
    expect(verdict.verdict).toBe('provider');
  });

  it('about a packet of our own goes to our own program, about a child’s to the child', () => {
    const own = encapsulate(udp(AH, FAR), { source: H, destination: M });
    const verdict = fromZone(table(H), 'site', report(1, 3, 0, own, H));
    expect(verdict.verdict).toBe('deliver');
    const hairpin = encapsulate(udp(AH, AK), { source: M, destination: K });
    const toChild = sent(fromZone(table(M), 'site', report(1, 3, 0, hairpin)));
    expect(parseIpv6(toChild)).toMatchObject({ header: { source: M, destination: H } });
    // ... who accepts it, from its gateway.
    expect(fromZone(table(H), 'site', toChild).verdict).toBe('deliver');
  });
});

describe('verdicts', () => {
  it('of any octets: never a throw, and never an answer that is itself dropped with an answer', () => {
    const addresses = fc.constantFrom(AH, AK, FAR, '2001:db8:a::', M, H, K, '2001:db8:a:9::', '::');
    const packet = fc.oneof(
      octets(120),
      fc
        .record({ source: addresses, destination: addresses, nextHeader: fc.constantFrom(17, 41, 58, 60, 0, 44), hopLimit: uint8, payload: octets(100) })
        .map((p) => buildIpv6({ ...p, source: parseAddress(p.source), destination: parseAddress(p.destination) })), // prettier-ignore
    );
    const any = fc.oneof(
      packet,
      fc.tuple(packet, fc.constantFrom(M, H, K), fc.constantFrom(M, H, K)).map(([p, source, destination]) => encapsulate(p, { source, destination }, undefined)), // prettier-ignore
    );
    const seen = new Set<string>();
    fc.assert(
      fc.property(any, fc.constantFrom(M, H), (octets_, own) => {
        for (const verdict of [
          fromHost(table(own), octets_),
          fromProvider(table(own), octets_),
          fromZone(table(own), 'site', octets_),
        ]) {
          seen.add(verdict.verdict === 'drop' ? verdict.reason : verdict.verdict);
          if (verdict.verdict === 'send') {
            const outer = parseIpv6(verdict.packet);
            if (!outer.ok) throw new Error(outer.reason);
            // RFC 2473 §4.1.2: nothing is sent to ourselves.
            expect(outer.header.source).toBe(own);
            expect(outer.header.destination).not.toBe(own);
          }
          if (verdict.verdict === 'drop' && verdict.reply) {
            expect(['send', 'provider', 'deliver']).toContain(verdict.reply.verdict);
          }
        }
      }),
      { numRuns: 3_000 },
    );
    expect(seen).toContain('send');
    expect(seen).toContain('provider');
    expect(seen).toContain('deliver');
  });

  it('leave the packets that they are asked about alone', () => {
    const packet = udp(FAR, AH);
    const before = immutable(packet) + u8(packet, 7);
    fromProvider(table(M), packet);
    expect(immutable(packet) + u8(packet, 7)).toBe(before);
  });
});

describe('the budget of errors (RFC 4443 §2.4 (f))', () => {
  it('allows a burst, and so many a second', () => {
    const budget = new ErrorBudget(10, 3);
    const take = (at: number, n: number): number =>
      Array.from({ length: n }, () => budget.take(ms(at))).filter(Boolean).length;
    expect(take(0, 5)).toBe(3);
    expect(take(99, 5)).toBe(0);
    expect(take(350, 5)).toBe(3);
    expect(take(1_350, 20)).toBe(3);
  });
});
