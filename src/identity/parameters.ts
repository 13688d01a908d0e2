import { concatBytes, setU16, u16, u8 } from '../wire/bytes.js';
import { RehomeError } from '../wire/errors.js';
import { failure, type DecodeFailure } from '../wire/result.js';
import { parseRsaKey, type RsaKeyInfo } from './rsa-key.js';

export const MODIFIER_LENGTH = 16;
export const SUBNET_PREFIX_LENGTH = 8;
/** Octets before the Public Key field: modifier, subnet prefix, collision count (RFC 3972 §3). */
export const PUBLIC_KEY_OFFSET = 25;
/** RFC 5535 §10. */
export const MULTI_PREFIX_TYPE = 0x0012;
/** The largest collision count (RFC 3972 §3). */
export const MAX_COLLISION_COUNT = 2;
/** No honest structure is longer: it travels in a packet of 1280 octets (our limit, not the RFC's). */
export const MAX_PARAMETERS_LENGTH = 2048;

/** One extension field (RFC 4581 §2). */
export interface CgaExtension {
  /** 16 bits. */
  readonly type: number;
  readonly data: Uint8Array;
}

/** The Multi-Prefix extension (RFC 5535 §5). */
export interface MultiPrefix {
  /** The P flag: the Public Key field holds a key, not a random number. */
  readonly publicKey: boolean;
  /** Each 8 octets, in order. */
  readonly prefixes: readonly Uint8Array[];
}

/** A CGA Parameters data structure that was read whole (RFC 3972 §3). */
export interface CgaParameters {
  /** The structure as it came; both hashes are over these very octets, unrecognised extensions included. */
  readonly octets: Uint8Array;
  readonly modifier: Uint8Array;
  readonly subnetPrefix: Uint8Array;
  /** As received: verification refuses more than 2. */
  readonly collisionCount: number;
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly key: RsaKeyInfo;
  readonly extensions: readonly CgaExtension[];
  readonly multiPrefix: MultiPrefix | undefined;
}

/** RFC 5535 §5: a set without the P flag has a random number where the key would be. A pure CGA always has a key. */
export const hasPublicKey = (parameters: CgaParameters): boolean =>
  parameters.multiPrefix === undefined || parameters.multiPrefix.publicKey;

// -- decoding ---------------------------------------------------------------------------------------------------

const bad = (offset: number, reason: string): DecodeFailure =>
  failure('REHOME_E_CGA_PARAMETERS', offset, reason);

/**
 * Reads a CGA Parameters data structure. Extensions of a type we do not know are kept and not looked into (RFC 3972
 * §5); one that is no TLV (RFC 4581 §2), or a second Multi-Prefix extension, refuses the whole.
 */
export function decodeParameters(
  octets: Uint8Array,
): { readonly ok: true; readonly parameters: CgaParameters } | DecodeFailure {
  if (octets.length > MAX_PARAMETERS_LENGTH) return bad(0, 'parameters-too-long');
  const copy = new Uint8Array(octets); // the slice() of a Buffer would be none
  if (octets.length < PUBLIC_KEY_OFFSET) return bad(octets.length, 'parameters-too-short');
  const key = parseRsaKey(octets, PUBLIC_KEY_OFFSET);
  if (!key.ok) return key;
  const keyEnd = PUBLIC_KEY_OFFSET + key.length;
  const extensions: CgaExtension[] = [];
  let multiPrefix: MultiPrefix | undefined;
  for (let at = keyEnd; at < octets.length;) {
    const end = at + 4 + u16(octets, at + 2);
    if (at + 4 > octets.length || end > octets.length) return bad(at, 'malformed-extension');
    const extension = { type: u16(octets, at), data: copy.subarray(at + 4, end) };
    if (extension.type === MULTI_PREFIX_TYPE) {
      if (multiPrefix !== undefined) return bad(at, 'duplicate-multi-prefix');
      multiPrefix = decodeMultiPrefix(extension.data);
      if (multiPrefix === undefined) return bad(at + 4, 'malformed-multi-prefix');
    }
    extensions.push(extension);
    at = end;
  }
  const parameters = {
    octets: copy,
    modifier: copy.subarray(0, MODIFIER_LENGTH),
    subnetPrefix: copy.subarray(MODIFIER_LENGTH, MODIFIER_LENGTH + SUBNET_PREFIX_LENGTH),
    collisionCount: u8(copy, PUBLIC_KEY_OFFSET - 1),
    publicKey: copy.subarray(PUBLIC_KEY_OFFSET, keyEnd),
    key,
    extensions,
    multiPrefix,
  };
  return { ok: true, parameters };
}

