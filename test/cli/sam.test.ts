import { describe, expect, it } from 'vitest';
import { explainGlobal, explainLocal } from '../../src/sam/explain.js';
import { drawBits } from '../../src/cli/format/bits.js';
import { addressFromBytes, addressToHex, parseAddress } from '../../src/wire/address.js';
import { parsePrefix } from '../../src/wire/prefix.js';
import { SeededRandom } from '../../src/sim/random.js';
import { cli, testIo } from './support.js';

interface Answer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
  readonly err: string;
}
async function rehome(...args: string[]): Promise<Answer> {
  const outcome = await cli(['sam', ...args, '--json']);
  const json = outcome.out === '' ? {} : (JSON.parse(outcome.out) as Record<string, unknown>);
  return { status: outcome.status, json, err: outcome.err };
}
const H = 'fcf9::1:2f00:0:0:7777';

describe('rehome sam', () => {
  const SHOWN = [
    'address --constant fcf0::/12 --subnet 9 --iid 7777',
    `delegate --zone 2001:db8:a::/48 --local ${H}`,
    'resolve --zone 2001:db8:b::/56 --global 2001:db8:b:12:9777:7000::',
    'resolve --zone 2001:db8:b::/56 --global 2001:db8:b::',
    `explain ${H}`,
    'explain fd12:3456:789a:abc3:0f00::',
    'explain --zone 2001:db8:b::/56 2001:db8:b:12:9777:7000::1',
    'explain --zone 2001:db8:b::/56 2001:db8:b::',
    'explain --zone 2001:db0::/32 --levels 3 2001:db0:137:145:1234:5678::',
  ];
  it.each(SHOWN)('%s', async (line) => {
    const args = line.split(' ');
    const text = await cli(['sam', ...args]);
    expect([text.status, text.err]).toEqual([0, '']);
    expect(text.out).toMatchSnapshot('for people');
    const { status, json } = await rehome(...args);
    expect(status).toBe(0);
    expect(json).toMatchSnapshot('for programs');
  });

  it('makes the example of the draft, step by step [SAM-4-1]', async () => {
    const made = await rehome(
      'address',
      '--constant',
      'fcf0::/12',
      '--subnet',
      '9',
      '--iid',
      '8888',
    );
    expect(made.json).toMatchObject({
      local: 'fcf9::1:2f00:0:0:8888',
      infix: '1298888',
      infixBits: 28,
    });
    const local = String(made.json['local']);
    const given = await rehome('delegate', '--zone', '2001:db8:b::/56', '--local', local);
    expect(given.json).toMatchObject({
      delegated: '2001:db8:b:12:9888:8000::/84',
      provable: false,
    });
    const address = String(given.json['address']);
    const back = await rehome('resolve', '--zone', '2001:db8:b::/56', '--global', address);
    expect(back.json).toMatchObject({ designates: 'child', local, accepted: true });
  });

  it.each([
    ['subnet-infix-too-long', ['address', '--constant', 'fd00::/48', '--subnet', '1234']],
    ['iid-infix-too-long', ['address', '--constant', 'fcf0::/12', '--iid', '0011223344556677']],
    ['no-infix', ['address', '--constant', 'fcf0::/12']],
    ['not-a-sam-iid', ['delegate', '--zone', '2001:db8::/32', '--local', 'fcf9:0:0:1::1']],
    ['infix-past-the-end', ['delegate', '--zone', '2001:db8::/101', '--local', H]],
    ['outside-prefix', ['resolve', '--zone', '2001:db8::/32', '--global', '2001:db9::']],
    ['unknown-infix-format', ['resolve', '--zone', '2001:db8::/32', '--global', '2001:db8:8000::']],
    ['stray-subnet-bit', ['explain', 'fcf9:0:1:1:2f00::7777']],
    ['stray-after-empty-infix', ['explain', '--zone', '2001:db8::/32', '2001:db8::1']],
    ['not-a-sam-prefix', ['explain', '2001:db8::1']],
  ])('%s: exit 1, with the reason, the code and the bit', async (reason, args) => {
    const { status, json } = await rehome(...args);
    expect(status).toBe(1);
    expect(json).toMatchObject({ accepted: false, reason });
    expect(json['code']).toMatch(/^REHOME_E_SAM_/);
    expect(json['message']).toMatch(/\w{3}/);
    expect(json['bit']).toEqual(expect.any(Number));
    const text = await cli(['sam', ...args]);
    expect([text.status, text.out.endsWith(`refused: ${reason}\n`)]).toEqual([1, true]);
  });

  it.each([
    ['no constant prefix', ['address', '--iid', '77'], /--constant/],
    ['a constant prefix that is none', ['address', '--constant', '2001:db8::/48'], /no SAM local/],
    [
      'a half octet too many',
      ['address', '--constant', 'fcf0::/12', '--iid', '777'],
      /whole octets/,
    ],
    [
      'digits that are none',
      ['address', '--constant', 'fcf0::/12', '--subnet', 'xy'],
      /hexadecimal/,
    ],
    ['table 1 as printed', ['delegate', '--zone', '2001:db8:a:a::/48', '--local', H], /bit 60/],
    ['no address', ['explain', 'h'], /not an IPv6 address/],
    ['a local prefix of a zone', ['delegate', '--zone', 'fcf0::/12', '--local', H], /no global/],
    ['hexadecimal with 0x', ['address', '--constant', 'fcf0::/12', '--iid', '0x77'], /without 0x/],
    ['no level at all', ['explain', '--zone', '2001:db8::/32', '--levels', '0', '2001:db8::'], /1 to 8/], // prettier-ignore
    ['levels of a local address', ['explain', '--levels', '2', H], /--levels .* --zone/],
    ['the constant of a local address', ['explain', '--constant', 'fd00::/48', H], /--constant .* --zone/], // prettier-ignore
    ['no subcommand', [], /rehome sam/],
  ])('exits 2 for %s', async (_what, args, message) => {
    const { status, out, err } = await cli(['sam', ...args]);
    expect([status, out]).toEqual([2, '']);
    expect(err).toMatch(message);
  });

  it('says what an address without any infix lacks', async () => {
    expect((await cli(['sam', 'address', '--constant', 'fcf0::/12'])).err).toMatch(
      /--subnet, --iid/,
    );
  });

  it('names the fields of an infix that is refused, too', async () => {
    const names = async (zone: string, global: string): Promise<string[]> => {
      const { json, status } = await rehome('explain', '--zone', zone, global);
      expect(status).toBe(1);
      return (json['fields'] as { name: string }[]).map((f) => f.name);
    };
    const header = ['zone prefix', 'format', 'N1', 'N2', 'not understood'];
    expect(await names('2001:db8::/32', '2001:db8:0900::')).toEqual(header); // nine octets
    expect(await names('2001:db8::/32', '2001:db8:0001::')).toEqual(header); // stray
    expect(await names('2001:db8::/112', '2001:db8::7000')).toEqual(header); // past the end
    expect(await names('2001:db8::/32', '2001:db8:8000::')).toEqual(['zone prefix', 'format', 'not understood']); // prettier-ignore
    expect(await names('2001:db8::/121', '2001:db8::1')).toEqual(['zone prefix', 'not understood']);
  });

  it('names whom an infix designates, whatever fields it has', async () => {
    const meanings = async (zone: string, global: string): Promise<string> =>
      JSON.stringify((await rehome('explain', '--zone', zone, global)).json['fields']);
    expect(await meanings('2001:db8::/32', '2001:db8:1090::')).toMatch(/"child fcf9:0:0:1:f00::, who has 2001:db8:1090::\/44"/); // prettier-ignore
    // Too few bits for an infix, and none of them set.
    expect(await meanings('2001:db8::/124', '2001:db8::')).toMatch(/the interface itself/);
    expect(await meanings('2001:db8::/124', '2001:db8::')).not.toMatch(/child/);
  });

  it('says how to explain a global address', async () => {
    const { err } = await cli(['sam', 'explain', '2001:db8::1']);
    expect(err).toMatch(/--zone/);
  });
});

