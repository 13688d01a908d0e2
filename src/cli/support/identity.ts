import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { InvalidArgumentError, type Command } from 'commander';
import { findModifier, measureRate } from '../../daemon/hash2-pool.js';
import { MAX_SET_PREFIXES } from '../../identity/hba.js';
import { estimateSearch, searchHash2, type Hash2Task } from '../../identity/hashes.js';
import { parseAddress, type Address } from '../../wire/address.js';
import { fromHex, toHex } from '../../wire/bytes.js';
import { RehomeError } from '../../wire/errors.js';
import { parsePrefix, type Prefix } from '../../wire/prefix.js';
import type { Io } from '../io.js';

/** Readers of option values: what they refuse is wrong usage, exit status 2. */
export const reader =
  <T>(read: (text: string) => T) =>
  (text: string): T => {
    try {
      return read(text);
    } catch (error) {
      if (error instanceof RehomeError) throw new InvalidArgumentError(error.message);
      throw error;
    }
  };

export const address = reader(parseAddress);
export const moreAddresses = (text: string, before: readonly Address[] = []): Address[] => [
  ...before,
  address(text),
];
const subnet = reader((text): Prefix => {
  const prefix = parsePrefix(text);
  if (prefix.length !== 64) throw new InvalidArgumentError('the prefix must be a /64.');
  return prefix;
});
export const onePrefix = subnet;
/** The prefixes of one HBA set. */
export function morePrefixes(text: string, before: readonly Prefix[] = []): Prefix[] {
  const prefix = subnet(text);
  if (before.length >= MAX_SET_PREFIXES)
    throw new InvalidArgumentError(`a set has ${MAX_SET_PREFIXES} prefixes at most.`);
  if (before.some((p) => p.address === prefix.address))
    throw new InvalidArgumentError('it is given twice.');
  return [...before, prefix];
}
export const octets =
  (length?: number) =>
  (text: string): Uint8Array => {
    const bytes = fromHex(text);
    if (bytes === undefined) throw new InvalidArgumentError('not hexadecimal octets.');
    if (length !== undefined && bytes.length !== length) {
      throw new InvalidArgumentError(`${2 * length} hexadecimal digits, not ${text.length}.`);
    }
    return bytes;
  };
export const integer =
  (max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value > max) {
      throw new InvalidArgumentError(`a whole number from 0 to ${max}.`);
    }
    return value;
  };

/** A PEM or DER key; only what is asked for is read out of it. */
export function readKey(command: Command, file: string, kind: 'private' | 'public'): KeyObject {
  let contents: Buffer;
  try {
    contents = readFileSync(file);
  } catch (error) {
    return command.error(`error: cannot read the key: ${(error as Error).message}`);
  }
  const attempts: (() => KeyObject)[] = [
    () => createPrivateKey(contents),
    () => createPrivateKey({ key: contents, format: 'der', type: 'pkcs8' }),
    () => createPublicKey(contents),
    () => createPublicKey({ key: contents, format: 'der', type: 'spki' }),
  ];
  for (const attempt of kind === 'private' ? attempts.slice(0, 2) : attempts) {
    try {
      return attempt();
    } catch {
      // not this form: the next
    }
  }
  return command.error(
    `error: no ${kind} key in ${file} (want PEM, or DER as PKCS #8${kind === 'private' ? '' : ' or SubjectPublicKeyInfo'}); ` +
      'openssl genrsa -out key.pem 2048 makes one',
  );
}

/** What a command says; the same keys in text and JSON. */
export type Answer = Readonly<Record<string, unknown>> & {
  readonly accepted: boolean;
  readonly reason: string | null;
};

/** Prints the answer; a refusal is exit status 1. */
export function give(io: Io, json: boolean | undefined, answer: Answer): void {
  if (json === true) io.out(`${JSON.stringify(answer, plain, 2)}\n`);
  else io.out(asText(answer, io));
  if (!answer.accepted) process.exitCode = 1;
}

const plain = (_key: string, value: unknown): unknown =>
  value instanceof Uint8Array ? toHex(value) : value;

function asText({ accepted, reason, ...rest }: Answer, io: Io): string {
  const verdict = accepted ? io.colors.green('accepted') : io.colors.red(`refused: ${reason}`);
  const lines = Object.entries(rest).flatMap(([name, value]) => {
    const values = Array.isArray(value) ? (value as unknown[]) : [value];
    return values.map((v) => `${name.padEnd(14)} ${String(plain('', v))}\n`);
  });
  return `${lines.join('')}${verdict}\n`;
}

export interface SearchRequest {
  readonly task: Hash2Task;
  readonly from: Uint8Array;
  /** The user asked for a search that may take hours or years. */
  readonly insist: boolean;
}

/** Sec 2 takes some 2^32 hashes: hours. */
const EXPENSIVE_SEC = 2;

/**
 * A modifier for the task, or the answer that refuses to look for one.
 * @throws RehomeError REHOME_E_ABORTED when the user interrupts
 */
export async function modifierFor(
  io: Io,
  { task, from, insist }: SearchRequest,
): Promise<{ readonly modifier: Uint8Array } | { readonly refusal: Answer }> {
  if (task.sec >= EXPENSIVE_SEC && !insist && !isGood(task, from)) {
    const rate = measureRate(task, from);
    const { expectedHashes, seconds } = estimateSearch(task.sec, rate);
    const estimate = `about ${expectedHashes.toExponential(1)} hashes, ${duration(seconds)} here`;
    io.err(`Sec ${task.sec} takes ${estimate}; --yes-really starts it\n`);
    const numbers = { expectedHashes, hashesPerSecond: Math.round(rate), seconds };
    return { refusal: { sec: task.sec, ...numbers, accepted: false, reason: 'sec-too-expensive' } };
  }
  const expected = estimateSearch(task.sec, 1).expectedHashes;
  const found = await findModifier(task, from, {
    signal: io.signal,
    onProgress: (hashes) => {
      if (io.tty) io.err(`\r${hashes} of about ${expected.toExponential(1)} hashes `);
    },
  });
  if (io.tty && found.hashes > 1) io.err('\n');
  return { modifier: found.modifier };
}

/** A modifier that was found earlier costs nothing to use again. */
const isGood = (task: Hash2Task, modifier: Uint8Array): boolean =>
  searchHash2(task, modifier, 1).modifier !== undefined;

function duration(seconds: number): string {
  const units: readonly (readonly [number, string])[] = [
    [365.25 * 86_400, 'years'],
    [86_400, 'days'],
    [3_600, 'hours'],
    [60, 'minutes'],
  ];
  const [size, name] = units.find(([s]) => seconds >= 2 * s) ?? [1, 'seconds'];
  const value = seconds / size;
  return `${value >= 1e4 ? value.toExponential(1) : value.toFixed(value < 10 ? 1 : 0)} ${name}`;
}
