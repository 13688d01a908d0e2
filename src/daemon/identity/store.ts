import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { checkOwnKey } from '../../identity/rsa-key.js';
import { publicKeyOf } from '../../identity/signature.js';
import { RehomeError } from '../../wire/errors.js';
import { recordsFromJson, recordsToJson, type IdentityRecord } from './record.js';

/** Long enough for prudence, short enough that a list of 16 locators with its signature is one packet of 1280 octets. */
export const GENERATED_KEY_BITS = 2048;

const IDENTITIES = 'identities.json';
const KEY = 'key.pem';

/**
 * The state directory: which addresses are ours, and the key they are made with. Nobody else may read it; a file is
 * there whole or not at all.
 */
export class IdentityStore {
  readonly directory: string;

  /** @throws RehomeError REHOME_E_STATE when the directory cannot be made, or others may write there */
  constructor(directory: string) {
    this.directory = directory;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw stateError(directory, error, 'make the directory, or set state_dir to another');
    }
    const { mode, uid } = statSync(directory);
    if ((mode & 0o022) !== 0 || (uid !== 0 && uid !== process.getuid?.())) {
      throw new RehomeError(
        'REHOME_E_STATE',
        `others may write in ${directory}: chown it to the daemon's user and chmod 700, or set state_dir to another`,
        directory,
      );
    }
  }

  /** The identities of earlier runs, oldest first. @throws RehomeError REHOME_E_STATE when the file is damaged */
  records(): IdentityRecord[] {
    const file = join(this.directory, IDENTITIES);
    const text = read(file);
    if (text === undefined) return [];
    try {
      return recordsFromJson(JSON.parse(text));
    } catch (error) {
      throw stateError(file, error, 'repair it, or move it away: the host then gets new addresses');
    }
  }

  save(records: readonly IdentityRecord[]): void {
    this.#write(IDENTITIES, `${JSON.stringify(recordsToJson(records), undefined, 2)}\n`);
  }

  /**
   * The key of this host: the one in `file`, or one of our own, made at the first call.
   * @throws RehomeError REHOME_E_STATE, REHOME_E_PRIVATE_KEY (unreadable, readable by others, not RSA, 1024 to 2048 bits)
   */
  key(file?: string): KeyObject {
    const path = file ?? join(this.directory, KEY);
    const pem = read(path);
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
    this.#write(KEY, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
    return privateKey;
  }

  #write(name: string, text: string): void {
    const file = join(this.directory, name);
    const fresh = `${file}.new`;
    try {
      rmSync(fresh, { force: true });
      const fd = openSync(fresh, 'wx', 0o600);
      try {
        writeSync(fd, text);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      chmodSync(fresh, 0o600); // whatever the umask says
      renameSync(fresh, file);
    } catch (error) {
      throw stateError(file, error, 'check the space and the permissions of state_dir');
    }
  }
}

const MAKE_ONE = '`openssl genrsa -out FILE 2048` makes one';

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw stateError(file, error, 'check its permissions');
  }
}

function stateError(file: string, error: unknown, remedy: string): RehomeError {
  const code = (error as NodeJS.ErrnoException).code;
  const why = code ?? (error instanceof SyntaxError ? 'not JSON' : 'not what was written there');
  return new RehomeError('REHOME_E_STATE', `${file} (${why}): ${remedy}`, file, { cause: error });
}
