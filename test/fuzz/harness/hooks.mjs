import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { instrument, transpile } from './instrument.mjs';

/** Module hooks of Node: see `register.mjs`. What was compiled once is kept in node_modules/.cache. */

const ROOT = new URL('../../../', import.meta.url);
const CACHE = new URL('node_modules/.cache/rehome-fuzz/', ROOT);
const VERSION = readFileSync(new URL('instrument.mjs', import.meta.url), 'utf8');
/** What counts: everything of ours but the simulator and the lab, and the TOML parser, whose grammar is to be found. */
const COUNTED = /^(src\/(?!sim\/|lab\/(?!emulator\/packet))|node_modules\/smol-toml\/)/;

let broken;

/** Told which of `../breaks.json` to put in, to see whether it is found. */
export function initialize(data) {
  mkdirSync(CACHE, { recursive: true });
  if (data?.broken === undefined) return;
  const breaks = JSON.parse(readFileSync(new URL('../breaks.json', import.meta.url), 'utf8'));
  broken = breaks.find((b) => b.name === data.broken);
}

export async function resolve(specifier, context, next) {
  if (/^\.{1,2}\/.*\.js$/.test(specifier) && context.parentURL?.startsWith(ROOT.href)) {
    const url = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
    if (existsSync(fileURLToPath(url))) return { url: url.href, shortCircuit: true };
  }
  return next(specifier, context);
}

export async function load(url, context, next) {
  const name = url.startsWith(ROOT.href) ? url.slice(ROOT.href.length) : '';
  const counted = COUNTED.test(name);
  if (!counted && !name.endsWith('.ts')) return next(url, context);
  const source = compiled(name, counted);
  return { format: 'module', shortCircuit: true, source };
}

function compiled(name, counted) {
  const file = fileURLToPath(new URL(name, ROOT));
  let source = readFileSync(file, 'utf8');
  if (broken?.file === name) source = withBreak(source);
  const hash = createHash('sha256').update(`${VERSION}\0${name}\0${source}`).digest('hex');
  const cached = new URL(`${hash}.js`, CACHE);
  if (existsSync(cached)) return readFileSync(cached, 'utf8');
  const out = counted ? instrument(source, file, name) : transpile(source, file);
  // Several processes may do the same: a half-written file must not be seen.
  const partial = new URL(`${hash}.${process.pid}`, CACHE);
  writeFileSync(partial, out);
  renameSync(partial, cached);
  return out;
}

function withBreak(source) {
  if (!source.includes(broken.from)) throw new Error(`${broken.name}: ${broken.file} has changed`);
  return source.replace(broken.from, () => broken.to);
}
