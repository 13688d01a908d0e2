import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InfixMemory } from '../../src/daemon/sam/infix-memory.js';
import { StateDirectory } from '../../src/daemon/state-directory.js';

describe('the infixes of the last run', () => {
  let directory = '';
  beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'rehome-infix-'))));
  afterEach(() => rmSync(directory, { recursive: true, force: true }));
  const memory = (): InfixMemory => new InfixMemory(new StateDirectory(directory));
  const file = (): string => join(directory, 'sam.json');

  it('are there after a restart, leading zeros and all', () => {
    const first = memory();
    expect(first.of('eth0')).toBeUndefined();
    first.keep('eth0', { value: 0x0012n, length: 16 });
    first.keep('wlan0', { value: 0xe9n, length: 8 });
    first.keep('wlan0', { value: 0xean, length: 8 });
    const next = memory();
    expect([next.of('eth0'), next.of('wlan0')]).toEqual([
      { infix: 0x12n, octets: 2 },
      { infix: 0xean, octets: 1 },
    ]);
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toEqual({
      version: 1,
      infixes: { eth0: '0012', wlan0: 'ea' },
    });
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  it('are written only when they change', () => {
    memory().keep('eth0', { value: 1n, length: 8 });
    rmSync(file());
    const other = memory();
    other.keep('eth0', { value: 1n, length: 8 });
    rmSync(file());
    other.keep('eth0', { value: 1n, length: 8 });
    expect(memory().of('eth0')).toBeUndefined();
  });

  it.each(['{', '[]', '{"version":2,"infixes":{}}', '{"version":1,"infixes":{"eth0":"xyz"}}'])(
    'in a damaged file stop the start, and say what to do: %s',
    (text) => {
      writeFileSync(file(), text);
      expect(memory).toThrow(
        /sam\.json .*repair it, or move it away: interfaces then get other infixes/,
      );
    },
  );
});
