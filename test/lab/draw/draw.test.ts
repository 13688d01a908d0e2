import { describe, expect, it } from 'vitest';
import { PLAIN } from '../../../src/sim/draw/paint.js';
import { formatMs, formatRate, ticks } from '../../../src/sim/draw/scale.js';
import { svgPlot } from '../../../src/lab/draw/svg.js';
import { terminalPlot, toColumns } from '../../../src/lab/draw/terminal-plot.js';
import { drawTopology } from '../../../src/lab/draw/topology.js';
import { PATHS } from '../../../src/lab/paths.js';

const path = (name: string): (typeof PATHS)[number] => {
  const found = PATHS.find((p) => p.name === name);
  if (found === undefined) throw new Error(name);
  return found;
};

describe('drawTopology', () => {
  it('shows hosts, the path in use and what is cut', () => {
    const lines = drawTopology(
      {
        stopped: new Set([path('a1>b1').id, path('b3>a2').id]),
        current: { AtoB: path('a1>b1'), BtoA: path('b2>a1') },
        missing: new Set(['b3']),
      },
      PLAIN,
    );
    expect(`\n${lines.join('\n')}\n`).toMatchInlineSnapshot(`
      "
      ┌─ host A ────────────┐   ┌─ router ──────────────┐   ┌─ host B ────────────┐
      │                     │   │     b1    b2    b3    │   │                     │
      │ a1 2001:db8:a1::10  ├───┤ a1  ━X<    >◀━   ><   ├───┤ b1 2001:db8:b1::10  │
      │ a2 2001:db8:a2::10  ├───┤ a2   ><    ><    >X   ├───┤ b2 2001:db8:b2::10  │
      │ a3 2001:db8:a3::10  ├───┤ a3   ><    ><    ><   ├───┤ b3 (removed)        │
      └─────────────────────┘   └───────────────────────┘   └─────────────────────┘
      "
    `);
    expect(new Set(lines.map((l) => l.length)).size).toBe(1);
    expect(lines[0]?.length).toBeLessThanOrEqual(80);
  });
});

describe('scales', () => {
  it('have round steps that reach the maximum', () => {
    expect(ticks(87, 4)).toEqual([0, 50, 100]);
    expect(ticks(0.3, 3)).toEqual([0, 0.1, 0.2, 0.3]);
    expect(ticks(0, 4)).toEqual([0, 1]);
    expect(formatRate(1_562_500)).toBe('12.5 Mbit/s');
    expect(formatRate(125)).toBe('1 kbit/s');
    expect(formatMs(null)).toBe('-');
    expect(formatMs(3512.4)).toBe('3512 ms');
    expect(formatMs(31_000)).toBe('31.0 s');
  });
});

const samples = Array.from({ length: 100 }, (_, i) => ({
  t: (i + 1) * 100,
  bytesPerSecond: i >= 30 && i < 65 ? 0 : 1_250_000,
}));

describe('plots', () => {
  it('keep the octets when samples are put into columns', () => {
    for (const width of [7, 64, 250]) {
      const columns = toColumns(samples, 10_000, width);
      const total = columns.reduce((a, b) => a + b, 0) * (10 / width);
      expect(total).toBeCloseTo(6.5 * 1_250_000, 0);
    }
  });
  it('draw the drop', () => {
    const marks = [
      { t: 3_000, label: 'cut' },
      { t: 6_500, label: 'recovered' },
    ];
    const plot = terminalPlot(samples, marks, PLAIN, 40, 4);
    expect(`\n${plot.join('\n')}\n`).toMatchInlineSnapshot(`
      "
      12 Mbit/s ┤▃▃▃▃▃▃▃▃▃▃▃▃              ▃▃▃▃▃▃▃▃▃▃▃▃▃▃
       8 Mbit/s ┤████████████              ██████████████
                ┤████████████              ██████████████
       4 Mbit/s ┤████████████              ██████████████
              0 └────────────────────────────────────────
                 0s      2s      4s      6s      8s      10s
                             ▲ cut (3.00 s)
                                           ▲ recovered (6.50 s)
      "
    `);
  });
  it('are a well-formed SVG with the marks and the caption, text escaped', () => {
    const svg = svgPlot({
      title: 'A <b> & c',
      caption: 'seed 7',
      samples,
      marks: [{ t: 3_000, label: 'cut' }],
      gap: { from: 3_000, to: 6_500 },
    });
    expect(svg).toContain('A &lt;b&gt; &amp; c');
    expect(svg).toContain('seed 7');
    expect(svg).toContain('>cut</text>');
    const open = (svg.match(/<(?!\/)[a-z]+/g) ?? []).length;
    const closed = (svg.match(/<\/[a-z]+>|\/>/g) ?? []).length;
    expect(open).toBe(closed);
    expect(svg).not.toMatch(/NaN|undefined/);
  });
  it('say so when there is nothing to draw', () => {
    expect(terminalPlot([], [], PLAIN)).toEqual(['(no throughput samples)']);
  });
});
