import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressFromBytes, parseAddress } from '../../../src/wire/address.js';
import { WireError } from '../../../src/wire/errors.js';
import { maskAddress, parsePrefix } from '../../../src/wire/prefix.js';
import {
  addAddress,
  decodeAddress,
  deleteAddress,
  FOREVER,
} from '../../../src/linux/netlink/address.js';
import { decodeEvent } from '../../../src/linux/netlink/events.js';
import { createVeth, decodeLink, setLink } from '../../../src/linux/netlink/link.js';
import {
  attribute,
  concat,
  decodeAttributes,
  decodeMessages,
  encodeMessage,
  nested,
  readNested,
  readText,
  readU32,
  text,
  u32,
} from '../../../src/linux/netlink/message.js';
import { decodeNeighbour, setNeighbour } from '../../../src/linux/netlink/neighbour.js';
import { decodePrefix } from '../../../src/linux/netlink/prefix.js';
import { addRoute, decodeRoute } from '../../../src/linux/netlink/route.js';
import { addRule, decodeRule } from '../../../src/linux/netlink/rule.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const unhex = (...lines: string[]): Uint8Array =>
  Uint8Array.from(Buffer.from(lines.join('').replaceAll(' ', ''), 'hex'));

const u32s = fc.nat(0xffffffff);
const index = fc.integer({ min: 1, max: 0x7fffffff });
const address = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => addressFromBytes(bytes));
const prefix = fc
  .tuple(address, fc.nat(128))
  .map(([a, length]) => ({ address: maskAddress(a, length), length }));
/** Keys whose value is undefined left out, as exactOptionalPropertyTypes wants. */
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const compact = <T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };

describe('netlink messages', () => {
  it('come back from one datagram as they were put in', () => {
    const message = fc.record({
      type: fc.nat(0xffff),
      flags: fc.nat(0xffff),
      sequence: u32s,
      port: u32s,
      payload: fc.uint8Array({ maxLength: 64 }),
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
        const bytes = concat(...messages.map(encodeMessage));
        expect(bytes.length % 4).toBe(0);
        expect(decodeMessages(bytes)).toEqual(messages);
      }),
    );
  });

  it('never fail but with WireError, and never read past the end', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.constantFrom(16, 17, 20, 21, 24, 25, 28, 29, 32, 33, 52, 99),
        (bytes, type) => {
          for (const run of [
            () => decodeMessages(bytes),
            () => decodeAttributes(bytes),
            () => decodeEvent({ type, flags: 0, sequence: 0, port: 0, payload: bytes }),
            // With a plausible family, so that the attributes are reached.
            () =>
              decodeEvent({
                type,
                flags: 0,
                sequence: 0,
                port: 0,
                payload: concat(Uint8Array.of(type < 20 ? 0 : 10), bytes),
              }),
          ]) {
            try {
              run();
            } catch (error) {
              expect(error).toBeInstanceOf(WireError);
            }
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('refuse lengths that do not fit', () => {
    const good = encodeMessage({
      type: 1,
      flags: 0,
      sequence: 0,
      port: 0,
      payload: new Uint8Array(4),
    });
    expect(() => decodeMessages(good.subarray(0, 19))).toThrow(WireError);
    expect(() => decodeMessages(concat(good, Uint8Array.of(15, 0, 0, 0)))).toThrow(WireError);
    expect(() => decodeAttributes(Uint8Array.of(3, 0, 1, 0))).toThrow(WireError);
    expect(() => decodeAttributes(Uint8Array.of(9, 0, 1, 0, 0, 0, 0, 0))).toThrow(WireError);
    expect(() => attribute(1, new Uint8Array(65_532))).toThrow(WireError);
  });

  it('nest attributes and drop the flag bits of their types', () => {
    const inner = nested(7, text(1, 'veth'), u32(2, 0xdeadbeef));
    expect(hex(inner)).toBe(
      '18000780 09000100 76657468 00000000 08000200 efbeadde'.replaceAll(' ', ''),
    );
    const back = readNested(decodeAttributes(inner), 7);
    expect([readText(back, 1), readU32(back, 2), readU32(back, 3)]).toEqual([
      'veth',
      0xdeadbeef,
      undefined,
    ]);
  });
});

describe('rtnetlink requests, octet by octet', () => {
  it('RTM_NEWADDR, deprecated, no DAD, no prefix route', () => {
    const request = addAddress({
      address: parseAddress('2001:db8::1'),
      prefixLength: 128,
      index: 5,
      preferredSeconds: 0,
      noDad: true,
      noPrefixRoute: true,
    });
    expect([request.type, request.flags]).toEqual([20, 0x600]);
    expect(request.payload).toEqual(
      unhex(
        '0a 80 02 00 05000000', // family, prefix length, flags (low octet), scope, index
        '1400 0200 20010db8000000000000000000000001', // IFA_LOCAL
        '1400 0600 00000000 ffffffff 00000000 00000000', // IFA_CACHEINFO
        '0800 0800 02020000', // IFA_FLAGS
        '0500 0b00 8c 000000', // IFA_PROTO 140
      ),
    );
  });

  it('RTM_NEWROUTE, source-specific, table over 255, MTU', () => {
    const request = addRoute({
      destination: parsePrefix('2001:db8:2::2/128'),
      source: parsePrefix('2001:db8:1::1/128'),
      table: 1400,
      index: 7,
      metric: 10,
      mtu: 1492,
    });
    expect([request.type, request.flags]).toEqual([24, 0x600]);
    expect(request.payload).toEqual(
      unhex(
        '0a 80 80 00 00 8c 00 01 00000000',
        '0800 0f00 78050000', // RTA_TABLE
        '1400 0100 20010db8000200000000000000000002', // RTA_DST
        '1400 0200 20010db8000100000000000000000001', // RTA_SRC
        '0800 0400 07000000', // RTA_OIF
        '0800 0600 0a000000', // RTA_PRIORITY
        '0c00 0880 0800 0200 d4050000', // RTA_METRICS { RTAX_MTU }
      ),
    );
  });

  it('RTM_NEWRULE', () => {
    const request = addRule({
      priority: 999,
      from: parsePrefix('2001:db8::/32'),
      inputInterface: 'lo',
      table: 254,
      suppressPrefixLength: 0,
    });
    expect([request.type, request.flags]).toEqual([32, 0x600]);
    expect(request.payload).toEqual(
      unhex(
        '0a 00 20 00 fe 00 00 01 00000000',
        '0800 0600 e7030000',
        '0800 0f00 fe000000',
        '1400 0200 20010db8000000000000000000000000',
        '0700 0300 6c6f00 00',
        '0800 0e00 00000000',
        '0500 1500 8c 000000',
      ),
    );
  });

  it('RTM_NEWLINK for a veth pair, one end elsewhere', () => {
    const request = createVeth({ name: 'a' }, { name: 'b', mtu: 1280, namespaceFd: 9 });
    expect([request.type, request.flags]).toEqual([16, 0x600]);
    expect(request.payload).toEqual(
      unhex(
        '00000000 00000000 00000000 00000000',
        '0600 0300 6100 0000', // IFLA_IFNAME
        '4000 1280', // IFLA_LINKINFO
        '0900 0100 7665746800 000000', // INFO_KIND
        '3000 0280', // INFO_DATA
        '2c00 0100 00000000 00000000 00000000 00000000', // VETH_INFO_PEER: ifinfomsg and
        '0600 0300 6200 0000',
        '0800 0400 00050000',
        '0800 1c00 09000000',
      ),
    );
  });

  it('RTM_SETLINK: up, NOARP off, no link-local address', () => {
    const request = setLink(3, { up: true, noArp: false, addressGeneration: 'none' });
    expect(request.payload).toEqual(
      unhex(
        '00000000 03000000 01000000 81000000',
        '1000 1a80 0c00 0a80 0500 0800 01 000000', // IFLA_AF_SPEC { AF_INET6 { ADDR_GEN_MODE } }
      ),
    );
  });

  it.each([
    ['older kernels', '03', true],
    ['newer kernels, which copy the octet of the option', 'c0', true],
    ['neither on the link nor for addresses', '20', false],
  ])('RTM_NEWPREFIX of %s', (_what, flags, set) => {
    const prefix = unhex(
      `0a 00 0000 04000000 03 40 ${flags} 00`,
      '1400 0100 20010db8000700000000000000000000',
      '0c00 0200 100e0000 201c0000',
    );
    expect(decodePrefix(prefix)).toEqual({
      index: 4,
      prefix: parsePrefix('2001:db8:7::/64'),
      onLink: set,
      autonomous: set,
      preferredSeconds: 3600,
      validSeconds: 7200,
    });
  });
});

describe('what one side encodes the other decodes', () => {
  it('addresses', () => {
    const input = fc.record({
      address,
      prefixLength: fc.nat(128),
      index,
      preferredSeconds: u32s,
      validSeconds: u32s,
      noDad: fc.boolean(),
      noPrefixRoute: fc.boolean(),
      protocol: fc.nat(255),
    });
    fc.assert(
      fc.property(input, (a) => {
        expect(decodeAddress(addAddress(a).payload)).toMatchObject({ ...a, scope: 'global' });
        expect(decodeAddress(deleteAddress(a).payload)).toMatchObject({
          address: a.address,
          index: a.index,
          preferredSeconds: FOREVER,
        });
      }),
    );
  });

  it('routes', () => {
    const input = fc.record({
      type: fc.constantFrom('unicast' as const, 'unreachable' as const, 'blackhole' as const),
      destination: prefix,
      source: prefix,
      table: fc.integer({ min: 1, max: 0xffffffff }),
      gateway: optional(address),
      index: optional(index),
      preferredSource: optional(address),
      metric: optional(fc.integer({ min: 1, max: 0xffffffff })),
      mtu: optional(fc.integer({ min: 1280, max: 65_535 })),
      protocol: fc.nat(255),
    });
    fc.assert(
      fc.property(input, (r) => {
        const route = decodeRoute(addRoute(compact(r)).payload);
        expect(route).toMatchObject(compact({ ...r, index: r.index ?? 0, metric: r.metric ?? 0 }));
        expect(route?.nexthops).toEqual([{ gateway: r.gateway, index: r.index ?? 0 }]);
      }),
    );
  });

  it('rules', () => {
    const name = optional(fc.stringMatching(/^[a-z][a-z0-9.-]{0,14}$/));
    const input = fc.record({
      priority: u32s,
      action: fc.constantFrom('table' as const, 'unreachable' as const, 'blackhole' as const),
      from: prefix,
      to: prefix,
      table: fc.integer({ min: 1, max: 0xffffffff }),
      inputInterface: name,
      outputInterface: name,
      mark: optional(u32s),
      markMask: optional(u32s),
      suppressPrefixLength: optional(fc.nat(128)),
      inverted: fc.boolean(),
      protocol: fc.nat(255),
    });
    fc.assert(
      fc.property(input, (r) => {
        expect(decodeRule(addRule(compact(r)).payload)).toEqual(r);
      }),
    );
  });

  it('neighbours', () => {
    const input = fc.record({
      address,
      index,
      mac: fc.uint8Array({ minLength: 6, maxLength: 6 }),
      state: fc.constantFrom('reachable' as const, 'failed' as const, 'permanent' as const),
    });
    fc.assert(
      fc.property(input, (n) => {
        expect(decodeNeighbour(setNeighbour(n).payload)).toEqual({ ...n, router: false });
      }),
    );
  });

  it('links', () => {
    const link = decodeLink(
      setLink(3, {
        up: true,
        noArp: true,
        mtu: 1300,
        name: 'x0',
        mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
      }).payload,
    );
    expect(link).toMatchObject({ index: 3, name: 'x0', up: true, mtu: 1300, operState: 'unknown' });
    expect(hex(link.mac)).toBe('020000000001');
  });

  it('multipath routes keep all their next hops', () => {
    const payload = unhex(
      '0a 00 00 00 fe 09 00 01 00000000',
      '3c00 0900',
      '1c00 00 00 03000000 1400 0500 fe800000000000000000000000000001',
      '1c00 00 00 04000000 1400 0500 fe800000000000000000000000000002',
    );
    expect(decodeRoute(payload)?.nexthops).toEqual([
      { index: 3, gateway: 'fe80::1' },
      { index: 4, gateway: 'fe80::2' },
    ]);
  });

  it('other families are passed over', () => {
    expect(decodeAddress(unhex('02 18 00 00 01000000'))).toBeUndefined();
    expect(decodeRoute(unhex('02 00 00 00 fe 02 00 01 00000000'))).toBeUndefined();
    expect(decodeRule(unhex('02 00 00 00 fe 00 00 01 00000000'))).toBeUndefined();
    expect(decodeNeighbour(unhex('02 000000 01000000 0200 00 01'))).toBeUndefined();
    const bridge = {
      type: 16,
      flags: 0,
      sequence: 0,
      port: 0,
      payload: new Uint8Array(16).fill(7),
    };
    expect(decodeEvent(bridge)).toBeUndefined();
  });
});
