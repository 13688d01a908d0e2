import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const REHOME = fileURLToPath(new URL('../../bin/rehome.js', import.meta.url));
const NOBODY = 65_534;

const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
const look = `require('node:fs').accessSync(${JSON.stringify(REHOME)})`;
const hidden = spawnSync(process.execPath, ['-e', look], user).status !== 0;
if (hidden) process.stderr.write('skipped: ordinary users cannot read this checkout\n');

/** As an ordinary user, whoever runs the tests. */
function ordinary(...args: string[]) {
  return spawnSync(process.execPath, [REHOME, 'lab', 'run', ...args], {
    encoding: 'utf8',
    ...user,
  });
}

describe.skipIf(hidden)('rehome lab run without root', () => {
  it('says so and what to do instead, and does nothing', () => {
    const { status, stdout, stderr } = ordinary('exploration');
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toBe(
      'rehome: network namespaces need root; `rehome sim run exploration` does the same in the simulator, without root\n',
    );
  });
  it('finds mistakes in what it is asked for first', () => {
    expect(ordinary('nothing').stderr).toMatch(/no scenario "nothing": name one of survival/);
    for (const args of [[], ['exploration', '--trials', '0'], ['exploration', '--profile', 'x']]) {
      expect(ordinary(...args).status).toBe(2);
    }
  });
});
