import type { Coverage } from './coverage.js';
import { hexLines, type Finding } from './findings.js';
import type { Summary } from './fuzzer.js';

/** What `npm run fuzz` prints. */

const COLUMNS = [18, 10, 9, 14, 8, 6, 6] as const;
const row = (...cells: readonly string[]): string =>
  cells.map((c, i) => (i === 0 ? c.padEnd(COLUMNS[i] ?? 0) : c.padStart(COLUMNS[i] ?? 0))).join('');

export const SUMMARY_HEAD = row('target', 'runs', 'runs/s', 'blocks', 'corpus', 'new', 'found');

export const summaryLine = (s: Summary): string =>
  row(
    s.target,
    String(s.executions),
    (s.executions / s.seconds).toFixed(0),
    `${s.covered}/${s.counters}`,
    String(s.corpus),
    String(s.news),
    String(s.findings),
  );

/** Longer inputs are in the file only. */
const SHOWN_OCTETS = 2048;

export function findingText(finding: Finding, file: string): string {
  const { input, target, executions, seconds } = finding;
  const octets = input.length <= SHOWN_OCTETS ? hexLines(input) : [];
  return [
    '',
    `FOUND in ${target} after ${executions} runs, ${seconds.toFixed(1)} s; ${input.length} octets:`,
    ...octets.map((line) => `  ${line}`),
    ...finding.error.split('\n').slice(0, 12),
    `again: npm run fuzz -- --replay ${file}`,
    '',
  ].join('\n');
}

export const missedText = (missed: ReturnType<Coverage['missed']>): string =>
  missed
    .filter((m) => m.lines.length > 0)
    .map((m) => {
      const lines = [...new Set(m.lines)].sort((a, b) => a - b).join(', ');
      return `    ${m.module}: ${m.lines.length} of ${m.of} blocks not reached, lines ${lines}`;
    })
    .join('\n');
