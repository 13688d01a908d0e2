import { time } from '../../sim/experiments/compare.js';
import type { Row, Table, TrialRecord } from '../../sim/experiments/types.js';
import type { Scenario } from '../../sim/scenario/schema.js';
import { allowedDistance, distance, quantile, sameRate } from '../../sim/stats.js';
import { countsOf, samplesOf, type Sample } from './samples.js';

/** A run of an experiment, in either world. */
export interface WorldRun {
  readonly scenario: Scenario;
  readonly records: readonly TrialRecord[];
}

/** How far lab and simulator are apart in one case. */
export interface Comparison {
  readonly figure: string;
  readonly name: string;
  /** The largest distance of the two distributions, 0 to 1, with `tolerance` milliseconds. */
  readonly distance: number;
  /** Two samples of one distribution are further apart in a share `level` of all cases. */
  readonly allowed: number;
  readonly tolerance: number;
  readonly lab: Sample;
  readonly sim: Sample;
}

/** The chance of a wrong verdict `outside`, for each case. */
export const LEVEL = 0.05;

/** Every case that both have. */
export function compareRuns(lab: WorldRun, sim: WorldRun, level = LEVEL): Comparison[] {
  const theirs = samplesOf(sim.scenario, sim.records);
  return samplesOf(lab.scenario, lab.records).flatMap((ours) => {
    const other = theirs.find((s) => s.figure === ours.figure && s.name === ours.name);
    if (other === undefined) return [];
    const size = ({ size: independent, values }: Sample): number => independent ?? values.length;
    const { tolerance } = other;
    return [
      {
        figure: ours.figure,
        name: ours.name,
        distance: distance(ours.values, other.values, tolerance),
        allowed: allowedDistance(size(ours), size(other), level),
        tolerance,
        lab: ours,
        sim: other,
      },
    ];
  });
}

const HEADINGS = { ours: 'lab', error: 'distance / allowed' };

/** The comparison as tables: medians, distances, verdicts; rates of what is only counted. */
export function comparisonTables(lab: WorldRun, sim: WorldRun, level = LEVEL): Table[] {
  const compared = compareRuns(lab, sim, level);
  const figures = [...new Set(compared.map(({ figure }) => figure))];
  return [
    ...figures.map((figure): Table => {
      const rows = compared.filter((c) => c.figure === figure);
      return {
        title: `Lab and simulator: ${WORDS[figure] ?? figure}`,
        against: 'simulator',
        headings: HEADINGS,
        rows: rows.map(distanceRow),
      };
    }),
    ...countTable(lab, sim, level),
  ];
}

const WORDS: Readonly<Record<string, string>> = {
  exploration: 'exploration time (median)',
  detection: 'detection time (median)',
  gap: 'longest gap of the transfer (median)',
  recovery: 'recovery (median)',
  'round-trip': 'round trip of the paths chosen (median)',
  'one-way': 'one-way delay of the paths chosen (median)',
  probes: 'when probes are sent (median)',
};

function distanceRow({ name, distance: d, allowed, tolerance, lab, sim }: Comparison): Row {
  const median = ({ values, size }: Sample): string =>
    `${time(quantile(values, 0.5))} (${(size ?? values.length).toLocaleString('en')})`;
  const within = tolerance > 0 ? `, to ${time(tolerance)}` : '';
  return {
    measure: name,
    paper: median(sim),
    ours: median(lab),
    error: `${d.toFixed(2)} / ${allowed.toFixed(2)}${within}`,
    verdict: d <= allowed ? 'within' : 'outside',
  };
}

function countTable(lab: WorldRun, sim: WorldRun, level: number): Table[] {
  const theirs = countsOf(sim.scenario, sim.records);
  const rows = countsOf(lab.scenario, lab.records).flatMap((ours): Row[] => {
    const other = theirs.find(({ name }) => name === ours.name);
    if (other === undefined) return [];
    const rate = ({ events, hours }: typeof ours): string =>
      `${(events / hours).toFixed(events < 10 * hours ? 1 : 0)} (${events} in ${(60 * hours).toFixed(0)} min)`;
    const same = sameRate(ours.events, ours.hours, other.events, other.hours, level);
    return [
      {
        measure: ours.name,
        paper: rate(other),
        ours: rate(ours),
        error: null,
        verdict: same ? 'within' : 'outside',
      },
    ];
  });
  if (rows.length === 0) return [];
  const title = 'Lab and simulator: false alarms an hour';
  return [{ title, against: 'simulator', headings: HEADINGS, rows }];
}