describe('the drawing', () => {
  it('shows every bit once, whatever the address, and marks the wrong one', () => {
    const random = new SeededRandom('drawing');
    const { colors } = testIo();
    for (let i = 0; i < 300; i++) {
      const bytes = random.bytes(16);
      bytes.set(random.pick([[0xfc, 0xf9, 0, 0, 0, 0, 0, 1, 0x2f], [0xfd], [0x20, 0x01]]));
      const address = addressFromBytes(bytes);
      const zone = parsePrefix(random.pick(['2000::/7', '2001::/16', '::/0', `${address}/128`]));
      const explained = random.chance(0.5)
        ? explainLocal(address)
        : explainGlobal(zone, parsePrefix('fcf0::/12'), address, 1 + random.below(5));
      const { fields, failure } = explained;
      // One field after the other, without gaps.
      expect(fields.map((f) => f.from)).toEqual([0, ...fields.slice(0, -1).map((f) => f.to + 1)]);
      expect(fields.at(-1)?.to).toBe(127);
      const drawing = drawBits(address, fields, colors, failure?.bit);
      const rows = drawing.split('\n').filter((l) => /^ [|!][01][ |!]/.test(l));
      const drawn = rows.map((l) => l.replace(/[^01]/g, '')).join('');
      expect(BigInt(`0b${drawn}`)).toBe(BigInt(`0x${addressToHex(address)}`));
      expect(rows.join('').split('!').length - 1).toBe(
        failure === undefined || failure.bit > 127 ? 0 : 1,
      );
    }
  });

  it('of a stray bit', () => {
    const address = parseAddress('fcf9:0:1:1:2f00::7777');
    const { fields, failure } = explainLocal(address);
    expect(drawBits(address, fields, testIo().colors, failure?.bit)).toMatchSnapshot();
  });
});
