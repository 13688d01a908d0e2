import { constants, createHash, createPublicKey, verify } from 'node:crypto';
import { Buffer } from 'node:buffer';

/**
 * The HBA and CGA methods once more, written from RFC 3972, RFC 5535 and RFC 5533 §5.15 without anything of src/, as
 * short as it gets: what the verifier is compared with.
 */

const sha1 = (octets: Buffer): Buffer => createHash('sha1').update(octets).digest();

interface Element {
  readonly tag: number;
  readonly body: Buffer;
  readonly rest: Buffer;
}

/** One DER element: a definite length in the shortest form, of at most two octets. */
function der(octets: Buffer): Element | undefined {
  if (octets.length < 2) return undefined;
  const [tag = 0, first = 0] = octets;
  let [start, length] = [2, first];
  if (first >= 0x80) {
    const digits = first - 0x80;
    if ((digits !== 1 && digits !== 2) || octets.length < 2 + digits) return undefined;
    length = octets.readUIntBE(2, digits);
    if (length < 0x80 || (digits === 2 && length < 0x100)) return undefined;
    start += digits;
  }
  if (octets.length < start + length) return undefined;
  return {
    tag,
    body: octets.subarray(start, start + length),
    rest: octets.subarray(start + length),
  };
}

const RSA = Buffer.from('300d06092a864886f70d0101010500', 'hex');

/** A non-negative INTEGER in the shortest form, or undefined. */
function integer(e: Element | undefined): bigint | undefined {
  if (e === undefined || e.tag !== 2 || e.body.length === 0) return undefined;
  const [a = 0, b = 0] = e.body;
  if (a >= 0x80 || (a === 0 && e.body.length > 1 && b < 0x80)) return undefined;
  return BigInt(`0x${e.body.toString('hex')}`);
}

interface Read {
  readonly octets: Buffer;
  readonly spki: Buffer;
  readonly modulusBits: number;
  readonly exponentBits: number;
  /** Of the Multi-Prefix extension, undefined without one. */
  readonly prefixes: readonly Buffer[] | undefined;
  readonly hasKey: boolean;
}

const bits = (n: bigint): number => (n === 0n ? 0 : n.toString(2).length);

export function readReference(input: Uint8Array): Read | undefined {
  const octets = Buffer.from(input);
  if (octets.length < 25 || octets.length > 2048) return undefined;
  const key = octets.subarray(25);
  const whole = der(key);
  if (whole?.tag !== 0x30 || !whole.body.subarray(0, RSA.length).equals(RSA)) return undefined;
  const string = der(whole.body.subarray(RSA.length));
  if (string?.tag !== 3 || string.rest.length > 0 || string.body[0] !== 0) return undefined;
  const inner = der(string.body.subarray(1));
  if (inner?.tag !== 0x30 || inner.rest.length > 0) return undefined;
  const first = der(inner.body);
  const second = first && der(first.rest);
  const [modulus, exponent] = [integer(first), integer(second)];
  if (modulus === undefined || exponent === undefined || second?.rest.length !== 0)
    return undefined;
  let prefixes: Buffer[] | undefined;
  let hasKey = true;
  for (let rest = whole.rest; rest.length > 0;) {
    if (rest.length < 4) return undefined;
    const length = rest.readUInt16BE(2);
    if (rest.length < 4 + length) return undefined;
    const data = rest.subarray(4, 4 + length);
    if (rest.readUInt16BE(0) === 0x12) {
      if (prefixes !== undefined || length < 12 || (length - 4) % 8 !== 0) return undefined;
      hasKey = (data[0] ?? 0) >= 0x80;
      prefixes = Array.from({ length: (length - 4) / 8 }, (_, i) =>
        data.subarray(4 + 8 * i, 12 + 8 * i),
      );
    }
    rest = rest.subarray(4 + length);
  }
  const spki = key.subarray(0, key.length - whole.rest.length);
  return {
    octets,
    spki,
    modulusBits: bits(modulus),
    exponentBits: bits(exponent),
    prefixes,
    hasKey,
  };
}

