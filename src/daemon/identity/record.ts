import { createHash, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { generateCga } from '../../identity/cga.js';
import { generateHbaSet, type HbaInput } from '../../identity/hba.js';
import type { LocalIdentity } from '../../identity/hba-verifier.js';
import { publicKeyOf } from '../../identity/signature.js';
import { fromHex, toHex } from '../../wire/bytes.js';
import type { Address } from '../../wire/address.js';
import { RehomeError } from '../../wire/errors.js';
import { formatPrefix, parsePrefix, type Prefix } from '../../wire/prefix.js';

export const IDENTITY_KINDS = ['hba', 'cga', 'hybrid'] as const;
export type IdentityKind = (typeof IDENTITY_KINDS)[number];

/** What an identity is made from: the same record and key give the same addresses. */
export interface IdentityRecord {
  readonly kind: IdentityKind;
  readonly sec: number;
  /** All of the set, in its order; a CGA has one. */
  readonly prefixes: readonly Prefix[];
  readonly modifier: Uint8Array;
  /** HBA-only sets: what stands where the key would be. */
  readonly extendedModifier: Uint8Array | undefined;
  readonly collisionCount: number;
  /** The key it was made with, as a fingerprint; undefined for HBA-only sets. */
  readonly key: string | undefined;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** An identity of this host, ready for use. */
export interface Identity {
  readonly record: IdentityRecord;
  readonly local: LocalIdentity;
  /** In the order of the prefixes. */
  readonly addresses: readonly { readonly address: Address; readonly prefix: Prefix }[];
}

/** SHA-256 over the SubjectPublicKeyInfo, hexadecimal. */
export const fingerprint = (key: KeyObject): string =>
  createHash('sha256').update(publicKeyOf(key)).digest('hex');

/** @throws RehomeError REHOME_E_PRIVATE_KEY when the record needs a key that is not there */
export function hbaInput(record: IdentityRecord, key: KeyObject | undefined): HbaInput {
  const { prefixes, sec, extendedModifier } = record;
  if (record.kind === 'hba' && extendedModifier)
    return { prefixes, sec, key: { extendedModifier } };
  return { prefixes, sec, key: { publicKey: publicKeyOf(needKey(key)) } };
}

/**
 * The addresses of a record and their proofs.
 * @throws RehomeError REHOME_E_PRIVATE_KEY, and whatever generation throws when the record is damaged
 */
export function realize(record: IdentityRecord, key: KeyObject | undefined): Identity {
  const { kind, prefixes, sec, modifier, collisionCount } = record;
  const made =
    kind === 'cga'
      ? prefixes.map((prefix) =>
          generateCga({
            prefix,
            sec,
            modifier,
            collisionCount,
            publicKey: publicKeyOf(needKey(key)),
          }),
        )
      : generateHbaSet(hbaInput(record, key), modifier, collisionCount).addresses;
  const local = {
    addresses: made.map(({ address, parameters }) => ({ address, parameters })),
    ...(kind === 'hba' ? {} : { privateKey: needKey(key) }),
  };
  const addresses = made.flatMap(({ address }, i) => {
    const prefix = prefixes[i];
    return prefix === undefined ? [] : [{ address, prefix }];
  });
  return { record, local, addresses };
}

function needKey(key: KeyObject | undefined): KeyObject {
  if (key !== undefined) return key;
  throw new RehomeError('REHOME_E_PRIVATE_KEY', 'this identity needs an RSA private key');
}

// -- on disk --------------------------------------------------------------------------------------------------------

const hex = (octets: number): z.ZodType<Uint8Array, string> =>
  z.string().transform((text, context) => {
    const bytes = fromHex(text);
    if (bytes?.length === octets) return bytes;
    context.addIssue({ code: 'custom', message: `not ${octets} octets in hexadecimal` });
    return z.NEVER;
  });
const prefix = z.string().transform((text, context) => {
  try {
    return parsePrefix(text);
  } catch {
    context.addIssue({ code: 'custom', message: `not a prefix: ${text}` });
    return z.NEVER;
  }
});

const RecordSchema = z.strictObject({
  kind: z.enum(IDENTITY_KINDS),
  sec: z.int().min(0).max(7),
  prefixes: z.array(prefix).min(1),
  modifier: hex(16),
  extendedModifier: hex(48).optional(),
  collisionCount: z.int().min(0).max(2),
  key: z.string().optional(),
  createdAt: z.string(),
});

/** The file of the identities, version 1; oldest first. */
export const RecordsSchema = z.strictObject({
  version: z.literal(1),
  identities: z.array(RecordSchema),
});

export const recordsToJson = (records: readonly IdentityRecord[]): unknown => ({
  version: 1,
  identities: records.map((r) => ({
    kind: r.kind,
    sec: r.sec,
    prefixes: r.prefixes.map(formatPrefix),
    modifier: toHex(r.modifier),
    ...(r.extendedModifier === undefined ? {} : { extendedModifier: toHex(r.extendedModifier) }),
    collisionCount: r.collisionCount,
    ...(r.key === undefined ? {} : { key: r.key }),
    createdAt: r.createdAt,
  })),
});

export const recordsFromJson = (value: unknown): IdentityRecord[] =>
  RecordsSchema.parse(value).identities.map((r) => ({
    ...r,
    extendedModifier: r.extendedModifier,
    key: r.key,
  }));
