import type { Table } from '../experiments/types.js';
import type { Paint } from '../draw/paint.js';

/** Tables for people: what was measured, the paper's number, ours with its sampling error, and the verdict. */
export function tablesText(tables: readonly Table[], paint: Paint): string {
  return tables
    .filter(({ rows }) => rows.length > 0)
    .map((table) => tableText(table, paint))
    .join('\n');
}

const HEADINGS = { ours: 'ours', error: '95 %' };

function tableText(
  { title, against = 'paper', headings = HEADINGS, rows }: Table,
  paint: Paint,
): string {
  const compared = rows.some(({ paper }) => paper !== null);
  const cells = rows.map(({ measure, paper, ours, error, verdict }) => [
    measure,
    ...(compared ? [paper ?? ''] : []),
    ours,
    error === null ? '' : `[${error}]`,
    verdict === 'shown' ? '' : verdict,
  ]);
  const { ours: own, error: spread } = headings;
  const head = ['', ...(compared ? [against] : []), own, `[${spread}]`, ''];
  const widths = head.map((_, i) =>
    Math.max(...[head, ...cells].map((row) => (row[i] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  const lines = cells.map((row, i) => {
    const text = line(row);
    const { verdict } = rows[i] ?? { verdict: 'shown' };
    if (verdict === 'shown') return text;
    const paintVerdict = verdict === 'within' ? paint.good : paint.bad;
    return `${text.slice(0, -verdict.length)}${paintVerdict(verdict)}`;
  });
  return `${paint.strong(title)}\n  ${paint.dim(line(head))}\n${lines.map((l) => `  ${l}\n`).join('')}`;
}

const VERDICTS = { within: 'within', outside: '**outside**', shown: '' } as const;

/** The same as Markdown. */
export function tablesMarkdown(tables: readonly Table[]): string {
  return tables
    .filter(({ rows }) => rows.length > 0)
    .map(({ title, against = 'paper', headings = HEADINGS, rows }) => {
      const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
      const compared = rows.some(({ paper }) => paper !== null);
      const body = rows.map(({ measure, paper, ours, error, verdict }) =>
        line([
          measure,
          ...(compared ? [paper ?? ''] : []),
          ours,
          error ?? '',
          ...(compared ? [VERDICTS[verdict]] : []),
        ]),
      );
      const head = [
        '',
        ...(compared ? [against] : []),
        headings.ours,
        headings.error,
        ...(compared ? ['verdict'] : []),
      ];
      return `${[title, '', line(head), line(head.map(() => '---')), ...body].join('\n')}\n`;
    })
    .join('\n');
}
