import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { RehomeError } from '../../wire/errors.js';
import { bind } from '../experiments/index.js';
import type { TrialRecord } from '../experiments/types.js';
import type { Scenario } from '../scenario/schema.js';
import { captionOf, type RunHeader } from './header.js';

/** A run as a results file has it. */
export interface Results {
  readonly header: RunHeader;
  readonly records: readonly TrialRecord[];
}

/** JSON lines: the header, then one line for each trial. */
export const toLines = ({ header, records }: Results): string =>
  [header, ...records].map((line) => `${JSON.stringify(line)}\n`).join('');

/** Writes `NAME.jsonl` into a directory, which is made if need be; returns its path. */
export function writeResults(directory: string, results: Results): string {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${fileName(results.header)}.jsonl`);
  writeFileSync(file, toLines(results));
  return file;
}

const fileName = ({ name, schema }: RunHeader): string =>
  `${basename(name).replace(/\.toml$/, '')}${schema === 'rehome.lab/1' ? '-lab' : ''}`;

/**
 * Reads a results file.
 * @throws RehomeError REHOME_E_RESULTS when it is none
 */
export function readResults(file: string): Results {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new RehomeError(
      'REHOME_E_RESULTS',
      `cannot read ${file} (${code}): check the path`,
      file,
    );
  }
  try {
    const [header, ...records] = text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown);
    const { schema } = header as Partial<RunHeader>;
    if (schema !== 'rehome.sim/1' && schema !== 'rehome.lab/1')
      throw new TypeError(`schema ${String(schema)}`);
    return { header: header as RunHeader, records: records as TrialRecord[] };
  } catch (cause) {
    throw new RehomeError(
      'REHOME_E_RESULTS',
      `${file} is not a results file: name a .jsonl file that \`rehome sim run --out\` or \`rehome lab run --out\` wrote`,
      file,
      { cause },
    );
  }
}

/** The scenario that a header says was run. */
export const scenarioOf = ({ scenario }: RunHeader): Scenario => scenario as unknown as Scenario;

/** Draws the figures of a results file next to it, or into `directory`; returns their paths. */
export function drawResults(file: string, directory = dirname(file)): string[] {
  const { header, records } = readResults(file);
  mkdirSync(directory, { recursive: true });
  return bind(scenarioOf(header))
    .figures(records)
    .map(({ name, svg }) => {
      const path = join(directory, `${fileName(header)}-${name}.svg`);
      writeFileSync(path, svg(captionOf(header)));
      return path;
    });
}
