import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { RehomeError } from '../wire/errors.js';

const PROJECT = new URL('../../', import.meta.url); // from src/daemon as from dist/daemon

/**
 * A compiled script of ours, for a process or a worker of its own. Node cannot run TypeScript, so that tests which run
 * from `src/` use the build too. `name` is relative to the source root, `lab/traffic/sender`.
 * @throws RehomeError REHOME_E_NOT_BUILT
 */
export function compiledScript(name: string): string {
  const path = fileURLToPath(new URL(`dist/${name}.js`, PROJECT));
  if (!existsSync(path)) {
    throw new RehomeError('REHOME_E_NOT_BUILT', 'not built yet: run `npm run build`', path);
  }
  return path;
}
