import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeCommand } from '../../src/cli/commands/decode.js';
import { parseAddress } from '../../src/wire/address.js';
import { concatBytes, toHex } from '../../src/wire/bytes.js';
import { buildIpv6 } from '../../src/wire/ipv6.js';
import { pcapngInterface, pcapngPacket, pcapngSection } from '../../src/wire/pcapng-write.js';
import { vectorBytes } from '../wire/vectors.js';

const folder = mkdtempSync(join(tmpdir(), 'rehome-decode-'));
afterAll(() => rmSync(folder, { recursive: true }));

const source = parseAddress('2001:db8:1::a');
const destination = parseAddress('2001:db8:2::b');
const packetOf = (name: string): Uint8Array =>
  buildIpv6({ source, destination, nextHeader: 140, payload: vectorBytes(`shim6/${name}`) });
const hexOf = (name: string): string => toHex(packetOf(name));
const CAPTURE = fileURLToPath(new URL('../vectors/captures/linux-veth.pcap', import.meta.url));

interface Run {
  readonly status: number;
  readonly out: string;
  readonly err: string;
  readonly objects: Record<string, unknown>[];
}
/** Runs the command on octets that arrive in pieces of `piece` octets. */
async function decode(
  input: string | Uint8Array,
  options: { file?: string; json?: boolean; strict?: boolean; color?: boolean } = {},
  piece = 7,
): Promise<Run> {
  const bytes = typeof input === 'string' ? new TextEncoder().encode(input) : input;
  let out = '';
  let err = '';
  async function* stdin(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
  }
  const status = await decodeCommand({
    json: false,
    strict: false,
    color: false,
    ...options,
    stdin: stdin(),
    write: (text) => (out += text),
    writeError: (text) => (err += text),
  });
  const objects = options.json === true ? out.split('\n').filter(Boolean).map((l) => JSON.parse(l) as Record<string, unknown>) : []; // prettier-ignore
  return { status, out, err, objects };
}

describe('hex lines', () => {
  it('prints a message with every field, aligned', async () => {
    const { status, out } = await decode(`${hexOf('i1-ulid-pair-forked')}\n`);
    expect(status).toBe(0);
    expect(out).toBe(
      `line 1   I1  2001:db8:1::a > 2001:db8:2::b
                  nextHeader: 59 (No Next Header)
                   hdrExtLen: 7
                           p: 0
                        type: 1
                   reserved1: 0
                           s: 0
                    checksum: ok
               checksumField: ${toHex(vectorBytes('shim6/i1-ulid-pair-forked').subarray(4, 6))}
                           r: 0
         initiatorContextTag: 000000000001
              initiatorNonce: 00000000
    option ULID Pair (type: 6, c: 0, length: 36)
                  senderUlid: 2001:db8:1::a
                receiverUlid: 2001:db8:2::b
    option Forked Instance Identifier (type: 7, c: 1, length: 4)
    forkedInstanceIdentifier: 2147483655

`,
    );
  });

  it('takes spaces, 0x, commas, comments, blank lines, CRLF, and no newline at the end', async () => {
    const hex = hexOf('keepalive');
    const spaced = hex.match(/../g)?.join(' ') ?? '';
    const prefixed = hex.match(/../g)?.map((b) => `0x${b}`).join(', ') ?? ''; // prettier-ignore
    const input = `# captured today\n\n${spaced}  # a keepalive\r\n   \n0x${hex.toUpperCase()}\n${prefixed}`;
    const { objects, status } = await decode(input, { json: true });
    expect(status).toBe(0);
    expect(objects.map((o) => [o['packet'], o['line'], o['message'], o['checksum']])).toEqual([
      [1, 3, 'Keepalive', 'ok'],
      [2, 5, 'Keepalive', 'ok'],
      [3, 6, 'Keepalive', 'ok'],
    ]);
  });

  it('a malformed packet prints its error code and offset, and the next one goes on', async () => {
    const input = [
      'xyz',
      '600',
      hexOf('i1').slice(0, 90),
      hexOf('bad-critical-option'),
      hexOf('update-acknowledgement'),
    ].join('\n');
    const { status, out } = await decode(input);
    expect(status).toBe(0);
    const lines = out.split('\n');
    expect(lines[0]).toBe('line 1   malformed REHOME_E_HEX at offset 0: not-hexadecimal');
    expect(lines[1]).toBe('line 2   malformed REHOME_E_HEX at offset 1: odd-number-of-digits');
    expect(lines[2]).toBe('line 3   malformed REHOME_E_LENGTH at offset 4: bad-length');
    expect(lines[3]).toBe(
      `line 4   R1: malformed REHOME_E_CRITICAL_OPTION at offset 64: critical-option  ${source} > ${destination}  answered with Error code 1, pointer 64`,
    );
    expect(lines[4]).toBe(`line 5   Update Acknowledgement  ${source} > ${destination}`);
    expect((await decode(input, { strict: true })).status).toBe(1);
  });

  it('a bad checksum: fields all the same, 1 only with --strict', async () => {
    const bytes = packetOf('probe').slice();
    bytes[45] = (bytes[45] ?? 0) ^ 1;
    const { out, status } = await decode(toHex(bytes));
    expect(status).toBe(0);
    expect(out).toMatch(/^ +checksum: bad$/m);
    expect(out).toMatch(/^ +sta: 2 \(InboundOk\)$/m);
    expect(out).toMatch(/^ +probesSent\[2\]: probeSource: 2001:db8:1::1, /m);
    expect((await decode(toHex(bytes), { strict: true })).status).toBe(1);
    expect((await decode(hexOf('probe'), { strict: true })).status).toBe(0);
  });

  it('what a column cannot hold goes on in the next line', async () => {
    const { out } = await decode(hexOf('i2'));
    const value = out.match(/^( +cgaParameterDataStructure: )([0-9a-f]+)\n( +)([0-9a-f]+)$/m);
    expect(value?.[2]).toHaveLength(64);
    expect(value?.[4]).toHaveLength(2 * 49 - 64);
    expect(value?.[3]?.length).toBe(value?.[1]?.length);
    expect(out).toContain('verificationMethod[3]: 254 (none)');
    expect(out).toContain('elements[2]: flags: 1 (BROKEN), priority: 20, weight: 0');
  });

  it('other packets take one line', async () => {
    const udp = buildIpv6({
      source,
      destination,
      nextHeader: 17,
      payload: new Uint8Array([0x13, 0x88, 0, 53, 0, 8, 0, 0]),
    });
    expect((await decode(toHex(udp))).out).toBe(
      `line 1   UDP 5000 > 53  ${source} > ${destination}\n`,
    );
  });

  it('colours when asked, and the same text otherwise', async () => {
    const plain = await decode(hexOf('error'));
    const colored = await decode(hexOf('error'), { color: true });
    expect(plain.out).not.toContain('\x1b');
    expect(colored.out).toContain('\x1b[');
    expect(stripVTControlCharacters(colored.out)).toBe(plain.out);
  });

  it('an endless line is no packet and takes no memory', async () => {
    const { objects } = await decode('6'.repeat(5_000_000), { json: true }, 65_536);
    expect(objects).toMatchObject([{ kind: 'malformed', reason: 'line-too-long' }]);
  });

  it('says when there was nothing', async () => {
    expect(await decode('')).toMatchObject({ status: 0, out: '', err: 'rehome: no packets in the input\n' }); // prettier-ignore
    expect(await decode('# nothing\n')).toMatchObject({ status: 0, out: '' });
  });
});

