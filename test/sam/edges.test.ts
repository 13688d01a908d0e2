import { describe, expect, it } from 'vitest';
import { encapsulate } from '../../src/sam/encapsulation.js';
import { fromHost, fromProvider, fromZone, type Verdict } from '../../src/sam/forward.js';
import { delegate } from '../../src/sam/mapping.js';
import type { SamTable } from '../../src/sam/table.js';
import { parseAddress, type Address } from '../../src/wire/address.js';
import { concatBytes } from '../../src/wire/bytes.js';
import { buildIcmpError, parseIcmpError } from '../../src/wire/icmpv6.js';
import { IPV6_HEADER, parseIpv6 } from '../../src/wire/ipv6.js';
import { parsePrefix } from '../../src/wire/prefix.js';
import { LOCAL, PREFIX } from './everybody.js';
import { udp } from './support.js';

/** Packets that are rare: what a table with one interface and packets of usual sizes do not show. */
const FAR = '2001:db8:ffff::1';
const A = (local: Address): Address => delegate(PREFIX.A, local).address;
const table = (interfaces: SamTable['zones'][number]['interfaces'], gateway = false): SamTable => ({
  zones: [
    {
      name: 'site',
      constant: parsePrefix('fcf0::/12'),
      prefixes: [{ prefix: PREFIX.A, parents: [LOCAL.m] }],
      interfaces,
    },
  ],
  providers: gateway ? [PREFIX.A] : [],
});
const host = (mtu = 1500): SamTable => table([{ index: 1, local: LOCAL.h, mtu }]);
const gateway = table([{ index: 1, local: LOCAL.m, mtu: 1500 }], true);
const sent = (verdict: Verdict): Uint8Array => {
  if (verdict.verdict !== 'send') throw new Error(JSON.stringify(verdict));
  return verdict.packet;
};
const reason = (v: Verdict): string => (v.verdict === 'drop' ? v.reason : v.verdict);

describe('lengths', () => {
  it('a link that carries more than a packet can be long does not make outer packets that cannot be', () => {
    const longest = IPV6_HEADER + 0xffff;
    for (const mtu of [longest, longest + 1, 100_000]) {
      const at = (size: number): Verdict => fromHost(host(mtu), udp(A(LOCAL.h), FAR, { size }));
      expect(at(longest - 40).verdict).toBe('send');
      for (const size of [longest - 39, longest]) {
        const verdict = at(size);
        expect(reason(verdict)).toBe('too-big');
        if (verdict.verdict !== 'drop' || verdict.reply?.verdict !== 'deliver') throw new Error('a reply'); // prettier-ignore
        expect(parseIcmpError(verdict.reply.packet)).toMatchObject({ type: 2, mtu: longest - 40 });
      }
    }
  });

  it('what a link has put behind a packet is no part of it', () => {
    const packet = udp(FAR, A(LOCAL.h));
    const outer = sent(fromProvider(gateway, concatBytes(packet, new Uint8Array(6))));
    expect(outer.length).toBe(40 + packet.length);
    const arrived = fromZone(host(), 'site', concatBytes(outer, new Uint8Array(3)));
    expect(arrived.verdict === 'deliver' && arrived.packet.length).toBe(packet.length);
    const up = sent(fromHost(host(), concatBytes(udp(A(LOCAL.h), FAR), new Uint8Array(6))));
    expect(up.length).toBe(40 + packet.length);
  });
});

describe('a host with two interfaces', () => {
  const other = parseAddress('fcf8:0:0:1:2f00::7777');
  const egress = (t: SamTable, source: Address, destination = FAR): number => {
    const verdict = fromHost(t, udp(source, destination));
    return verdict.verdict === 'send' ? verdict.interface : NaN;
  };

  it('on one subnet: a packet leaves by the interface that its source belongs to', () => {
    const both = table([
      { index: 1, local: LOCAL.h, mtu: 1500 },
      { index: 2, local: LOCAL.k, mtu: 1500 },
    ]);
    expect([egress(both, A(LOCAL.h)), egress(both, A(LOCAL.k))]).toEqual([1, 2]);
  });

  it('on two subnets: by the one where the gateway, or the sibling, is', () => {
    const two = table([
      { index: 1, local: other, mtu: 1500 },
      { index: 2, local: LOCAL.h, mtu: 1500 },
    ]);
    expect([egress(two, A(other)), egress(two, A(LOCAL.h))]).toEqual([2, 2]);
    expect(egress(two, A(LOCAL.h), A(parseAddress('fcf8:0:0:1:2f00::9999')))).toBe(1);
  });
});

describe('a gateway', () => {
  it('that is not in its zone yet takes no packet of its own prefix from its provider', () => {
    const early: SamTable = { zones: [], providers: [PREFIX.A] };
    expect(reason(fromProvider(early, udp(A(LOCAL.h), '2001:db8:a::')))).toBe('source-is-below');
    expect(reason(fromProvider(early, udp(FAR, '2001:db8:a::')))).toBe('deliver');
  });

  it('with two local addresses believes an error only at the one that sent the packet', () => {
    const two = table(
      [
        { index: 1, local: LOCAL.m, mtu: 1500 },
        { index: 2, local: LOCAL.k, mtu: 1500 },
      ],
      true,
    );
    const invokingPacket = sent(fromProvider(two, udp(FAR, A(LOCAL.h))));
    const report = (destination: Address): Uint8Array =>
      buildIcmpError({ source: LOCAL.x, destination, type: 1, code: 3, invokingPacket });
    expect(reason(fromZone(two, 'site', report(LOCAL.m)))).toBe('provider');
    expect(reason(fromZone(two, 'site', report(LOCAL.k)))).toBe('error-not-ours');
  });

  it('tells no group of senders about an error (RFC 4443 §2.4 (e))', () => {
    for (const source of ['ff0e::1', '::']) {
      // prettier-ignore
      const invokingPacket = encapsulate(udp(source, A(LOCAL.h)), { source: LOCAL.m, destination: LOCAL.h });
      const error = buildIcmpError({ source: LOCAL.x, destination: LOCAL.m, type: 1, code: 3, invokingPacket }); // prettier-ignore
      expect(reason(fromZone(gateway, 'site', error))).toBe('error-not-answered');
    }
  });

  it('marks its outer packets with a hop limit of its own', () => {
    const outer = sent(fromProvider(gateway, udp(FAR, A(LOCAL.h), { hopLimit: 2 })));
    expect(parseIpv6(outer)).toMatchObject({ header: { hopLimit: 64 } });
  });
});
