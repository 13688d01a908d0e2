import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { loadBreaks } from './harness/breaks.js';
import { loadCorpus } from './harness/corpus.js';
import { loadVectors } from './harness/findings.js';
import type { Target } from './harness/target.js';
import { TARGETS, targetByName } from './targets/index.js';

/**
 * What fuzzing has learnt, once more: the seeds and the corpus of every target, and every input that ever failed
 * (docs/fuzzing.md). `npm run fuzz` goes on from here.
 */
const TIMEOUT = 120_000;

describe.each(TARGETS.map(({ name }) => name))('%s', (name) => {
  let target: Target | undefined;
  afterAll(async () => target?.close?.());
  const run = async (input: Uint8Array): Promise<void> => {
    target ??= await targetByName(name);
    await target.run(input);
  };

  it('seeds and corpus are without fault', { timeout: TIMEOUT }, async () => {
    const { seeds } = await targetByName(name);
    const inputs = [...seeds(), ...loadCorpus(name)];
    expect(inputs.length).toBeGreaterThan(0);
    for (const input of inputs) await run(input);
  });

  for (const vector of loadVectors(name)) {
    it(`what failed once does not any more: ${vector.name}`, () => run(vector.input));
  }
});

describe('breaks.json', () => {
  it.each(loadBreaks().map((b) => [b.name, b] as const))('%s is in code that is there', (_, b) => {
    expect(TARGETS.map((t) => t.name)).toContain(b.target);
    const source = readFileSync(new URL(`../../${b.file}`, import.meta.url), 'utf8');
    expect(source).toContain(b.from);
    expect(b.to).not.toBe(b.from);
  });
});
