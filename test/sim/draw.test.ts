import { describe, expect, it } from 'vitest';
import { barChart, cdfChart, lineChart, logAxis } from '../../src/sim/draw/charts.js';
import { curveColors } from '../../src/sim/draw/colors.js';
import { faultsOf } from './well-formed.js';
import { boundRow, quantileRow, shareRow, time } from '../../src/sim/experiments/compare.js';
import { tablesMarkdown, tablesText } from '../../src/sim/commands/tables.js';
import { PLAIN } from '../../src/sim/draw/paint.js';

const frame = { title: 'A <b> & c', caption: 'seed 7', xLabel: 'x' };

describe('charts', () => {
  it.each([
    [
      'cdf',
      cdfChart({
        ...frame,
        curves: [{ label: 'n = 1', values: [0.2, 5, Infinity] }],
        marks: [{ x: 7, y: 0.5 }],
        from: 0.1,
        to: 100,
      }),
    ],
    [
      'lines',
      lineChart({
        ...frame,
        yLabel: 'y',
        curves: [
          {
            label: 'c',
            points: [
              [1, 2],
              [3, Infinity],
              [4, 1],
            ],
          },
        ],
        moments: [{ at: 2, text: 'cut' }],
      }),
    ],
    [
      'steps',
      lineChart({
        ...frame,
        yLabel: 'y',
        curves: [
          {
            label: 'c',
            points: [
              [1, 2],
              [3, 4],
            ],
          },
        ],
        steps: true,
      }),
    ],
    [
      'bars',
      barChart({ ...frame, groups: ['0', '10'], series: [{ label: 's', values: [20, 80] }] }),
    ],
    ['nothing', lineChart({ ...frame, yLabel: 'y', curves: [] })],
  ])('%s: well-formed, escaped, with their provenance', (_name, svg) => {
    expect(faultsOf(svg)).toEqual([]);
    expect(svg).toContain('A &lt;b&gt; &amp; c');
    expect(svg).toContain('seed 7');
  });

  it('a cumulative curve ends at the share that is on the axis', () => {
    const svg = cdfChart({
      ...frame,
      curves: [{ label: 'c', values: [1, 1, 200, 200] }],
      from: 0.1,
      to: 100,
    });
    const ys = [...svg.matchAll(/V(\d+\.\d)/g)].map((m) => Number(m[1]));
    const half = (336 + 56) / 2;
    expect(Math.min(...ys)).toBeCloseTo(half, 0);
  });

  it('long captions are broken into lines', () => {
    const svg = barChart({ ...frame, caption: 'word '.repeat(60), groups: [], series: [] });
    expect(svg.match(/font-size="11">word/g)).toHaveLength(3);
  });

  it('logarithmic axes have round numbers', () => {
    expect(logAxis('', 0.1, 100).ticks.map(({ text }) => text)).toEqual([
      '0.1',
      '0.2',
      '0.5',
      '1',
      '2',
      '5',
      '10',
      '20',
      '50',
      '100',
    ]);
    expect(logAxis('', 1, 20_000).ticks.at(-1)?.text).toBe('20,000');
  });

  it('curves have colours of their own', () => {
    for (const count of [1, 7, 16]) expect(new Set(curveColors(count)).size).toBe(count);
  });
});

describe('rows beside the paper', () => {
  const values = Array.from({ length: 200 }, (_, i) => (i + 1) * 100);
  it('a quantile: within where as many are below as the paper says', () => {
    const row = quantileRow('median', values, 0.5, { value: 10_500, trials: 200 });
    expect(row).toMatchObject({ paper: '10.5 s', ours: '10.0 s', verdict: 'within' });
    expect(row.error).toBe('8.60 s to 11.5 s');
    expect(quantileRow('median', values, 0.5, { value: 14_000, trials: 200 }).verdict).toBe(
      'outside',
    );
  });
  it('a share', () => {
    const paper = { k: 172, n: 200 };
    expect(shareRow('m', { k: 170, n: 200 }, paper)).toMatchObject({
      paper: '86.0 %',
      ours: '85.0 %',
      verdict: 'within',
    });
    expect(shareRow('m', { k: 140, n: 200 }, paper).verdict).toBe('outside');
    expect(shareRow('m', { k: 1, n: 2 }, undefined)).toMatchObject({
      paper: null,
      verdict: 'shown',
    });
  });
  it('a bound', () => {
    const bound = { high: 3_000, text: 'up to 3 s' };
    expect(boundRow('m', [1_000, 2_000], bound)).toMatchObject({
      verdict: 'within',
      ours: '1.00 s to 2.00 s',
    });
    expect(boundRow('m', [1_000, 4_000], bound)).toMatchObject({
      verdict: 'outside',
      ours: '1.00 s to 4.00 s, 1 of 2 outside',
    });
    expect(boundRow('m', [], bound).verdict).toBe('outside');
  });
  it.each([
    [0.42, '0.4 ms'],
    [999, '999 ms'],
    [1_500, '1.50 s'],
    [31_000, '31.0 s'],
    [Infinity, 'never'],
    [NaN, '-'],
  ])('%d is %s', (ms, text) => {
    expect(time(ms)).toBe(text);
  });
  it('as text and as Markdown', () => {
    const table = { title: 'T', rows: [shareRow('m', { k: 1, n: 2 }, { k: 199, n: 200 })] };
    expect(tablesText([table], PLAIN)).toBe(
      'T\n     paper   ours    [95 %]\n  m  99.5 %  50.0 %  [9.5 % to 90.5 %]  outside\n',
    );
    expect(tablesMarkdown([table])).toContain(
      '| m | 99.5 % | 50.0 % | 9.5 % to 90.5 % | **outside** |',
    );
  });
});
