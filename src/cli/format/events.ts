import type { EventJson } from '../../control/schema.js';
import { printable, type Colors } from '../io.js';
import { pathText, ulidText, type Names } from './names.js';

const BAD = new Set(['establishment-failed', 'failure-suspected', 'confused', 'limit']);
const GOOD = new Set(['established', 'recovered', 'operational']);

/** The engine writes a pair as two addresses with a space between. */
const PAIR = /^([0-9a-f:.]+) ([0-9a-f:.]+)$/;

function valueText(value: string | number | boolean, names: Names): string {
  const [, local, peer] = PAIR.exec(String(value)) ?? [];
  if (local !== undefined && peer !== undefined) return pathText(names, { local, peer });
  return typeof value === 'number' ? String(Math.round(value * 10) / 10) : printable(String(value));
}

/** The event's name and details, e.g. `path-changed from a1>b1 to a2>b1`. */
export function eventText(event: EventJson, colors: Colors, names: Names = {}): string {
  const paint = BAD.has(event.name)
    ? colors.yellow
    : GOOD.has(event.name)
      ? colors.green
      : (text: string): string => text;
  const detail = Object.entries(event.detail).map(
    ([key, value]) => ` ${printable(key)} ${valueText(value, names)}`,
  );
  return paint(printable(event.name)) + detail.join('');
}

/** One line of `rehome events`. Wall time, because lines stay on the screen. */
export function eventLine(event: EventJson, colors: Colors, names: Names = {}): string {
  const time = event.at.replace('T', ' ').replace(/Z$/, '');
  const whom = event.ulids === null ? '' : `  ${ulidText(event.ulids)}`;
  const tag = event.tag === null ? '' : `  ${event.tag}`;
  return `${colors.dim(time)}  ${eventText(event, colors, names)}${colors.dim(`${whom}${tag}`)}\n`;
}
