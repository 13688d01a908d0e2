import { barChart } from '../draw/charts.js';
import type { ScenarioOf } from '../scenario/schema.js';
import { agree } from '../stats.js';
import { shareRow } from './compare.js';
import type { Figure, Row, Table, TrialRecord } from './types.js';

type Scenario = ScenarioOf<'selection'>;

/** Seed 001, section 5.4: 500 failures, each chooses a path for either direction. */
const PAPER_CHOICES = 1_000;

interface Counted {
  readonly label: string;
  readonly paper: number | undefined;
  readonly paperRoundTrip: number | undefined;
  /** Selections of each one-way path, by its number. */
  readonly oneWay: readonly number[];
  /** Failures by the sum of both path numbers. */
  readonly roundTrip: readonly number[];
}

function count(scenario: Scenario, records: readonly TrialRecord[]): Counted[] {
  const { network, selection } = scenario;
  const paths = network.providers ** 2;
  return selection.variant.map(({ name, paper, paper_round_trip: paperRoundTrip }, part) => {
    const oneWay = new Array<number>(paths).fill(0);
    const roundTrip = new Array<number>(2 * paths - 1).fill(0);
    for (const record of records) {
      if (record['variant'] !== part) continue;
      const [i, j] = [record['forward'] as number, record['backward'] as number];
      oneWay[i] = (oneWay[i] ?? 0) + 1;
      oneWay[j] = (oneWay[j] ?? 0) + 1;
      roundTrip[i + j] = (roundTrip[i + j] ?? 0) + 1;
    }
    return { label: name, paper, paperRoundTrip, oneWay, roundTrip };
  });
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const percents = (values: readonly number[]): number[] =>
  values.map((v) => (100 * v) / Math.max(1, sum(values)));

export function selectionTables(scenario: Scenario, records: readonly TrialRecord[]): Table[] {
  const counted = count(scenario, records).filter(({ oneWay }) => sum(oneWay) > 0);
  const { step } = scenario.selection;
  return [
    {
      title: 'Share of the two fastest paths among all that were chosen, beside the paper',
      rows: counted.map(({ label, paper, oneWay }) =>
        shareRow(
          label,
          { k: sum(oneWay.slice(0, 2)), n: sum(oneWay) },
          paper === undefined ? undefined : { k: (paper / 100) * PAPER_CHOICES, n: PAPER_CHOICES },
        ),
      ),
    },
    {
      title: 'Most frequent round trip',
      rows: counted.map((variant) => mostFrequent(variant, step)),
    },
  ];
}

/** The highest bar of figure 6; the paper's may be it if its bar is not lower than chance allows. */
function mostFrequent({ label, roundTrip, paperRoundTrip }: Counted, step: number): Row {
  const all = sum(roundTrip);
  const most = Math.max(...roundTrip);
  const theirs = paperRoundTrip === undefined ? 0 : (roundTrip[paperRoundTrip / step] ?? 0);
  return {
    measure: label,
    paper: paperRoundTrip === undefined ? null : `${paperRoundTrip} ms`,
    ours: `${roundTrip.indexOf(most) * step} ms (${((100 * most) / all).toFixed(1)} %)`,
    error: null,
    verdict:
      paperRoundTrip === undefined ? 'shown' : agree(theirs, all, most, all) ? 'within' : 'outside',
  };
}

export function selectionFigures(scenario: Scenario, records: readonly TrialRecord[]): Figure[] {
  const counted = count(scenario, records);
  const { step } = scenario.selection;
  const groups = (of: (c: Counted) => readonly number[]): string[] =>
    (counted[0] === undefined ? [] : of(counted[0])).map((_, i) => String(i * step));
  const figure = (
    name: string,
    title: string,
    xLabel: string,
    of: (c: Counted) => readonly number[],
  ): Figure => ({
    name,
    title,
    svg: (caption) =>
      barChart({
        title,
        caption,
        xLabel,
        groups: groups(of),
        series: counted.map((c) => ({ label: c.label, values: percents(of(c)) })),
      }),
  });
  return [
    figure(
      'round-trips',
      'Pairs of paths selected, by round-trip time (seed 001, figure 6)',
      'round-trip time of the two paths chosen, ms',
      (c) => c.roundTrip,
    ),
    figure(
      'paths',
      'One-way paths selected, by delay (seed 001, figure 7)',
      'one-way delay of the path chosen, ms',
      (c) => c.oneWay,
    ),
  ];
}
