import { RehomeError } from './errors.js';

declare const brand: unique symbol;

/**
 * An IPv6 address in the canonical text of RFC 5952 (lower case, longest run of zeros as `::`), so that equality is
 * `===` and a Map key is the address itself. Made only by this file.
 */
export type Address = string & { readonly [brand]: true };

/** A pair of locators (or the ULID pair), seen from one host. */
export interface LocatorPair {
  readonly local: Address;
  readonly peer: Address;
}

export const samePair = (a: LocatorPair, b: LocatorPair): boolean =>
  a.local === b.local && a.peer === b.peer;

export const pairKey = (pair: LocatorPair): string => `${pair.local} ${pair.peer}`;

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

const bad = (text: string): never => {
  throw new RehomeError('REHOME_E_ADDRESS', `not an IPv6 address: ${JSON.stringify(text)}`, text);
};

/**
 * Parses any textual form of RFC 4291 §2.2 (also with a dotted quad at the end).
 * @throws RehomeError REHOME_E_ADDRESS for anything else, zone identifiers included.
 */
export function parseAddress(text: string): Address {
  return addressFromBytes(addressTextToBytes(text));
}

function addressTextToBytes(text: string): Uint8Array {
  if (text.length < 2 || text.length > 45 || !/^[0-9a-fA-F:.]+$/.test(text)) bad(text);
  let source = text;
  const lastColon = source.lastIndexOf(':');
  const tail = source.slice(lastColon + 1);
  if (tail.includes('.')) {
    const quad = tail.split('.');
    if (quad.length !== 4 || quad.some((q) => !/^(0|[1-9]\d{0,2})$/.test(q) || Number(q) > 255))
      bad(text);
    const [a, b, c, d] = quad.map(Number) as [number, number, number, number];
    source = `${source.slice(0, lastColon + 1)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const halves = source.split('::');
  if (halves.length > 2) bad(text);
  const words = (part: string | undefined): string[] => (part ? part.split(':') : []);
  const head = words(halves[0]);
  const rest = words(halves[1]);
  const missing = 8 - head.length - rest.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) bad(text);
  const all = [...head, ...Array<string>(halves.length === 1 ? 0 : missing).fill('0'), ...rest];
  const out = new Uint8Array(16);
  for (let i = 0; i < 8; i++) {
    const word = all[i] ?? '';
    if (!/^[0-9a-fA-F]{1,4}$/.test(word)) bad(text);
    const value = parseInt(word, 16);
    out[2 * i] = value >>> 8;
    out[2 * i + 1] = value & 0xff;
  }
  return out;
}

/** The 16 octets at `offset` as an address. The caller has checked the length. */
export function addressFromBytes(bytes: Uint8Array, offset = 0): Address {
  const words: number[] = [];
  for (let i = 0; i < 8; i++) {
    words.push(((bytes[offset + 2 * i] ?? 0) << 8) | (bytes[offset + 2 * i + 1] ?? 0));
  }
  let best = -1;
  let bestLength = 1; // a single zero group is not shortened (RFC 5952 §4.2.2)
  for (let i = 0; i < 8;) {
    let j = i;
    while (j < 8 && words[j] === 0) j++;
    if (j - i > bestLength) [best, bestLength] = [i, j - i];
    i = Math.max(j, i + 1);
  }
  const hex = (from: number, to: number): string =>
    words
      .slice(from, to)
      .map((w) => w.toString(16))
      .join(':');
  const text = best < 0 ? hex(0, 8) : `${hex(0, best)}::${hex(best + bestLength, 8)}`;
  return text as Address;
}

const cache = new Map<Address, Uint8Array>();

/** The 16 octets of an address. Do not modify the result: it is shared. */
export function addressToBytes(address: Address): Uint8Array {
  let bytes = cache.get(address);
  if (bytes === undefined) {
    bytes = addressTextToBytes(address);
    if (cache.size >= 65_536) cache.clear();
    cache.set(address, bytes);
  }
  return bytes;
}

/** 32 hexadecimal digits without colons. */
export const addressToHex = (address: Address): string =>
  Array.from(addressToBytes(address), (b) => HEX[b]).join('');

export const UNSPECIFIED = '::' as Address;
export const LOOPBACK = '::1' as Address;

export const isMulticast = (a: Address): boolean => addressToBytes(a)[0] === 0xff;
export const isUnspecified = (a: Address): boolean => a === UNSPECIFIED;
export const isLoopback = (a: Address): boolean => a === LOOPBACK;
export const isLinkLocal = (a: Address): boolean => {
  const b = addressToBytes(a);
  return b[0] === 0xfe && ((b[1] ?? 0) & 0xc0) === 0x80;
};

/** Something that may stand as a locator: unicast, and not link-local, loopback or unspecified. */
export const isUsableLocator = (a: Address): boolean =>
  !isMulticast(a) && !isUnspecified(a) && !isLoopback(a) && !isLinkLocal(a);

/** Global unicast, 2000::/3, documentation included: reachable, if routed, from everywhere. */
export const isGlobalUnicast = (a: Address): boolean =>
  ((addressToBytes(a)[0] ?? 0) & 0xe0) === 0x20;

/** How many leading bits two addresses share, 0 to 128 (RFC 6724 §2.2). */
export function commonPrefixLength(a: Address, b: Address): number {
  const x = addressToBytes(a);
  const y = addressToBytes(b);
  for (let i = 0; i < 16; i++) {
    const difference = (x[i] ?? 0) ^ (y[i] ?? 0);
    if (difference !== 0) return i * 8 + Math.clz32(difference) - 24;
  }
  return 128;
}
