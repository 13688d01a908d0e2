import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fromHex } from '../../src/wire/bytes.js';

/** Reads test/vectors (its README says what the files hold). */
const ROOT = fileURLToPath(new URL('../vectors/', import.meta.url));

const octets = (text: string): Uint8Array => {
  const bytes = fromHex(text);
  if (bytes === undefined) throw new Error(`not hexadecimal: ${text}`);
  return bytes;
};

export const vectorNames = (folder: string): string[] =>
  readdirSync(`${ROOT}${folder}`)
    .filter((file) => file.endsWith('.hex'))
    .map((file) => file.slice(0, -4));

export const vectorBytes = (name: string): Uint8Array =>
  octets(
    readFileSync(`${ROOT}${name}.hex`, 'utf8')
      .split('\n')
      .map((line) => line.replace(/#.*/, '').replace(/\s/g, ''))
      .join(''),
  );

/** The `.json` beside a vector, with its numbers and octets revived. */
export const vectorJson = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(`${ROOT}${name}.json`, 'utf8'), (_key, value: unknown) => {
    if (typeof value !== 'string') return value;
    if (value.startsWith('hex:')) return octets(value.slice(4));
    return value.startsWith('0x') ? Number(value) : value;
  }) as Record<string, unknown>;
