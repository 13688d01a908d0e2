import { paintWith } from '../draw/paint.js';
import { bind } from '../experiments/index.js';
import { drawResults, writeResults } from '../run/files.js';
import { headerOf, override, type Overrides } from '../run/header.js';
import { runScenario } from '../run/runner.js';
import { loadScenario } from '../scenario/load.js';
import type { SimIo } from './io.js';
import { ProgressLine } from './progress.js';
import { tablesText } from './tables.js';

export interface RunChoice extends Overrides {
  readonly jobs: number;
  readonly json?: boolean;
  /** Directory for results and figures. */
  readonly out?: string;
}

/**
 * `rehome sim run`: all trials of a scenario, on all cores; tables to standard output, results and figures to `--out`.
 * @param script the compiled worker; undefined: in this thread
 * @throws RehomeError REHOME_E_SCENARIO, REHOME_E_CONFIG, REHOME_E_ABORTED, REHOME_E_SIM
 */
export async function run(
  what: string,
  choice: RunChoice,
  io: SimIo,
  script: string | undefined,
): Promise<void> {
  const loaded = loadScenario(what);
  const scenario = override(loaded.scenario, choice);
  const header = headerOf(loaded, scenario);
  const quiet = choice.json === true;
  const paint = paintWith(io.colors);
  if (!quiet && io.tty) io.out(`${paint.strong(scenario.title ?? scenario.experiment)}\n`);
  const line = new ProgressLine(io.tty && !quiet ? (text) => io.err(text) : undefined);
  const records = await runScenario(scenario, {
    jobs: choice.jobs,
    signal: io.signal,
    onProgress: (progress) => line.update(progress),
    ...(script === undefined ? {} : { script }),
  }).finally(() => line.end());
  const tables = bind(scenario).tables(records);
  const files =
    choice.out === undefined
      ? []
      : [writeResults(choice.out, { header, records })].flatMap((file) => [
          file,
          ...drawResults(file),
        ]);
  if (quiet) {
    io.out(`${JSON.stringify({ header, tables, files }, null, 2)}\n`);
    return;
  }
  io.out(
    `${paint.dim(`${header.command}${header.commit === null ? '' : `  (commit ${header.commit})`}`)}\n\n`,
  );
  io.out(tablesText(tables, paint));
  if (files.length > 0) io.out(`\nWritten: ${files.join(', ')}\n`);
}
