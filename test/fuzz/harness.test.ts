import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/sim/random.js';
import { Corpus } from './harness/corpus.js';
import { dictionaryOf } from './harness/dictionary.js';
import { hexLines, readHex, signatureOf } from './harness/findings.js';
import { minimise } from './harness/minimise.js';
import { mutate } from './harness/mutate.js';
import { readOptions, UsageError } from './harness/options.js';
import { octetsOf, type Target, type Unit } from './harness/target.js';

/** Lines, for a target that has units. */
const units = (input: Uint8Array): Unit[] =>
  Array.from({ length: Math.floor(input.length / 4) }, (_, i) => ({ from: 4 * i, to: 4 * i + 4 }));
const target: Target = {
  name: 'x',
  about: '',
  code: [],
  maxLength: 100,
  units,
  seeds: () => [],
  run: () => undefined,
};

describe('mutations', () => {
  const seeds = [octetsOf('one two three four'), new Uint8Array(), new Uint8Array(90)];
  const some = (seed: string): Uint8Array[] => {
    const random = new SeededRandom(seed);
    const dictionary = dictionaryOf(target, [140, 0xa1b2c3d4, 'text']);
    const sources = { random, target, dictionary, other: () => random.pick(seeds) };
    return Array.from({ length: 500 }, () => mutate(random.pick(seeds), sources));
  };

  it('are the same for the same seed, and others for another', () => {
    expect(some('a')).toEqual(some('a'));
    expect(some('a')).not.toEqual(some('b'));
  });

  it('leave what they are made from as it was, and are no longer than may be', () => {
    const before = seeds.map((s) => s.slice());
    for (const input of some('c')) expect(input.length).toBeLessThanOrEqual(100);
    expect(seeds).toEqual(before);
  });
});

describe('dictionary', () => {
  it('has constants as octets in both orders, or as text', () => {
    expect(dictionaryOf(target, [0x8c, 0x0a0d0d0a, 1.5, -1, 'x'])).toEqual([
      Uint8Array.of(0x8c),
      Uint8Array.of(0, 0x8c),
      Uint8Array.of(0x8c, 0),
      Uint8Array.of(0x0a, 0x0d, 0x0d, 0x0a),
      Uint8Array.of(0x0a, 0x0d, 0x0d, 0x0a),
    ]);
    expect(dictionaryOf({ ...target, constants: 'text' }, [22, 'x'])).toEqual(
      ['22', 'x'].map(octetsOf),
    );
    expect(dictionaryOf({ ...target, constants: 'none', words: ['y'] }, [1])).toEqual([
      octetsOf('y'),
    ]);
  });
});

describe('corpus', () => {
  it('keeps the shortest input of each feature, and no input without one', () => {
    const corpus = new Corpus();
    expect(corpus.consider(new Uint8Array(9), [1, 2])).toBe('new');
    expect(corpus.consider(new Uint8Array(9), [2])).toBe('known');
    expect(corpus.consider(new Uint8Array(4), [2])).toBe('shorter');
    expect(corpus.inputs().map((i) => i.length)).toEqual([9, 4]);
    expect(corpus.consider(new Uint8Array(3), [1, 2, 3])).toBe('new');
    expect(corpus.inputs().map((i) => i.length)).toEqual([3]);
  });
});

describe('minimise', () => {
  it('leaves what makes it fail and nothing else', async () => {
    const fails = async (input: Uint8Array): Promise<boolean> =>
      input.includes(7) && input.indexOf(9, input.indexOf(7)) > 0;
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (noise) => {
        const input = Uint8Array.of(...noise, 7, ...noise, 9, ...noise);
        expect(await minimise(input, fails, units)).toEqual(Uint8Array.of(7, 9));
      }),
      { numRuns: 30 },
    );
  });
});

