import { stripVTControlCharacters } from 'node:util';

const width = (text: string): number => stripVTControlCharacters(text).length;

/**
 * Rows in columns two spaces apart, colours not counted, nothing after the last column.
 * @param right indices of columns that are aligned to the right.
 */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const columns = Math.max(0, ...rows.map((r) => r.length));
  const widths = Array.from({ length: columns }, (_, i) =>
    Math.max(0, ...rows.map((r) => width(r[i] ?? ''))),
  );
  const pad = (cell: string, i: number): string => {
    const space = ' '.repeat((widths[i] ?? 0) - width(cell));
    return right.includes(i) ? space + cell : cell + space;
  };
  return rows.map((r) => `${r.map(pad).join('  ').trimEnd()}\n`).join('');
}

export const plural = (n: number, one: string, many = `${one}s`): string =>
  `${n} ${n === 1 ? one : many}`;
