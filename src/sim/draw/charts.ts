import { curveColors } from './colors.js';
import {
  drawFrame,
  escapeXml,
  linear,
  logarithmic,
  px,
  WIDTH,
  type Axis,
  type Canvas,
} from './frame.js';
import { ticks } from './scale.js';

interface Chart {
  readonly title: string;
  readonly caption: string;
  readonly xLabel: string;
}

/** What a curve may look like if it is not to have the next colour. */
interface Style {
  readonly color?: string;
  readonly dashed?: boolean;
}

export interface Curve extends Style {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** A single value of somebody else's, to be compared with. */
export interface Mark {
  readonly x: number;
  readonly y: number;
}

/** Pixels for a legend: what its longest label takes, within limits. */
const legendWidth = (curves: readonly { readonly label: string }[], least = 150): number => {
  const longest = Math.max(0, ...curves.map(({ label }) => label.length));
  return Math.min(380, Math.max(least, 40 + 6.2 * longest));
};

/** Round numbers on an even axis from 0. */
export function evenAxis(
  label: string,
  max: number,
  count: number,
  show: (value: number) => string = String,
): Axis {
  const all = ticks(max, count);
  const top = all.at(-1) ?? 1;
  return { label, place: linear(top), ticks: all.map((at) => ({ at, text: show(at) })) };
}

/** 1, 2 and 5 times powers of ten, or other multiples. */
export function logAxis(
  label: string,
  min: number,
  max: number,
  multiples: readonly number[] = [1, 2, 5],
): Axis {
  const all: number[] = [];
  for (let power = Math.floor(Math.log10(min)); power <= Math.log10(max); power++) {
    for (const m of multiples) {
      const value = Number((m * 10 ** power).toPrecision(1));
      if (value >= min * 0.999 && value <= max * 1.001) all.push(value);
    }
  }
  return {
    label,
    place: logarithmic(min, max),
    ticks: all.map((at) => ({ at, text: at.toLocaleString('en') })),
  };
}

const DASHES = ' stroke-dasharray="5 3"';
const dash = ({ dashed }: Style): string => (dashed === true ? DASHES : '');

/** Every curve's colour: its own, or the next of the palette. */
function colorsOf(curves: readonly Style[]): string[] {
  const palette = curveColors(curves.filter(({ color }) => color === undefined).length);
  let next = 0;
  return curves.map(({ color }) => color ?? palette[next++] ?? '#000');
}

function legend(
  { right, top }: Canvas,
  entries: readonly (Style & { readonly label: string; readonly mark?: boolean })[],
): string[] {
  const step = Math.min(18, 280 / Math.max(1, entries.length));
  return entries.flatMap((entry, i) => {
    const { label, color = '#000', mark } = entry;
    const y = top + 8 + i * step;
    const x = right + 14;
    return [
      mark === true
        ? cross(x + 9, y, color)
        : `<line x1="${px(x)}" x2="${px(x + 18)}" y1="${px(y)}" y2="${px(y)}" stroke="${color}" stroke-width="2.5"${dash(entry)}/>`,
      `<text x="${px(x + 24)}" y="${px(y + 4)}" font-size="11">${escapeXml(label)}</text>`,
    ];
  });
}

const cross = (x: number, y: number, color: string): string =>
  `<path d="M${px(x - 5)} ${px(y - 5)}L${px(x + 5)} ${px(y + 5)}M${px(x - 5)} ${px(y + 5)}L${px(x + 5)} ${px(y - 5)}" stroke="${color}" stroke-width="2.2" fill="none"/>`;

export interface CdfChart extends Chart {
  readonly curves: readonly (Style & {
    readonly label: string;
    readonly values: readonly number[];
  })[];
  readonly marks?: readonly Mark[];
  readonly marksLabel?: string;
  /** The x axis is logarithmic between these. */
  readonly from: number;
  readonly to: number;
}

/** Cumulative distributions on a logarithmic axis. Values above its end (infinite ones too) stay out of the curve. */
export function cdfChart(chart: CdfChart): string {
  const colors = colorsOf(chart.curves);
  const { from, to, marks = [], marksLabel = 'paper' } = chart;
  const frame = {
    ...chart,
    // Five decades of three ticks each would run into each other.
    x: logAxis(chart.xLabel, from, to, to / from > 3e4 ? [1, 3] : undefined),
    y: evenAxis('share', 1, 5, (v) => `${Math.round(100 * v)} %`),
    right: legendWidth(chart.curves),
  };
  return drawFrame(frame, (canvas) => [
    ...chart.curves.map((curve, i) => {
      const { values } = curve;
      const sorted = [...values].sort((a, b) => a - b);
      let d = `M${px(canvas.x(from))} ${px(canvas.y(0))}`;
      sorted.forEach((value, k) => {
        if (value > to) return;
        d += `H${px(canvas.x(Math.max(value, from)))}V${px(canvas.y((k + 1) / sorted.length))}`;
      });
      d += `H${px(canvas.x(to))}`;
      return `<path d="${d}" fill="none" stroke="${colors[i] ?? '#000'}" stroke-width="1.6"${dash(curve)}/>`;
    }),
    ...marks.map(({ x, y }) => cross(canvas.x(x), canvas.y(y), '#111')),
    ...legend(canvas, [
      ...chart.curves.map((curve, i) => ({ ...curve, color: colors[i] ?? '#000' })),
      ...(marks.length > 0 ? [{ label: marksLabel, color: '#111', mark: true }] : []),
    ]),
  ]);
}

export interface LineChart extends Chart {
  readonly yLabel: string;
  readonly curves: readonly Curve[];
  readonly x?: Axis;
  readonly y?: Axis;
  /** Steps: each point is the end of an interval. Default: straight lines and dots. */
  readonly steps?: boolean;
  /** Vertical lines with a text. */
  readonly moments?: readonly { readonly at: number; readonly text: string }[];
  readonly marks?: readonly Mark[];
  readonly marksLabel?: string;
}

export function lineChart(chart: LineChart): string {
  const colors = colorsOf(chart.curves);
  const points = chart.curves.flatMap((curve) => curve.points);
  const max = (of: (p: readonly [number, number]) => number): number =>
    points.reduce((most, p) => Math.max(most, Number.isFinite(of(p)) ? of(p) : 0), 0);
  const frame = {
    title: chart.title,
    caption: chart.caption,
    x:
      chart.x ??
      evenAxis(
        chart.xLabel,
        max((p) => p[0]),
        10,
      ),
    y:
      chart.y ??
      evenAxis(
        chart.yLabel,
        max((p) => p[1]),
        5,
      ),
    right: legendWidth(chart.curves, 180),
  };
  return drawFrame(frame, (canvas) => [
    ...(chart.moments ?? []).flatMap(({ at, text }) => [
      `<line x1="${px(canvas.x(at))}" x2="${px(canvas.x(at))}" y1="${canvas.top}" y2="${px(canvas.base)}" stroke="#b5472f" stroke-dasharray="4 3"/>`,
      `<text x="${px(canvas.x(at) + 4)}" y="${canvas.top + 10}" fill="#b5472f">${escapeXml(text)}</text>`,
    ]),
    ...chart.curves.flatMap((curve, i) =>
      chart.steps === true
        ? [stepPath(canvas, curve, colors[i] ?? '#000')]
        : dotPath(canvas, curve, colors[i] ?? '#000'),
    ),
    ...(chart.marks ?? []).map(({ x, y }) => cross(canvas.x(x), canvas.y(y), '#111')),
    ...legend(canvas, [
      ...chart.curves.map((curve, i) => ({ ...curve, color: colors[i] ?? '#000' })),
      ...((chart.marks ?? []).length > 0
        ? [{ label: chart.marksLabel ?? 'paper', color: '#111', mark: true }]
        : []),
    ]),
  ]);
}

function stepPath({ x, y }: Canvas, curve: Curve, color: string): string {
  const { points } = curve;
  let d = `M${px(x(0))} ${px(y(0))}`;
  for (const [at, value] of points) d += `V${px(y(value))}H${px(x(at))}`;
  return `<path d="${d}" fill="none" stroke="${color}" stroke-width="1.6"${dash(curve)}/>`;
}

function dotPath({ x, y }: Canvas, curve: Curve, color: string): string[] {
  const { points } = curve;
  const drawn = points.filter(([, value]) => Number.isFinite(value));
  if (drawn.length === 0) return [];
  const d = drawn.map(([at, value]) => `${px(x(at))} ${px(y(value))}`).join('L');
  return [
    `<path d="M${d}" fill="none" stroke="${color}" stroke-width="1.6"${dash(curve)}/>`,
    ...drawn.map(
      ([at, value]) =>
        `<circle cx="${px(x(at))}" cy="${px(y(value))}" r="${curve.dashed === true ? 4.2 : 3.2}" ${curve.dashed === true ? `fill="#fff" stroke="${color}" stroke-width="2"` : `fill="${color}"`}/>`,
    ),
  ];
}

export interface BarChart extends Chart {
  /** Below the groups of bars. */
  readonly groups: readonly string[];
  /** One colour each, unless it has its own; percent. */
  readonly series: readonly {
    readonly label: string;
    readonly color?: string;
    readonly values: readonly number[];
  }[];
}

/** Shares in percent, side by side. */
export function barChart(chart: BarChart): string {
  const colors = colorsOf(chart.series);
  const top = Math.max(...chart.series.flatMap((s) => s.values), 1);
  const count = chart.groups.length;
  const frame = {
    title: chart.title,
    caption: chart.caption,
    x: {
      label: chart.xLabel,
      place: linear(count),
      ticks: chart.groups.map((text, i) => ({ at: i + 0.5, text })),
    },
    y: evenAxis('share', top, 5, (v) => `${v} %`),
  };
  const width = ((WIDTH - 116) / count) * (0.8 / Math.max(1, chart.series.length));
  return drawFrame(frame, (canvas) => [
    ...chart.series.flatMap(({ values }, s) =>
      values.map((value, i) => {
        const x = canvas.x(i + 0.1) + s * width;
        const y = canvas.y(value);
        return `<rect x="${px(x)}" y="${px(y)}" width="${px(width * 0.92)}" height="${px(canvas.base - y)}" fill="${colors[s] ?? '#000'}"/>`;
      }),
    ),
    ...chart.series.flatMap(({ label }, s) => [
      `<rect x="${px(canvas.right - 330)}" y="${canvas.top + 4 + 18 * s}" width="12" height="12" fill="${colors[s] ?? '#000'}"/>`,
      `<text x="${px(canvas.right - 312)}" y="${canvas.top + 14 + 18 * s}">${escapeXml(label)}</text>`,
    ]),
  ]);
}
