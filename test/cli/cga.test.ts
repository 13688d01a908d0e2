import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../src/wire/bytes.js';
import { keyFile, makeSet, publicKey } from '../identity/support.js';
import { rehome } from './identity-support.js';

const folder = mkdtempSync(join(tmpdir(), 'rehome-cga-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: Parameters<typeof keyFile>[0]): string => fileURLToPath(keyFile(name));
const PREFIX = ['--prefix', '2001:db8:a:1::/64'];
const X = '2001:db8:1::1';
const Y = '2001:db8:2::2';

describe('rehome cga generate and verify', () => {
  it('reproduces the example of RFC 3972 appendix A [RFC3972 §4]', async () => {
    const der = join(folder, 'example.der');
    const key =
      '305c300d06092a864886f70d0101010500034b003048024100c2c2f137305454f10bd9cea36844b530e9211a4b262b16' +
      '467cb7dfba1f595c0194f275be5a4d386f2c3c2382508773c7867f9b3b9e63a09c7bc48f7a54ebefaf0203010001';
    writeFileSync(der, Buffer.from(key, 'hex'));
    const args = ['--prefix', 'fe80::/64', '--key', der, '--sec', '1'];
    const modifier = ['--modifier', '89a8a8b2e858d8b8f2633f44d2d4ce9a'];
    const { status, json, err } = await rehome('cga', 'generate', ...args, ...modifier, '--json');
    expect(status).toBe(0);
    expect(json).toMatchObject({
      address: 'fe80::3c4a:5bf6:ffb4:ca6c',
      parameters: `89a8a8b2e858d8b8f2633f44d2d4ce9bfe8000000000000000${key}`,
      modifier: '89a8a8b2e858d8b8f2633f44d2d4ce9b',
      hash1: 'fd4a5bf6ffb4ca6c',
      hash2: '000001ca680b83888d0912dffcce',
      accepted: true,
    });
    expect(err).toMatch(/512 bits/);
    const checked = await rehome(
      ...['cga', 'verify', '--address', String(json['address'])],
      ...['--parameters', String(json['parameters']), '--json'],
    );
    expect(checked).toMatchObject({ status: 0, json: { accepted: true, keyBits: 512 } });
    const wrong = await rehome(
      ...['cga', 'verify', '--address', 'fe80::5c4a:5bf6:ffb4:ca6c'],
      ...['--parameters', String(json['parameters']), '--json'],
    );
    expect(wrong).toMatchObject({ status: 1, json: { accepted: false, reason: 'hash2-not-zero' } });
  });

  it('reads private and public keys, PEM and DER, and makes the same address of them', async () => {
    const spki = join(folder, 'spki.der');
    writeFileSync(spki, publicKey('rsa2048'));
    const modifier = ['--modifier', '00'.repeat(16), '--json'];
    const one = await rehome('cga', 'generate', ...PREFIX, '--key', file('rsa2048'), ...modifier);
    const other = await rehome('cga', 'generate', ...PREFIX, '--key', spki, ...modifier);
    expect(one.status).toBe(0);
    expect(other.json).toEqual(one.json);
  });

  it('another collision count is another address', async () => {
    const made = await Promise.all(
      ['0', '1', '2'].map(async (n) => {
        const args = ['--modifier', '00'.repeat(16), '--collision-count', n, '--json'];
        return (await rehome('cga', 'generate', ...PREFIX, '--key', file('rsa1024'), ...args)).json;
      }),
    );
    expect(new Set(made.map((x) => x['address'])).size).toBe(3);
  });

  it('estimates Sec 5 in years and refuses to begin', async () => {
    const args = [...PREFIX, '--key', file('rsa1024'), '--sec', '5', '--json'];
    const { status, json, err } = await rehome('cga', 'generate', ...args);
    expect(status).toBe(1);
    expect(json).toMatchObject({ reason: 'sec-too-expensive', expectedHashes: 2 ** 80 });
    expect(err).toMatch(/years/);
  });

  it.each([
    ['no key', PREFIX],
    ['a file that is no key', [...PREFIX, '--key', fileURLToPath(import.meta.url)]],
    ['Sec 8', [...PREFIX, '--key', file('rsa1024'), '--sec', '8']],
  ])('exits 2 for %s', async (_what, args) => {
    expect((await rehome('cga', 'generate', ...args)).status).toBe(2);
  });

  it('exits 1 for a key that is not RSA, naming its kind', async () => {
    const { status, err } = await rehome('cga', 'generate', ...PREFIX, '--key', file('ec256'));
    expect(status).toBe(1);
    expect(err).toMatch(/this one is ec/);
  });
});

describe('rehome cga sign and check', () => {
  const list = ['--generation', '7', '--locator', X, '--locator', Y];
  const hybrid = makeSet({ key: 'rsa1024' });
  const ulid = hybrid.addresses[0]!.address;
  const parameters = toHex(hybrid.addresses[0]!.parameters);
  const who = ['--address', ulid, '--parameters', parameters];
  let signature = '';

  beforeAll(async () => {
    const signed = await rehome('cga', 'sign', '--key', file('rsa1024'), ...list, '--json');
    expect(signed).toMatchObject({ status: 0, json: { addresses: [X, Y], generation: 7 } });
    expect(signed.json['signed']).toMatch(/^4a3056624858574b3655416f506a6d4800000007/);
    signature = String(signed.json['signature']);
  });

  it('agree with each other [RFC5533 §5.15.5]', async () => {
    const good = await rehome('cga', 'check', ...who, '--signature', signature, ...list, '--json');
    expect(good).toMatchObject({ status: 0, json: { accepted: true, reason: null } });
  });

  it('refuse another order, another generation, another address [RFC5533 §5.15.5]', async () => {
    const check = async (...args: string[]): Promise<unknown> => {
      const { status, json } = await rehome(
        'cga',
        'check',
        '--json',
        '--signature',
        signature,
        ...args,
      );
      return [status, json['reason']];
    };
    const turned = ['--generation', '7', '--locator', Y, '--locator', X];
    expect(await check(...who, ...turned)).toEqual([1, 'bad-signature']);
    const later = ['--generation', '8', '--locator', X, '--locator', Y];
    expect(await check(...who, ...later)).toEqual([1, 'bad-signature']);
    expect(await check('--address', X, '--parameters', parameters, ...list)).toEqual([
      1,
      'subnet-prefix',
    ]);
  });

  it('refuse a random number instead of a key, and a short key unless told [RFC5533 §16]', async () => {
    const only = makeSet().addresses[0]!;
    const random = ['--address', only.address, '--parameters', toHex(only.parameters)];
    const none = await rehome(
      'cga',
      'check',
      ...random,
      '--signature',
      signature,
      ...list,
      '--json',
    );
    expect(none).toMatchObject({ status: 1, json: { reason: 'no-public-key' } });

    const made = await rehome('cga', 'generate', ...PREFIX, '--key', file('rsa512'), '--json');
    const signed = await rehome('cga', 'sign', '--key', file('rsa512'), ...list, '--json');
    const short = [
      ...['cga', 'check', '--address', String(made.json['address']), ...list, '--json'],
      ...['--parameters', String(made.json['parameters'])],
      ...['--signature', String(signed.json['signature'])],
    ];
    expect(await rehome(...short)).toMatchObject({ status: 1, json: { reason: 'key-too-short' } });
    expect((await rehome(...short, '--minimum-key-bits', '384')).status).toBe(0);
  });

  it('ask for a private key to sign with', async () => {
    const spki = join(folder, 'public.der');
    writeFileSync(spki, publicKey('rsa1024'));
    expect((await rehome('cga', 'sign', '--key', spki, ...list)).status).toBe(2);
  });
});
