import { describe, expect, it } from 'vitest';
import { LabFailover, type LabFailoverOptions } from '../../src/lab/failover.js';
import { findProgram } from '../../src/lab/programs.js';
import { needsTun } from '../support/root.js';

const OPTIONS: LabFailoverOptions = {
  profile: 'paper',
  break: 'current',
  traffic: 'builtin',
  seed: 'e2e',
  mtu: 1500,
  delayMs: 10,
  rate: 2_500_000,
  cutAfterMs: 2_000,
  goOnMs: 1_500,
};

describe.skipIf(needsTun() !== undefined)('rehome lab failover', () => {
  it('keeps the session and reports what the paper reports', { timeout: 60_000 }, async () => {
    const report = await LabFailover.run(OPTIONS);
    expect(report.reason).toBeNull();
    expect(report).toMatchObject({ ok: true, world: 'namespaces', profile: 'paper' });
    // Seed 001, section 5.3: the send timer of 3 s, then at most two probes 500 ms +- 20 % apart.
    expect(report.detectionMs).toBeGreaterThan(2_800);
    expect(report.detectionMs).toBeLessThan(4_000);
    expect(report.explorationMs).toBeLessThan(1_500);
    expect(report.recoveryMs).toBeCloseTo(
      (report.detectionMs ?? NaN) + (report.explorationMs ?? NaN),
      0,
    );
    expect(report.applicationGapMs).toBeGreaterThan(report.detectionMs ?? NaN);
    expect(report.transfer.bytesVerified).toBe(report.transfer.bytesSent);
    expect(report.paths.AtoB.before.shimmed).toBe(false);
    expect(report.paths.AtoB.after.shimmed).toBe(true);
    expect(report.topology.paths.filter((p) => p.cut)).toHaveLength(2);
    const names = report.events.filter((e) => e.host !== 'network').map((e) => e.name);
    for (const name of [
      'established',
      'failure-suspected',
      'exploring',
      'path-changed',
      'operational',
    ])
      expect(names).toContain(name);
  });

  const noIperf = findProgram('iperf3') === undefined;
  if (noIperf) process.stderr.write('skipped: no iperf3 (apt-get install iperf3)\n');
  it.skipIf(noIperf)('does the same to iperf3, unmodified', { timeout: 60_000 }, async () => {
    const report = await LabFailover.run({ ...OPTIONS, traffic: 'iperf3', break: 'one-way' });
    expect(report.reason).toBeNull();
    expect(report.ok).toBe(true);
    expect(report.transfer.bytesReceived).toBeGreaterThan(1_000_000);
    expect(report.transfer.bytesVerified).toBeNull();
    expect(report.applicationGapMs).toBeGreaterThan(2_000);
    expect(report.topology.paths.filter((p) => p.cut)).toHaveLength(1);
  });
});
