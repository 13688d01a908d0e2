import { accessSync, constants } from 'node:fs';
import { RehomeError } from '../wire/errors.js';

/** The program's path, or undefined: looked for as a shell would, and in the administrator's directories. */
export function findProgram(name: string): string | undefined {
  const directories = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin:/sbin`.split(':');
  return directories
    .filter((d) => d !== '')
    .map((directory) => `${directory}/${name}`)
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** @throws RehomeError REHOME_E_PROGRAM naming the Debian package that brings it. */
export function needProgram(name: string, debianPackage: string): string {
  const path = findProgram(name);
  if (path !== undefined) return path;
  throw new RehomeError(
    'REHOME_E_PROGRAM',
    `${name} is not installed: apt-get install ${debianPackage}`,
    name,
  );
}
