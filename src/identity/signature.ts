import { constants, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { addressToBytes, type Address } from '../wire/address.js';
import { concatBytes, inRange, setU32 } from '../wire/bytes.js';
import { RehomeError } from '../wire/errors.js';
import { parseRsaKey } from './rsa-key.js';

/** The CGA Message Type of Shim6 (RFC 5533 §5.15.5, §17). */
export const SHIM6_MESSAGE_TYPE: Uint8Array = Uint8Array.of(
  ...[0x4a, 0x30, 0x56, 0x62, 0x48, 0x58, 0x57, 0x4b],
  ...[0x36, 0x55, 0x41, 0x6f, 0x50, 0x6a, 0x6d, 0x48],
);

/**
 * What the CGA Signature option is a signature over (RFC 5533 §5.15.5): message type, generation, and the locators whose
 * method is CGA, in the order of the list.
 * @throws WireError REHOME_E_RANGE when the generation does not fit in 32 bits
 */
export function signedOctets(generation: number, cgaLocators: readonly Address[]): Uint8Array {
  const number = new Uint8Array(4);
  setU32(number, 0, inRange('generation', generation, 0xffffffff));
  return concatBytes(SHIM6_MESSAGE_TYPE, number, ...cgaLocators.map((a) => addressToBytes(a)));
}

/**
 * RSASSA-PKCS1-v1_5 with SHA-1 (RFC 3972 §6). The same input gives the same signature.
 * @throws RehomeError REHOME_E_PRIVATE_KEY when the key cannot sign
 */
export function signLocators(
  privateKey: KeyObject,
  generation: number,
  cgaLocators: readonly Address[],
): Uint8Array {
  const octets = signedOctets(generation, cgaLocators);
  try {
    return new Uint8Array(
      sign('sha1', octets, { key: privateKey, padding: constants.RSA_PKCS1_PADDING }),
    );
  } catch (cause) {
    throw new RehomeError(
      'REHOME_E_PRIVATE_KEY',
      'this key cannot sign: an RSA private key is needed',
      undefined,
      { cause },
    );
  }
}

/**
 * A key to check signatures with, or undefined when the octets are none. Only the RSAPublicKey inside goes to OpenSSL 3:
 * it takes forty times as long to find out what a SubjectPublicKeyInfo holds, and a stranger chooses how often.
 */
export function loadPublicKey(publicKey: Uint8Array): KeyObject | undefined {
  const parsed = parseRsaKey(publicKey);
  if (!parsed.ok) return undefined;
  const key = Buffer.from(publicKey.subarray(parsed.keyOffset, parsed.length));
  try {
    return createPublicKey({ key, format: 'der', type: 'pkcs1' });
  } catch {
    return undefined; // numbers that OpenSSL refuses
  }
}

/** Is this the signature of that key over the list? Refuses a key's sizes nowhere: see `keyRefusal`. */
export function checkLocators(
  publicKey: KeyObject,
  generation: number,
  cgaLocators: readonly Address[],
  signature: Uint8Array,
): boolean {
  const octets = signedOctets(generation, cgaLocators);
  try {
    return verify(
      'sha1',
      octets,
      { key: publicKey, padding: constants.RSA_PKCS1_PADDING },
      signature,
    );
  } catch {
    return false; // numbers that OpenSSL refuses to compute with
  }
}

/**
 * The Public Key field for a key of ours.
 * @throws RehomeError REHOME_E_PUBLIC_KEY unless it is an RSA key (rsaEncryption, not RSASSA-PSS)
 */
export function publicKeyOf(key: KeyObject): Uint8Array {
  const half = key.type === 'private' ? createPublicKey(key) : key;
  const octets = new Uint8Array(half.export({ type: 'spki', format: 'der' }));
  const parsed = parseRsaKey(octets);
  if (parsed.ok) return octets;
  throw new RehomeError(
    'REHOME_E_PUBLIC_KEY',
    `addresses need an RSA key (rsaEncryption), this one is ${key.asymmetricKeyType ?? key.type}`,
    key.asymmetricKeyType,
  );
}
