import type { KeyObject } from 'node:crypto';
import { prepareHbaSet, randomExtendedModifier } from '../../identity/hba.js';
import type { Hash2Task } from '../../identity/hashes.js';
import { publicKeyOf } from '../../identity/signature.js';
import { RehomeError } from '../../wire/errors.js';
import type { Prefix } from '../../wire/prefix.js';
import type { RandomSource } from '../../wire/units.js';
import { hbaInput, type IdentityKind, type IdentityRecord } from './record.js';

/** The search of RFC 3972 §4 steps 2 and 3, in threads. */
export type FindModifier = (
  task: Hash2Task,
  from: Uint8Array,
) => Promise<{ readonly modifier: Uint8Array; readonly hashes: number }>;

export interface IdentityWish {
  readonly kind: IdentityKind;
  readonly sec: number;
  readonly prefixes: readonly Prefix[];
  readonly key: { readonly private: KeyObject; readonly fingerprint: string } | undefined;
  /** Where the search begins. */
  readonly modifier: Uint8Array;
}

/**
 * A new identity.
 * @throws RehomeError REHOME_E_PRIVATE_KEY when its kind needs a key and there is none; as the search
 */
export async function makeIdentity(
  wish: IdentityWish,
  random: RandomSource,
  findModifier: FindModifier,
): Promise<{ readonly record: IdentityRecord; readonly hashes: number }> {
  const { kind, sec, prefixes, key } = wish;
  if (kind !== 'hba' && key === undefined) {
    throw new RehomeError('REHOME_E_PRIVATE_KEY', `identity = "${kind}" needs an RSA private key`);
  }
  const blank: IdentityRecord = {
    kind,
    sec,
    prefixes,
    modifier: wish.modifier,
    extendedModifier: kind === 'hba' ? randomExtendedModifier(random) : undefined,
    collisionCount: 0,
    key: kind === 'hba' ? undefined : key?.fingerprint,
    createdAt: new Date().toISOString(),
  };
  const task: Hash2Task =
    kind === 'cga' && key !== undefined
      ? { publicKey: publicKeyOf(key.private), extensionFields: new Uint8Array(0), sec }
      : prepareHbaSet(hbaInput(blank, key?.private));
  const { modifier, hashes } = await findModifier(task, wish.modifier);
  return { record: { ...blank, modifier }, hashes };
}
