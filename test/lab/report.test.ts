import { describe, expect, it } from 'vitest';
import { PLAIN } from '../../src/sim/draw/paint.js';
import { reportText } from '../../src/lab/draw/report-text.js';
import { PLAIN_PATH } from '../../src/lab/emulator/path.js';
import { hostAddress, PATHS, UPLINKS } from '../../src/lab/paths.js';
import { assembleReport, type RunFacts } from '../../src/lab/report.js';
import type { TrafficResult } from '../../src/lab/traffic/traffic.js';

const way = (a: 1 | 2 | 3, b: 1 | 2 | 3, shimmed: boolean): RunFacts['before'] => ({
  AtoB: { source: hostAddress('A', a), destination: hostAddress('B', b), shimmed },
  BtoA: { source: hostAddress('B', b), destination: hostAddress('A', a), shimmed },
});
const counters = {
  forwardedPackets: 0,
  forwardedBytes: 0,
  droppedStopped: 0,
  droppedLoss: 0,
  droppedQueue: 0,
};
const good: TrafficResult = {
  bytesSent: 4_000,
  bytesReceived: 4_000,
  bytesVerified: 4_000,
  endedAt: 14_000,
};

/** A run that starts at 1,000, is cut at 5,000, noticed at 8,000 and over at 8,050. */
function facts(changes: Partial<RunFacts> = {}): RunFacts {
  const samples = Array.from({ length: 13 }, (_, i) => ({
    at: 2_000 + i * 1_000,
    bytes: i === 4 || i === 5 || i === 6 ? 0 : 400,
  }));
  return {
    options: { seed: '1', profile: 'paper', break: 'current', traffic: 'builtin' },
    locators: {
      A: UPLINKS.map((u) => hostAddress('A', u)),
      B: UPLINKS.map((u) => hostAddress('B', u)),
    },
    startedAt: 1_000,
    cutAt: 5_000,
    cutPaths: PATHS.filter((p) => p.name === 'a1>b1' || p.name === 'b1>a1'),
    recovery: { detectedAt: 8_000, recoveredAt: 8_050 },
    before: way(1, 1, false),
    after: way(2, 3, true),
    traffic: {
      kind: 'builtin',
      startedAt: 1_000,
      samples,
      gaps: [
        { from: 1_200, to: 1_900 },
        { from: 4_990, to: 8_400 },
      ],
      failure: undefined,
      finish: () => Promise.resolve(good),
    },
    result: good,
    failure: undefined,
    events: [
      { t: 7_000, host: 'A', name: 'operational', detail: { probesSent: 2 } },
      { t: 4_000, host: 'network', name: 'cut', detail: {} },
    ],
    state: {
      paths: PATHS.map(() => ({ parameters: { ...PLAIN_PATH, delayMs: 10 }, counters })),
      strangers: 0,
      refused: {},
      waiting: 0,
    },
    ...changes,
  };
}

describe('the report of a run in namespaces', () => {
  it('has the times of seed 001, section 5.3, and what the application saw', () => {
    const report = assembleReport(facts());
    expect(report).toMatchObject({
      detectionMs: 3_000,
      explorationMs: 50,
      recoveryMs: 3_050,
      applicationGapMs: 3_410,
      cutAtMs: 4_000,
      ok: true,
      reason: null,
    });
    expect(report.topology.paths.filter((p) => p.cut)).toHaveLength(2);
    expect(report.events.map((e) => e.t)).toEqual([4_000, 7_000]);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });
  it.each([
    [{ bytesReceived: 3_999, bytesVerified: 3_999 }, '1 octets did not arrive'],
    [{ bytesVerified: 1_234 }, 'the octet at 1234 is wrong (of 4000)'],
    [{ bytesReceived: 0, bytesSent: 0, bytesVerified: 0 }, 'no octet arrived'],
  ])('is not ok with %o', (changes, reason) => {
    expect(assembleReport(facts({ result: { ...good, ...changes } }))).toMatchObject({
      ok: false,
      reason,
    });
  });
  it('is not ok when the scenario failed, and then counts the gap that has not ended', () => {
    const base = facts();
    const traffic = {
      ...facts().traffic,
      gaps: [],
      samples: [
        { at: 4_900, bytes: 10 },
        { at: 30_000, bytes: 0 },
      ],
    } as unknown as NonNullable<RunFacts['traffic']>;
    const report = assembleReport({ ...base, traffic, result: undefined, failure: 'no way' });
    expect(report).toMatchObject({ ok: false, reason: 'no way', applicationGapMs: 25_100 });
    expect(report.transfer.bytesVerified).toBeNull();
  });
  it('is told to people with the verdict first', () => {
    const text = reportText(assembleReport(facts()), PLAIN);
    expect(text.split('\n')[0]).toBe('The session was kept: every octet arrived, in order.');
    expect(text).toContain('a1 > b1, then a2 > b3 (with extension header)');
    expect(text).toContain('2 of 18 one-way paths: a1>b1 b1>a1');
    expect(text).toContain('2 probes sent');
    const bad = reportText(assembleReport(facts({ failure: 'no way' })), PLAIN);
    expect(bad.split('\n')[0]).toBe('FAILED: no way');
  });
});
