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
  {
    name: 'exploration',
    labs: 5,
    text: `Each trial cuts the same paths as the simulator's trial of the same number. Where the first probe is enough, real hosts
need some milliseconds and simulated ones, which have no CPU, 0.4 ms: less than what is compared.`,
  },
  { name: 'selection', labs: 5, text: '' },
  {
    name: 'survival',
    labs: 5,
    text: `The kernel's own TCP (Reno, without segmentation by devices), every octet verified. Its gaps are 4 to 15 % longer than the
simulator's in the median. The gap is the sum of four or five retransmission timers, which double, and Linux rounds each up by an eighth at
most (its timer wheel: a timer of 260 ms fires after 288). So for the gap an eighth is allowed on top of the 30 ms. With
50 ms one way the lab's Reno gets about half of the simulator's rate before the cut; why was not looked into, and the rate is not compared.`,
  },
  {
    name: 'detection',
    labs: 8,
    text: `Alarms are counted at 20 % loss, ten minutes for each traffic in the lab (circles in the figure), an hour in the simulator.

For \`bulk\` the lab is **outside**: it has three and a half times as many false alarms. An alarm means three seconds in which nothing came
back, that is, several lone retransmissions or their answers lost in a row; how often that happens follows from how TCP recovers, and
the simulator's TCP is simpler than the kernel's ([simulator.md](simulator.md)). Which simplification it is was not looked into. Where
applications send datagrams, and with short transfers (\`mix\`), the rates agree.`,
  },
  {
    name: 'storm',
    labs: 1,
    text: `Host A has an HBA set for each of up to 100 hosts of the site, host B one for each of their peers: as many contexts, each
with the locators of its own set, between two daemons.

Measured while the machine had little else to do. With other work beside it, load about 10, three earlier runs with 1,000 flows
needed 5,955 to 9,194 probes and 7 to 16 s: two daemons, the emulator and 2,000 sockets share two processors, answers come late, and
contexts that would have been answered send second and third probes. The simulator's hosts have processors that take no
time: its storm is a lower bound for a host that has all contexts itself.`,
  },
  {
    name: 'asymmetric',
    labs: 5,
    text: `What entered the router is recorded, and the model that checks the simulator's messages checks these.`,
  },
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
  const { bind } = await import('../dist/sim/experiments/index.js');
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
        tablesMarkdown([
          ...bind(scenario).tables(records).filter(compares).map(ofTheLab),
          ...comparisonTables(lab, sim),
        ]).trimEnd(),
        ...figures,
      ]
        .filter(Boolean)
        .join('\n\n'),
    );
  }
  return { text: [`${HEADING}\n\n${INTRO}`, ...sections].join('\n\n'), images };
}

/**
 * @typedef {import('../dist/sim/experiments/types.js').Table} Table
 * Tables with something to compare with; others are the comparison's business.
 */
const compares = (/** @type {Table} */ { rows }) => rows.some(({ paper }) => paper !== null);
const ofTheLab = (/** @type {Table} */ table) => ({
  ...table,
  title: `In the lab: ${table.title}`,
  headings: { ours: 'lab', error: '95 %' },
});

const INTRO = `The same experiments with real hosts: daemons, kernel, applications in network namespaces, fewer trials ([lab.md](lab.md)).
The data is in [data/lab](data/lab); \`npm run results -- --lab\` measures it anew (root, most of an hour), \`npm run results -- --from-lab\`
makes this section again from it. In the figures the lab is dashed, over the simulator's curve.

Distance is that of Kolmogorov and Smirnov, the most by which the two cumulative distributions differ. Allowed is what two
samples of one distribution exceed in one case of twenty, with so many values (in brackets). Times that differ by no more
than 30 ms count as equal: real processes wait for a processor. About one verdict in twenty is wrong by chance.`;
