import { isDeepStrictEqual } from 'node:util';
import { toHex } from '../../../src/wire/bytes.js';
import { must } from '../harness/target.js';

/** JSON of anything, octets as hexadecimal. */
export const show = (value: unknown): string =>
  JSON.stringify(value, (_key, v: unknown) =>
    v instanceof Uint8Array ? `hex:${toHex(v)}` : typeof v === 'bigint' ? `${v}n` : v,
  ) ?? 'undefined';

/** Octets of a Buffer, of a part of another array, and of their own are the same octets. */
const plain = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
  }
  return value;
};

/** @throws OracleError unless both are the same, all the way down */
export function mustEqual(actual: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(plain(actual), plain(expected))) return;
  must(false, `${what}: ${show(actual).slice(0, 600)} is not ${show(expected).slice(0, 600)}`);
}

export const sameOctets = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((octet, i) => octet === b[i]);
