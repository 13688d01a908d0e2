#!/usr/bin/env node
// Writes docs/results.md and its figures from the built-in scenarios: `npm run results` (some minutes on two cores).
// `--check` runs nothing and fails when the scenarios, or what the engine makes of a reduced version of them
// (test/sim/reduced.table.txt), or the lab's data are not those that docs/results.md was made from.
// `--from-lab` makes the last section only, from docs/data/lab; `--lab` measures that data first (root, most of an hour).
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { goalsSection } from './results-goals.mjs';
import { labFiles, labSection, runLabs } from './results-lab.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const RESULTS = path.join(ROOT, 'docs/results.md');
const IMAGES = path.join(ROOT, 'docs/img/results');

/** What is run, and what a reader should know of it. */
const RUNS = [
  {
    scenario: 'exploration',
    heading: 'Exploration time: figure 5',
    text: `Hosts A and B with three providers each, nine pairs, 18 one-way paths; one packet a second each way. n = 1 breaks one
direction of the pair in use, n > 1 both and n - 2 others, drawn without repetition. The time is that of one host, from
leaving to re-entering Operational, as LinShim6 logged it.

With \`paper\` we land on the paper's numbers. The first harness did not (4.0, 8.6 and 17 s for n = 16); why is in
[decisions/paper-rules.md](decisions/paper-rules.md).`,
  },
  {
    scenario: 'exploration',
    overrides: { profile: 'rfc' },
    heading: 'The same with our own rules',
    text: `Profile \`rfc\`: a send timer of 15 s, answers do not slow the probes down, the current pair is kept where it works. It is
not meant to land on the paper's numbers, and for n = 16 it does not: it is twice as fast.`,
  },
  {
    scenario: 'selection',
    heading: 'Paths with different delays: figures 6 and 7',
    text: `Path number i has i times 10 ms, 0 to 80 ms one way, the same in both directions. Each failure breaks the two one-way
paths in use. Half of all choices each for the two fastest paths would be ideal.

The paper's burst was sent by a timer of 0 ms. On its testbed that is 10 to 20 ms between probes, and with 15 ms we land on its
number; with a burst that really leaves at once we would not ([decisions/paper-rules.md](decisions/paper-rules.md)).`,
  },
  {
    scenario: 'survival',
    heading: 'Survival: figure 4',
    text: `One TCP transfer, 10 Mbit/s, the path in use cut without a word after 20 s. The paper shows curves and gives no numbers. The
gap is longer than the recovery because TCP waits for its own retransmission timer, which has doubled meanwhile.`,
  },
  {
    scenario: 'detection',
    heading: 'Detection, and false alarms',
    text: `Section 5.3 of the paper in numbers: after the first packet it sends without hearing anything any more, a host notices within
the send timer, whatever the traffic. From the cut itself it takes as long as the application is quiet: the shell that was
idle is the worst case.

False alarms: nothing is cut, packets are lost at random in both directions, send timer 3 s. An alarm is an exploration that
a send timer began; a move is a change of the pair in use at one host.`,
  },
  {
    scenario: 'storm',
    heading: 'An access link dies',
    text: `A site of up to 100 hosts with two providers; each flow is a context of its own with a peer outside. Each context explores
alone, as the paper says of REAP in its section 6: the number of probes grows with the number of flows. What profile
\`fast\` makes of it is below.`,
  },
  {
    scenario: 'exploration',
    overrides: { profile: 'fast' },
    heading: 'Exploration with profile `fast`',
    text: `The same failures. Hosts know the order of pairs before the failure, and try every pair once before they slow down
([fast.md](fast.md)). Pings are three for each host that notices, before it believes the silence, and what is still being measured two
seconds after the context came into being.`,
  },
  {
    scenario: 'selection',
    overrides: { profile: 'fast' },
    heading: 'Selection with profile `fast`',
    text: `Each pair was measured while the one before it was in use. (The variants are the paper's: the first is what the profile
does, the second has 15 ms between probes, the third gives up the profile's strategy for a burst.)`,
  },
  {
    scenario: 'detection-fast',
    heading: 'Detection with profile `fast`',
    text: `A silence that is longer than usual is looked into with three pings. False alarms and moves as before; an hour of each
traffic at each loss, twice.`,
  },
  {
    scenario: 'storm-fast',
    heading: 'An access link dies under profile `fast`',
    text: `The site of 100 hosts again. Every host knows only what it sees itself; those outside have one provider and notice that
nobody answers any more, which is what most pings are. Peers are told by an Update Request for each context.`,
  },
  {
    scenario: 'server',
    heading: 'A server loses an access link: profile `fast`',
    text: `One host has all flows, each with a peer of its own. It needs some pings to know that its exit is dead; then it moves all
contexts and tells all peers. Probes and pings of the peers are those of the ones that noticed before they were told.`,
  },
  {
    scenario: 'asymmetric',
    heading: 'Only one-way pairs remain: figure 2',
    text: `After the cut no pair works in both directions. A model of its own, which shares only constants with the engine, follows
every message of both hosts: states, reports, nonces, answers, and over which pair payload goes.
\`rehome sim replay asymmetric --trial 3\` draws one trial like the paper's figure.`,
  },
];

const readIf = (/** @type {string} */ file) => (fs.existsSync(file) ? fs.readFileSync(file) : '');

