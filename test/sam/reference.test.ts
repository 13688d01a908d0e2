import { spawn, spawnSync } from 'node:child_process';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fieldHex, type BitField } from '../../src/sam/bits.js';
import { decodeLocal, encodeLocal } from '../../src/sam/local.js';
import { delegatedPrefix, localOfPrefix, resolve } from '../../src/sam/mapping.js';
import { SeededRandom } from '../../src/sim/random.js';
import {
  addressFromBytes,
  addressToBytes,
  addressToHex,
  parseAddress,
  type Address,
} from '../../src/wire/address.js';
import { RehomeError } from '../../src/wire/errors.js';
import { prefixOf, type Prefix } from '../../src/wire/prefix.js';
import { testSeed } from '../support/random.js';

const SCRIPT = fileURLToPath(new URL('./reference.py', import.meta.url));
const MAPPINGS = 100_000;
const ADDRESSES = 20_000;

const missing = spawnSync('python3', ['--version']).error !== undefined;
if (missing) process.stderr.write('skipped: python3 is not installed; reference.py needs it\n');

/** One answer for each question, from a process of its own: this one has other things to do meanwhile. */
function ask(questions: readonly string[]): Promise<string[]> {
  return new Promise((done, failed) => {
    const python = spawn('python3', [SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] });
    let out = '';
    python.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    python.on('error', failed);
    python.on('close', (status) => {
      if (status === 0) done(out.trimEnd().split('\n'));
      else failed(new Error(`reference.py: exit status ${status}`));
    });
    python.stdin.end(`${questions.join('\n')}\n`);
  });
}

const random = new SeededRandom(`sam mapping ${testSeed()}`);

/** Random bits; often with runs of zeros or ones, where the mistakes are. */
function randomField(length: number): BitField {
  const shape = random.below(6);
  const ones = (1n << BigInt(length)) - 1n;
  let value = 0n;
  for (let i = 0; i < length; i += 4) value = (value << 4n) | BigInt(random.below(16));
  value &= ones;
  if (shape === 0) value = 0n;
  if (shape === 1) value = ones;
  if (shape === 2) value &= 1n;
  return { value, length };
}
function randomConstant(): Prefix {
  if (random.chance(0.5)) return prefixOf(parseAddress('fcf0::'), 12);
  const bytes = random.bytes(16);
  bytes[0] = 0xfd;
  return prefixOf(addressFromBytes(bytes), 48);
}
const randomZone = (): Prefix => prefixOf(addressFromBytes(random.bytes(16)), random.below(129));
const word = (field: BitField): string => fieldHex(field) || '-';
const words = (prefix: Prefix): string => `${addressToHex(prefix.address)} ${prefix.length}`;

/** `address` up to the prefix's length, `tail` behind it. */
function withTail(prefix: Prefix, tail: Uint8Array): Address {
  const bytes = Uint8Array.from(addressToBytes(prefix.address));
  for (let bit = prefix.length; bit < 128; bit++) {
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | ((tail[bit >> 3] ?? 0) & (0x80 >> (bit & 7)));
  }
  return addressFromBytes(bytes);
}

const designated = (zone: Prefix, constant: Prefix, address: Address): string => {
  const found = resolve(zone, constant, address);
  if (!found.ok) return `refused ${found.reason}`;
  return found.kind === 'itself' ? 'itself' : `${addressToHex(found.local)} ${words(found.prefix)}`;
};

const REASONS: Readonly<Record<string, string>> = {
  REHOME_E_SAM_SUBNET_LENGTH: 'subnet-infix-too-long',
  REHOME_E_SAM_IID_LENGTH: 'iid-infix-too-long',
  REHOME_E_SAM_EMPTY: 'no-infix',
};

function mapping(): Case {
  const constant = randomConstant();
  const subnet = randomField(4 * random.below(8));
  const iid = randomField(8 * random.below(9));
  const zone = randomZone();
  const tail = random.bytes(16);
  const hex = addressToHex(addressFromBytes(tail));
  const question = `map ${words(constant)} ${word(subnet)} ${word(iid)} ${words(zone)} ${hex}`;
  return { question, answer: ourMapping(constant, subnet, iid, zone, tail) };
}

