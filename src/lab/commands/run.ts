import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { SecurityMode } from '../../engine/types.js';
import type { ReapProfileName } from '../../reap/constants.js';
import { ProgressLine } from '../../sim/commands/progress.js';
import { tablesText } from '../../sim/commands/tables.js';
import { paintWith } from '../../sim/draw/paint.js';
import { bind } from '../../sim/experiments/index.js';
import type { TrialRecord } from '../../sim/experiments/types.js';
import { drawResults, writeResults } from '../../sim/run/files.js';
import { headerOf, override } from '../../sim/run/header.js';
import { runScenario, type Progress } from '../../sim/run/runner.js';
import { builtInScenarios, loadScenario } from '../../sim/scenario/load.js';
import type { Scenario } from '../../sim/scenario/schema.js';
import { RehomeError } from '../../wire/errors.js';
import { whyNoLab } from '../capability.js';
import { comparisonTables, type WorldRun } from '../experiments/compare.js';
import { comparisonFigures } from '../experiments/figures.js';
import { bothCaption, labHeader, type LabHeader } from '../experiments/header.js';
import { bindLab, fitForLab, reduceForLab } from '../experiments/index.js';
import { runInLab } from '../experiments/run.js';
import { simulated } from '../experiments/simulated.js';
import { stopSignal } from '../signals.js';
import type { LabIo } from './options.js';

export interface LabRunChoice {
  readonly trials?: number;
  readonly seed?: string;
  readonly profile?: ReapProfileName;
  readonly identity: SecurityMode;
  /** Labs at the same time. */
  readonly labs: number;
  readonly json?: boolean;
  readonly out?: string;
}

/** What the lab is to do of a scenario, and what the simulator is to do beside it. */
export interface Prepared {
  readonly name: string;
  readonly lab: Scenario;
  readonly sim: Scenario;
  readonly left: readonly string[];
}

/**
 * A scenario as the lab can do it: built-in ones reduced, so that they take minutes; others as they are.
 * @throws RehomeError REHOME_E_SCENARIO, ConfigError
 */
export function prepare(
  what: string,
  { trials, seed, profile }: Pick<LabRunChoice, 'trials' | 'seed' | 'profile'> = {},
): Prepared {
  const { name, scenario } = loadScenario(what);
  const builtIn = builtInScenarios().includes(name);
  const reduced = builtIn ? reduceForLab(scenario) : scenario;
  const fitted = fitForLab(override(reduced, { trials, seed, profile }));
  const original = override(scenario, { seed, profile });
  return {
    name,
    lab: fitted.scenario,
    sim: simulated(fitted.scenario, original),
    left: fitted.left,
  };
}

/**
 * `rehome lab run`: an experiment with real hosts in namespaces, then the same in the simulator, and how far they are
 * apart.
 * @param script the simulator's compiled worker
 * @throws RehomeError REHOME_E_LAB when there can be no lab, REHOME_E_SCENARIO, REHOME_E_ABORTED, what a lab fails with
 */
export async function runExperiment(
  what: string,
  choice: LabRunChoice,
  io: LabIo,
  script: string,
): Promise<void> {
  const { name, lab, sim, left } = prepare(what, choice);
  const header = labHeader(name, lab, choice, left);
  const experiment = bindLab(lab);
  const obstacle = whyNoLab();
  if (obstacle !== undefined) {
    throw new RehomeError(
      'REHOME_E_LAB',
      `${obstacle}; \`rehome sim run ${what}\` does the same in the simulator, without root`,
    );
  }
  const quiet = choice.json === true;
  const paint = paintWith(io.colors);
  if (!quiet) announce(header, experiment.units().length, choice, io);
  const show = io.tty && !quiet ? (text: string): void => io.err(text) : undefined;
  const line = new ProgressLine(show);
  const stop = stopSignal();
  let labRun: WorldRun;
  let simRun: WorldRun;
  try {
    const { signal } = stop;
    const records = await runInLab(experiment, {
      labs: choice.labs,
      identity: choice.identity,
      seed: lab.seed,
      signal,
      onProgress: (progress) => line.update(progress),
    });
    line.end();
    labRun = { scenario: lab, records };
    simRun = { scenario: sim, records: await simulate(sim, script, signal, show) };
  } finally {
    stop.release();
    line.end();
  }
  const tables = [...bind(lab).tables(labRun.records), ...comparisonTables(labRun, simRun)];
  const files = choice.out === undefined ? [] : write(choice.out, name, header, labRun, simRun);
  if (quiet) {
    io.out(`${JSON.stringify({ header, tables, files }, null, 2)}\n`);
    return;
  }
  io.out(`${tablesText(tables, paint)}`);
  for (const sentence of left) io.out(`\n${sentence}\n`);
  if (files.length > 0) io.out(`\nWritten: ${files.join(', ')}\n`);
}

async function simulate(
  scenario: Scenario,
  script: string,
  signal: AbortSignal,
  show: ((text: string) => void) | undefined,
): Promise<TrialRecord[]> {
  const line = new ProgressLine(show);
  const onProgress = (progress: Progress): void => line.update(progress);
  const jobs = availableParallelism();
  return runScenario(scenario, { jobs, script, signal, onProgress }).finally(() => line.end());
}

function announce(header: LabHeader, units: number, { labs }: LabRunChoice, io: LabIo): void {
  const paint = paintWith(io.colors);
  const at = header.commit === null ? '' : `  (commit ${header.commit})`;
  io.out(`${paint.dim(`${header.command}${at}; ${Math.min(labs, units)} labs at a time`)}\n\n`);
}

/** Both worlds' data, the lab's own figures, and those of both. */
function write(
  directory: string,
  name: string,
  header: LabHeader,
  lab: WorldRun,
  sim: WorldRun,
): string[] {
  const simHeader = headerOf({ name }, sim.scenario);
  const files = [
    { header, records: lab.records },
    { header: simHeader, records: sim.records },
  ].map((results) => writeResults(directory, results));
  const own = files.slice(0, 1).flatMap((file) => drawResults(file));
  const stem = (files[0] ?? '').replace(/\.jsonl$/, '');
  const both = comparisonFigures(lab, sim).map((figure) => {
    const file = `${stem}-and-sim-${figure.name}.svg`;
    writeFileSync(file, figure.svg(bothCaption(simHeader, header)));
    return file;
  });
  return [...files, ...own, ...both];
}
