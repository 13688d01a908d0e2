import { describe, expect, it } from 'vitest';
import { fieldFromHex, decodeLocal, encodeLocal, encodeSubnet } from '../../src/sam/local.js';
import { encodeInfix } from '../../src/sam/infix.js';
import { delegate, localOfPrefix, ownAddress, resolve } from '../../src/sam/mapping.js';
import { fieldHex } from '../../src/sam/bits.js';
import { parseAddress } from '../../src/wire/address.js';
import { RehomeError } from '../../src/wire/errors.js';
import { formatPrefix, parsePrefix } from '../../src/wire/prefix.js';

/** The site of draft-despres-sam-03 §4. Table 1's prefixes are masked to their own lengths: see the last test. */
const CONSTANT = parsePrefix('fcf0::/12');
const A = parsePrefix('2001:db8:a::/48');
const B = parsePrefix('2001:db8:b::/56');
const SUBNET = fieldFromHex('9', 'subnet');

/** Local address, global infix (hexadecimal digits) of each interface. */
const INTERFACES = [
  { name: 'm', iid: '5555', local: 'fcf9:0:0:1:2f00::5555', infix: '1295555' },
  { name: 'n', iid: '6666', local: 'fcf9:0:0:1:2f00::6666', infix: '1296666' },
  { name: 'h', iid: '7777', local: 'fcf9:0:0:1:2f00::7777', infix: '1297777' },
  { name: 'k', iid: '8888', local: 'fcf9:0:0:1:2f00::8888', infix: '1298888' },
] as const;

const DELEGATED = [
  { name: 'AH', zone: A, local: INTERFACES[2].local, prefix: '2001:db8:a:1297:7770::/76' },
  { name: 'AK', zone: A, local: INTERFACES[3].local, prefix: '2001:db8:a:1298:8880::/76' },
  { name: 'BH', zone: B, local: INTERFACES[2].local, prefix: '2001:db8:b:12:9777:7000::/84' },
  { name: 'BK', zone: B, local: INTERFACES[3].local, prefix: '2001:db8:b:12:9888:8000::/84' },
] as const;

describe('the worked example of the draft, to the digit', () => {
  it('fcf9:0:0:1 is the subnet 9 under the short constant prefix [SAM-3.2.1-1] [SAM-3.2.1-3]', () => {
    expect(formatPrefix(encodeSubnet(CONSTANT, SUBNET))).toBe('fcf9:0:0:1::/64');
    expect(decodeLocal(parseAddress('fcf9:0:0:1:2f00::6666'))).toEqual({
      ok: true,
      constant: CONSTANT,
      subnet: { value: 9n, length: 4 },
      iid: { value: 0x6666n, length: 16 },
    });
  });

  for (const { name, iid, local, infix } of INTERFACES) {
    it(`interface ${name}: local address and global infix [SAM-3.2.2-1] [SAM-3.2.2-3] [SAM-3.2.3-1]`, () => {
      const field = fieldFromHex(iid, 'iid');
      // The draft writes fcf9:0:0:1:2f00::5555; of two runs of zeros RFC 5952 shortens the first.
      expect(encodeLocal(CONSTANT, SUBNET, field)).toBe(parseAddress(local));
      expect(fieldHex(encodeInfix(SUBNET, field))).toBe(infix);
    });
  }

  for (const { name, zone, local, prefix } of DELEGATED) {
    it(`global prefix ${name}, there and back [SAM-2.4-1] [SAM-4-1]`, () => {
      const child = parseAddress(local);
      const found = delegate(zone, child);
      expect(formatPrefix(found)).toBe(prefix);
      expect(localOfPrefix(zone, CONSTANT, found)).toEqual({ ok: true, local: child });
      expect(resolve(zone, CONSTANT, ownAddress(found))).toEqual({
        ok: true,
        kind: 'child',
        local: child,
        prefix: found,
      });
    });
  }

  it("the host's own addresses are its prefixes with trailing zeros [SAM-3.2.3-4] [SAM-4-1]", () => {
    const own = DELEGATED.map((d) => ownAddress(delegate(d.zone, parseAddress(d.local))));
    expect(own).toEqual([
      '2001:db8:a:1297:7770::',
      '2001:db8:a:1298:8880::',
      '2001:db8:b:12:9777:7000::',
      '2001:db8:b:12:9888:8000::',
    ]);
  });

  // Table 1 prints 2001:db8:a:a::/48 and 2001:db8:b:b:b000::/56: bits are set past the stated lengths. Nothing is masked
  // in silence, so both are refused, with the first stray bit named.
  it.each([
    ['2001:db8:a:a::/48', 60, '2001:db8:a::/48'],
    ['2001:db8:b:b:b000::/56', 60, '2001:db8:b::/56'],
  ])("table 1's %s is refused: bit %i is set past its length", (text, bit, masked) => {
    let refusal: unknown;
    try {
      parsePrefix(text);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(RehomeError);
    expect(refusal).toMatchObject({
      code: 'REHOME_E_PREFIX',
      message: `${text} has bits set past ${text.slice(-3)}, the first of them bit ${bit} (counted from 0); did you mean ${masked}?`,
    });
  });
});
