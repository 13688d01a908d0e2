import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wantsColor } from '../../src/cli/io.js';
import { COMMANDS, commandOf } from '../../src/cli/registry.js';
import { ago, rtt, span } from '../../src/cli/format/time.js';
import { table } from '../../src/cli/format/table.js';
import { cli } from './support.js';

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'rehome-cli-'))));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const file = (name: string, text: string): string => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};

describe('the command line', () => {
  it('--help names every command and gives examples', async () => {
    const { status, out } = await cli(['--help']);
    expect(status).toBe(0);
    for (const name of Object.keys(COMMANDS)) expect(out).toMatch(new RegExp(`^  ${name} `, 'm'));
    expect(out).toContain('Examples:');
    expect(out).toContain('REHOME_SOCKET');
  });

  it.each(Object.keys(COMMANDS).filter((n) => n !== 'lab'))('%s --help', async (name) => {
    const { status, out } = await cli([name, '--help']);
    expect(status).toBe(0);
    expect(out).toContain(`Usage: rehome ${name}`);
  });

  it('the summary in the list is the summary of the command', async () => {
    for (const [name, entry] of Object.entries(COMMANDS)) {
      if (name === 'lab' || name === 'decode') continue;
      expect((await cli([name, '--help'])).out).toContain(entry.summary);
    }
  });

  it('suggests what was meant: exit 2', async () => {
    const { status, err } = await cli(['statsu']);
    expect([status, err]).toEqual([2, expect.stringContaining('Did you mean status?')]);
  });

  it.each([
    [['status', '--jsn']],
    [['context']],
    [['paths', 'a', 'b']],
    [['events', '--since', 'x']],
    [[]],
  ])('wrong usage is exit 2: %j', async (args) => {
    expect((await cli(args)).status).toBe(2);
  });

  it('a daemon that is not there is exit 1 and says how to start it', async () => {
    const { status, err } = await cli(['status', '--socket', join(directory, 'none.sock')]);
    expect(status).toBe(1);
    expect(err).toContain('no rehome daemon answers on');
    expect(err).toContain('rehome up --config FILE');
  });

  it('finds the command among options', () => {
    expect(commandOf(['--socket', 'status', 'contexts'])).toBe('contexts');
    expect(commandOf(['help', 'paths'])).toBe('paths');
    expect(commandOf(['--help'])).toBeUndefined();
  });

  it('version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect((await cli(['version'])).out).toBe(`rehome ${version}\n`);
    expect(JSON.parse((await cli(['version', '--json'])).out)).toEqual({ version });
  });
});

describe('check-config', () => {
  it('prints the effective configuration, warnings apart', async () => {
    const { status, out, err } = await cli([
      'check-config',
      '--config',
      file('ok.toml', 'security = "none"'),
    ]);
    expect(status).toBe(0);
    expect(out).toContain('send_timeout = "10s"');
    expect(err).toContain('warning: security is "none"');
  });

  it('names every mistake: exit 1', async () => {
    const { status, out, err } = await cli([
      'check-config',
      '-c',
      file('bad.toml', 'profil = "rfc"\nsecurity = "hba"'),
    ]);
    expect([status, out]).toEqual([1, '']);
    expect(err).toMatch(/bad\.toml:2: security: "hba" is not possible here; leave it out/);
    expect(err).toMatch(/bad\.toml:1: profil: unknown key; did you mean profile\?/);
  });

  it('--json', async () => {
    const good = await cli(['check-config', '--json', '-c', file('ok.toml', 'security = "none"')]);
    expect(JSON.parse(good.out)).toMatchObject({
      ok: true,
      issues: [],
      config: { profile: 'fast', strategy: 'informed' },
    });
    const bad = await cli([
      'check-config',
      '--json',
      '-c',
      file('bad.toml', 'security = "none"\n\nx = 1'),
    ]);
    expect(bad.status).toBe(1);
    expect(JSON.parse(bad.out)).toMatchObject({
      ok: false,
      issues: [{ line: 3, key: 'x' }],
      config: null,
    });
    const none = await cli(['check-config', '--json', '-c', join(directory, 'gone.toml')]);
    expect(JSON.parse(none.out)).toMatchObject({ ok: false });
  });
});

describe('up', () => {
  it('does not start with a bad file', async () => {
    const { status, err } = await cli(['up', '--config', file('bad.toml', 'identity = "none"')]);
    expect([status, err]).toEqual([1, expect.stringContaining('write "hba"')]);
  });
});

describe('what is loaded', () => {
  it.each(['decode', 'status', 'version', 'check-config'])('%s does not load koffi', (command) => {
    // A loader hook would be cleverer; the list of loaded native modules is proof enough.
    const script = `
      process.argv = [process.argv[0], 'rehome', '${command}', '--help'];
      await import(${JSON.stringify(new URL('../../dist/cli/main.js', import.meta.url).href)});
      const loaded = process.report.getReport().sharedObjects.filter((o) => o.includes('koffi'));
      console.error('native:' + loaded.length);`;
    const r = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    expect(r.stderr).toContain('native:0');
  });
});

describe('colour', () => {
  it.each([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: '1' }, true, false],
    [{ NO_COLOR: '' }, true, true],
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '0' }, true, false],
    [{ NO_COLOR: '1', FORCE_COLOR: '1' }, true, false],
    [{ TERM: 'dumb' }, true, false],
  ])('%j on a terminal %s: %s', (env, tty, expected) =>
    expect(wantsColor(env, tty)).toBe(expected),
  );
});

describe('numbers', () => {
  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [1_000, '1.0 s'],
    [9_949, '9.9 s'],
    [12_000, '12 s'],
    [99_000, '99 s'],
    [100_000, '2 min'],
    [5_940_000, '99 min'],
    [7_200_000, '2 h'],
    [172_800_000, '2 d'],
  ])('span of %d ms is %s', (n, expected) => expect(span(n)).toBe(expected));
  it('ago', () => {
    const now = '2026-01-01T00:01:00.000Z';
    expect(ago(now, null)).toBe('never');
    expect(ago(now, now)).toBe('just now');
    expect(ago(now, '2026-01-01T00:00:48.000Z')).toBe('12 s ago');
    expect(ago(now, '2026-01-01T00:02:00.000Z')).toBe('in 60 s');
  });
  it('rtt', () =>
    expect([null, 0.123, 20.31, 150.4].map(rtt)).toEqual(['-', '0.12 ms', '20.3 ms', '150 ms']));
  it('tables ignore colours and leave nothing behind', () => {
    expect(
      table([
        ['\u001b[31ma\u001b[39m', 'b'],
        ['ccc', ''],
      ]),
    ).toBe('\u001b[31ma\u001b[39m    b\nccc\n');
    expect(table([])).toBe('');
  });
});
