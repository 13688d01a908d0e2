import { describe, expect, it } from 'vitest';
import { fromHost, fromProvider, fromZone, type Verdict } from '../../src/sam/forward.js';
import { encapsulate } from '../../src/sam/encapsulation.js';
import type { Address } from '../../src/wire/address.js';
import { buildIpv6 } from '../../src/wire/ipv6.js';
import { GLOBALS, LOCAL, mayPass, OUTER, TABLES } from './everybody.js';
import { line, udp } from './support.js';

const reasonOf = (verdict: Verdict): string =>
  verdict.verdict === 'drop' ? verdict.reason : verdict.verdict;

describe('consistency of inner and outer addresses', () => {
  for (const receiver of ['m', 'k'] as const) {
    it(`every combination at ${receiver === 'm' ? 'gateway m' : 'child k'}: what is wrong is dropped, under its reason [SAM-5-1]`, () => {
      const counts = new Map<string, number>();
      for (const [sender, outer] of Object.entries(OUTER)) {
        if (sender === receiver) continue;
        for (const source of GLOBALS) {
          for (const destination of GLOBALS) {
            const inner = udp(source.address, destination.address);
            const packet = encapsulate(inner, { source: outer, destination: LOCAL[receiver] });
            const verdict = fromZone(TABLES[receiver], 'site', packet);
            const reason = reasonOf(verdict);
            const what = `${sender} to ${receiver}: ${source.name} > ${destination.name} ${reason}`;
            counts.set(reason, (counts.get(reason) ?? 0) + 1);
            if (mayPass(receiver, sender, source, destination)) {
              const end = ['deliver', 'send', 'provider', 'no-such-child', 'source-is-below'];
              expect(end, what).toContain(reason);
            } else {
              expect(verdict.verdict, what).toBe('drop');
              expect(verdict, what).not.toHaveProperty('reply');
            }
          }
        }
      }
      expect(Object.fromEntries([...counts].sort())).toMatchSnapshot();
    });
  }

  it('names what is wrong', () => {
    const at = (
      receiver: 'm' | 'k',
      sender: keyof typeof OUTER,
      source: string,
      destination: string,
    ): string => {
      // prettier-ignore
      const find = (name: string): Address => {
        const found = GLOBALS.find((g) => g.name === name);
        if (!found) throw new Error(name);
        return found.address;
      };
      const outer = { source: OUTER[sender], destination: LOCAL[receiver] };
      return reasonOf(fromZone(TABLES[receiver], 'site', encapsulate(udp(find(source), find(destination)), outer))); // prettier-ignore
    };
    expect(at('m', 'h', 'A+h', 'Internet')).toBe('provider');
    expect(at('m', 'h', 'A+k', 'Internet')).toBe('source-mismatch');
    expect(at('m', 'h', 'B+h', 'Internet')).toBe('wrong-gateway');
    expect(at('m', 'h', 'Internet', 'Internet')).toBe('source-not-in-zone');
    expect(at('m', 'stranger', 'A+h', 'Internet')).toBe('source-mismatch');
    expect(at('m', 'h', 'impossible infix', 'Internet')).toBe('source-mismatch');
    expect(at('m', 'h', 'A', 'Internet')).toBe('source-mismatch');
    expect(at('m', 'h', 'A+h', 'A+k')).toBe('send');
    expect(at('m', 'h', 'A+h', 'A')).toBe('deliver');
    expect(at('k', 'm', 'Internet', 'A+k')).toBe('deliver');
    expect(at('k', 'm', 'Internet', 'A+h')).toBe('destination-mismatch');
    expect(at('k', 'm', 'Internet', 'B+k')).toBe('wrong-parent');
    expect(at('k', 'm', 'Internet', 'Internet')).toBe('destination-not-in-zone');
    expect(at('k', 'h', 'A+h', 'B+k')).toBe('deliver');
    expect(at('k', 'h', 'A+m', 'B+k')).toBe('source-mismatch');
    expect(at('k', 'h', 'Internet', 'A+k')).toBe('source-not-in-zone');
    expect(at('k', 'h', 'A+h', 'A+x')).toBe('destination-mismatch');
    // Comes from above with an address of our own.
    expect(at('k', 'm', 'B+k', 'A+k')).toBe('source-is-below');
  });
});

