import type { ThroughputSample } from '../../sim/report.js';
import type { PlotMark } from './terminal-plot.js';
import { formatRate, ticks } from './scale.js';

export interface SvgPlot {
  readonly title: string;
  /** The figure's provenance: seed, command, commit. */
  readonly caption: string;
  readonly samples: readonly ThroughputSample[];
  readonly marks: readonly PlotMark[];
  /** A span to shade: the gap the application saw. */
  readonly gap?: { readonly from: number; readonly to: number };
}

const WIDTH = 860;
const HEIGHT = 420;
const LEFT = 92;
const RIGHT = 24;
const TOP = 56;
const BOTTOM = 84;

const escape = (text: string): string =>
  text.replace(
    /[&<>"]/g,
    (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c,
  );
const n = (value: number): string => value.toFixed(1);

/** Throughput over time as a self-contained SVG file, like seed 001, figure 4. */
export function svgPlot(plot: SvgPlot): string {
  const end = Math.max(1, plot.samples.at(-1)?.t ?? 1);
  const yTicks = ticks(Math.max(0, ...plot.samples.map((s) => s.bytesPerSecond)), 5);
  const top = yTicks.at(-1) ?? 1;
  const x = (t: number): number => LEFT + (t / end) * (WIDTH - LEFT - RIGHT);
  const y = (v: number): number => HEIGHT - BOTTOM - (v / top) * (HEIGHT - TOP - BOTTOM);
  const base = y(0);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${LEFT}" y="26" font-size="16">${escape(plot.title)}</text>`,
  ];
  if (plot.gap !== undefined) {
    const { from, to } = plot.gap;
    parts.push(
      `<rect x="${n(x(from))}" y="${TOP}" width="${n(x(to) - x(from))}" height="${n(base - TOP)}" fill="#f4d7d3"/>`,
    );
  }
  for (const value of yTicks) {
    parts.push(
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${n(y(value))}" y2="${n(y(value))}" stroke="#ddd"/>`,
      `<text x="${LEFT - 8}" y="${n(y(value) + 4)}" text-anchor="end">${escape(formatRate(value))}</text>`,
    );
  }
  for (const second of ticks(end / 1000, 10)) {
    if (second * 1000 > end) continue;
    parts.push(
      `<line x1="${n(x(second * 1000))}" x2="${n(x(second * 1000))}" y1="${n(base)}" y2="${n(base + 5)}" stroke="#333"/>`,
      `<text x="${n(x(second * 1000))}" y="${n(base + 19)}" text-anchor="middle">${second}</text>`,
    );
  }
  parts.push(
    `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${n(base)}" y2="${n(base)}" stroke="#333"/>`,
    `<text x="${n((LEFT + WIDTH - RIGHT) / 2)}" y="${n(base + 38)}" text-anchor="middle">time since the transfer began, s</text>`,
    `<path d="${steps(plot.samples, x, y)}" fill="none" stroke="#1f5fa8" stroke-width="1.5"/>`,
    ...plot.marks.flatMap((mark, i) => svgMark(mark, i, x, base)),
    `<text x="${LEFT}" y="${HEIGHT - 14}" fill="#666" font-size="11">${escape(plot.caption)}</text>`,
    '</svg>',
  );
  return `${parts.join('\n')}\n`;
}

/** Each sample is a step as long as its interval. */
function steps(
  samples: readonly ThroughputSample[],
  x: (t: number) => number,
  y: (v: number) => number,
): string {
  let d = `M${n(x(0))} ${n(y(0))}`;
  for (const { t, bytesPerSecond } of samples) d += `V${n(y(bytesPerSecond))}H${n(x(t))}`;
  return d;
}

function svgMark(mark: PlotMark, index: number, x: (t: number) => number, base: number): string[] {
  const at = n(x(mark.t));
  const high = TOP - 6 + index * 15;
  return [
    `<line x1="${at}" x2="${at}" y1="${high}" y2="${n(base)}" stroke="#b5472f" stroke-dasharray="4 3"/>`,
    `<text x="${n(x(mark.t) + 4)}" y="${high + 9}" fill="#b5472f">${escape(mark.label)}</text>`,
  ];
}
