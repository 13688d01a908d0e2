import type { ScenarioOf } from '../scenario/schema.js';
import { mean } from '../stats.js';
import { quantileRow } from './compare.js';
import type { Row, Table, TrialRecord } from './types.js';

type Scenario = ScenarioOf<'timeline'>;

interface End {
  readonly packets: number;
  readonly octets: number;
  readonly longestGapMs: number;
}

export function timelineTables(scenario: Scenario, records: readonly TrialRecord[]): Table[] {
  const flows = scenario.flow.flatMap(({ from, to, traffic }, i): Row[] =>
    (['forward', 'backward'] as const).flatMap((way): Row[] => {
      const ends = records.map(
        (r) => (r['flows'] as unknown as readonly Record<typeof way, End>[])[i]?.[way] as End,
      );
      if (ends.every(({ packets }) => packets === 0)) return [];
      const name = `${traffic.model} ${way === 'forward' ? `${from} to ${to}` : `${to} to ${from}`}`;
      const gaps = ends.map((end) => end.longestGapMs);
      const octets = Math.round(mean(ends.map((end) => end.octets)));
      return [
        quantileRow(`${name}: longest gap, median`, gaps, 0.5),
        {
          measure: `${name}: octets arrived, mean`,
          paper: null,
          ours: octets.toLocaleString('en'),
          error: null,
          verdict: 'shown',
        },
      ];
    }),
  );
  const count = (measure: string, key: string): Row => ({
    measure,
    paper: null,
    ours: mean(records.map((r) => r[key] as number)).toFixed(1),
    error: null,
    verdict: 'shown',
  });
  return [
    {
      title: scenario.title ?? 'What arrived',
      rows: [
        ...flows,
        count('explorations begun, mean of both ends together', 'explorations'),
        count('moves to another path, mean', 'moves'),
        count('packets dropped by ingress filters, mean', 'filtered'),
      ],
    },
  ];
}
