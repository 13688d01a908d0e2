import { drawFrame, escapeXml, linear, px, type Canvas } from '../../sim/draw/frame.js';
import { formatRate, ticks } from '../../sim/draw/scale.js';
import type { ThroughputSample } from '../../sim/report.js';
import type { PlotMark } from './terminal-plot.js';

export interface SvgPlot {
  readonly title: string;
  /** The figure's provenance: seed, command, commit. */
  readonly caption: string;
  readonly samples: readonly ThroughputSample[];
  readonly marks: readonly PlotMark[];
  /** A span to shade: the gap the application saw. */
  readonly gap?: { readonly from: number; readonly to: number };
}

/** Throughput over time as a self-contained SVG file, like seed 001, figure 4. */
export function svgPlot(plot: SvgPlot): string {
  const end = Math.max(1, plot.samples.at(-1)?.t ?? 1);
  const yTicks = ticks(Math.max(0, ...plot.samples.map((s) => s.bytesPerSecond)), 5);
  const frame = {
    title: plot.title,
    caption: plot.caption,
    x: {
      label: 'time since the transfer began, s',
      place: linear(end),
      ticks: ticks(end / 1000, 10)
        .filter((second) => second * 1000 <= end)
        .map((second) => ({ at: second * 1000, text: String(second) })),
    },
    y: {
      label: '',
      place: linear(yTicks.at(-1) ?? 1),
      ticks: yTicks.map((at) => ({ at, text: formatRate(at) })),
    },
  };
  return drawFrame(frame, (canvas) => [
    ...gap(plot, canvas),
    `<path d="${steps(plot.samples, canvas)}" fill="none" stroke="#1f5fa8" stroke-width="1.5"/>`,
    ...plot.marks.flatMap((mark, i) => svgMark(mark, i, canvas)),
  ]);
}

function gap({ gap: span }: SvgPlot, { x, top, base }: Canvas): string[] {
  if (span === undefined) return [];
  const { from, to } = span;
  return [
    `<rect x="${px(x(from))}" y="${top}" width="${px(x(to) - x(from))}" height="${px(base - top)}" fill="#f4d7d3"/>`,
  ];
}

/** Each sample is a step as long as its interval. */
function steps(samples: readonly ThroughputSample[], { x, y }: Canvas): string {
  let d = `M${px(x(0))} ${px(y(0))}`;
  for (const { t, bytesPerSecond } of samples) d += `V${px(y(bytesPerSecond))}H${px(x(t))}`;
  return d;
}

function svgMark(mark: PlotMark, index: number, { x, top, base }: Canvas): string[] {
  const at = px(x(mark.t));
  const high = top - 6 + index * 15;
  return [
    `<line x1="${at}" x2="${at}" y1="${high}" y2="${px(base)}" stroke="#b5472f" stroke-dasharray="4 3"/>`,
    `<text x="${px(x(mark.t) + 4)}" y="${high + 9}" fill="#b5472f">${escapeXml(mark.label)}</text>`,
  ];
}
