import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressToBits, bitsToAddress, EMPTY } from '../../src/sam/bits.js';
import { decodeInfix } from '../../src/sam/infix.js';
import {
  checkConstant,
  decodeIid,
  decodeLocal,
  decodeSubnet,
  encodeLocal,
  encodeSubnet,
  fieldFromHex,
} from '../../src/sam/local.js';
import { delegate, delegatedPrefix, localOfPrefix, resolve } from '../../src/sam/mapping.js';
import type { SamFailure } from '../../src/sam/result.js';
import { parseAddress, type Address } from '../../src/wire/address.js';
import { formatPrefix, parsePrefix, type Prefix } from '../../src/wire/prefix.js';
import { address } from '../wire/arbitrary.js';
import { constant, localParts, zonePrefix } from './arbitrary.js';

const short = parsePrefix('fcf0::/12');
const ula = parsePrefix('fd12:3456:789a::/48');
const hex = (text: string) => fieldFromHex(text, 'test');
const said = (result: { ok: true } | SamFailure): unknown =>
  result.ok ? 'ok' : [result.code, result.reason, result.bit];
const code = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'ok';
};

describe('local addresses', () => {
  it('both constant prefixes, none and all of the subnet digits [SAM-3.2.1-2]', () => {
    const address = (c: typeof short, subnet: string, iid: string): string =>
      encodeLocal(c, hex(subnet), hex(iid));
    expect(address(short, '', '01')).toBe('fcf0::1f00:0:0:1');
    expect(address(short, '1234567', '01')).toBe('fcf1:2345:6700:7:1f00::1');
    expect(address(ula, '', '0102030405ff07')).toBe('fd12:3456:789a:0:7f01:203:405:ff07');
    expect(address(ula, 'abc', '')).toBe('fd12:3456:789a:abc3:f00::');
    // Leading zeros count: another subnet, another address.
    expect(address(short, '9', '00')).toBe('fcf9:0:0:1:1f00::');
    expect(address(short, '90', '00')).toBe('fcf9:0:0:2:1f00::');
    expect(address(short, '09', '00')).toBe('fcf0:9000:0:2:1f00::');
  });

  it('every bit set where it may not be is named [SAM-3.2.1-4] [SAM-3.2.2-4]', () => {
    const good = addressToBits(parseAddress('fcf9:0:0:1:2f00::6666'));
    for (let bit = 0; bit < 128; bit++) {
      const result = decodeLocal(bitsToAddress(good ^ (1n << BigInt(127 - bit))));
      if (bit < 12) {
        // Bit 7 makes it fd..: a /48 whose subnet digit runs from bit 48 on, so that nothing else is wrong.
        if (bit === 7) expect(result).toMatchObject({ ok: true, constant: { length: 48 } });
        else expect(said(result)).toEqual(['REHOME_E_SAM_CONSTANT', 'not-a-sam-prefix', bit]);
      } else if ((bit < 16 && bit >= 12) || bit >= 112) {
        expect(result.ok).toBe(true); // infix bits
      } else if (bit < 61) {
        expect(said(result)).toEqual(['REHOME_E_SAM_SUBNET_STRAY', 'stray-subnet-bit', bit]);
      } else if (bit === 63) {
        // N1 = 0: the 9 is stray now.
        expect(said(result)).toEqual(['REHOME_E_SAM_SUBNET_STRAY', 'stray-subnet-bit', 12]);
      } else if (bit < 64) {
        expect(result).toMatchObject({ ok: true, subnet: { length: bit === 61 ? 20 : 12 } });
      } else if (bit === 64) {
        expect(said(result)).toEqual(['REHOME_E_SAM_IID_LENGTH', 'iid-infix-too-long', 64]);
      } else if (bit === 66) {
        expect(said(result)).toEqual(['REHOME_E_SAM_IID_STRAY', 'stray-iid-bit', 113]);
      } else if (bit < 68) {
        expect(result).toMatchObject({ ok: true, iid: { length: bit === 65 ? 48 : 24 } });
      } else if (bit < 72) {
        expect(said(result)).toEqual(['REHOME_E_SAM_IID_TAG', 'not-a-sam-iid', 68]);
      } else {
        expect(said(result)).toEqual(['REHOME_E_SAM_IID_STRAY', 'stray-iid-bit', bit]);
      }
    }
  });

  it('a subnet infix that would run into the length indicator is an error, not a truncation', () => {
    expect(code(() => encodeSubnet(ula, hex('1234')))).toBe('REHOME_E_SAM_SUBNET_LENGTH');
    expect(code(() => encodeSubnet(short, hex('12345678')))).toBe('REHOME_E_SAM_SUBNET_LENGTH');
    expect(code(() => encodeSubnet(short, { value: 1n, length: 3 }))).toBe(
      'REHOME_E_SAM_SUBNET_LENGTH',
    );
    expect(said(decodeSubnet(parseAddress('fd12:3456:789a:1234::')))).toEqual([
      'REHOME_E_SAM_SUBNET_LENGTH',
      'subnet-infix-too-long',
      61,
    ]);
    expect(decodeSubnet(parseAddress('fd12:3456:789a:1233::'))).toMatchObject({
      subnet: { value: 0x123n, length: 12 },
    });
  });

  it('IID infixes have whole octets, at most seven [SAM-3.2.2-2]', () => {
    expect(code(() => encodeLocal(short, EMPTY, hex('123')))).toBe('REHOME_E_SAM_IID_LENGTH');
    expect(code(() => encodeLocal(short, EMPTY, hex('0102030405060708')))).toBe(
      'REHOME_E_SAM_IID_LENGTH',
    );
    for (let octets = 8; octets < 16; octets++) {
      const iid = parseAddress(`fcf0::${octets.toString(16)}f00:0:0:1`);
      expect(said(decodeIid(iid))).toEqual(['REHOME_E_SAM_IID_LENGTH', 'iid-infix-too-long', 64]);
    }
  });

  it('no child has an address without any infix [SAM-3.2.3-4]', () => {
    expect(code(() => encodeLocal(short, EMPTY, EMPTY))).toBe('REHOME_E_SAM_EMPTY');
    expect(said(decodeLocal(parseAddress('fcf0::f00:0:0:0')))).toEqual([
      'REHOME_E_SAM_EMPTY',
      'no-infix',
      61,
    ]);
  });

  it.each([
    'fcf0::/13',
    'fce0::/11',
    'fd12:3456:789a::/47',
    'fd00::/8',
    '2001:db8::/48',
    'fce0::/12',
  ])('%s is no constant prefix [SAM-3.2.1-2]', (text) => {
    expect(code(() => checkConstant(parsePrefix(text)))).toBe('REHOME_E_SAM_CONSTANT');
  });

  it('an IID of RFC 4291 is never taken for one of ours [SAM-3.2.2-1]', () => {
    // u and g are 00, 01 or 10 in all of them: EUI-64, RFC 7217, CGA, ISATAP, subnet-router anycast.
    for (const iid of [
      '0211:22ff:fe33:4455',
      '8d3a:1:2:3',
      '2cfe:1:2:3',
      '0:5efe:c000:201',
      '::',
    ]) {
      const text = iid === '::' ? 'fcf9:0:0:1::' : `fcf9:0:0:1:${iid}`;
      expect(said(decodeLocal(parseAddress(text)))).toEqual([
        'REHOME_E_SAM_IID_TAG',
        'not-a-sam-iid',
        68,
      ]);
    }
  });

  it('what was taken apart is put together to the same address', () => {
    fc.assert(
      fc.property(localParts, ({ constant: c, subnet, iid }) => {
        const made = encodeLocal(c, subnet, iid);
        expect(decodeLocal(made)).toEqual({ ok: true, constant: c, subnet, iid });
      }),
    );
    fc.assert(
      fc.property(address, (any) => {
        const parts = decodeLocal(any);
        if (parts.ok) expect(encodeLocal(parts.constant, parts.subnet, parts.iid)).toBe(any);
      }),
    );
  });
});

