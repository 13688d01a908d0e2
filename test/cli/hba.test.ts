import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findModifier as findInThreads } from '../../src/daemon/hash2-pool.js';
import { prepareHbaSet } from '../../src/identity/hba.js';
import { toHex } from '../../src/wire/bytes.js';
import { findModifier, keyFile, makeSet, octet, prefixes, read } from '../identity/support.js';
import { rehome } from './identity-support.js';

const A = '2001:db8:a:1::/64';
const B = '2001:db8:b:2::/64';
const KEY = fileURLToPath(keyFile('rsa1024'));
const two = ['--prefix', A, '--prefix', B];
const fixed = ['--modifier', '42'.repeat(16), '--extended-modifier', 'c2'.repeat(48)];
const strings = (value: unknown): string[] => value as string[];

describe('rehome hba generate', () => {
  it('prints the set, in the order of the prefixes [RFC5535 §6]', async () => {
    const { status, json } = await rehome('hba', 'generate', ...two, ...fixed, '--json');
    const set = makeSet({ prefixes: [A, B] });
    expect(status).toBe(0);
    expect(json).toEqual({
      addresses: set.addresses.map((a) => a.address),
      parameters: set.addresses.map((a) => toHex(a.parameters)),
      hash1: set.addresses.map((a) => toHex(a.hash1)),
      hash2: toHex(set.hash2),
      modifier: '42'.repeat(16),
      sec: 0,
      collisionCount: 0,
      hybrid: false,
      accepted: true,
      reason: null,
    });
  });

  it('takes a random modifier and a random number by itself', async () => {
    const one = await rehome('hba', 'generate', ...two, '--json');
    const other = await rehome('hba', 'generate', ...two, '--json');
    expect(one.json['modifier']).not.toBe(other.json['modifier']);
    const keyOf = (x: typeof one): string => strings(x.json['parameters'])[0]?.slice(50, 206) ?? '';
    expect(keyOf(one)).not.toBe(keyOf(other));
  });

  it('with a key makes a hybrid set, with Sec 1 searches in threads', async () => {
    const args = [...two, '--key', KEY, '--sec', '1', '--collision-count', '2', '--json'];
    const { status, json } = await rehome('hba', 'generate', ...args);
    expect(status).toBe(0);
    expect(json).toMatchObject({ hybrid: true, sec: 1, collisionCount: 2, accepted: true });
    expect(json['hash2']).toMatch(/^0000/);
    const parameters = strings(json['parameters'])[1] ?? '';
    const address = strings(json['addresses'])[0] ?? '';
    expect(read(Uint8Array.from(Buffer.from(parameters, 'hex'))).multiPrefix?.publicKey).toBe(true);
    const verified = await rehome(
      'hba',
      'verify',
      '--address',
      address,
      '--parameters',
      parameters,
    );
    expect(verified).toMatchObject({ status: 0 });
    // A modifier that was found is used again without a search.
    const again = await rehome('hba', 'generate', ...args, '--modifier', String(json['modifier']));
    expect(again.json).toEqual(json);
  });

  it('estimates Sec 2 and refuses to begin [RFC5535 §6]', async () => {
    const { status, json, err } = await rehome('hba', 'generate', ...two, '--sec', '2', '--json');
    expect(status).toBe(1);
    expect(json).toMatchObject({
      accepted: false,
      reason: 'sec-too-expensive',
      expectedHashes: 2 ** 32,
    });
    expect(Number(json['seconds'])).toBeCloseTo(2 ** 32 / Number(json['hashesPerSecond']), -2);
    expect(err).toMatch(/--yes-really/);
  });

  it.each([
    ['no prefix', ['--json']],
    ['a /48', ['--prefix', '2001:db8::/48']],
    ['the same prefix twice', ['--prefix', A, '--prefix', A]],
    [
      '17 prefixes',
      Array.from({ length: 17 }, (_, i) => ['--prefix', `2001:db8:${i}::/64`]).flat(),
    ],
    ['Sec 3', [...two, '--sec', '3']],
    ['a collision count of 3', [...two, '--collision-count', '3']],
    ['a short modifier', [...two, '--modifier', '42']],
    ['a key that is not there', [...two, '--key', '/nonexistent/key.pem']],
    ['a key and a random number', [...two, '--key', KEY, '--extended-modifier', 'c2'.repeat(48)]],
  ])('exits 2 for %s', async (_what, args) => {
    const { status, out, err } = await rehome('hba', 'generate', ...args);
    expect(status).toBe(2);
    expect(out).toBe('');
    expect(err).toMatch(/^error: /);
  });
});

