import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cli, testIo } from './support.js';

const directory = mkdtempSync(join(tmpdir(), 'rehome-sim-'));
afterAll(() => rmSync(directory, { recursive: true }));
const at = (name: string): string => join(directory, name);

const SMALL = at('small.toml');
writeFileSync(
  SMALL,
  'experiment = "exploration"\ntitle = "A small one"\ntrials = 20\n[exploration]\nbroken = [2, 16]\n',
);

describe('rehome sim list', () => {
  it('names every built-in scenario', async () => {
    const { status, out } = await cli(['sim', 'list']);
    expect(status).toBe(0);
    for (const name of [
      'survival',
      'exploration',
      'selection',
      'detection',
      'storm',
      'asymmetric',
      'detection-fast',
      'storm-fast',
      'server',
    ]) {
      expect(out).toMatch(new RegExp(`^${name} `, 'm'));
    }
    const json = JSON.parse((await cli(['sim', 'list', '--json'])).out) as { name: string }[];
    expect(json).toHaveLength(9);
    const of = (name: string): unknown => json.find((row) => row.name === name);
    expect(of('exploration')).toMatchObject({
      profile: 'paper',
      strategy: 'shuffle',
      trials: 3_200,
    });
    expect(of('server')).toMatchObject({ profile: 'fast', strategy: 'informed' });
  });
});

describe('rehome sim run', () => {
  it("prints the paper's numbers beside ours, with error and verdict", async () => {
    const { status, out, err } = await cli(['sim', 'run', SMALL, '--seed', '3', '--jobs', '2']);
    expect([status, err]).toEqual([0, '']);
    expect(out).toContain('--trials 20 --profile paper --seed 3');
    expect(out).toMatch(
      /n = 2: the first probe is enough +86\.0 % +\d+\.\d % +\[.* to .*\] +(within|outside)\n/,
    );
    expect(out).toMatch(/n = 16: 95 % +31\.0 s +/);
  });

  it('writes data and figures, the same bytes for any --jobs; draws again from the data', async () => {
    for (const jobs of ['1', '2']) {
      const out = at(`out${jobs}`);
      expect((await cli(['sim', 'run', SMALL, '--jobs', jobs, '--out', out])).status).toBe(0);
    }
    const read = (name: string): string => readFileSync(at(name), 'utf8');
    expect(read('out2/small.jsonl')).toBe(read('out1/small.jsonl'));
    expect(read('out2/small-cdf.svg')).toBe(read('out1/small-cdf.svg'));
    const lines = read('out1/small.jsonl').trim().split('\n');
    expect(lines).toHaveLength(41);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ schema: 'rehome.sim/1', seed: '1' });
    const svg = read('out1/small-cdf.svg');
    expect(svg).toContain('--seed 1; rehome ');
    const drawn = await cli([
      'sim',
      'draw',
      at('out1/small.jsonl'),
      '--out',
      at('again'),
      '--json',
    ]);
    const { files } = JSON.parse(drawn.out) as { files: string[] };
    expect(files.map((file) => readFileSync(file, 'utf8'))).toEqual([svg]);
  });

  it('--json: one object', async () => {
    const { out } = await cli(['sim', 'run', SMALL, '--trials', '5', '--profile', 'rfc', '--json']);
    const { header, tables, files } = JSON.parse(out) as {
      header: { command: string };
      tables: { rows: { measure: string }[] }[];
      files: string[];
    };
    expect(header.command).toContain('--trials 5 --profile rfc');
    expect(tables[0]?.rows.length).toBeGreaterThan(3);
    expect(files).toEqual([]);
  });

  it('shows progress on a terminal only, and takes it away', async () => {
    const io = testIo({ tty: true });
    await cli(['sim', 'run', SMALL, '--trials', '400', '--jobs', '2'], io);
    expect(io.text.err).toMatch(/\d+ % {2}\d+ of 800 trials, \d+ s/);
    expect(io.text.err.endsWith('\r\u001b[K')).toBe(true);
    expect(io.text.out).toContain('A small one');
  });

  it('answers mistakes with file, line and remedy', async () => {
    writeFileSync(at('bad.toml'), 'experiment = "exploration"\ntrails = 3\n');
    const { status, err } = await cli(['sim', 'run', at('bad.toml')]);
    expect(status).toBe(1);
    expect(err).toContain(`${at('bad.toml')}:2: trails: unknown key; did you mean trials?`);
    expect((await cli(['sim', 'run', 'nosuch'])).err).toContain(
      'name one of survival, exploration',
    );
    expect((await cli(['sim', 'draw', SMALL])).err).toContain('is not a results file');
  });

  it.each([
    [['sim', 'run']],
    [['sim', 'run', 'exploration', '--trials', '0']],
    [['sim', 'run', 'exploration', '--jobs', 'many']],
    [['sim', 'run', 'exploration', '--profile', 'slow']],
    [['sim', 'replay', 'exploration']],
    [['sim', 'fly']],
  ])('%j is wrong usage', async (args) => {
    expect((await cli(args)).status).toBe(2);
  });
});

describe('rehome sim replay', () => {
  it('draws one trial and writes a capture', async () => {
    const pcap = at('t.pcapng');
    const { status, out } = await cli(['sim', 'replay', SMALL, '--trial', '21', '--pcap', pcap]);
    expect(status).toBe(0);
    expect(out).toMatch(/── cut (\S+ ){16}/);
    expect(out).toMatch(/Probe Exploring #[0-9a-f]{4}/);
    expect(out).toContain('"trial":21,"n":16');
    expect(existsSync(pcap)).toBe(true);
    expect((await cli(['decode', pcap, '--strict'])).status).toBe(0);
  });

  it('--json: the record and every message', async () => {
    const { out } = await cli(['sim', 'replay', SMALL, '--trial', '1', '--json']);
    const answer = JSON.parse(out) as {
      record: { trial: number };
      messages: { message?: string }[];
    };
    expect(answer.record.trial).toBe(1);
    const names = answer.messages.flatMap(({ message }) => message ?? []);
    expect(names.slice(0, 4)).toEqual(['i1', 'r1', 'i2', 'r2']);
    expect(names).toContain('probe');
  });

  it('says which trials there are', async () => {
    const { status, err } = await cli(['sim', 'replay', SMALL, '--trial', '41']);
    expect(status).toBe(1);
    expect(err).toContain('no trial 41: with 20 trials a case they are 1 to 40');
  });
});