/** Hash1 and Hash2 of RFC 3972 §5, with the prefix of the address where `substitute` says so (RFC 5535 §7.2). */
function hashesMatch(p: Read, address: Buffer, substitute: boolean): boolean {
  const count = p.octets[24] ?? 0;
  if (count > 2) return false;
  const input = Buffer.from(p.octets);
  if (substitute) address.copy(input, 16, 0, 8);
  else if (!input.subarray(16, 24).equals(address.subarray(0, 8))) return false;
  const hash1 = sha1(input).subarray(0, 8);
  const identifier = Buffer.from(address.subarray(8));
  // Bits 0, 1, 2, 6 and 7 do not count.
  hash1[0] = (hash1[0] ?? 0) & 0x1c;
  const sec = (identifier[0] ?? 0) >>> 5;
  identifier[0] = (identifier[0] ?? 0) & 0x1c;
  if (!hash1.equals(identifier)) return false;
  if (substitute && sec > 2) return false;
  input.fill(0, 16, 25);
  return sha1(input)
    .subarray(0, 2 * sec)
    .every((octet) => octet === 0);
}

export const isHbaMember = (p: Read, address: Buffer): boolean =>
  p.prefixes?.some((prefix) => prefix.equals(address.subarray(0, 8))) === true &&
  hashesMatch(p, address, true);

export const isCga = (p: Read, address: Buffer): boolean => hashesMatch(p, address, false);

export interface ReferenceList {
  readonly generation: number;
  readonly locators: readonly { readonly address: Buffer; readonly method: number }[];
}

const MESSAGE_TYPE = Buffer.from('4a3056624858574b3655416f506a6d48', 'hex');

function isSigned(p: Read, list: ReferenceList, signature: Uint8Array): boolean {
  if (!p.hasKey || p.modulusBits < 1024 || p.modulusBits > 4096 || p.exponentBits > 32)
    return false;
  const generation = Buffer.alloc(4);
  generation.writeUInt32BE(list.generation);
  const signed = list.locators.filter((l) => l.method === 2).map((l) => l.address);
  try {
    const key = createPublicKey({ key: p.spki, format: 'der', type: 'spki' });
    const octets = Buffer.concat([MESSAGE_TYPE, generation, ...signed]);
    return verify('sha1', octets, { key, padding: constants.RSA_PKCS1_PADDING }, signature);
  } catch {
    return false;
  }
}

/** Not multicast, link-local, loopback or unspecified. */
function usable(a: Buffer): boolean {
  const linkLocal = a[0] === 0xfe && ((a[1] ?? 0) & 0xc0) === 0x80;
  const special = a.subarray(0, 15).every((x) => x === 0) && (a[15] ?? 0) <= 1;
  return a[0] !== 0xff && !linkLocal && !special;
}

/** May every locator of the list be believed to be the ULID's (RFC 5533 §7.2)? */
export function isProven(
  ulid: Buffer,
  list: ReferenceList,
  parameters: Uint8Array | undefined,
  signature: Uint8Array | undefined,
): boolean {
  const known = (method: number, a: Buffer): boolean =>
    method === 1 || method === 2 || (method === 254 && a.equals(ulid));
  if (!list.locators.every((l) => known(l.method, l.address) && usable(l.address))) return false;
  if (parameters === undefined) return list.locators.every((l) => l.method === 254);
  const p = readReference(parameters);
  if (p === undefined) return false;
  const member = isHbaMember(p, ulid);
  if (!member && !isCga(p, ulid)) return false;
  return list.locators.every(({ address, method }) => {
    if (method === 1) return member && isHbaMember(p, address);
    return method !== 2 || (signature !== undefined && isSigned(p, list, signature));
  });
}
