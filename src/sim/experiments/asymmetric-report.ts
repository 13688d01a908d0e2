import { cdfChart } from '../draw/charts.js';
import type { ScenarioOf } from '../scenario/schema.js';
import { quantileRow } from './compare.js';
import type { Figure, Row, Table, TrialRecord } from './types.js';

type Scenario = ScenarioOf<'asymmetric'>;

const times = (records: readonly TrialRecord[], host: 'A' | 'B'): number[] =>
  records.map((r) => {
    const { [host]: value } = r['explorationMs'] as Readonly<Record<'A' | 'B', number | null>>;
    return value ?? Infinity;
  });

/** A statement that has to hold in every trial. */
function always(
  measure: string,
  records: readonly TrialRecord[],
  holds: (record: TrialRecord) => boolean,
): Row {
  const good = records.filter(holds).length;
  return {
    measure,
    paper: 'always',
    ours: `${good} of ${records.length}`,
    error: null,
    verdict: good === records.length ? 'within' : 'outside',
  };
}

export function asymmetricTables(_scenario: Scenario, records: readonly TrialRecord[]): Table[] {
  const messages = records.reduce((n, r) => n + (r['messages'] as number), 0);
  const faults = records.flatMap((r) => r['faults'] as readonly string[]);
  return [
    {
      title: 'Only one-way pairs remain: every message against RFC 5534 §6 and figure 2',
      against: 'asked',
      rows: [
        always('both ends find their one-way pair', records, (r) => r['found'] === true),
        always(
          'no message is out of order',
          records,
          (r) => (r['faults'] as readonly string[]).length === 0,
        ),
        {
          measure: 'messages checked',
          paper: null,
          ours: String(messages),
          error: null,
          verdict: 'shown',
        },
        ...[...new Set(faults)].slice(0, 10).map((fault): Row => ({
          measure: `fault: ${fault}`,
          paper: null,
          ours: `${faults.filter((f) => f === fault).length} times`,
          error: null,
          verdict: 'outside',
        })),
        quantileRow('median exploration time at A', times(records, 'A'), 0.5),
        quantileRow('median exploration time at B', times(records, 'B'), 0.5),
      ],
    },
  ];
}

export function asymmetricFigures(scenario: Scenario, records: readonly TrialRecord[]): Figure[] {
  const title = scenario.title ?? 'Only one-way pairs remain';
  return [
    {
      name: 'cdf',
      title,
      svg: (caption) =>
        cdfChart({
          title,
          caption,
          xLabel: 'exploration time, s',
          curves: (['A', 'B'] as const).map((host) => ({
            label: `host ${host}`,
            values: times(records, host).map((v) => v / 1_000),
          })),
          from: 0.01,
          to: 100,
        }),
    },
  ];
}
