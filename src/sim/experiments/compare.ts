import {
  agree,
  proportion,
  quantile,
  quantileInterval,
  shareBelow,
  type Interval,
} from '../stats.js';
import type { Row } from './types.js';

/** Rows that say what ours is, how sure that is, and whether the paper's number fits. */

const percent = (p: number, digits = 1): string => `${(100 * p).toFixed(digits)} %`;
const span = ({ low, high }: Interval, show: (v: number) => string): string =>
  `${show(low)} to ${show(high)}`;

/** `512 ms` under ten seconds, `12.3 s` above, `never` for infinity. */
export function time(ms: number): string {
  if (Number.isNaN(ms)) return '-';
  if (!Number.isFinite(ms)) return ms > 0 ? 'never' : '0 ms';
  if (ms < 1_000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

export interface Share {
  readonly k: number;
  readonly n: number;
}

/** A share beside one that was measured with `paper.n` trials. */
export function shareRow(measure: string, ours: Share, paper: Share | undefined): Row {
  const p = ours.k / ours.n;
  return {
    measure,
    paper: paper === undefined ? null : percent(paper.k / paper.n),
    ours: percent(p),
    error: span(proportion(ours.k, ours.n), percent),
    verdict:
      paper === undefined
        ? 'shown'
        : agree(ours.k, ours.n, paper.k, paper.n)
          ? 'within'
          : 'outside',
  };
}

/**
 * A quantile beside the paper's. The verdict compares shares, which needs no assumption about the distribution: as
 * many of ours as of theirs (a share `p` of `trials`) are not above the paper's value.
 * @param paper milliseconds
 */
export function quantileRow(
  measure: string,
  values: readonly number[],
  p: number,
  paper?: { readonly value: number; readonly trials: number },
): Row {
  const below = paper === undefined ? 0 : shareBelow(values, paper.value);
  return {
    measure,
    paper: paper === undefined ? null : time(paper.value),
    ours: time(quantile(values, p)),
    error: span(quantileInterval(values, p), time),
    verdict:
      paper === undefined
        ? 'shown'
        : agree(below * values.length, values.length, p * paper.trials, paper.trials)
          ? 'within'
          : 'outside',
  };
}

/** A bound that follows from the configuration: every value must keep it. */
export function boundRow(
  measure: string,
  values: readonly number[],
  bound: { readonly low?: number; readonly high: number; readonly text: string },
): Row {
  const bad = values.filter((v) => v < (bound.low ?? -Infinity) || v > bound.high).length;
  const all =
    values.length === 0 ? '-' : `${time(Math.min(...values))} to ${time(Math.max(...values))}`;
  return {
    measure,
    paper: bound.text,
    ours: bad === 0 ? all : `${all}, ${bad} of ${values.length} outside`,
    error: null,
    verdict: bad === 0 && values.length > 0 ? 'within' : 'outside',
  };
}
