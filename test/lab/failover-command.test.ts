import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { failover } from '../../src/lab/commands/failover.js';
import type { LabIo } from '../../src/lab/commands/options.js';
import type { FailoverReport } from '../../src/sim/report.js';

const CHOICE = {
  profile: 'paper',
  identity: 'hba',
  break: 'current',
  traffic: 'builtin',
  mtu: 1500,
  delay: 10,
  rate: 20,
  seed: '7',
  memory: true,
} as const;

function captured(): LabIo & { output: string; errors: string } {
  const io = {
    output: '',
    errors: '',
    out: (text: string) => void (io.output += text),
    err: (text: string) => void (io.errors += text),
    tty: false,
    colors: pc.createColors(false),
    signal: new AbortController().signal,
    env: {},
  };
  return io;
}

describe('rehome lab failover on the in-memory network', () => {
  it('prints the report for people and exits with 0', async () => {
    const io = captured();
    expect(await failover(CHOICE, io)).toBe(0);
    expect(io.output).toContain('The session was kept: every octet arrived, in order.');
    expect(io.output).toMatch(/network +cut/);
    expect(io.output).toMatch(/│ a1 2001:db8:\S+ +├───┤ a1 {3}XX/);
    expect(io.errors).toBe('');
  });
  it('prints with --json one report and nothing else', async () => {
    const io = captured();
    expect(await failover({ ...CHOICE, json: true }, io)).toBe(0);
    const report = JSON.parse(io.output) as FailoverReport;
    expect(report).toMatchObject({ schema: 'rehome.failover/1', world: 'memory', ok: true });
  });
  it('writes report and figure with --out', async () => {
    const out = mkdtempSync(`${tmpdir()}/rehome-out-`);
    try {
      const io = captured();
      await failover({ ...CHOICE, break: 4, out }, io);
      expect(readdirSync(out).sort()).toEqual(['report.json', 'throughput.svg']);
      const report = JSON.parse(readFileSync(`${out}/report.json`, 'utf8')) as FailoverReport;
      expect(report.topology.paths.filter((p) => p.cut)).toHaveLength(4);
      expect(readFileSync(`${out}/throughput.svg`, 'utf8')).toContain('--break 4');
    } finally {
      rmSync(out, { recursive: true });
    }
  });
});
