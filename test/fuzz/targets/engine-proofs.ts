import type { Target } from '../harness/target.js';
import { proven } from '../support/engine/people.js';
import { MAX_RECORDS, RECORD, units } from '../support/engine/program.js';
import { runProgram } from '../support/engine/run.js';
import { programs } from '../support/engine/seeds.js';
import { explained } from './engine.js';

export const target: Target = {
  name: 'engine-proofs',
  about:
    'the same lives with HBA and CGA: nothing is believed, and no payload sent, that is not proven',
  code: ['src/engine/', 'src/shim6/', 'src/reap/', 'src/policy/', 'src/identity/'],
  constants: 'none',
  maxLength: RECORD * (MAX_RECORDS + 1),
  seeds: programs,
  units,
  run: (input) => runProgram(proven(), input),
  explain: (input) => explained((trace) => runProgram(proven(), input, trace)),
};