describe('global infixes', () => {
  it('a first bit of 1 is a format of the future [SAM-3.2.3-2]', () => {
    const zone = parsePrefix('2001:db8::/32');
    expect(said(resolve(zone, short, parseAddress('2001:db8:9295:5550::')))).toEqual([
      'REHOME_E_SAM_FORMAT',
      'unknown-infix-format',
      32,
    ]);
  });

  it('N1 = N2 = 0 is the interface itself, with nothing behind it [SAM-3.2.3-4]', () => {
    const zone = parsePrefix('2001:db8::/32');
    expect(resolve(zone, short, parseAddress('2001:db8::'))).toEqual({ ok: true, kind: 'itself' });
    expect(said(resolve(zone, short, parseAddress('2001:db8::1')))).toEqual([
      'REHOME_E_SAM_STRAY',
      'stray-after-empty-infix',
      127,
    ]);
  });

  it('infixes go on past 64 bits, up to the last bit of an address [SAM-2.5-1]', () => {
    const local = encodeLocal(short, hex('9'), hex('7777'));
    const zone = parsePrefix('2001:db8:1:2:3:4::/100');
    expect(formatPrefix(delegate(zone, local))).toBe('2001:db8:1:2:3:4:129:7777/128');
    expect(localOfPrefix(zone, short, parsePrefix('2001:db8:1:2:3:4:129:7777/128'))).toEqual({
      ok: true,
      local,
    });
    const longer = parsePrefix('2001:db8:1:2:3:4::/101');
    expect(said(delegatedPrefix(longer, local))).toEqual([
      'REHOME_E_SAM_TOO_LONG',
      'infix-past-the-end',
      101,
    ]);
    // Where no eight bits are left there is room for the interface itself only.
    const last = parsePrefix('2001:db8::/124');
    expect(resolve(last, short, parseAddress('2001:db8::'))).toEqual({ ok: true, kind: 'itself' });
    expect(said(resolve(last, short, parseAddress('2001:db8::1')))).toEqual([
      'REHOME_E_SAM_TOO_LONG',
      'infix-past-the-end',
      124,
    ]);
    const host = parsePrefix('2001:db8::1/128');
    expect(resolve(host, short, host.address)).toEqual({ ok: true, kind: 'itself' });
  });

  it('a subnet infix that fits no subnet prefix of the zone is refused', () => {
    const zone = parsePrefix('2001:db8::/32');
    const global = parseAddress('2001:db8:4112:3477::'); // N1 = 4, N2 = 1
    expect(resolve(zone, short, global)).toMatchObject({ ok: true, kind: 'child' });
    expect(said(resolve(zone, ula, global))).toEqual([
      'REHOME_E_SAM_SUBNET_LENGTH',
      'subnet-infix-too-long',
      33,
    ]);
  });

  it('an address of another zone is refused where it differs', () => {
    const zone = parsePrefix('2001:db8::/32');
    expect(said(resolve(zone, short, parseAddress('2001:db9:1295:5550::')))).toEqual([
      'REHOME_E_SAM_OUTSIDE',
      'outside-prefix',
      31,
    ]);
  });

  it('only the exact prefix of a child is its prefix', () => {
    const zone = parsePrefix('2001:db8::/32');
    expect(said(localOfPrefix(zone, short, parsePrefix('2001:db8:1295:5540::/59')))).toEqual([
      'REHOME_E_SAM_LENGTH',
      'not-a-delegated-prefix',
      59,
    ]);
    expect(said(localOfPrefix(zone, short, parsePrefix('2001:db8::/40')))).toEqual([
      'REHOME_E_SAM_LENGTH',
      'not-a-delegated-prefix',
      40,
    ]);
  });

  it('any local address, any parent prefix: there and back [SAM-2.4-1]', () => {
    fc.assert(
      fc.property(localParts, zonePrefix, address, (parts, zone, tail) => {
        const local = encodeLocal(parts.constant, parts.subnet, parts.iid);
        const found = delegatedPrefix(zone, local);
        const length = zone.length + 8 + parts.subnet.length + parts.iid.length;
        expect(found.ok).toBe(length <= 128);
        if (!found.ok) return;
        expect(found.prefix.length).toBe(length);
        expect(localOfPrefix(zone, parts.constant, found.prefix)).toEqual({ ok: true, local });
        // What a child puts behind its prefix changes nothing.
        const free = (1n << BigInt(128 - length)) - 1n;
        const inside = addressToBits(found.prefix.address) | (addressToBits(tail) & free);
        expect(resolve(zone, parts.constant, bitsToAddress(inside))).toEqual({
          ok: true,
          kind: 'child',
          local,
          prefix: found.prefix,
        });
      }),
    );
  });

  it('two children of a zone never get overlapping prefixes [SAM-3.2.3-3]', () => {
    const zone = parsePrefix('2001:db8::/32');
    fc.assert(
      fc.property(localParts, localParts, (one, other) => {
        const made = (p: typeof one): { local: Address; prefix: Prefix } => {
          const local = encodeLocal(p.constant, p.subnet, p.iid);
          return { local, prefix: delegate(zone, local) };
        };
        const a = made(one);
        const b = made(other);
        fc.pre(formatPrefix(one.constant) === formatPrefix(other.constant) && a.local !== b.local);
        const free = BigInt(128 - Math.min(a.prefix.length, b.prefix.length));
        const head = (prefix: Prefix): bigint => addressToBits(prefix.address) >> free;
        expect(head(a.prefix)).not.toBe(head(b.prefix));
      }),
    );
  });

  it('decoding never throws, whatever the bits', () => {
    fc.assert(
      fc.property(address, zonePrefix, constant, (any, zone, c) => {
        for (const result of [
          decodeLocal(any),
          decodeInfix(any, zone.length),
          resolve(zone, c, any),
          localOfPrefix(zone, c, { address: any, length: 77 }),
        ]) {
          if (result.ok) continue;
          expect(result.reason).toMatch(/^[a-z]+(-[a-z]+)*$/);
          expect(result.bit).toBeGreaterThanOrEqual(0);
          expect(result.bit).toBeLessThanOrEqual(128);
        }
      }),
    );
  });
});
