import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const SCRIPT = path.join(ROOT, 'scripts/conformance.mjs');

interface Run {
  readonly status: number | null;
  readonly text: string;
}
function run(...args: readonly string[]): Run {
  const done = spawnSync(process.execPath, [SCRIPT, ...args], { encoding: 'utf8' });
  return { status: done.status, text: done.stdout + done.stderr };
}

const MADE: string[] = [];
afterEach(() => {
  for (const directory of MADE.splice(0)) fs.rmSync(directory, { recursive: true });
});

/** A small project of its own: requirements, and one test file. */
function project(requirements: readonly object[], testSource: string): string {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'rehome-conformance-'));
  MADE.push(root);
  fs.mkdirSync(path.join(root, 'docs/conformance'), { recursive: true });
  fs.mkdirSync(path.join(root, 'test/deep'), { recursive: true });
  fs.writeFileSync(
    path.join(root, 'docs/conformance/requirements.json'),
    JSON.stringify(requirements),
  );
  fs.writeFileSync(path.join(root, 'test/deep/a.test.ts'), testSource);
  return root;
}
// The tags are put together here so that the generator does not take them for tags of this file.
const id = (rest: string): string => `RFC${9999}-${rest}`;
const requirement = (rest: string, level: string, more: object = {}): object => ({
  id: id(rest),
  level,
  section: `RFC 9999 §${rest.split('-')[0]}`,
  scope: 'wire',
  summary: `what ${rest} wants`,
  ...more,
});
const generated = (root: string): string =>
  fs.readFileSync(path.join(root, 'docs/conformance.md'), 'utf8');

describe('docs/conformance.md', () => {
  it('is up to date, and every MUST and SHOULD has a test or a reason', () => {
    const { status, text } = run('--check');
    expect(text).toMatch(/, 0 problems\n$/);
    expect(status).toBe(0);
  });
});

describe('scripts/conformance.mjs', () => {
  it('names file and title of the tests that carry the id, without the tag', () => {
    const root = project(
      [requirement('1.2-1', 'MUST'), requirement('1.2-2', 'SHOULD')],
      `it('does it [${id('1.2-1')}]', f); it.each(rows)('does %s too [${id('1.2-1')}] ' + '[${id('1.2-2')}]', f);`,
    );
    expect(run('--root', root).status).toBe(0);
    expect(generated(root)).toContain(
      '`test/deep/a.test.ts`: does it<br>`test/deep/a.test.ts`: does %s too |',
    );
    expect(run('--check', '--root', root)).toMatchObject({ status: 0 });
  });

  it('fails for a MUST that nothing shows, and not for a rule', () => {
    const root = project(
      [requirement('1-1', 'MUST'), requirement('1-2', 'rule')],
      `it('is about something else', f);`,
    );
    run('--root', root);
    const { status, text } = run('--check', '--root', root);
    expect(status).toBe(1);
    expect(text).toContain(`${id('1-1')} (MUST) has neither a test nor a reason`);
    expect(text).not.toContain(id('1-2'));
    expect(generated(root).match(/\*\*NO TEST\*\*/g)).toHaveLength(2);
  });

  it('takes a reason for a test, but not both', () => {
    const reasons = [
      requirement('1-1', 'MUST', { notImplemented: 'later' }),
      requirement('1-2', 'MUST', { notApplicable: 'binds routers' }),
    ];
    const root = project(reasons, '');
    run('--root', root);
    expect(run('--check', '--root', root).status).toBe(0);
    expect(generated(root)).toContain('not implemented: later');
    expect(generated(root)).toContain('not applicable: binds routers');

    const both = project(reasons, `it('does it [${id('1-1')}]', f);`);
    run('--root', both);
    expect(run('--check', '--root', both)).toMatchObject({ status: 1 });
  });

  // Texts for the collector to read, not calls: a test that does not run shows nothing.
  it.each([
    ['it', 'skip'],
    ['it', 'todo'],
    ['describe', 'skip'],
  ])('does not count %s.%s', (block, modifier) => {
    const call = `${block}.${modifier}`;
    const inner = `it('does it [${id('1-1')}]', f)`;
    const root = project(
      [requirement('1-1', 'MUST')],
      block === 'describe' ? `${call}('all', () => { ${inner} });` : inner.replace('it', call),
    );
    run('--root', root);
    expect(run('--check', '--root', root).status).toBe(1);
  });

  it('counts a test that runs under a condition', () => {
    const root = project(
      [requirement('1-1', 'MUST')],
      `describe.skipIf(reason)('as root', () => { it.runIf(yes)('does it [${id('1-1')}]', f) });`,
    );
    run('--root', root);
    expect(run('--check', '--root', root).status).toBe(0);
  });

  it('refuses a tag that is no requirement', () => {
    const root = project([], `it('does it [${id('7-7')}]', f);`);
    run('--root', root);
    const { status, text } = run('--check', '--root', root);
    expect(status).toBe(1);
    expect(text).toContain(`${id('7-7')} is no requirement`);
  });

  it('fails when the file is stale or missing', () => {
    const root = project([], `it('first', f);`);
    expect(run('--check', '--root', root).text).toContain('stale');
    run('--root', root);
    expect(run('--check', '--root', root).status).toBe(0);
    fs.appendFileSync(path.join(root, 'docs/conformance.md'), 'edited by hand\n');
    expect(run('--check', '--root', root)).toMatchObject({ status: 1 });
  });

  it('lists tests that name a section only', () => {
    const root = project([], `it('does it [RFC${9999} §3.1]', f);`);
    run('--root', root);
    expect(generated(root)).toContain('- RFC 9999 §3.1\n  - `test/deep/a.test.ts`: does it\n');
  });
});