/** Changes when a scenario or the behaviour of the engine changes. */
function fingerprint() {
  const hash = createHash('sha256');
  const scenarios = path.join(ROOT, 'scenarios');
  for (const file of fs.readdirSync(scenarios).sort()) {
    hash.update(file).update(fs.readFileSync(path.join(scenarios, file)));
  }
  hash.update(readIf(path.join(ROOT, 'test/sim/reduced.table.txt')));
  return hash.digest('hex').slice(0, 16);
}

/** The same, and when the lab's data change. */
function labFingerprint() {
  const hash = createHash('sha256').update(fingerprint());
  for (const file of labFiles()) hash.update(path.basename(file)).update(fs.readFileSync(file));
  return hash.digest('hex').slice(0, 16);
}

const mark = (/** @type {string} */ print) => `<!-- made from ${print} -->`;
const labMark = () => `<!-- lab made from ${labFingerprint()} -->`;

function check() {
  const text = String(readIf(RESULTS));
  /** @type {[string, string][]} */
  const wanted = [
    [mark(fingerprint()), 'npm run results'],
    [labMark(), 'npm run results -- --from-lab'],
  ];
  const stale = wanted.find(([comment]) => !text.includes(comment));
  if (stale === undefined) return;
  console.error(
    `docs/results.md is stale: run \`${stale[1]}\` and commit docs/results.md and docs/img/results`,
  );
  process.exitCode = 1;
}

async function generate() {
  const { loadScenario } = await import('../dist/sim/scenario/load.js');
  const { headerOf, override, captionOf } = await import('../dist/sim/run/header.js');
  const { runScenario } = await import('../dist/sim/run/runner.js');
  const { bind } = await import('../dist/sim/experiments/index.js');
  const { tablesMarkdown } = await import('../dist/sim/commands/tables.js');
  const { ProgressLine } = await import('../dist/sim/commands/progress.js');
  const { compiledScript } = await import('../dist/daemon/compiled.js');
  const script = compiledScript('sim/run/worker');
  // All headers before anything is written, or the checkout would have changes.
  const runs = RUNS.map(({ overrides = {}, ...run }) => {
    const loaded = loadScenario(run.scenario);
    const scenario = override(loaded.scenario, overrides);
    const suffix = overrides.profile === undefined ? '' : `-${overrides.profile}`;
    return { ...run, scenario, stem: run.scenario + suffix, header: headerOf(loaded, scenario) };
  });
  const sections = [];
  /** @type {Map<string, string>} */
  const images = new Map();
  /** @type {Record<string, readonly Record<string, any>[]>} */
  const measured = {};
  for (const { scenario, stem, header, heading, text } of runs) {
    const began = performance.now();
    const line = new ProgressLine(
      process.stderr.isTTY ? (t) => process.stderr.write(t) : undefined,
    );
    const records = await runScenario(scenario, {
      jobs: os.availableParallelism(),
      script,
      onProgress: (progress) => line.update(progress),
    });
    line.end();
    console.error(`${header.command}: ${((performance.now() - began) / 1000).toFixed(0)} s`);
    measured[stem] = records;
    const experiment = bind(scenario);
    const figures = experiment.figures(records).map(({ name, title, svg }) => {
      const file = `${stem}-${name}.svg`;
      images.set(file, svg(captionOf(header)));
      return `![${title}](img/results/${file})`;
    });
    sections.push(
      [
        `## ${heading}`,
        text,
        `\`${header.command}\``,
        tablesMarkdown(experiment.tables(records)).trimEnd(),
        ...figures,
      ].join('\n\n'),
    );
  }
  const lab = await labSection();
  for (const [file, svg] of lab.images) images.set(file, svg);
  fs.rmSync(IMAGES, { recursive: true, force: true });
  write(
    [intro(runs[0].header), await goalsSection(measured), ...sections, mark(fingerprint())],
    lab.text,
    images,
  );
}

/** The last section only; the others stay as they are, with the mark of what they were made from. */
async function generateLab() {
  const lab = await labSection();
  const text = String(readIf(RESULTS));
  const end = text.indexOf(' -->', text.indexOf('<!-- made from')) + ' -->'.length;
  write([text.slice(0, end)], lab.text, lab.images);
}

function write(
  /** @type {readonly string[]} */ parts,
  /** @type {string} */ lab,
  /** @type {Map<string, string>} */ images,
) {
  fs.mkdirSync(IMAGES, { recursive: true });
  for (const [file, svg] of images) fs.writeFileSync(path.join(IMAGES, file), svg);
  fs.writeFileSync(RESULTS, `${[...parts, lab, labMark()].join('\n\n')}\n`);
}

const intro = (
  /** @type {{ version: string, commit: string | null }} */ { version, commit },
) => `# Results

<!-- Generated by \`npm run results\`. Do not edit: change scenarios/, src/sim/experiments/ or scripts/results.mjs. -->

What the simulator measures, beside what seed 001 (Barré and Bonaventure, 2007, "the paper") says. Made by \`npm run results\`
with rehome ${version}${commit === null ? '' : `, commit ${commit}`}. Each section names the command that gives the same numbers again;
add \`--out DIR\` for the data. The same seed gives the same bytes on any machine.

Intervals are for 95 %: Wilson's for shares, order statistics for quantiles, Garwood's for counts. The verdict asks whether
the paper's number and ours could come from one and the same source, both with their sampling error (Newcombe's interval for
the difference of two shares; for a quantile, the share of ours that does not exceed the paper's value). About one verdict in
twenty is wrong by chance.`;

const asked = (/** @type {string} */ flag) => process.argv.includes(flag);
if (asked('--lab')) runLabs();
if (asked('--check')) check();
else if (asked('--lab') || asked('--from-lab')) await generateLab();
else await generate();
