import { cdfChart } from '../draw/charts.js';
import type { ScenarioOf } from '../scenario/schema.js';
import { mean } from '../stats.js';
import { quantileRow, shareRow } from './compare.js';
import type { Figure, Row, Table, TrialRecord } from './types.js';

type Scenario = ScenarioOf<'exploration'>;

/** What seed 001, section 5.3 says, each of 200 measurements. */
const PAPER = {
  trials: 200,
  /** One probe was enough. */
  firstProbe: new Map([[2, 0.86]]),
  /** "100% of the trials take less than 600 ms", n = 1 and 2. */
  neverMoreThan: 600,
  quantiles: new Map([
    [
      16,
      [
        [0.5, 7_000],
        [0.8, 17_000],
        [0.95, 31_000],
      ] as const,
    ],
  ]),
};
/** Less than half an initial interval: no second probe was sent. */
const FIRST_PROBE = 250;
/** A round trip more than the paper's Ethernet had. */
const SLACK = 20;

/** Exploration times at host A, by n; what never ended counts as infinite. */
export function timesByN({ exploration: { broken } }: Scenario, records: readonly TrialRecord[]) {
  const times = new Map<number, number[]>(broken.map((n) => [n, []]));
  for (const record of records) {
    const { A } = record['explorationMs'] as { readonly A: number | null };
    times.get(record['n'] as number)?.push(A ?? Infinity);
  }
  return times;
}

export function explorationTables(scenario: Scenario, records: readonly TrialRecord[]): Table[] {
  const times = timesByN(scenario, records);
  const rows: Row[] = [];
  for (const [n, values] of times) {
    if (values.length === 0) continue;
    const first = PAPER.firstProbe.get(n);
    if (first !== undefined) {
      const ours = { k: values.filter((v) => v < FIRST_PROBE).length, n: values.length };
      const paper = { k: first * PAPER.trials, n: PAPER.trials };
      rows.push(shareRow(`n = ${n}: the first probe is enough`, ours, paper));
    }
    if (n <= 2) {
      const limit = PAPER.neverMoreThan + SLACK;
      const ours = { k: values.filter((v) => v <= limit).length, n: values.length };
      const paper = { k: PAPER.trials, n: PAPER.trials };
      rows.push(shareRow(`n = ${n}: over within ${PAPER.neverMoreThan} ms`, ours, paper));
    }
    for (const [p, value] of PAPER.quantiles.get(n) ?? []) {
      const measure = `n = ${n}: ${p === 0.5 ? 'median' : `${100 * p} %`}`;
      rows.push(quantileRow(measure, values, p, { value, trials: PAPER.trials }));
    }
  }
  return [
    { title: 'Exploration time at one host, beside the paper', rows },
    { title: 'Exploration time by n', rows: [...times].flatMap(([n, v]) => quantiles(n, v)) },
    {
      title: 'Probes that both hosts send, mean',
      rows: [...times.keys()].map((n) => sent(n, records)),
    },
  ];
}

/** Pings come before: a host that asks does not know yet that it will explore. */
function sent(n: number, records: readonly TrialRecord[]): Row {
  const of = records.filter((r) => r['n'] === n);
  const probes = of.map((r) => {
    const { A, B } = r['probes'] as { readonly A: number; readonly B: number };
    return A + B;
  });
  const pings = of.map((r) => (r['pings'] as number | undefined) ?? 0);
  const ours = of.length === 0 ? '-' : mean(probes).toFixed(1);
  const also = pings.some((p) => p > 0) ? `, after ${mean(pings).toFixed(1)} pings` : '';
  return { measure: `n = ${n}`, paper: null, ours: ours + also, error: null, verdict: 'shown' };
}

function quantiles(n: number, values: readonly number[]): Row[] {
  if (values.length === 0) return [];
  const [half, most] = [quantileRow('', values, 0.5), quantileRow('', values, 0.95)];
  return [
    {
      ...half,
      measure: `n = ${n}: median / 95 %`,
      ours: `${half.ours} / ${most.ours}`,
      error: `${half.error ?? ''} / ${most.error ?? ''}`,
    },
  ];
}

export function explorationFigures(scenario: Scenario, records: readonly TrialRecord[]): Figure[] {
  const times = timesByN(scenario, records);
  const title = scenario.title ?? 'Exploration time';
  return [
    {
      name: 'cdf',
      title,
      svg: (caption) =>
        cdfChart({
          title,
          caption,
          xLabel: 'exploration time, s',
          curves: [...times].map(([n, values]) => ({
            label: `n = ${n}`,
            values: values.map((v) => v / 1_000),
          })),
          marks: [...PAPER.quantiles].flatMap(([n, quantile]) =>
            times.has(n) ? quantile.map(([p, value]) => ({ x: value / 1_000, y: p })) : [],
          ),
          marksLabel: 'paper, n = 16',
          from: 0.1,
          to: 100,
        }),
    },
  ];
}
