import { lineChart, logAxis } from '../draw/charts.js';
import type { ScenarioOf } from '../scenario/schema.js';
import { events, quantile } from '../stats.js';
import { boundRow, quantileRow, time } from './compare.js';
import type { Figure, Row, Table, TrialRecord } from './types.js';

type Scenario = ScenarioOf<'detection'>;

/** Send timers are drawn up to 2 % longer, and the data path is looked at every 20 ms. */
const bound = (sendTimer: number): number => sendTimer * 1.02 + 20;

const models = (records: readonly TrialRecord[]): string[] => [
  ...new Set(records.map((r) => r['model'] as string)),
];
const numbers = (records: readonly TrialRecord[], key: string): number[] =>
  records.map((r) => (r[key] as number | null) ?? Infinity);

export function detectionTables(_scenario: Scenario, records: readonly TrialRecord[]): Table[] {
  const cuts = records.filter((r) => r['kind'] === 'cut');
  const losses = records.filter((r) => r['kind'] === 'loss');
  return [
    {
      title:
        'From the first packet without an answer: never more than the send timer (section 5.3)',
      against: 'bound',
      rows: perCell(cuts, (name, of, timer) =>
        boundRow(name, numbers(of, 'sinceLostMs'), {
          high: bound(timer),
          text: `up to ${time(bound(timer))}`,
        }),
      ),
    },
    {
      title: 'Detection time, from the cut',
      rows: perCell(cuts, (name, of) =>
        quantileRow(`${name}: median`, numbers(of, 'detectionMs'), 0.5),
      ),
    },
    { title: 'False alarms an hour, and moves that follow them', rows: alarmRows(losses) },
  ];
}

function perCell(
  cuts: readonly TrialRecord[],
  row: (name: string, of: readonly TrialRecord[], sendTimer: number) => Row,
): Row[] {
  return models(cuts).flatMap((model) => {
    const mine = cuts.filter((r) => r['model'] === model);
    const timers = [...new Set(mine.map((r) => r['sendTimerMs'] as number))];
    return timers.map((timer) =>
      row(
        `${model}, send timer ${timer / 1_000} s`,
        mine.filter((r) => r['sendTimerMs'] === timer),
        timer,
      ),
    );
  });
}

interface Alarms {
  readonly model: string;
  readonly loss: number;
  readonly hours: number;
  readonly alarms: number;
  readonly moves: number;
}

function countAlarms(losses: readonly TrialRecord[]): Alarms[] {
  const sum = (of: readonly TrialRecord[], key: string): number =>
    of.reduce((total, r) => total + (r[key] as number), 0);
  return models(losses).flatMap((model) => {
    const mine = losses.filter((r) => r['model'] === model);
    return [...new Set(mine.map((r) => r['loss'] as number))].map((loss) => {
      const of = mine.filter((r) => r['loss'] === loss);
      const [hours, alarms, moves] = [sum(of, 'hours'), sum(of, 'alarms'), sum(of, 'moves')];
      return { model, loss, hours, alarms, moves };
    });
  });
}

const perHour = (count: number, hours: number): string => {
  const rate = count / hours;
  return rate === 0 ? '0' : rate < 10 ? rate.toFixed(1) : rate.toFixed(0);
};

function alarmRows(losses: readonly TrialRecord[]): Row[] {
  return countAlarms(losses).map(({ model, loss, hours, alarms, moves }) => {
    const { low, high } = events(alarms);
    return {
      measure: `${model}, ${100 * loss} % loss`,
      paper: null,
      ours: `${perHour(alarms, hours)} (moves: ${perHour(moves, hours)})`,
      error: `${perHour(low, hours)} to ${perHour(high, hours)}`,
      verdict: 'shown' as const,
    };
  });
}

export function detectionFigures(_scenario: Scenario, records: readonly TrialRecord[]): Figure[] {
  const cuts = records.filter((r) => r['kind'] === 'cut');
  const alarms = countAlarms(records.filter((r) => r['kind'] === 'loss'));
  const timeTitle = 'Median detection time by send timer and traffic';
  const alarmTitle = 'False alarms an hour by packet loss and traffic';
  const rates = alarms.filter((a) => a.alarms > 0).map((a) => a.alarms / a.hours);
  return [
    {
      name: 'time',
      title: timeTitle,
      svg: (caption) =>
        lineChart({
          title: timeTitle,
          caption,
          xLabel: 'send timer, s',
          yLabel: 'detection, s',
          curves: models(cuts).map((model) => {
            const mine = cuts.filter((r) => r['model'] === model);
            const timers = [...new Set(mine.map((r) => r['sendTimerMs'] as number))];
            return {
              label: model,
              points: timers.map((timer): [number, number] => {
                const of = mine.filter((r) => r['sendTimerMs'] === timer);
                return [timer / 1_000, quantile(numbers(of, 'detectionMs'), 0.5) / 1_000];
              }),
            };
          }),
        }),
    },
    {
      name: 'false-alarms',
      title: alarmTitle,
      svg: (caption) =>
        lineChart({
          title: alarmTitle,
          caption,
          xLabel: 'packet loss, %',
          yLabel: 'an hour',
          y: logAxis('an hour', Math.min(0.1, ...rates), Math.max(10, ...rates)),
          curves: models(records.filter((r) => r['kind'] === 'loss')).map((model) => ({
            label: model,
            points: alarms
              .filter((a) => a.model === model && a.alarms > 0)
              .map((a): [number, number] => [100 * a.loss, a.alarms / a.hours]),
          })),
        }),
    },
  ];
}
