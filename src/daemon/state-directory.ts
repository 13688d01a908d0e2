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
import { RehomeError } from '../wire/errors.js';

/**
 * Where the daemon keeps what has to outlive it. Nobody else may read it; a file is there whole or not at all.
 */
export class StateDirectory {
  readonly path: string;

  /** @throws RehomeError REHOME_E_STATE when the directory cannot be made, or others may write there */
  constructor(path: string) {
    this.path = path;
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw stateError(path, error, 'make the directory, or set state_dir to another');
    }
    const { mode, uid } = statSync(path);
    if ((mode & 0o022) !== 0 || (uid !== 0 && uid !== process.getuid?.())) {
      throw new RehomeError(
        'REHOME_E_STATE',
        `others may write in ${path}: chown it to the daemon's user and chmod 700, or set state_dir to another`,
        path,
      );
    }
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /**
   * What `parse` makes of a JSON file; undefined: there is none.
   * @param without what becomes of the host if the file is moved away
   * @throws RehomeError REHOME_E_STATE when it cannot be read, or `parse` throws
   */
  readJson<T>(name: string, parse: (value: unknown) => T, without: string): T | undefined {
    const file = this.file(name);
    const text = readState(file);
    if (text === undefined) return undefined;
    try {
      return parse(JSON.parse(text));
    } catch (error) {
      throw stateError(file, error, `repair it, or move it away: ${without}`);
    }
  }

  /** @throws RehomeError REHOME_E_STATE */
  writeJson(name: string, value: unknown): void {
    this.write(name, `${JSON.stringify(value, undefined, 2)}\n`);
  }

  /** @throws RehomeError REHOME_E_STATE */
  write(name: string, text: string): void {
    const file = this.file(name);
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

/** A whole file; undefined: there is none. @throws RehomeError REHOME_E_STATE */
export function readState(file: string): string | undefined {
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