function ourMapping(
  constant: Prefix,
  subnet: BitField,
  iid: BitField,
  zone: Prefix,
  tail: Uint8Array,
): string {
  let local: Address;
  try {
    local = encodeLocal(constant, subnet, iid);
  } catch (error) {
    if (!(error instanceof RehomeError)) throw error;
    return `refused ${REASONS[error.code]}`;
  }
  const delegated = delegatedPrefix(zone, local);
  if (!delegated.ok) return `refused ${delegated.reason}`;
  const { prefix } = delegated;
  const again = localOfPrefix(zone, constant, prefix);
  if (!again.ok || again.local !== local)
    throw new Error(`${zone.address} ${local} does not come back`);
  const back = designated(zone, constant, withTail(prefix, tail));
  return `${addressToHex(local)} ${words(prefix)} ${back}`;
}

/** An address that is a local one but for a few bits, or not at all. */
function nearlyLocal(): Case {
  const address = nearly((constant) =>
    encodeLocal(constant, randomField(4 * (1 + random.below(3))), randomField(8 * random.below(8))),
  );
  const found = decodeLocal(address);
  return {
    question: `local ${addressToHex(address)}`,
    answer: found.ok
      ? `${found.constant.length} ${word(found.subnet)} ${word(found.iid)}`
      : `refused ${found.reason}`,
  };
}

function nearlyGlobal(): Case {
  const constant = randomConstant();
  const zone = prefixOf(addressFromBytes(random.bytes(16)), 20 + random.below(109));
  const address = nearly(() => {
    const local = encodeLocal(
      constant,
      randomField(4 * (1 + random.below(3))),
      randomField(8 * random.below(8)),
    );
    const found = delegatedPrefix(zone, local);
    return found.ok ? found.prefix.address : zone.address;
  });
  return {
    question: `global ${words(constant)} ${words(zone)} ${addressToHex(address)}`,
    answer: designated(zone, constant, address),
  };
}

function nearly(make: (constant: Prefix) => Address): Address {
  const bytes = Uint8Array.from(addressToBytes(make(randomConstant())));
  if (random.chance(0.1)) bytes.set(random.bytes(8), random.pick([0, 8]));
  for (let i = random.below(4); i > 0; i--) {
    const bit = random.below(128);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7));
  }
  return addressFromBytes(bytes);
}

/** Answers by their first word, refusals by their reason. */
function kinds(answers: readonly string[]): string[] {
  const all = new Set(answers.map((a) => (/^(refused \S+|itself)/.exec(a) ?? ['value'])[0]));
  return [...all].sort();
}

interface Case {
  readonly question: string;
  readonly answer: string;
}

async function make(count: number, one: () => Case): Promise<Case[]> {
  const out: Case[] = [];
  while (out.length < count) {
    if (out.length % 1_000 === 0) await setImmediate(); // the test runner wants a word now and then
    out.push(one());
  }
  return out;
}

async function compare(cases: readonly Case[]): Promise<void> {
  const theirs = await ask(cases.map((c) => c.question));
  expect(theirs).toHaveLength(cases.length);
  const wrong = cases.filter((c, i) => c.answer !== theirs[i]).slice(0, 3);
  expect(wrong.map((c) => [c.question, c.answer])).toEqual([]);
}

describe.skipIf(missing)(`the mapping, and one written in Python (seed ${testSeed()})`, () => {
  it(`${MAPPINGS} random mappings there and back are the same to the bit [SAM-2.4-1] [SAM-2.5-1]`, async () => {
    const cases = await make(MAPPINGS, mapping);
    await compare(cases);
    expect(kinds(cases.map((c) => c.answer))).toEqual([
      'refused iid-infix-too-long',
      'refused infix-past-the-end',
      'refused no-infix',
      'refused subnet-infix-too-long',
      'value',
    ]);
    const mapped = cases.filter((c) => !c.answer.startsWith('refused')).length;
    expect(mapped).toBeGreaterThan(MAPPINGS / 3);
  }, 120_000);

  it('the same bits are refused for the same reason [SAM-3.2.1-4] [SAM-3.2.2-4]', async () => {
    const local = await make(ADDRESSES, nearlyLocal);
    const global = await make(ADDRESSES, nearlyGlobal);
    await compare([...local, ...global]);
    expect(kinds(local.map((c) => c.answer))).toEqual([
      'refused iid-infix-too-long',
      'refused no-infix',
      'refused not-a-sam-iid',
      'refused not-a-sam-prefix',
      'refused stray-iid-bit',
      'refused stray-subnet-bit',
      'refused subnet-infix-too-long',
      'value',
    ]);
    expect(kinds(global.map((c) => c.answer))).toEqual([
      'itself',
      'refused iid-infix-too-long',
      'refused infix-past-the-end',
      'refused outside-prefix',
      'refused stray-after-empty-infix',
      'refused subnet-infix-too-long',
      'refused unknown-infix-format',
      'value',
    ]);
  }, 120_000);
});
