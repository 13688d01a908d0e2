import { closeSync, mkdirSync, openSync, readFileSync, ftruncateSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { errno, errnoName, libc } from '../linux/libc.js';
import { RehomeError } from '../wire/errors.js';

const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Takes a lock that ends with the process, however it ends (flock(2)); the file stays, which is harmless.
 * @returns the function that gives the lock back.
 * @throws RehomeError REHOME_E_RUNNING when another process has it, REHOME_E_LOCK when the file cannot be made.
 */
export function takeLock(path: string): () => void {
  const flock = libc.func('int flock(int, int)');
  let fd: number;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    fd = openSync(path, 'a+', 0o600);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new RehomeError('REHOME_E_LOCK', `cannot make the lock file ${path} (${reason})`, path);
  }
  if (flock(fd, LOCK_EX | LOCK_NB) !== 0) {
    const reason = errnoName(errno());
    const owner = readFileSync(path, 'utf8').trim();
    closeSync(fd);
    if (reason !== 'EAGAIN' && reason !== 'EWOULDBLOCK')
      throw new RehomeError('REHOME_E_LOCK', `cannot lock ${path} (${reason})`, path);
    throw new RehomeError(
      'REHOME_E_RUNNING',
      `another rehome daemon runs in this network namespace (process ${owner}): stop it first`,
      path,
    );
  }
  ftruncateSync(fd);
  writeSync(fd, `${process.pid}\n`);
  return () => closeSync(fd);
}