describe('JSON', () => {
  it('has the same keys for every message of a kind', async () => {
    const { objects } = await decode([hexOf('i1'), hexOf('i1-ulid-pair-forked')].join('\n'), {
      json: true,
    });
    expect(Object.keys(objects[0] ?? {})).toEqual(Object.keys(objects[1] ?? {}));
    expect(objects[0]).toEqual({
      packet: 1,
      line: 1,
      kind: 'control',
      source,
      destination,
      hopLimit: 64,
      message: 'I1',
      nextHeader: 59,
      hdrExtLen: 1,
      p: 0,
      type: 1,
      reserved1: 0,
      s: 0,
      checksum: 'ok',
      checksumField: 'ba7f',
      r: 0,
      initiatorContextTag: '7abcdef01234',
      initiatorNonce: 'deadbeef',
      options: [],
    });
  });

  it('of payload and malformed packets', async () => {
    const { objects } = await decode([hexOf('payload'), hexOf('bad-unknown-type')].join('\n'), {
      json: true,
    });
    expect(objects[0]).toMatchObject({ kind: 'payload', receiverContextTag: '7abcdef01234' });
    expect(objects[1]).toMatchObject({
      kind: 'malformed',
      error: 'REHOME_E_TYPE',
      offset: 42,
      reply: { errorCode: 0, pointer: 42 },
    });
  });
});

describe('captures', () => {
  it('a pcap of the kernel, as a file', async () => {
    const { objects, status } = await decode('', { json: true, file: CAPTURE });
    expect(status).toBe(0);
    expect(objects).toHaveLength(34);
    expect(objects.filter((o) => o['kind'] === 'other')).toHaveLength(33);
    expect(objects[32]).toMatchObject({
      packet: 33,
      time: '2026-11-24T00:13:11.740923000Z',
      message: 'I1',
      // its sender got it wrong
      checksum: 'bad',
      checksumExpected: 'ba7f',
    });
    expect(objects[33]).toMatchObject({ about: 'I1 2001:db8:1::a > 2001:db8:1::b' });
  });

  it('a pcapng on standard input, cut at the end, with a name that would drive the terminal', async () => {
    const arp = concatBytes(new Uint8Array(12), new Uint8Array([0x08, 0x06]), new Uint8Array(28));
    const bytes = concatBytes(
      pcapngSection(),
      pcapngInterface({ name: 'shim\x1b[31m0' }),
      pcapngInterface({ linkType: 1 }),
      pcapngPacket({ timestamp: 1_700_000_000_000_000_001n, frame: packetOf('keepalive') }),
      pcapngPacket({ timestamp: 0n, frame: arp, interfaceId: 1 }),
      pcapngPacket({ timestamp: -1n, frame: packetOf('i1').subarray(0, 48), originalLength: 56 }),
    );
    const { out, status } = await decode(bytes.subarray(0, bytes.length - 2));
    expect(status).toBe(0);
    expect(out).not.toContain('\x1b');
    expect(out).toContain('2023-11-14T22:13:20.000000001Z shim?[31m0  Keepalive');
    expect(out).toContain('not-ipv6 (link type 1)');
    expect(out).toContain('(8 octets not captured)');
    expect(out).toContain('REHOME_E_CAPTURE');
    expect(out).toContain('truncated-block');
  });

  it('hex lines in a file, and - for standard input', async () => {
    const file = join(folder, 'packets.txt');
    writeFileSync(file, `${hexOf('r1')}\n`);
    expect((await decode('', { file })).out).toContain('R1  2001');
    expect((await decode(hexOf('r2'), { file: '-' })).out).toContain('R2  2001');
  });

  it('a file that cannot be read: 2 and why', async () => {
    const missing = await decode('', { file: join(folder, 'none') });
    expect(missing).toMatchObject({ status: 2, out: '' });
    expect(missing.err).toMatch(/^rehome: cannot read .*none: ENOENT/);
    expect((await decode('', { file: folder })).status).toBe(2);
  });
});
