#!/usr/bin/env node
// Writes docs/conformance.md from docs/conformance/requirements.json and the tags in test titles; CONTRIBUTING.md says
// how to tag. `--check` writes nothing and fails when the file is stale or a requirement is shown by nothing.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/**
 * @typedef {object} Requirement
 * @property {string} id             e.g. RFC5533-7.9-1
 * @property {string} level          MUST, SHOULD NOT, ...; lower case where the RFC writes it so; `rule` for a statement
 * @property {string} section        e.g. RFC 5533 §7.9
 * @property {string} scope          who has to do it: wire, shim6, reap, dataplane, linux, daemon, security
 * @property {string} summary
 * @property {string} [notImplemented]  why there is no test
 * @property {string} [notApplicable]   why there can be none
 *
 * @typedef {{ file: string, title: string }} TestTitle
 */

const ID = /\bRFC\d{4}-[\d.]+-\d+\b/g;
const SECTION = /\bRFC ?(\d{4}) §([\d.]*\d)/g;
const STRICT = /^(MUST|SHOULD|SHALL|REQUIRED|RECOMMENDED)/;

/** The parts of a title that are in the source; what is computed shows as …. */
function literalText(/** @type {ts.Node | undefined} */ node) {
  if (node === undefined) return '';
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node)) {
    return node.head.text + node.templateSpans.map((s) => '…' + s.literal.text).join('');
  }
  if (ts.isBinaryExpression(node)) return literalText(node.left) + literalText(node.right);
  if (ts.isParenthesizedExpression(node)) return literalText(node.expression);
  return '…';
}

/** `it`, `it.each(rows)`, `it.skipIf(reason)`: the names from the root on. */
function callee(/** @type {ts.Expression} */ node) {
  if (ts.isIdentifier(node)) return [node.text];
  if (ts.isPropertyAccessExpression(node)) return [...callee(node.expression), node.name.text];
  if (ts.isCallExpression(node)) return callee(node.expression);
  if (ts.isTaggedTemplateExpression(node)) return callee(node.tag);
  return [];
}

/** @returns {string[]} titles of the tests that run; skipped and planned ones show nothing */
export function titlesOf(/** @type {string} */ file, /** @type {string} */ text) {
  /** @type {string[]} */
  const titles = [];
  const visit = (/** @type {ts.Node} */ node, /** @type {boolean} */ dead) => {
    let off = dead;
    if (ts.isCallExpression(node)) {
      const names = callee(node.expression);
      const kind = names[0] ?? '';
      // it.each(rows) is itself a call, without a title; the call around it has one.
      const unfinished = ts.isCallExpression(node.parent) && node.parent.expression === node;
      if (['it', 'test', 'describe', 'suite'].includes(kind) && !unfinished) {
        off ||= names.includes('skip') || names.includes('todo');
        if (!off && (kind === 'it' || kind === 'test')) titles.push(literalText(node.arguments[0]));
      }
    }
    ts.forEachChild(node, (child) => visit(child, off));
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true), false);
  return titles;
}

/** @returns {TestTitle[]} */
function collect(/** @type {string} */ root) {
  const directory = path.join(root, 'test');
  return fs
    .readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .flatMap((name) => {
      const file = path.join(directory, name);
      const relative = path.posix.join('test', name.split(path.sep).join('/'));
      return titlesOf(name, fs.readFileSync(file, 'utf8')).map((title) => ({
        file: relative,
        title,
      }));
    });
}

/** @returns {{ byId: Map<string, TestTitle[]>, bySection: Map<string, TestTitle[]> }} */
function index(/** @type {TestTitle[]} */ tests) {
  const byId = new Map();
  const bySection = new Map();
  const add = (
    /** @type {Map<string, TestTitle[]>} */ map,
    /** @type {string} */ key,
    /** @type {TestTitle} */ test,
  ) => map.set(key, [...(map.get(key) ?? []), test]);
  for (const test of tests) {
    for (const id of new Set(test.title.match(ID) ?? [])) add(byId, id, test);
    const sections = [...test.title.matchAll(SECTION)].map((m) => `RFC ${m[1]} §${m[2]}`);
    for (const section of new Set(sections)) add(bySection, section, test);
  }
  return { byId, bySection };
}

const cell = (/** @type {string} */ text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
/** A title as a reader wants it: without its tags. */
const plain = (/** @type {string} */ title) =>
  title.replaceAll(/\s*\[[^\]]*RFC ?\d{4}[^\]]*\]/g, '').trim();
const show = (/** @type {TestTitle} */ t) => `\`${t.file}\`: ${cell(plain(t.title))}`;

/** What the last column says, and whether that is enough. */
function shownBy(/** @type {Requirement} */ r, /** @type {TestTitle[]} */ tests) {
  if (r.notApplicable !== undefined) return `not applicable: ${cell(r.notApplicable)}`;
  if (tests.length > 0) return tests.map(show).join('<br>');
  if (r.notImplemented !== undefined) return `not implemented: ${cell(r.notImplemented)}`;
  return '**NO TEST**';
}

