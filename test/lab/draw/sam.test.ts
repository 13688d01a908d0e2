import { describe, expect, it } from 'vitest';
import { phaseLines, samReportText } from '../../../src/lab/draw/sam.js';
import { PLAIN } from '../../../src/sim/draw/paint.js';
import { demonstrateInMemory } from '../../../src/sim/sam/demonstration.js';
import type { SamReport } from '../../../src/sim/sam/report.js';

/** What a run in namespaces adds. */
const SESSION: SamReport['session'] = {
  cause: 'provider B drops everything without a word',
  ulids: { local: '2001:db8:b:12:9777:7000::', peer: '2001:db8:f::1' },
  before: { local: '2001:db8:b:12:9777:7000::', peer: '2001:db8:f::1' },
  after: { local: '2001:db8:a:1298:8880::', peer: '2001:db8:f::1' },
  leftByBefore: 'ispB',
  leftByAfter: 'ispA',
  gapMs: 3_172,
  bytesSent: 1_500_000,
  bytesVerified: 1_500_000,
  kept: true,
};

describe('the demonstration in memory', () => {
  it('of figure 7: each source by its own gateway, also when the other is dead', () => {
    for (const seed of ['1', '2', '3']) {
      const report = demonstrateInMemory(7, seed);
      expect([seed, report.reasons]).toEqual([seed, []]);
      expect(report.phases.map((p) => p.passages.map((x) => x.leftBy.join()))).toEqual([
        ['ispA', 'ispA', 'ispB', 'ispB'],
        ['ispA', 'ispA', 'ispB', 'ispB'],
      ]);
      expect(report.phases[1]?.passages.map((x) => x.arrived)).toEqual([true, true, false, false]);
      expect(report.autoconfigurationMs).toBeLessThan(5_000);
    }
  });

  it('of figure 1: six prefixes, every octet as it was sent', () => {
    for (const seed of ['1', '2', '3']) {
      const report = demonstrateInMemory(1, seed);
      expect([seed, report.reasons]).toEqual([seed, []]);
      const [zones] = report.phases;
      expect(zones?.passages.map((p) => p.leftBy.join()).sort()).toEqual(['A', 'A', 'A', 'B', 'B', 'B']); // prettier-ignore
      expect(zones?.passages.every((p) => p.unchanged === true && p.rttMs !== null)).toBe(true);
    }
  });

  it('is the same from the same seed', () => {
    expect(demonstrateInMemory(1, 'x')).toEqual(demonstrateInMemory(1, 'x'));
    expect(demonstrateInMemory(1, 'x')).not.toEqual(demonstrateInMemory(1, 'y'));
  });
});

describe('the drawing', () => {
  it.each([7, 1] as const)('of figure %i: prefixes per node, and what went where', (figure) => {
    const report = demonstrateInMemory(figure, '1');
    const phases = report.phases.flatMap((p) => phaseLines(p, PLAIN));
    expect(`${phases.join('\n')}\n${samReportText(report, PLAIN)}`).toMatchSnapshot();
  });

  it('with a session, and with what went wrong', () => {
    const report = demonstrateInMemory(7, '1');
    const failed: SamReport = {
      ...report,
      session: { ...SESSION, kept: false },
      ok: false,
      reasons: ['the session was not kept'],
    };
    const text = samReportText({ ...report, session: SESSION }, PLAIN);
    expect(text).toContain('session            kept: provider B drops everything');
    expect(text).toContain('gap                  3172 ms');
    expect(samReportText(failed, PLAIN)).toContain('FAILED: the session was not kept');
    const [phase] = report.phases;
    const odd = phase?.passages.map((p) => ({ ...p, leftBy: [], error: '1/5', expected: false }));
    expect(phaseLines({ name: 'x', title: 'x', passages: odd ?? [] }, PLAIN)[1]).toMatch(
      /refused: ICMPv6 1\/5 {2}not as it should be$/,
    );
  });
});
