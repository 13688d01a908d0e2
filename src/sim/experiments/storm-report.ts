import { lineChart, logAxis, type Curve } from '../draw/charts.js';
import type { ScenarioOf } from '../scenario/schema.js';
import { time } from './compare.js';
import type { Figure, Row, Table, TrialRecord } from './types.js';

type Scenario = ScenarioOf<'storm'>;

const whole = (value: number): string => Math.round(value).toLocaleString('en');

export function stormTables(scenario: Scenario, records: readonly TrialRecord[]): Table[] {
  const rows = scenario.storm.flows.flatMap((flows): Row[] => {
    const of = records.filter((r) => r['flows'] === flows);
    if (of.length === 0) return [];
    const show = (measure: string, key: string, text: (v: number) => string): Row => {
      const values = of.map((r) => (r[key] as number | null) ?? Infinity);
      const [low, high] = [Math.min(...values), Math.max(...values)];
      return {
        measure: `${whole(flows)} flows: ${measure}`,
        paper: null,
        ours: low === high ? text(low) : `${text(low)} to ${text(high)}`,
        error: null,
        verdict: 'shown',
      };
    };
    const back = of.every((r) => r['flowing'] === flows);
    return [
      {
        measure: `${whole(flows)} flows: all flow again`,
        paper: 'yes',
        ours: back ? 'yes' : `${whole(Math.min(...of.map((r) => r['flowing'] as number)))} do`,
        error: null,
        verdict: back ? 'within' : 'outside',
      },
      show('probes', 'probes', whole),
      show('pings', 'pings', whole),
      show('peak, probes and pings a second', 'peakPerSecond', whole),
      show('Update Requests that tell peers', 'updates', whole),
      show('until no context sends over the dead link', 'allBackMs', time),
      show('probes and pings of the site until then', 'inside', whole),
      show('longest gap of any flow', 'longestGapMs', time),
    ];
  });
  return [
    {
      title: 'An access link dies (the paper has no numbers)',
      against: 'asked',
      rows,
    },
  ];
}

export function stormFigures(scenario: Scenario, records: readonly TrialRecord[]): Figure[] {
  const title = scenario.title ?? 'An access link of a site dies';
  const { window, flows } = scenario.storm;
  const first = flows.flatMap((count) => records.find((r) => r['flows'] === count) ?? []);
  const curves = first.map((r) => ({
    label: `${whole(r['flows'] as number)} flows`,
    points: ratePoints(r['windows'] as readonly number[], window),
  }));
  return [searching(title, curves)];
}

/** Probes and pings in each window, as a rate. */
export const ratePoints = (windows: readonly number[], window: number): [number, number][] =>
  windows.map((n, i) => [((i + 1) * window) / 1_000, Math.max(1, (n * 1_000) / window)]);

/** How much is sent to find paths, from the death of a link on. */
export function searching(title: string, curves: readonly Curve[]): Figure {
  const most = curves.reduce((m, c) => Math.max(m, ...c.points.map((p) => p[1])), 10);
  const yLabel = 'probes and pings a second';
  return {
    name: 'probes',
    title,
    svg: (caption) =>
      lineChart({
        title,
        caption,
        xLabel: 'time since the link died, s',
        yLabel,
        y: logAxis(yLabel, 1, most),
        curves,
        steps: true,
      }),
  };
}
