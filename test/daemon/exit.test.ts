import { describe, expect, it } from 'vitest';
import { uplinkStatus, type InterfaceFacts } from '../../src/daemon/exit/state.js';
import { buildNotice, noticeTo } from '../../src/daemon/exit/notice.js';
import { wantedRules } from '../../src/dataplane/exit/routing.js';
import type { Refusal } from '../../src/dataplane/exit/layout.js';
import { parseAddress } from '../../src/wire/address.js';
import { buildEcho, buildIcmpError, parseIcmpError } from '../../src/wire/icmpv6.js';
import { formatPrefix, parsePrefix } from '../../src/wire/prefix.js';
import { MemoryHost, MemoryWire } from './memory-world.js';

const A = parseAddress('2001:db8:a::1');
const B = parseAddress('2001:db8:b::1');
const R = parseAddress('fe80::1');

describe('the state of an uplink', () => {
  const facts = (more: Partial<InterfaceFacts> = {}): InterfaceFacts => ({
    ifindex: 7,
    up: true,
    defaultRoute: { gateway: R },
    ...more,
  });
  const never = (): boolean => false;
  const learned = { nextHop: undefined };

  it('is up with a link and a next hop, learned or configured', () => {
    const up = { state: 'up', ifindex: 7, nextHop: R };
    expect(uplinkStatus(learned, facts(), never)).toEqual(up);
    expect(uplinkStatus({ nextHop: A }, facts(), never)).toEqual({ ...up, nextHop: A });
  });

  it('is up without a next hop on a point-to-point link', () => {
    const status = uplinkStatus(learned, facts({ defaultRoute: { gateway: undefined } }), never);
    expect(status).toEqual({ state: 'up', ifindex: 7, nextHop: undefined });
  });

  it('needs the default route only where the next hop is learned', () => {
    const none = facts({ defaultRoute: undefined });
    expect(uplinkStatus(learned, none, never).state).toBe('no-default-route');
    expect(uplinkStatus({ nextHop: A }, none, never).state).toBe('up');
  });

  it('says the first thing that is wrong', () => {
    expect(uplinkStatus(learned, undefined, never).state).toBe('no-interface');
    expect(uplinkStatus(learned, facts({ up: false }), () => true).state).toBe('link-down');
    const silent = uplinkStatus(learned, facts(), (a, i) => a === R && i === 7);
    expect(silent.state).toBe('next-hop-silent');
  });
});

describe('the rules', () => {
  it('judge the longest prefix first, and pass what comes from outside', () => {
    const uplink = (...texts: string[]) => ({ prefixes: texts.map(parsePrefix), out: undefined });
    const rules = wantedRules({
      uplinks: [uplink('2001:db8:a::/48', '2001:db9::/32'), uplink('2001:db8:a:8::/61')],
      outside: ['wan0'],
    });
    const lines = [...rules]
      .sort((a, b) => a.priority - b.priority)
      .map((r) =>
        [
          r.priority,
          r.inputInterface ?? '',
          r.from ? `from ${formatPrefix(r.from)}` : '',
          r.to ? `to ${formatPrefix(r.to)}` : '',
          r.action ?? `table ${r.table}`,
        ]
          .filter((w) => w !== '')
          .join(' '),
      );
    expect(lines).toEqual([
      '5600 table 254',
      '5601 to 2001:db8:a::/48 unreachable',
      '5601 to 2001:db9::/32 unreachable',
      '5601 to 2001:db8:a:8::/61 unreachable',
      '5669 from 2001:db8:a:8::/61 table 5602',
      '5682 from 2001:db8:a::/48 table 5601',
      '5698 from 2001:db9::/32 table 5601',
      '5731 lo goto',
      '5731 wan0 goto',
      '5732 table 5600',
      '5733 nop',
    ]);
  });
});

describe('a notice', () => {
  const echo = buildEcho(A, B, {
    reply: false,
    identifier: 1,
    sequence: 1,
    data: new Uint8Array(),
  });
  const refusal = (reason: Refusal['reason']): Refusal => ({
    reason,
    uplink: 0,
    ifindex: 2,
    packet: echo,
  });

  it('says "no route" while an uplink is down, and "source policy" otherwise', () => {
    const codes = (['uplink-down', 'unknown-source', 'wrong-uplink'] as const).map((reason) => {
      const error = parseIcmpError(buildNotice(refusal(reason), R, A));
      return error.ok && [error.type, error.code, error.header.destination];
    });
    expect(codes).toEqual([
      [1, 0, A],
      [1, 5, A],
      [1, 5, A],
    ]);
  });

  it('goes to the source, and never answers an error, a multicast or rubbish', () => {
    expect(noticeTo(echo)).toBe(A);
    expect(noticeTo(echo.subarray(0, 41))).toBe(A);
    const error = buildIcmpError({ source: A, destination: B, type: 1, code: 0, invokingPacket: echo }); // prettier-ignore
    expect(noticeTo(error)).toBeUndefined();
    expect(noticeTo(error.subarray(0, 40))).toBeUndefined();
    const all = buildEcho(A, parseAddress('ff0e::1'), { reply: false, identifier: 1, sequence: 1, data: new Uint8Array() }); // prettier-ignore
    expect(noticeTo(all)).toBeUndefined();
    expect(noticeTo(Uint8Array.of(1, 2, 3))).toBeUndefined();
  });
});

describe('the daemon', () => {
  it('opens an exit router with what the file says, and only then', async () => {
    const host = new MemoryHost(new MemoryWire(), ['2001:db8:a::1']);
    try {
      host.write('[[exit.uplink]]\ninterface = "wan0"\nprefixes = ["2001:db8:a::/48"]');
      const daemon = await host.start();
      expect(host.exitConfig?.uplinks.map((u) => [u.name, u.nextHop])).toEqual([
        ['wan0', undefined],
      ]);
      host.write('');
      expect(() => daemon.reload()).toThrow(/exit.* cannot change while the daemon runs/);
    } finally {
      await host.end();
    }
  });

  it('with shim6 = false has no locators and makes no addresses', async () => {
    const host = new MemoryHost(new MemoryWire(), ['2001:db8:a::1', '2001:db8:b::1']);
    try {
      host.write('shim6 = false', '');
      await host.start();
      expect((await host.client.locators()).local).toEqual([]);
      expect((await host.client.identity()).identities).toEqual([]);
      expect(host.control.ours()).toEqual([]);
    } finally {
      await host.end();
    }
  });
});
