import { concatBytes } from '../wire/bytes.js';
import { RehomeError } from '../wire/errors.js';
import { failure, type DecodeFailure } from '../wire/result.js';

/** Keys for CGAs may not be shorter (RFC 3972 §3). */
export const CGA_MINIMUM_KEY_BITS = 384;
/** Keys of CGAs that Shim6 relies on may not be shorter (RFC 5533 §16). */
export const SHIM6_MINIMUM_KEY_BITS = 1024;
/** Our limits, not an RFC's: what one signature check may cost. RFC 3972 §5 asks for 2048 bits at least. */
export const MAXIMUM_KEY_BITS = 4096;
export const MAXIMUM_EXPONENT_BITS = 32;
/** Octets of the random number of an HBA-only set, the Extended Modifier (RFC 5535 §6). */
export const EXTENDED_MODIFIER_LENGTH = 48;

/** A SubjectPublicKeyInfo with an RSA key, as it stands in octets. */
export interface RsaKeyInfo {
  /** Octets of the whole structure: the Public Key field has no length of its own (RFC 3972 §3). */
  readonly length: number;
  /** Octets from its start to the RSAPublicKey that ends it. */
  readonly keyOffset: number;
  readonly modulusBits: number;
  readonly exponentBits: number;
}

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
/** rsaEncryption, 1.2.840.113549.1.1.1, with the NULL parameters that RFC 3279 §2.3.1 asks for. */
const RSA_ENCRYPTION = Uint8Array.of(
  ...[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00],
);
/**
 * The exponent beside an Extended Modifier. RFC 5535 §6 asks for an RSAPublicKey and says nothing of its exponent; it
 * is hashed like the rest, so that any value serves, and this one looks like every other key.
 */
const EXPONENT = Uint8Array.of(0x01, 0x00, 0x01);

// -- decoding ---------------------------------------------------------------------------------------------------

interface Element {
  readonly start: number;
  readonly end: number;
}

/** A definite length in its shortest form (X.690 §10.1), at most 65,535 octets. */
function element(bytes: Uint8Array, at: number, limit: number, tag: number): Element | undefined {
  if (at + 2 > limit || bytes[at] !== tag) return undefined;
  const first = bytes[at + 1] ?? 0;
  let start = at + 2;
  let length = first;
  if (first >= 0x80) {
    const octets = first - 0x80;
    if (octets < 1 || octets > 2 || start + octets > limit) return undefined;
    length = 0;
    for (let i = 0; i < octets; i++) length = length * 256 + (bytes[start + i] ?? 0);
    if (length < (octets === 1 ? 0x80 : 0x100)) return undefined;
    start += octets;
  }
  return start + length > limit ? undefined : { start, end: start + length };
}

/** The bits of a non-negative INTEGER in its shortest form. */
function integerBits(bytes: Uint8Array, { start, end }: Element): number | undefined {
  const first = bytes[start];
  if (first === undefined || end === start || first >= 0x80) return undefined;
  if (first !== 0) return 8 * (end - start) - Math.clz32(first) + 24;
  if (end === start + 1) return 0;
  const second = bytes[start + 1] ?? 0;
  return second >= 0x80 ? 8 * (end - start - 1) : undefined;
}

/**
 * Reads the DER-encoded SubjectPublicKeyInfo that starts at `offset`; octets may follow it. Only RSA: Shim6 signs with
 * nothing else (RFC 5533 §5.15.5), and RFC 5535 §6 has the random number in the same clothes.
 */
export function parseRsaKey(
  bytes: Uint8Array,
  offset = 0,
): ({ readonly ok: true } & RsaKeyInfo) | DecodeFailure {
  const bad = (at: number, reason: string): DecodeFailure =>
    failure('REHOME_E_PUBLIC_KEY', at, reason);
  const whole = element(bytes, offset, bytes.length, SEQUENCE);
  if (whole === undefined) return bad(offset, 'malformed-public-key');
  if (RSA_ENCRYPTION.some((octet, i) => bytes[whole.start + i] !== octet)) {
    return bad(whole.start, 'not-an-rsa-key');
  }
  const at = whole.start + RSA_ENCRYPTION.length;
  const bits = element(bytes, at, whole.end, BIT_STRING);
  if (bits === undefined || bits.end !== whole.end || bytes[bits.start] !== 0) {
    return bad(at, 'malformed-public-key');
  }
  const key = element(bytes, bits.start + 1, bits.end, SEQUENCE);
  if (key === undefined || key.end !== bits.end) return bad(bits.start, 'malformed-public-key');
  const modulus = element(bytes, key.start, key.end, INTEGER);
  const exponent = modulus && element(bytes, modulus.end, key.end, INTEGER);
  if (modulus === undefined || exponent === undefined || exponent.end !== key.end) {
    return bad(key.start, 'malformed-public-key');
  }
  const modulusBits = integerBits(bytes, modulus);
  const exponentBits = integerBits(bytes, exponent);
  if (modulusBits === undefined || exponentBits === undefined) {
    return bad(key.start, 'malformed-public-key');
  }
  return {
    ok: true,
    length: whole.end - offset,
    keyOffset: bits.start + 1 - offset,
    modulusBits,
    exponentBits,
  };
}

