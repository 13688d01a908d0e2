// node --import this: .ts files can be run, and those of src/ count what they run (`instrument.mjs`).
import { register } from 'node:module';

const SIZE = 1 << 17;
/** Counters at the start that belong to notes of targets (`coverage.ts`). */
const NOTES = 1 << 13;
const store = { counters: new Uint8Array(SIZE), notes: NOTES, modules: [] };
let used = NOTES;

/** Every module that counts asks here for its counters when it is loaded. */
globalThis.__rehomeFuzz = (name, where, literals) => {
  const lines = where === '' ? [] : where.split(' ').map(Number);
  const count = lines.length;
  const from = used;
  used = (used + count + 3) & ~3;
  if (used > SIZE) throw new RangeError('more counters than there is room for');
  store.modules.push({ name, from, count, lines, literals: JSON.parse(literals) });
  return store.counters.subarray(from, from + count);
};
globalThis.__rehomeFuzzStore = store;

register('./hooks.mjs', import.meta.url, { data: { broken: process.env.REHOME_FUZZ_BREAK } });
