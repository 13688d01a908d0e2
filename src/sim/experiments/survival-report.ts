import { REAP_PROFILES } from '../../reap/constants.js';
import { evenAxis, lineChart, type Curve } from '../draw/charts.js';
import { formatRate, ticks } from '../draw/scale.js';
import { linear } from '../draw/frame.js';
import type { ScenarioOf } from '../scenario/schema.js';
import { boundRow, quantileRow, shareRow } from './compare.js';
import type { Figure, Row, Table, TrialRecord } from './types.js';

type Scenario = ScenarioOf<'survival'>;

export function survivalTables(scenario: Scenario, records: readonly TrialRecord[]): Table[] {
  const sendTimeout =
    scenario.timers?.['send_timeout'] ?? REAP_PROFILES[scenario.profile].sendTimeout;
  const rows = scenario.survival.delays.flatMap((delay): Row[] => {
    const of = records.filter((r) => r['delayMs'] === delay);
    if (of.length === 0) return [];
    const name = `${delay} ms one way`;
    const gaps = of.map((r) => r['gapMs'] as number);
    const kept = { k: of.filter((r) => r['survived'] === true).length, n: of.length };
    return [
      shareRow(`${name}: the session is kept`, kept, { k: 1, n: 1 }),
      boundRow(`${name}: longest gap`, gaps, {
        low: sendTimeout,
        high: Infinity,
        text: `over ${sendTimeout / 1_000} s, the send timer`,
      }),
      quantileRow(`${name}: median gap`, gaps, 0.5),
      quantileRow(
        `${name}: median recovery`,
        of.map(
          (r) =>
            ((r['detectionMs'] as number | null) ?? Infinity) +
            ((r['togetherMs'] as number | null) ?? Infinity),
        ),
        0.5,
      ),
    ];
  });
  return [
    { title: 'A transfer across a cut (the paper has curves, no numbers)', against: 'asked', rows },
  ];
}

export function survivalFigures(scenario: Scenario, records: readonly TrialRecord[]): Figure[] {
  const title = scenario.title ?? 'Throughput across a cut';
  const sampled = records.filter((r) => r['samples'] !== undefined);
  const curves = sampled.map((r) => ({
    label: `${r['delayMs'] as number} ms one way`,
    points: (r['samples'] as readonly (readonly [number, number])[]).map(
      ([t, rate]) => [t / 1_000, rate] as const,
    ),
  }));
  return [throughput(title, curves, scenario)];
}

/** Transfers across a cut, octets a second over seconds. */
export function throughput(
  title: string,
  curves: readonly Curve[],
  { survival: { run_for: runFor, cut_after: cutAfter } }: Scenario,
): Figure {
  const most = curves.reduce((m, c) => Math.max(m, ...c.points.map((p) => p[1])), 1);
  const rates = ticks(most, 5);
  const xLabel = 'time since the transfer began, s';
  return {
    name: 'throughput',
    title,
    svg: (caption) =>
      lineChart({
        title,
        caption,
        xLabel,
        yLabel: '',
        x: evenAxis(xLabel, runFor / 1_000, 9),
        y: {
          label: '',
          place: linear(rates.at(-1) ?? 1),
          ticks: rates.map((at) => ({ at, text: formatRate(at) })),
        },
        curves,
        steps: true,
        moments: [{ at: cutAfter / 1_000, text: 'cut' }],
      }),
  };
}