function render(/** @type {Requirement[]} */ requirements, /** @type {TestTitle[]} */ tests) {
  const { byId, bySection } = index(tests);
  const testsOf = (/** @type {Requirement} */ r) => byId.get(r.id) ?? [];
  const count = (/** @type {(r: Requirement) => boolean} */ f) =>
    String(requirements.filter(f).length);
  const out = [
    '# Conformance to RFC 5533 (Shim6), RFC 5534 (REAP), RFC 3972 (CGA) and RFC 5535 (HBA)',
    '',
    '<!-- Generated by `npm run conformance`. Do not edit: change docs/conformance/requirements.json or the tags in test titles. -->',
    '',
    'One row for every MUST and SHOULD, and for what a peer can observe of the rest. Levels in capitals are the',
    "RFC's own; `must` and `should` are its lower-case ones; a `rule` is a statement of fact that a peer can check.",
    'Summaries are ours: the RFC decides.',
    '',
    '| | requirements |',
    '| --- | --- |',
    `| all | ${requirements.length} |`,
    `| shown by a test | ${count((r) => r.notApplicable === undefined && testsOf(r).length > 0)} |`,
    `| not implemented | ${count((r) => r.notImplemented !== undefined && testsOf(r).length === 0)} |`,
    `| not applicable | ${count((r) => r.notApplicable !== undefined)} |`,
    `| no test | ${count((r) => shownBy(r, testsOf(r)) === '**NO TEST**')} |`,
  ];
  for (const rfc of new Set(requirements.map((r) => r.section.split(' §')[0] ?? ''))) {
    out.push(
      '',
      `## ${rfc}`,
      '',
      '| id | level | scope | requirement | shown by |',
      '| --- | --- | --- | --- | --- |',
    );
    for (const r of requirements.filter((q) => q.section.startsWith(rfc))) {
      out.push(
        `| ${r.id} | ${r.level} | ${r.scope} | ${cell(r.summary)} | ${shownBy(r, testsOf(r))} |`,
      );
    }
  }
  out.push(
    '',
    '## Further tests, by section',
    '',
    'Tests that name a section, not a single requirement.',
    '',
  );
  const order = new Intl.Collator('en', { numeric: true });
  for (const section of [...bySection.keys()].sort(order.compare)) {
    const list = bySection.get(section) ?? [];
    out.push(`- ${section}`, ...[...new Set(list.map(show))].map((line) => `  - ${line}`));
  }
  return out.join('\n') + '\n';
}

/** @returns {string[]} what is wrong with the tags and the list themselves */
function problems(/** @type {Requirement[]} */ requirements, /** @type {TestTitle[]} */ tests) {
  const { byId } = index(tests);
  const known = new Set(requirements.map((r) => r.id));
  const wrong = [];
  if (known.size !== requirements.length) wrong.push('requirements.json has an id twice');
  for (const [id, list] of byId) {
    if (!known.has(id))
      wrong.push(`${id} is no requirement (${list.map((t) => t.file).join(', ')})`);
  }
  for (const r of requirements) {
    const list = byId.get(r.id) ?? [];
    if (list.length > 0 && (r.notImplemented ?? r.notApplicable) !== undefined) {
      wrong.push(
        `${r.id} says "not implemented" or "not applicable" and has a test (${list[0]?.file})`,
      );
    }
    if (STRICT.test(r.level) && shownBy(r, list) === '**NO TEST**') {
      wrong.push(`${r.id} (${r.level}) has neither a test nor a reason: ${r.summary}`);
    }
  }
  return wrong;
}

function main(/** @type {string[]} */ args) {
  const at = args.indexOf('--root');
  const root =
    at >= 0
      ? (args[at + 1] ?? '.')
      : path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
  /** @type {Requirement[]} */
  const requirements = JSON.parse(
    fs.readFileSync(path.join(root, 'docs/conformance/requirements.json'), 'utf8'),
  );
  const tests = collect(root);
  const target = path.join(root, 'docs/conformance.md');
  const text = render(requirements, tests);
  const wrong = problems(requirements, tests);
  if (!args.includes('--check')) fs.writeFileSync(target, text);
  else if (!fs.existsSync(target) || fs.readFileSync(target, 'utf8') !== text) {
    wrong.push('docs/conformance.md is stale: run `npm run conformance` and commit it');
  }
  for (const line of wrong) console.error(line);
  const open = requirements.filter(
    (r) => shownBy(r, index(tests).byId.get(r.id) ?? []) === '**NO TEST**',
  );
  console.log(
    `${requirements.length} requirements, ${open.length} without a test, ${wrong.length} problems`,
  );
  if (args.includes('--check') && wrong.length > 0) process.exitCode = 1;
}

main(process.argv.slice(2));
