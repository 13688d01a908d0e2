import type { Target } from '../harness/target.js';
import { OPEN } from '../support/engine/people.js';
import { MAX_RECORDS, RECORD, units } from '../support/engine/program.js';
import { runProgram } from '../support/engine/run.js';
import { programs } from '../support/engine/seeds.js';

const ENGINE = ['src/engine/', 'src/shim6/', 'src/reap/', 'src/policy/'];

export const target: Target = {
  name: 'engine',
  about: 'lives of two engines and an attacker, without proofs (`security = "none"`)',
  code: [...ENGINE, 'src/identity/verifier'],
  constants: 'none',
  maxLength: RECORD * (MAX_RECORDS + 1),
  seeds: programs,
  units,
  run: (input) => runProgram(OPEN, input),
  explain: (input) => explained((trace) => runProgram(OPEN, input, trace)),
};

/** What happened, up to where it went wrong. */
export function explained(run: (trace: (line: string) => void) => void): string {
  const lines: string[] = [];
  try {
    run((line) => lines.push(line));
  } catch {
    lines.push('here it fails');
  }
  return lines.slice(-60).join('\n');
}
