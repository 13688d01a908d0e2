/** The frame that all figures share: title, axes with grid, caption with the figure's provenance. Self-contained SVG. */

export interface Axis {
  readonly label: string;
  readonly ticks: readonly { readonly at: number; readonly text: string }[];
  /** Place of a value on the axis, 0 to 1. */
  readonly place: (value: number) => number;
}

export interface Frame {
  readonly title: string;
  /** Seed, command, commit. */
  readonly caption: string;
  readonly x: Axis;
  readonly y: Axis;
  /** Pixels kept free on the right, for a legend. Default 24. */
  readonly right?: number;
  /** Pixels kept free on the left for labels of the y axis. Default 92. */
  readonly left?: number;
}

/** Pixels of the drawing area and the two scales. */
export interface Canvas {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly base: number;
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
}

export const WIDTH = 860;
const HEIGHT = 440;
const TOP = 56;
const BOTTOM = 104;
/** Characters of a caption that fit on a line in its font. */
const CAPTION_COLUMNS = 132;
const CAPTION_LINES = 3;

export const escapeXml = (text: string): string =>
  text.replace(
    /[&<>"]/g,
    (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c,
  );

/** A coordinate with a tenth of a pixel. */
export const px = (value: number): string => value.toFixed(1);

export function drawFrame(frame: Frame, body: (canvas: Canvas) => readonly string[]): string {
  const left = frame.left ?? 92;
  const right = WIDTH - (frame.right ?? 24);
  const base = HEIGHT - BOTTOM;
  const canvas: Canvas = {
    left,
    right,
    top: TOP,
    base,
    x: (value) => left + frame.x.place(value) * (right - left),
    y: (value) => base - frame.y.place(value) * (base - TOP),
  };
  const middle = (left + right) / 2;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${left}" y="26" font-size="16">${escapeXml(frame.title)}</text>`,
    ...frame.y.ticks.flatMap(({ at, text }) => yTick(canvas, canvas.y(at), text)),
    ...frame.x.ticks.flatMap(({ at, text }) => xTick(canvas, canvas.x(at), text)),
    ...body(canvas),
    `<line x1="${left}" x2="${right}" y1="${px(base)}" y2="${px(base)}" stroke="#333"/>`,
    `<text x="${px(middle)}" y="${px(base + 38)}" text-anchor="middle">${escapeXml(frame.x.label)}</text>`,
    `<text x="24" y="${TOP - 12}" fill="#333">${escapeXml(frame.y.label)}</text>`,
    ...caption(frame.caption),
    '</svg>',
  ];
  return `${parts.filter((part) => part !== '').join('\n')}\n`;
}

const yTick = ({ left, right }: Canvas, y: number, text: string): string[] => [
  `<line x1="${left}" x2="${right}" y1="${px(y)}" y2="${px(y)}" stroke="#ddd"/>`,
  `<text x="${left - 8}" y="${px(y + 4)}" text-anchor="end">${escapeXml(text)}</text>`,
];

const xTick = ({ base }: Canvas, x: number, text: string): string[] => [
  `<line x1="${px(x)}" x2="${px(x)}" y1="${px(base)}" y2="${px(base + 5)}" stroke="#333"/>`,
  `<text x="${px(x)}" y="${px(base + 19)}" text-anchor="middle">${escapeXml(text)}</text>`,
];

/** Broken between words, the first lines of it. */
function caption(text: string): string[] {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + word.length >= CAPTION_COLUMNS) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  const shown = lines.slice(0, CAPTION_LINES);
  return shown.map((line, i) => {
    const y = HEIGHT - 12 - 15 * (shown.length - 1 - i);
    return `<text x="24" y="${y}" fill="#666" font-size="11">${escapeXml(line)}</text>`;
  });
}

/** From 0 (or `min`) to `max`, evenly. */
export const linear =
  (max: number, min = 0) =>
  (value: number): number =>
    (value - min) / (max - min);

/** Evenly in the logarithm; what is below `min` stands at the edge. */
export const logarithmic =
  (min: number, max: number) =>
  (value: number): number =>
    Math.log(Math.max(min, Math.min(max, value)) / min) / Math.log(max / min);