describe('findings', () => {
  it('are told apart by what was thrown and where, not by numbers', () => {
    const at = (place: string, message: string): Error =>
      Object.assign(new RangeError(message), { stack: `x\n    at f (/a/src/${place}.ts:1:2)` });
    const one = signatureOf(at('wire/nd', 'offset 12 of 2001:db8::1'));
    expect(one).toBe('RangeError: offset N of A at src/wire/nd.ts');
    expect(signatureOf(at('wire/nd', 'offset 77 of fe80::2'))).toBe(one);
    expect(signatureOf(at('wire/ipv6', 'offset 12 of 2001:db8::1'))).not.toBe(one);
  });

  it('are written so that they can be read again', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (input) => {
        const text = ['# RangeError: beef', ...hexLines(input)].join('\n');
        expect(readHex(text, 'x')).toEqual(input);
      }),
    );
    expect(() => readHex('zz', 'x.hex')).toThrow(/x\.hex/);
  });
});

describe('command line', () => {
  it('refuses what it does not know', () => {
    const refused = [
      ['--target', 'z'],
      ['--seconds', '0'],
      ['--seconds', '1', '--minutes', '1'],
      ['--wat'],
    ];
    for (const args of refused) expect(() => readOptions(args, ['a'])).toThrow(UsageError);
    expect(readOptions(['--minutes', '2', '--seed', 's'], ['a', 'b'])).toMatchObject({
      targets: ['a', 'b'],
      seconds: 120,
      seed: 's',
    });
  });
});

describe('npm run fuzz', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rehome-fuzz-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const fuzz = (args: readonly string[], broken?: string) =>
    spawnSync(
      process.execPath,
      ['--import', './test/fuzz/harness/register.mjs', 'test/fuzz/harness/main.ts', ...args],
      {
        cwd: root,
        encoding: 'utf8',
        env: { ...process.env, ...(broken && { REHOME_FUZZ_BREAK: broken }) },
      },
    );

  it(
    'counts what it reaches, and does the same again for the same seed',
    { timeout: 60_000 },
    () => {
      const args = ['--target', 'lab-frame', '--executions', '2000', '--seed', 's', '--json'];
      const [a, b] = [fuzz(args), fuzz(args)].map(({ status, stdout, stderr }) => {
        expect(stderr).toBe('');
        expect(status).toBe(0);
        return JSON.parse(stdout) as {
          summaries: { covered: number; counters: number; corpus: number }[];
        };
      });
      const of = (run: typeof a) =>
        run?.summaries.map(({ covered, counters, corpus }) => [covered, counters, corpus]);
      expect(of(a)).toEqual(of(b));
      expect(a?.summaries[0]?.covered).toBeGreaterThan(10);
    },
  );

  it(
    'replays a file: 0 for nothing wrong, 1 for a fault, 2 for no file',
    { timeout: 60_000 },
    () => {
      const file = join(directory, 'x.hex');
      // A frame from 2001:db8:a0::, the uplink that there is not.
      const [source, destination] = [
        '20010db800a000000000000000000001',
        '20010db800b300000000000000000001',
      ];
      writeFileSync(file, `${'00'.repeat(10)}6000000000001140${source}${destination}\n`);
      const args = ['--replay', file, '--target', 'lab-frame'];
      expect(fuzz(args)).toMatchObject({ status: 0, stdout: 'lab-frame: nothing wrong\n' });
      const broken = fuzz(args, 'lab-path');
      expect(broken.status).toBe(1);
      expect(broken.stdout).toMatch(/path .* is one of the lab/);
      expect(fuzz(['--replay', `${file}.not`, '--target', 'lab-frame']).status).toBe(2);
    },
  );

  it('finds a break that is put in on purpose', { timeout: 60_000 }, () => {
    const { status, stdout } = fuzz(['--breaks', '--target', 'lab-frame', '--seconds', '20']);
    expect(stdout).toMatch(/1 of 1 breaks found/);
    expect(status).toBe(0);
  });
});
