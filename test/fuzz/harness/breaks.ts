import { readFileSync } from 'node:fs';
import type { Options } from './options.js';
import { runSession } from './session.js';

/** A mistake to put into the code on purpose: does a target find it, and how fast? */
export interface Break {
  readonly name: string;
  /** What is wrong then, in a few words. */
  readonly about: string;
  readonly target: string;
  /** From the root of the repository. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export const loadBreaks = (): readonly Break[] =>
  JSON.parse(readFileSync(new URL('../breaks.json', import.meta.url), 'utf8')) as Break[];

/** Seconds that a break may take to be found. */
const PATIENCE = 60;

/** `--breaks`: one line for each; `--seconds` is for each. @returns the exit status */
export async function runBreaks(options: Options, say: (text: string) => void): Promise<number> {
  const chosen = loadBreaks().filter((b) => options.targets.includes(b.target));
  const results = [];
  for (const b of chosen) {
    const { findings } = await runSession({
      targets: [b.target],
      budgets: [{ seconds: Math.min(options.seconds, PATIENCE) }],
      seed: options.seed,
      save: false,
      keep: false,
      broken: b.name,
      first: true,
    });
    const [first] = findings;
    const found = first && {
      executions: first.executions,
      seconds: first.seconds,
      signature: first.signature,
    };
    results.push({ name: b.name, target: b.target, about: b.about, found: found ?? null });
    if (options.json) continue;
    const verdict = found
      ? `found after ${found.executions} runs, ${found.seconds.toFixed(1)} s: ${found.signature}`
      : 'NOT FOUND';
    say(`${b.target.padEnd(16)} ${b.name}: ${b.about}\n    ${verdict}`);
  }
  const missing = results.filter((r) => r.found === null);
  if (options.json) say(JSON.stringify({ seed: options.seed, breaks: results }));
  else
    say(
      `\n${results.length - missing.length} of ${results.length} breaks found, seed ${options.seed}`,
    );
  return missing.length === 0 ? 0 : 1;
}