/** The 31 reserved bits are ignored here and hashed all the same (RFC 5535 §5). */
function decodeMultiPrefix(data: Uint8Array): MultiPrefix | undefined {
  const count = (data.length - 4) / SUBNET_PREFIX_LENGTH;
  if (!Number.isInteger(count) || count < 1) return undefined;
  // The P flag is the first bit of the first octet of the data.
  return {
    publicKey: (u8(data, 0) & 0x80) !== 0,
    prefixes: Array.from({ length: count }, (_, i) =>
      data.subarray(4 + SUBNET_PREFIX_LENGTH * i, 12 + SUBNET_PREFIX_LENGTH * i),
    ),
  };
}

// -- encoding ---------------------------------------------------------------------------------------------------

/**
 * Extension fields in the TLV format of RFC 4581 §2.
 * @throws RehomeError REHOME_E_RANGE when a type or a length does not fit in 16 bits
 */
export function encodeExtensions(extensions: readonly CgaExtension[]): Uint8Array {
  return concatBytes(
    ...extensions.flatMap(({ type, data }) => {
      if (!Number.isInteger(type) || type < 0 || type > 0xffff || data.length > 0xffff) {
        throw new RehomeError('REHOME_E_RANGE', 'a CGA extension does not fit its fields', {
          type,
          length: data.length,
        });
      }
      const header = new Uint8Array(4);
      setU16(header, 0, type);
      setU16(header, 2, data.length);
      return [header, data];
    }),
  );
}

/** The Multi-Prefix extension: P, 31 zero bits, the prefixes; its length is 8n + 4 (RFC 5535 §5, §6 step 1). */
export function multiPrefixExtension({ publicKey, prefixes }: MultiPrefix): CgaExtension {
  const flags = Uint8Array.of(publicKey ? 0x80 : 0, 0, 0, 0);
  return { type: MULTI_PREFIX_TYPE, data: concatBytes(flags, ...prefixes) };
}

/** What a structure is put together from. */
export interface CgaFields {
  readonly modifier: Uint8Array;
  readonly subnetPrefix: Uint8Array;
  readonly collisionCount: number;
  readonly publicKey: Uint8Array;
  /** Already encoded. */
  readonly extensionFields: Uint8Array;
}

/**
 * The octets of a CGA Parameters data structure (RFC 3972 §3).
 * @throws RehomeError REHOME_E_MODIFIER (not 16 octets), REHOME_E_PREFIX (not 8 octets), REHOME_E_COLLISION_COUNT
 *   (not 0, 1 or 2)
 */
export function encodeParameters(fields: CgaFields): Uint8Array {
  checkModifier(fields.modifier);
  if (fields.subnetPrefix.length !== SUBNET_PREFIX_LENGTH) {
    throw new RehomeError(
      'REHOME_E_PREFIX',
      `a subnet prefix has ${SUBNET_PREFIX_LENGTH} octets`,
      fields.subnetPrefix,
    );
  }
  const count = fields.collisionCount;
  if (!Number.isInteger(count) || count < 0 || count > MAX_COLLISION_COUNT) {
    throw new RehomeError(
      'REHOME_E_COLLISION_COUNT',
      `a collision count is 0, 1 or 2, not ${count} (RFC 3972 §3)`,
      count,
    );
  }
  return concatBytes(
    fields.modifier,
    fields.subnetPrefix,
    Uint8Array.of(count),
    fields.publicKey,
    fields.extensionFields,
  );
}

/** @throws RehomeError REHOME_E_MODIFIER unless it has 16 octets */
export function checkModifier(modifier: Uint8Array): void {
  if (modifier.length === MODIFIER_LENGTH) return;
  throw new RehomeError(
    'REHOME_E_MODIFIER',
    `a modifier has ${MODIFIER_LENGTH} octets (32 hexadecimal digits), not ${modifier.length}`,
    modifier,
  );
}
