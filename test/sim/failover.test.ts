import { describe, expect, it } from 'vitest';
import { choosePathsToCut } from '../../src/sim/breaks.js';
import { runFailover } from '../../src/sim/failover.js';
import { SeededRandom } from '../../src/sim/random.js';
import type { BreakKind, FailoverReport, PathRef } from '../../src/sim/report.js';

const KINDS: readonly BreakKind[] = ['current', 'both', 'one-way', 1, 2, 9, 16];
const run = (kind: BreakKind, seed = 'test'): FailoverReport =>
  runFailover({ seed, break: kind, profile: 'paper', rate: 100_000, goOnMs: 2_000 });

describe('a transfer whose path is cut, on the in-memory network', () => {
  it.each(KINDS)('break %s: every octet arrives in order', (kind) => {
    const report = run(kind);
    expect(report).toMatchObject({ ok: true, reason: null });
    expect(report.transfer.bytesVerified).toBe(report.transfer.bytesSent);
    expect(report.transfer.bytesReceived).toBeGreaterThan(500_000);
    const cut = report.topology.paths.filter((path) => path.cut);
    expect(report.topology.paths).toHaveLength(18);
    expect(cut).toHaveLength(
      kind === 'current' || kind === 'both' ? 2 : kind === 'one-way' ? 1 : kind,
    );
    for (const direction of [report.paths.AtoB, report.paths.BtoA]) {
      expect(cut).not.toContainEqual(
        expect.objectContaining({
          source: direction.after.source,
          destination: direction.after.destination,
        }),
      );
    }
  });

  it('notices a bidirectional cut when the send timer runs out, not later [RFC5534 §4.1]', () => {
    const { detectionMs, explorationMs, recoveryMs, applicationGapMs } = run('current');
    expect(detectionMs).toBeGreaterThan(2_500);
    expect(detectionMs).toBeLessThan(4_500);
    expect((detectionMs ?? 0) + (explorationMs ?? 0)).toBeCloseTo(recoveryMs ?? NaN, 0);
    expect(applicationGapMs).toBeGreaterThanOrEqual(recoveryMs ?? Infinity);
  });

  it('is the same again from the same seed, and another from another', () => {
    expect(run(16)).toEqual(run(16));
    expect(run(16).events).not.toEqual(run(16, 'other').events);
  });

  it('says so when nothing works any more', () => {
    const report = runFailover({ seed: 1, break: 'current', locators: 1, patienceMs: 20_000 });
    expect(report).toMatchObject({ ok: false, recoveryMs: null });
    expect(report.reason).toMatch(/did not find a path/);
  });
});

describe('which paths a break takes', () => {
  const locators = ['1', '2', '3'];
  const all = (['A', 'B'] as const).flatMap((from) =>
    locators.flatMap((s) =>
      locators.map((d): PathRef => ({
        from,
        source: from + s,
        destination: (from === 'A' ? 'B' : 'A') + d,
      })),
    ),
  );
  const inUse = {
    AtoB: { from: 'A', source: 'A1', destination: 'B2' },
    BtoA: { from: 'B', source: 'B3', destination: 'A1' },
  } as const;
  const cut = (kind: BreakKind, seed = 0): PathRef[] =>
    choosePathsToCut(kind, inUse, all, 'A', new SeededRandom(seed));

  it('leaves one each way, whatever the number', () => {
    for (let n = 2; n <= 16; n++) {
      const paths = cut(n, n);
      expect(new Set(paths.map((p) => p.source + p.destination)).size).toBe(n);
      for (const from of ['A', 'B']) {
        expect(paths.filter((p) => p.from === from).length).toBeLessThanOrEqual(8);
      }
      expect(paths).toEqual(expect.arrayContaining([inUse.AtoB, inUse.BtoA]));
    }
  });

  it('knows the named ones', () => {
    expect(cut('one-way')).toEqual([inUse.AtoB]);
    expect(cut('current')).toEqual([inUse.AtoB, { from: 'B', source: 'B2', destination: 'A1' }]);
    expect(cut('both')).toHaveLength(4);
  });

  it.each([0, 17, 1.5, NaN])('refuses %s', (n) => {
    expect(() => cut(n)).toThrowError(expect.objectContaining({ code: 'REHOME_E_BREAK' }));
  });
});
