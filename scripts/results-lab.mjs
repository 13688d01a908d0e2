// The section "From the lab" of docs/results.md: what real hosts in namespaces measured (docs/data/lab/*.jsonl, written by
// `npm run results -- --lab`, root), the simulator's counterpart, run here, and how far both are apart.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const DATA = path.join(ROOT, 'docs/data/lab');
const HEADING = '## From the lab';

/** What is run, with how many labs at the same time, and what a reader should know of it. */
const EXPERIMENTS = [
  { name: 'exploration', labs: 5, text: '' },
  { name: 'selection', labs: 5, text: '' },
  { name: 'survival', labs: 5, text: '' },
  { name: 'detection', labs: 5, text: '' },
  { name: 'storm', labs: 1, text: '' },
  { name: 'asymmetric', labs: 5, text: '' },
];

const dataOf = (/** @type {string} */ name) => path.join(DATA, `${name}-lab.jsonl`);

/** Files that the section is made from. */
export const labFiles = () => EXPERIMENTS.map(({ name }) => dataOf(name)).filter(fs.existsSync);

/** Runs all experiments in the lab and keeps their data: most of an hour, as root. */
export function runLabs() {
  const out = fs.mkdtempSync(path.join(os.tmpdir(), 'rehome-results-'));
  fs.mkdirSync(DATA, { recursive: true });
  try {
    for (const { name, labs } of EXPERIMENTS) {
      const command = [path.join(ROOT, 'bin/rehome.js'), 'lab', 'run', name];
      const options = ['--labs', String(labs), '--out', out];
      const { status } = spawnSync(process.execPath, [...command, ...options], {
        stdio: 'inherit',
      });
      if (status !== 0)
        throw new Error(`rehome lab run ${name} failed: docs/data/lab is as it was`);
    }
    for (const { name } of EXPERIMENTS) {
      fs.copyFileSync(path.join(out, `${name}-lab.jsonl`), dataOf(name));
    }
  } finally {
    fs.rmSync(out, { recursive: true });
  }
}

/**
 * The section and its figures, by file name.
 * @returns {Promise<{ text: string, images: Map<string, string> }>}
 */
export async function labSection() {
  const { readResults, scenarioOf } = await import('../dist/sim/run/files.js');
  const { loadScenario } = await import('../dist/sim/scenario/load.js');
  const { headerOf, override } = await import('../dist/sim/run/header.js');
  const { runScenario } = await import('../dist/sim/run/runner.js');
  const { tablesMarkdown } = await import('../dist/sim/commands/tables.js');
  const { compiledScript } = await import('../dist/daemon/compiled.js');
  const { simulated } = await import('../dist/lab/experiments/simulated.js');
  const { comparisonTables } = await import('../dist/lab/experiments/compare.js');
  const { comparisonFigures } = await import('../dist/lab/experiments/figures.js');
  const { bothCaption } = await import('../dist/lab/experiments/header.js');
  const script = compiledScript('sim/run/worker');
  /** @type {Map<string, string>} */
  const images = new Map();
  const sections = [];
  for (const { name, text } of EXPERIMENTS) {
    const { header, records } = readResults(dataOf(name));
    const scenario = scenarioOf(header);
    const { seed, profile } = scenario;
    const original = override(loadScenario(name).scenario, { seed, profile });
    const counterpart = simulated(scenario, original);
    const simHeader = headerOf({ name }, counterpart);
    const began = performance.now();
    const jobs = os.availableParallelism();
    const theirs = await runScenario(counterpart, { jobs, script });
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    console.error(`${simHeader.command} (beside the lab): ${seconds} s`);
    const lab = { scenario, records };
    const sim = { scenario: counterpart, records: theirs };
    const figures = comparisonFigures(lab, sim).map((figure) => {
      const file = `lab-${name}-${figure.name}.svg`;
      images.set(file, figure.svg(bothCaption(simHeader, header)));
      return `![${figure.title}](img/results/${file})`;
    });
    const { left = [] } = /** @type {{ left?: readonly string[] }} */ (header);
    sections.push(
      [
        `### ${name[0]?.toUpperCase()}${name.slice(1)}`,
        [text, ...left].filter(Boolean).join('\n\n'),
        `\`${header.command}\``,
        tablesMarkdown(comparisonTables(lab, sim)).trimEnd(),
        ...figures,
      ]
        .filter(Boolean)
        .join('\n\n'),
    );
  }
  return { text: [`${HEADING}\n\n${INTRO}`, ...sections].join('\n\n'), images };
}

const INTRO = `The same experiments with real hosts: daemons, kernel, applications in network namespaces, fewer trials ([lab.md](lab.md)).
The data is in [data/lab](data/lab); \`npm run results -- --lab\` measures it anew (root, most of an hour), \`npm run results -- --from-lab\`
makes this section again from it. In the figures the lab is dashed, over the simulator's curve.

Distance is that of Kolmogorov and Smirnov, the most by which the two cumulative distributions differ. Allowed is what two
samples of one distribution exceed in one case of twenty, with so many values (in brackets). Times that differ by no more
than 30 ms count as equal: real processes wait for a processor. About one verdict in twenty is wrong by chance.`;
