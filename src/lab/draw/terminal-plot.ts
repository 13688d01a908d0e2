import type { ThroughputSample } from '../../sim/report.js';
import type { Paint } from '../../sim/draw/paint.js';
import { formatRate, ticks } from '../../sim/draw/scale.js';

export interface PlotMark {
  /** Milliseconds since the transfer began. */
  readonly t: number;
  readonly label: string;
}

const BLOCKS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/**
 * Throughput over time in block characters: one column per time slice (the mean of its samples), marks as a line of
 * carets below. `width` counts the columns of the plot itself.
 */
export function terminalPlot(
  samples: readonly ThroughputSample[],
  marks: readonly PlotMark[],
  paint: Paint,
  width = 64,
  height = 8,
): string[] {
  const end = samples.at(-1)?.t ?? 0;
  if (end <= 0) return ['(no throughput samples)'];
  const columns = toColumns(samples, end, width);
  const axis = ticks(Math.max(...columns), 4);
  const top = axis.at(-1) ?? 1;
  const labels = axisLabels(axis, top, height);
  const gutter = Math.max(...[...labels.values()].map((l) => l.length), 6);
  const lines: string[] = [];
  for (let row = height - 1; row >= 0; row--) {
    const cells = columns.map((value) => {
      const eighths = Math.round((value / top) * height * 8) - row * 8;
      return BLOCKS[Math.max(0, Math.min(8, eighths))] ?? ' ';
    });
    lines.push(`${(labels.get(row) ?? '').padStart(gutter)} ┤${paint.good(cells.join(''))}`);
  }
  lines.push(`${'0'.padStart(gutter)} └${'─'.repeat(width)}`);
  lines.push(`${' '.repeat(gutter + 2)}${timeAxis(end, width)}`);
  for (const line of markLines(marks, end, width))
    lines.push(`${' '.repeat(gutter + 2)}${paint.warn(line)}`);
  return lines;
}

/** Mean octets per second in each of `width` slices of [0, end]. */
export function toColumns(
  samples: readonly ThroughputSample[],
  end: number,
  width: number,
): number[] {
  const bytes = new Array<number>(width).fill(0);
  const slice = end / width;
  let from = 0;
  for (const { t, bytesPerSecond } of samples) {
    // Spread an interval over the slices it overlaps.
    for (let i = Math.max(0, Math.floor(from / slice)); i < width && i * slice < t; i++) {
      const overlap = Math.min(t, (i + 1) * slice) - Math.max(from, i * slice);
      if (overlap > 0) bytes[i] = (bytes[i] ?? 0) + (bytesPerSecond * overlap) / 1000;
    }
    from = Math.max(from, t);
  }
  return bytes.map((b) => (b * 1000) / slice);
}

function axisLabels(axis: readonly number[], top: number, height: number): Map<number, string> {
  const labels = new Map<number, string>();
  for (const value of axis) {
    if (value > 0)
      labels.set(Math.min(height - 1, Math.round((value / top) * height) - 1), formatRate(value));
  }
  return labels;
}

function timeAxis(end: number, width: number): string {
  const line = new Array<string>(width + 4).fill(' ');
  for (const second of ticks(end / 1000, 8)) {
    const at = Math.round(((second * 1000) / end) * width);
    const text = `${second}s`;
    if (at + text.length <= line.length) [...text].forEach((c, i) => (line[at + i] = c));
  }
  return line.join('').trimEnd();
}

/** One line per mark: its place and its name, so that close ones stay legible. */
function markLines(marks: readonly PlotMark[], end: number, width: number): string[] {
  return marks
    .filter((m) => m.t >= 0 && m.t <= end)
    .map(({ t, label }) => {
      const at = Math.min(width - 1, Math.round((t / end) * width));
      const text = `${label} (${(t / 1000).toFixed(2)} s)`;
      return at + 2 + text.length <= width + 14
        ? `${' '.repeat(at)}▲ ${text}`
        : `${' '.repeat(Math.max(0, at - text.length - 1))}${text} ▲`;
    });
}