/** Why a signature by this key is not checked at all, or undefined when it may be. */
export function keyRefusal(
  key: RsaKeyInfo,
  minimumBits: number = SHIM6_MINIMUM_KEY_BITS,
): 'key-too-short' | 'key-too-long' | undefined {
  if (key.modulusBits < minimumBits) return 'key-too-short';
  const long = key.modulusBits > MAXIMUM_KEY_BITS || key.exponentBits > MAXIMUM_EXPONENT_BITS;
  return long ? 'key-too-long' : undefined;
}

/**
 * A key fit to generate addresses from: nothing but one SubjectPublicKeyInfo, 384 bits or more.
 * @throws RehomeError REHOME_E_PUBLIC_KEY
 */
export function checkGenerationKey(publicKey: Uint8Array): RsaKeyInfo {
  const key = parseRsaKey(publicKey);
  if (!key.ok || key.length !== publicKey.length) {
    const why = key.ok ? 'octets follow the key' : key.reason;
    throw new RehomeError(
      'REHOME_E_PUBLIC_KEY',
      `not an RSA key as DER SubjectPublicKeyInfo: ${why}`,
      publicKey,
    );
  }
  const refused = keyRefusal(key, CGA_MINIMUM_KEY_BITS);
  if (refused !== undefined) {
    throw new RehomeError(
      'REHOME_E_PUBLIC_KEY',
      `an RSA key for addresses has ${CGA_MINIMUM_KEY_BITS} to ${MAXIMUM_KEY_BITS} bits and an exponent of at most ` +
        `${MAXIMUM_EXPONENT_BITS}; this one has ${key.modulusBits} and ${key.exponentBits} (RFC 3972 §3)`,
      publicKey,
    );
  }
  return key;
}

/** With a longer one a list of 16 locators, its parameters and its signature do not fit into 1280 octets together. */
export const OWN_MAXIMUM_KEY_BITS = 2048;

/**
 * A key fit to sign locator lists of ours: long enough for every peer (RFC 5533 §16), short enough for one packet.
 * @throws RehomeError REHOME_E_PRIVATE_KEY
 */
export function checkOwnKey(publicKey: Uint8Array): void {
  const { modulusBits } = checkGenerationKey(publicKey);
  if (modulusBits >= SHIM6_MINIMUM_KEY_BITS && modulusBits <= OWN_MAXIMUM_KEY_BITS) return;
  throw new RehomeError(
    'REHOME_E_PRIVATE_KEY',
    `a key that signs locators has ${SHIM6_MINIMUM_KEY_BITS} to ${OWN_MAXIMUM_KEY_BITS} bits, this one ${modulusBits} (RFC 5533 §16)`,
    modulusBits,
  );
}

// -- encoding ---------------------------------------------------------------------------------------------------

function encodeElement(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const contents = concatBytes(...parts);
  const { length } = contents;
  const header =
    length < 0x80
      ? Uint8Array.of(tag, length)
      : length < 0x100
        ? Uint8Array.of(tag, 0x81, length)
        : Uint8Array.of(tag, 0x82, length >>> 8, length & 0xff);
  return concatBytes(header, contents);
}

/** A non-negative INTEGER: leading zeros away, one back where the first bit would be a sign. */
function encodeInteger(value: Uint8Array): Uint8Array {
  let from = 0;
  while (from < value.length - 1 && value[from] === 0) from++;
  const digits = value.subarray(from);
  const sign = (digits[0] ?? 0) >= 0x80 ? Uint8Array.of(0) : new Uint8Array(0);
  return encodeElement(INTEGER, sign, digits);
}

/**
 * The Extended Modifier as the modulus of an RSA key (RFC 5535 §6): what stands in the Public Key field of an HBA-only
 * set.
 * @throws RehomeError REHOME_E_MODIFIER unless it has 48 octets
 */
export function encodeExtendedModifier(extendedModifier: Uint8Array): Uint8Array {
  if (extendedModifier.length !== EXTENDED_MODIFIER_LENGTH) {
    throw new RehomeError(
      'REHOME_E_MODIFIER',
      `an Extended Modifier has ${EXTENDED_MODIFIER_LENGTH} octets, not ${extendedModifier.length} (RFC 5535 §6)`,
      extendedModifier,
    );
  }
  const key = encodeElement(SEQUENCE, encodeInteger(extendedModifier), encodeInteger(EXPONENT));
  const bits = encodeElement(BIT_STRING, Uint8Array.of(0), key);
  return encodeElement(SEQUENCE, RSA_ENCRYPTION, bits);
}
