import type { AddressField } from '../../sam/explain.js';
import { addressToHex, type Address } from '../../wire/address.js';
import type { Colors } from '../io.js';
import { table } from './table.js';

/** Bits in a line, as in the figures of RFCs. */
const ROW = 32;
const HEAD = [
  '  0                   1                   2                   3',
  '  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1',
];

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const letter = (index: number): string => LETTERS[index % LETTERS.length] ?? '';

/**
 * The bits of an address in four rows with a box around each field, and a legend. At most 52 fields.
 * @param wrong a bit to be marked, with an exclamation mark
 */
export function drawBits(
  address: Address,
  fields: readonly AddressField[],
  colors: Colors,
  wrong?: number,
): string {
  const bits = [...addressToHex(address)]
    .map((digit) => parseInt(digit, 16).toString(2).padStart(4, '0'))
    .join('');
  const starts = new Set(fields.map((f) => f.from));
  const lines = [...HEAD];
  for (let row = 0; row < 128; row += ROW) {
    lines.push(
      border(row, starts),
      bitLine(row, bits, starts, colors, wrong),
      nameLine(row, fields),
    );
  }
  lines.push(border(128, starts));
  const legend = table(
    fields.map((f, i) => [
      letter(i),
      f.from === f.to ? `${f.from}` : `${f.from}..${f.to}`,
      f.value,
      f.name,
      f.meaning,
    ]),
  );
  return `${lines.join('\n')}\n\n${legend}`;
}

/** The line above a row: a corner where a field begins above or below it. */
function border(row: number, starts: ReadonlySet<number>): string {
  let line = ' ';
  for (let i = 0; i < ROW; i++) {
    const corner = i === 0 || starts.has(row + i) || starts.has(row - ROW + i);
    line += corner ? '+-' : '--';
  }
  return `${line}+`;
}

function bitLine(
  row: number,
  bits: string,
  starts: ReadonlySet<number>,
  colors: Colors,
  wrong: number | undefined,
): string {
  let line = ' ';
  for (let i = 0; i < ROW; i++) {
    const bit = bits[row + i] ?? '';
    if (row + i === wrong) line += colors.red(`!${bit}`);
    else line += (i === 0 || starts.has(row + i) ? '|' : ' ') + bit;
  }
  return `${line}|`;
}

/** Under each field of the row, its letter in the legend. */
function nameLine(row: number, fields: readonly AddressField[]): string {
  let line = ' ';
  for (let i = 0; i < ROW; i++) {
    const at = row + i;
    const index = fields.findIndex((f) => f.from <= at && at <= f.to);
    const begins = i === 0 || fields[index]?.from === at;
    line += begins ? `|${letter(index)}` : '  ';
  }
  return `${line}|`;
}