describe('rehome hba verify', () => {
  const set = makeSet({ prefixes: [A, B] });
  const [a, b] = set.addresses.map((x): string => x.address) as [string, string];
  const parameters = toHex(set.addresses[0]?.parameters ?? octet(0, 0));

  it('accepts one address, and a whole list [RFC5535 §7.2]', async () => {
    const one = await rehome('hba', 'verify', '--address', b, '--parameters', parameters, '--json');
    expect(one).toMatchObject({
      status: 0,
      json: {
        address: b,
        parameters,
        accepted: true,
        reason: null,
        hash1: toHex(set.addresses[1]!.hash1),
      },
    });
    const list = ['--address', a, '--address', b];
    const both = await rehome('hba', 'verify', ...list, '--parameters', parameters, '--json');
    expect(both).toMatchObject({ status: 0, json: { addresses: [a, b], accepted: true } });
  });

  it('refuses a list for one address and names it; exit 1', async () => {
    const list = ['--address', a, '--address', '2001:db8:b:2::1', '--address', b];
    const bad = await rehome('hba', 'verify', ...list, '--parameters', parameters, '--json');
    expect(bad).toMatchObject({
      status: 1,
      json: { accepted: false, reason: 'hash1-mismatch', index: 1 },
    });
    const text = await rehome('hba', 'verify', ...list, '--parameters', parameters);
    expect(text.out).toMatch(/refused: hash1-mismatch\n$/);
  });

  it('refuses parameters that are none; exit 1; and hexadecimal that is none; exit 2', async () => {
    const cut = await rehome('hba', 'verify', '--address', a, '--parameters', '00ff', '--json');
    expect(cut).toMatchObject({ status: 1, json: { reason: 'parameters-too-short' } });
    const noHex = await rehome('hba', 'verify', '--address', a, '--parameters', '0x00');
    expect(noHex.status).toBe(2);
    const noAddress = await rehome('hba', 'verify', '--address', 'a', '--parameters', parameters);
    expect(noAddress.status).toBe(2);
    expect((await rehome('hba')).status).toBe(2);
  });
});

describe('the search in threads', () => {
  const key = { extendedModifier: octet(0xc2, 48) };
  const task = prepareHbaSet({ prefixes: prefixes(A, B), sec: 1, key });

  it('finds the first good modifier, with any number of threads and size of piece', async () => {
    const wanted = findModifier(task, octet(0x42, 16));
    for (const [threads, pieceSize] of [
      [1, 16_384],
      [2, 999],
      [3, 5_000],
    ] as const) {
      const progress: number[] = [];
      const found = await findInThreads(task, octet(0x42, 16), {
        threads,
        pieceSize,
        onProgress: (hashes) => progress.push(hashes),
      });
      expect(found.modifier).toEqual(wanted);
      expect(progress.at(-1)).toBe(found.hashes);
      expect(progress).toEqual([...progress].sort((x, y) => x - y));
    }
  });

  it('ends when it is interrupted', async () => {
    const signal = AbortSignal.timeout(100);
    const endless = { ...task, sec: 7 };
    await expect(
      findInThreads(endless, octet(1, 16), { threads: 1, signal }),
    ).rejects.toMatchObject({
      code: 'REHOME_E_ABORTED',
    });
  });
});
