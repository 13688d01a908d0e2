import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { statSync } from 'node:fs';
import { checkOwnKey } from '../../identity/rsa-key.js';
import { publicKeyOf } from '../../identity/signature.js';
import { RehomeError } from '../../wire/errors.js';
import { readState, StateDirectory } from '../state-directory.js';
import { recordsFromJson, recordsToJson, type IdentityRecord } from './record.js';

/** Long enough for prudence, short enough that a list of 16 locators with its signature is one packet of 1280 octets. */
export const GENERATED_KEY_BITS = 2048;

const IDENTITIES = 'identities.json';
const KEY = 'key.pem';

/** Of the state directory: which addresses are ours, and the key they are made with. */
export class IdentityStore {
  readonly #state: StateDirectory;

  /** @throws RehomeError REHOME_E_STATE when the directory cannot be made, or others may write there */
  constructor(directory: string) {
    this.#state = new StateDirectory(directory);
  }

  /** The identities of earlier runs, oldest first. @throws RehomeError REHOME_E_STATE when the file is damaged */
  records(): IdentityRecord[] {
    return (
      this.#state.readJson(IDENTITIES, recordsFromJson, 'the host then gets new addresses') ?? []
    );
  }

  save(records: readonly IdentityRecord[]): void {
    this.#state.writeJson(IDENTITIES, recordsToJson(records));
  }

  /**
   * The key of this host: the one in `file`, or one of our own, made at the first call.
   * @throws RehomeError REHOME_E_STATE, REHOME_E_PRIVATE_KEY (unreadable, readable by others, not RSA, 1024 to 2048 bits)
   */
  key(file?: string): KeyObject {
    const path = file ?? this.#state.file(KEY);
    const pem = readState(path);
    if (pem === undefined && file !== undefined) {
      throw new RehomeError('REHOME_E_PRIVATE_KEY', `there is no key ${file}: ${MAKE_ONE}`, file);
    }
    if (pem === undefined) return this.#newKey();
    if ((statSync(path).mode & 0o077) !== 0) {
      throw new RehomeError(
        'REHOME_E_PRIVATE_KEY',
        `others may read the private key ${path}: chmod 600 it, and replace it if somebody did`,
        path,
      );
    }
    let key: KeyObject;
    try {
      key = createPrivateKey(pem);
    } catch (cause) {
      throw new RehomeError(
        'REHOME_E_PRIVATE_KEY',
        `${path} holds no private key in PEM: ${MAKE_ONE}`,
        path,
        { cause },
      );
    }
    checkOwnKey(publicKeyOf(key));
    return key;
  }

  #newKey(): KeyObject {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: GENERATED_KEY_BITS });
    this.#state.write(KEY, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
    return privateKey;
  }
}

const MAKE_ONE = '`openssl genrsa -out FILE 2048` makes one';
