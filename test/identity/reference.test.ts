import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { generateCga, verifyCga } from '../../src/identity/cga.js';
import { generateHbaSet, prepareHbaSet, verifyHba } from '../../src/identity/hba.js';
import { decodeParameters, encodeExtensions } from '../../src/identity/parameters.js';
import { checkLocators, loadPublicKey, signLocators } from '../../src/identity/signature.js';
import { SeededRandom } from '../../src/sim/random.js';
import { addressFromBytes, addressToBytes, addressToHex } from '../../src/wire/address.js';
import { toHex } from '../../src/wire/bytes.js';
import type { Prefix } from '../../src/wire/prefix.js';
import { findModifier, flipped, privateKey, publicKey, type KeyName } from './support.js';

const SCRIPT = fileURLToPath(new URL('./reference.py', import.meta.url));
const SETS = 240;
const KEYS: readonly KeyName[] = ['rsa384', 'rsa512', 'rsa1024', 'rsa2048'];

const missing = spawnSync('python3', ['--version']).error !== undefined;
if (missing) process.stderr.write('skipped: python3 is not installed; reference.py needs it\n');

/** One answer for each question. */
function ask(questions: readonly object[]): Record<string, unknown>[] {
  const input = questions.map((q) => JSON.stringify(q)).join('\n');
  const python = spawnSync('python3', [SCRIPT], { input, encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (python.status !== 0) throw new Error(python.stderr);
  return python.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

const random = new SeededRandom('two implementations');
function randomPrefix(): Prefix {
  const bytes = new Uint8Array(16);
  bytes.set(random.bytes(8));
  bytes[0] = 0x20 | ((bytes[0] ?? 0) & 0x1f);
  return { address: addressFromBytes(bytes), length: 64 };
}
const prefixHex = (prefix: Prefix): string => addressToHex(prefix.address).slice(0, 16);

interface Case {
  readonly question: Record<string, unknown>;
  /** The same answer from src/identity. */
  readonly answer: Record<string, unknown>;
}

const ours = (
  addresses: readonly {
    address: Parameters<typeof addressToHex>[0];
    parameters: Uint8Array;
    hash1: Uint8Array;
    hash2: Uint8Array;
  }[],
  modifier: Uint8Array,
): Record<string, unknown> => ({
  addresses: addresses.map((x) => addressToHex(x.address)),
  parameters: addresses.map((x) => toHex(x.parameters)),
  hash1: addresses.map((x) => toHex(x.hash1)),
  hash2: toHex(addresses[0]?.hash2 ?? new Uint8Array(0)),
  modifier: toHex(modifier),
});

function hbaCase(index: number): Case {
  const count = 1 + (index % 16);
  const prefixes = Array.from({ length: count }, randomPrefix);
  const sec = index % 24 === 0 ? 1 : 0;
  const collisionCount = random.below(3);
  const first = random.bytes(16);
  const hybrid = random.chance(0.5);
  const publicKey_ = publicKey(random.pick(KEYS));
  const extendedModifier = random.bytes(48);
  // Numbers that begin with zeros and with ones have other lengths in DER.
  if (index % 5 === 0) extendedModifier.fill(0, 0, 1 + random.below(4));
  const key = hybrid ? { publicKey: publicKey_ } : { extendedModifier };
  const input = { prefixes, sec, key };
  const modifier = findModifier(prepareHbaSet(input), first);
  const set = generateHbaSet(input, modifier, collisionCount);
  return {
    question: {
      op: 'hba',
      prefixes: prefixes.map(prefixHex),
      sec,
      collisionCount,
      modifier: toHex(first),
      ...(hybrid ? { key: toHex(publicKey_) } : { extendedModifier: toHex(extendedModifier) }),
    },
    answer: ours(set.addresses, modifier),
  };
}

function cgaCase(index: number): Case {
  const prefix = randomPrefix();
  const key = publicKey(random.pick(KEYS));
  const sec = index % 20 === 0 ? 1 : 0;
  const collisionCount = random.below(3);
  const first = random.bytes(16);
  const extensions = Array.from({ length: random.below(3) }, () => ({
    type: 0xfffd + random.below(3),
    data: random.bytes(random.below(20)),
  }));
  const extensionFields = encodeExtensions(extensions);
  const modifier = findModifier({ publicKey: key, extensionFields, sec }, first);
  const made = generateCga({
    prefix,
    publicKey: key,
    sec,
    modifier,
    collisionCount,
    extensionFields,
  });
  return {
    question: {
      op: 'cga',
      prefixes: [prefixHex(prefix)],
      sec,
      collisionCount,
      modifier: toHex(first),
      key: toHex(key),
      extensions: extensions.map((e) => ({ type: e.type, data: toHex(e.data) })),
    },
    answer: ours([made], modifier),
  };
}

describe.skipIf(missing)('an independent implementation, in Python', () => {
  it(
    `makes the same ${SETS} HBA sets, octet for octet [RFC5535 §6] [RFC5535-6-2]`,
    { timeout: 120_000 },
    () => {
      const cases = Array.from({ length: SETS }, (_, index) => hbaCase(index));
      expect(ask(cases.map((x) => x.question))).toEqual(cases.map((x) => x.answer));
    },
  );

  it(
    'makes the same 100 CGAs, octet for octet [RFC3972 §4] [RFC3972-4-1]',
    { timeout: 120_000 },
    () => {
      const cases = Array.from({ length: 100 }, (_, index) => cgaCase(index));
      expect(ask(cases.map((x) => x.question))).toEqual(cases.map((x) => x.answer));
    },
  );

  it('accepts and refuses the same mutated addresses and parameters [RFC5535 §7.2] [RFC5535-7.2-1]', () => {
    const questions: Record<string, unknown>[] = [];
    const verdicts: { ok: boolean }[] = [];
    for (let index = 0; index < 400; index++) {
      const { answer } = index % 2 === 0 ? hbaCase(index + 1) : cgaCase(index);
      const addresses = answer['addresses'] as string[];
      let address = Uint8Array.from(Buffer.from(random.pick(addresses), 'hex'));
      let parameters = Uint8Array.from(
        Buffer.from((answer['parameters'] as string[])[0] ?? '', 'hex'),
      );
      if (random.chance(0.4)) address = flipped(address, random.below(128)) as typeof address;
      // Only where no field changes its length: reference.py does not check the form of a key.
      if (random.chance(0.3))
        parameters = flipped(parameters, random.below(25 * 8)) as typeof parameters;
      const op = index % 4 < 2 ? 'verifyHba' : 'verifyCga';
      const decoded = decodeParameters(parameters);
      const parsed = addressFromBytes(address);
      const verify = op === 'verifyHba' ? verifyHba : verifyCga;
      questions.push({ op, address: toHex(address), parameters: toHex(parameters) });
      verdicts.push({ ok: decoded.ok && verify(parsed, decoded.parameters).ok });
    }
    expect(ask(questions)).toEqual(verdicts);
    expect(verdicts.filter((v) => v.ok).length).toBeGreaterThan(50);
    expect(verdicts.filter((v) => !v.ok).length).toBeGreaterThan(50);
  });

  it('signs the same and checks what we signed [RFC5533 §5.15.5] [RFC3972-6-1]', () => {
    const cases = KEYS.flatMap((name) =>
      [0, 1, 5].map((count) => {
        const key = privateKey(name);
        const locators = Array.from({ length: count }, () => addressFromBytes(random.bytes(16)));
        const generation = random.uint32();
        return {
          name,
          key,
          locators,
          generation,
          signature: signLocators(key, generation, locators),
        };
      }),
    );
    const common = (x: (typeof cases)[number]): Record<string, unknown> => ({
      generation: x.generation,
      locators: x.locators.map(addressToHex),
    });
    const signed = ask(
      cases.map((x) => {
        const jwk = x.key.export({ format: 'jwk' });
        const number = (text = ''): string => Buffer.from(text, 'base64url').toString('hex');
        return { op: 'sign', n: number(jwk.n), d: number(jwk.d), ...common(x) };
      }),
    );
    expect(signed).toEqual(cases.map((x) => ({ signature: toHex(x.signature) })));

    const wrong = cases.map((x, index) => ({
      ...x,
      signature:
        index % 2 === 0 ? x.signature : flipped(x.signature, random.below(x.signature.length * 8)),
    }));
    const prefix = addressToBytes(randomPrefix().address).slice(0, 8);
    const head = Buffer.concat([random.bytes(16), prefix, Buffer.from([0])]);
    const checked = ask(
      wrong.map((x) => ({
        op: 'check',
        parameters: toHex(Buffer.concat([head, publicKey(x.name)])),
        signature: toHex(x.signature),
        ...common(x),
      })),
    );
    const mine = wrong.map((x) => ({
      ok: checkLocators(loadPublicKey(publicKey(x.name))!, x.generation, x.locators, x.signature),
    }));
    expect(checked).toEqual(mine);
    expect(mine.some((x) => x.ok) && mine.some((x) => !x.ok)).toBe(true);
  });
});