describe('other addresses', () => {
  const inner = (source: string, destination: string): Uint8Array => udp(source, destination);
  const up = (packet: Uint8Array): string =>
    reasonOf(fromZone(TABLES.m, 'site', encapsulate(packet, { source: LOCAL.h, destination: LOCAL.m }))); // prettier-ignore
  const ah = '2001:db8:a:1297:7770::';

  it.each([
    ['a local source', LOCAL.h, '2001:db8:ffff::1'],
    ['a local destination', ah, LOCAL.k],
    ['a ULA destination', ah, 'fd00::1'],
    ['a link-local source', 'fe80::1', '2001:db8:ffff::1'],
    ['a multicast destination', ah, 'ff0e::1'],
    ['no source', '::', '2001:db8:ffff::1'],
    ['the loopback address', ah, '::1'],
  ])('%s in an inner packet is dropped everywhere [SAM-2.2-1]', (_what, source, destination) => {
    const packet = inner(source, destination);
    expect(up(packet)).toBe('inner-not-global');
    expect(reasonOf(fromHost(TABLES.k, packet))).toBe('inner-not-global');
    expect(reasonOf(fromProvider(TABLES.m, packet))).toBe('inner-not-global');
  });

  it('so nothing is encapsulated twice: an outer packet is no inner one', () => {
    const outer = encapsulate(inner(ah, '2001:db8:ffff::1'), {
      source: LOCAL.h,
      destination: LOCAL.m,
    });
    expect(reasonOf(fromHost(TABLES.k, outer))).toBe('inner-not-global');
    expect(up(outer)).toBe('inner-not-global');
  });

  it('from a provider: for a child, for us, or for nobody; never back', () => {
    const from = (source: string, destination: string): string =>
      reasonOf(fromProvider(TABLES.m, inner(source, destination)));
    expect(from('2001:db8:ffff::1', ah)).toBe('send');
    expect(from('2001:db8:ffff::1', '2001:db8:a::')).toBe('deliver');
    expect(from('2001:db8:ffff::1', '2001:db8:a::1')).toBe('no-such-child');
    expect(from('2001:db8:ffff::1', '2001:db8:b:12:9777:7000::')).toBe('not-below');
    expect(from('2001:db8:ffff::1', '2001:db8:eeee::1')).toBe('not-below');
    expect(from('2001:db8:a:1298:8880::', ah)).toBe('source-is-below');
  });

  it('what is not for us, or no tunnel packet, is left to the host', () => {
    const outer = { source: LOCAL.h, destination: LOCAL.k };
    expect(fromZone(TABLES.m, 'site', encapsulate(inner(ah, ah), outer))).toEqual({
      verdict: 'pass',
    });
    expect(fromZone(TABLES.m, 'site', udp(LOCAL.h, LOCAL.m))).toEqual({ verdict: 'pass' });
    expect(fromZone(TABLES.m, 'elsewhere', udp(LOCAL.h, LOCAL.m))).toEqual({ verdict: 'pass' });
    expect(fromZone(TABLES.m, 'site', Uint8Array.of(1, 2, 3))).toEqual({ verdict: 'pass' });
  });

  it('fragments of the host’s own ICMPv6 messages are left to it, whatever octets they begin with', () => {
    for (const first of [0, 1, 2, 127, 128]) {
      const rest = Uint8Array.of(58, 0, 0x05, 0xa8, 0, 0, 0, 1, first, 0, 0, 0, 0, 0, 0, 0);
      const packet = buildIpv6({ source: LOCAL.h, destination: LOCAL.m, nextHeader: 44, payload: rest }); // prettier-ignore
      expect(fromZone(TABLES.m, 'site', packet)).toEqual({ verdict: 'pass' });
    }
  });

  it('errors about what came in are told to the right one', () => {
    const verdict = fromProvider(TABLES.m, inner('2001:db8:ffff::1', '2001:db8:a::1'));
    if (verdict.verdict !== 'drop' || verdict.reply?.verdict !== 'provider')
      throw new Error('a reply');
    expect(line(verdict.reply.packet)).toBe('2001:db8:a:: > 2001:db8:ffff::1 64 icmp 1/3');
  });
});
