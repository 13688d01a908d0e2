import type { TrialRecord } from '../../sim/experiments/types.js';
import type { Scenario } from '../../sim/scenario/schema.js';

/** Milliseconds that a process may wait for a processor: differences up to this are not what is compared. */
export const RESOLUTION = 30;

/** Values of one measure in one case, from whichever world; what lab and simulator are compared by. */
export interface Sample {
  /** Which of the experiment's figures it belongs to. */
  readonly figure: string;
  /** The case, e.g. `n = 16`. */
  readonly name: string;
  /** Milliseconds; infinite: it did not happen. */
  readonly values: readonly number[];
  /** Values that differ by so many milliseconds count as equal. */
  readonly tolerance: number;
  /** How many independent values there are, where fewer than `values`. */
  readonly size?: number;
}

/** Events in so much time, where there are no values to compare. */
export interface Count {
  readonly name: string;
  readonly events: number;
  readonly hours: number;
}

/** Linux rounds timers of these lengths up by as much as an eighth (its timer wheel). */
const TIMER_WHEEL = 1 / 8;

const number = (record: TrialRecord, key: string): number =>
  (record[key] as number | null) ?? Infinity;
const byHost = (record: TrialRecord, key: string, host: 'A' | 'B'): number =>
  (record[key] as Readonly<Record<'A' | 'B', number | null>>)[host] ?? Infinity;

/** Everything that an experiment measures as times, by case. */
export function samplesOf(scenario: Scenario, records: readonly TrialRecord[]): Sample[] {
  const of = (key: string, value: unknown): TrialRecord[] =>
    records.filter((r) => r[key] === value);
  const sample = (
    figure: string,
    name: string,
    from: readonly TrialRecord[],
    value: (record: TrialRecord) => number,
    tolerance = RESOLUTION,
  ): Sample => ({ figure, name, values: from.map(value), tolerance });
  const all = (): Sample[] => {
    switch (scenario.experiment) {
      case 'exploration':
        return scenario.exploration.broken.flatMap((n) => [
          sample('exploration', `n = ${n}`, of('n', n), (r) => byHost(r, 'explorationMs', 'A')),
          sample('detection', `n = ${n}`, of('n', n), (r) => number(r, 'detectionMs')),
        ]);
      case 'survival':
        return scenario.survival.delays.flatMap((delay) => {
          const mine = of('delayMs', delay);
          const gaps = mine.map((r) => number(r, 'gapMs')).filter(Number.isFinite);
          const wheel = TIMER_WHEEL * Math.max(0, ...gaps);
          const name = `${delay} ms one way`;
          return [
            sample('gap', name, mine, (r) => number(r, 'gapMs'), RESOLUTION + wheel),
            sample(
              'recovery',
              name,
              mine,
              (r) => number(r, 'detectionMs') + number(r, 'togetherMs'),
            ),
          ];
        });
      case 'selection':
        return scenario.selection.variant.flatMap(({ name }, part) => [
          sample('round-trip', name, of('variant', part), (r) => number(r, 'rttMs'), 0),
          {
            figure: 'one-way',
            name,
            values: of('variant', part).flatMap((r) =>
              ['forward', 'backward'].map((way) => number(r, way) * scenario.selection.step),
            ),
            tolerance: 0,
          },
          sample('exploration', name, of('variant', part), (r) => byHost(r, 'explorationMs', 'A')),
        ]);
      case 'detection':
        return scenario.detection.traffic.flatMap(({ model }) =>
          scenario.detection.send_timers.map((timer) =>
            sample(
              'detection',
              `${model}, ${timer / 1_000} s`,
              of('model', model).filter((r) => r['sendTimerMs'] === timer),
              (r) => number(r, 'detectionMs'),
            ),
          ),
        );
      case 'storm':
        return scenario.storm.flows.map((flows) => stormSample(scenario.storm.window, flows, of));
      case 'asymmetric':
        return (['A', 'B'] as const).map((host) =>
          sample('exploration', `host ${host}`, records, (r) => byHost(r, 'explorationMs', host)),
        );
      case 'timeline':
        return [];
    }
  };
  return all().filter(({ values }) => values.length > 0);
}

/** When probes were sent. Those of one context depend on each other: there are no more values than contexts. */
function stormSample(
  window: number,
  flows: number,
  of: (key: string, value: unknown) => readonly TrialRecord[],
): Sample {
  const trials = of('flows', flows);
  const values = trials.flatMap((r) =>
    (r['windows'] as readonly number[]).flatMap((n, i) =>
      new Array<number>(n).fill((i + 1) * window),
    ),
  );
  return {
    figure: 'probes',
    name: `${flows.toLocaleString('en')} flows`,
    values,
    // Within a window nobody knows when.
    tolerance: Math.ceil(RESOLUTION / window) * window,
    size: Math.min(values.length, trials.length * 2 * flows),
  };
}

/** What an experiment only counts. */
export function countsOf(scenario: Scenario, records: readonly TrialRecord[]): Count[] {
  if (scenario.experiment !== 'detection') return [];
  const { traffic, losses } = scenario.detection;
  return traffic.flatMap(({ model }) =>
    losses.flatMap((loss) => {
      const mine = records.filter((r) => r['model'] === model && r['loss'] === loss);
      if (mine.length === 0) return [];
      const sum = (key: string): number => mine.reduce((n, r) => n + (r[key] as number), 0);
      return [
        { name: `${model}, ${100 * loss} % loss`, events: sum('alarms'), hours: sum('hours') },
      ];
    }),
  );
}
