import { cdfChart, lineChart, logAxis, type Curve } from '../../sim/draw/charts.js';
import { curveColors } from '../../sim/draw/colors.js';
import { ratePoints, searching } from '../../sim/experiments/storm-report.js';
import { throughput } from '../../sim/experiments/survival-report.js';
import type { Figure, TrialRecord } from '../../sim/experiments/types.js';
import { compareRuns, type Comparison, type WorldRun } from './compare.js';
import { countsOf } from './samples.js';

/** What the figures of a comparison are of, and the axis they are drawn on, seconds. */
const CDFS: Readonly<
  Record<string, { readonly title: string; readonly from: number; readonly to: number }>
> = {
  exploration: { title: 'exploration time', from: 0.001, to: 100 },
  detection: { title: 'detection time', from: 1, to: 50 },
  gap: { title: 'longest gap of the transfer', from: 2, to: 10 },
  recovery: { title: 'recovery', from: 2, to: 5 },
  'round-trip': { title: 'round trip of the paths chosen', from: 0.005, to: 0.2 },
  'one-way': { title: 'one-way delay of the paths chosen', from: 0.005, to: 0.1 },
};

/** The lab's curves (dashed) over the simulator's, one figure for each measure. */
export function comparisonFigures(lab: WorldRun, sim: WorldRun): Figure[] {
  const compared = compareRuns(lab, sim);
  const measures = [...new Set(compared.map(({ figure }) => figure))];
  return [
    ...measures.flatMap((measure) => {
      const cases = compared.filter(({ figure }) => figure === measure);
      const title = `Lab and simulator, ${lab.scenario.experiment}`;
      return CDFS[measure] === undefined ? [] : [cdf(measure, `${title}: `, cases)];
    }),
    ...transfers(lab, sim),
    ...alarms(lab, sim),
    ...probes(lab, sim),
  ];
}

const pairOf = <T>(name: string, color: string, sim: T, lab: T, trials: [number, number]) => [
  { label: `${name}: sim, ${trials[0]}`, color, ...sim },
  { label: `${name}: lab, ${trials[1]}`, color, dashed: true, ...lab },
];

function cdf(measure: string, prefix: string, cases: readonly Comparison[]): Figure {
  const { title: what, from, to } = CDFS[measure] ?? { title: measure, from: 0.001, to: 100 };
  const title = prefix + what;
  const colors = curveColors(cases.length);
  const seconds = (values: readonly number[]): { values: number[] } => ({
    values: values.map((v) => v / 1_000),
  });
  return {
    name: measure,
    title,
    svg: (caption) =>
      cdfChart({
        title,
        caption,
        xLabel: `${what}, s`,
        curves: cases.flatMap(({ name, sim, lab }, i) =>
          pairOf(name, colors[i] ?? '#000', seconds(sim.values), seconds(lab.values), [
            sim.values.length,
            lab.values.length,
          ]),
        ),
        from,
        to,
      }),
  };
}

/** Figure 4: one transfer of each delay, lab over simulator. */
function transfers(lab: WorldRun, sim: WorldRun): Figure[] {
  if (lab.scenario.experiment !== 'survival') return [];
  const { delays } = lab.scenario.survival;
  const title = 'Lab and simulator, survival: throughput of one transfer across a cut';
  const sampled = (records: readonly TrialRecord[], delay: number): Pick<Curve, 'points'> => {
    const record = records.find((r) => r['delayMs'] === delay && r['samples'] !== undefined);
    const samples = (record?.['samples'] ?? []) as readonly (readonly [number, number])[];
    return { points: samples.map(([t, rate]) => [t / 1_000, rate] as const) };
  };
  const colors = curveColors(delays.length);
  const curves = delays.flatMap((delay, i) => {
    const [s, l] = [sampled(sim.records, delay), sampled(lab.records, delay)];
    return pairOf(`${delay} ms`, colors[i] ?? '#000', s, l, [1, 1]);
  });
  return [throughput(title, curves, lab.scenario)];
}

/** False alarms by loss: the simulator's curves, the lab's dots. */
function alarms(lab: WorldRun, sim: WorldRun): Figure[] {
  if (lab.scenario.experiment !== 'detection' || sim.scenario.experiment !== 'detection') return [];
  const models = lab.scenario.detection.traffic.map(({ model }) => model);
  const title = 'Lab and simulator, detection: false alarms an hour by packet loss';
  const colors = curveColors(models.length);
  const points = ({ scenario, records }: WorldRun, model: string): [number, number][] =>
    countsOf(scenario, records).flatMap(({ name, events, hours }): [number, number][] => {
      const [of = '', loss = ''] = name.split(', ');
      return of === model && events > 0 ? [[parseFloat(loss), events / hours]] : [];
    });
  const hours = (run: WorldRun): number =>
    countsOf(run.scenario, run.records).reduce((most, c) => Math.max(most, c.hours), 0);
  const curves = models.flatMap((model, i) => [
    {
      label: `${model}: sim`,
      color: colors[i] ?? '#000',
      points: points(sim, model),
    },
    {
      label: `${model}: lab`,
      color: colors[i] ?? '#000',
      dashed: true,
      points: points(lab, model),
    },
  ]);
  const rates = curves.flatMap((c) => c.points.map((p) => p[1]));
  if (rates.length === 0) return [];
  return [
    {
      name: 'false-alarms',
      title,
      svg: (caption) =>
        lineChart({
          title,
          caption,
          xLabel: `packet loss, % (simulator ${(60 * hours(sim)).toFixed(0)} min each, lab ${(60 * hours(lab)).toFixed(0)} min)`,
          yLabel: 'an hour',
          y: logAxis('an hour', Math.min(0.5, ...rates), Math.max(10, ...rates)),
          curves: curves.filter((c) => c.points.length > 0),
        }),
    },
  ];
}

/** Probes a second after an access link has died. */
function probes(lab: WorldRun, sim: WorldRun): Figure[] {
  if (lab.scenario.experiment !== 'storm') return [];
  const { flows, window } = lab.scenario.storm;
  const title = 'Lab and simulator, storm: probes after an access link has died';
  const colors = curveColors(flows.length);
  const windows = ({ records }: WorldRun, count: number): Pick<Curve, 'points'> => {
    const record = records.find((r) => r['flows'] === count);
    return { points: ratePoints((record?.['windows'] ?? []) as readonly number[], window) };
  };
  const curves = flows.flatMap((count, i) =>
    pairOf(
      `${count.toLocaleString('en')} flows`,
      colors[i] ?? '#000',
      windows(sim, count),
      windows(lab, count),
      [1, 1],
    ),
  );
  return [searching(title, curves)];
}
