import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { SiteCapture } from '../../../src/lab/site/capture.js';
import { demonstrateFigure1 } from '../../../src/lab/site/demo1.js';
import { demonstrateFigure7 } from '../../../src/lab/site/demo7.js';
import { CLASSIC, figure7 } from '../../../src/lab/site/figure7.js';
import { Site } from '../../../src/lab/site/site.js';
import { cleanUpDead, runningLabs } from '../../../src/lab/registry.js';
import { listNamespaces } from '../../../src/linux/netns.js';
import type { DemonstrationOptions } from '../../../src/lab/site/run.js';
import { DRAFT, PROVABLE } from '../../../src/sim/sam/figure7-facts.js';
import type { PhaseReport } from '../../../src/sim/sam/report.js';
import { addressFromBytes } from '../../../src/wire/address.js';
import { readPcapng } from '../../../src/wire/pcapng.js';
import { needsRoot } from '../../support/root.js';

const options = (): DemonstrationOptions => ({
  seed: 'test',
  identity: 'none',
  signal: new AbortController().signal,
  onStep: () => undefined,
  onPhase: () => undefined,
});

/** `name left arrived answered`, and whether every octet came as it was sent. */
const went = (phase: PhaseReport | undefined): string[] =>
  (phase?.passages ?? []).map((p) =>
    [
      p.name,
      p.leftBy.join('+') || 'nowhere',
      p.arrived ? 'arrived' : 'lost',
      ...(p.rttMs === null ? [] : ['answered']),
      ...(p.unchanged === true ? ['unchanged'] : []),
    ].join(' '),
  );

describe.skipIf(needsRoot() !== undefined)('the lab of figure 7', () => {
  it.each([
    ['none', DRAFT],
    ['hba', PROVABLE],
  ] as const)(
    'shows plain routing fail, [exit] and SAM work, and a session outlive its provider, identity %s',
    async (identity, example) => {
      const directory = mkdtempSync(join(tmpdir(), 'rehome-sam-'));
      const file = join(directory, 'packets.pcapng');
      const capture = new SiteCapture(file);
      const report = await demonstrateFigure7({ ...options(), identity, capture });
      capture.close();
      const taken = [...readPcapng(readFileSync(file))].flatMap((i) =>
        i.kind === 'packet' ? [i] : [],
      );
      rmSync(directory, { recursive: true });
      const phase = (name: string): string[] => went(report.phases.find((p) => p.name === name));
      const fine = (name: string, isp: string): string =>
        `${name} ${isp} arrived answered unchanged`;
      const all = [fine('AH', 'ispA'), fine('AK', 'ispA'), fine('BH', 'ispB'), fine('BK', 'ispB')];
      expect(phase('plain')).toEqual([
        fine('AH', 'ispA'),
        fine('AK', 'ispA'),
        'BH ispA lost',
        'BK ispA lost',
      ]);
      expect(phase('exit')).toEqual(all);
      expect(phase('sam')).toEqual(all);
      expect(phase('dead')).toEqual([
        fine('AH', 'ispA'),
        fine('AK', 'ispA'),
        'BH ispB lost',
        'BK ispB lost',
      ]);
      expect(phase('withdrawn')).toEqual([fine('new', 'ispA')]);
      expect(report.autoconfigurationMs).toBeLessThan(5_000);
      const { session } = report;
      expect(session?.kept).toBe(true);
      expect([session?.leftByBefore, session?.leftByAfter]).toEqual(['ispB', 'ispA']);
      // Proven: addresses of the host's own making.
      expect(session?.ulids.local === example.addresses.BH).toBe(identity === 'none');
      expect(session?.bytesVerified).toBe(session?.bytesSent);
      expect(session?.bytesSent).toBeGreaterThan(100_000);
      expect([report.ok, report.reasons]).toEqual([true, []]);
      // The capture agrees: with BH's classic source at A's router, with its SAM source at B's only.
      const sources = (place: string): Set<string> =>
        new Set(
          taken.filter((t) => t.interfaceName === place).map((t) => addressFromBytes(t.frame, 8)),
        );
      expect(sources('ispA cust')).toContain(CLASSIC.BH);
      expect(sources('ispB cust')).toContain(example.addresses.BH);
      expect(sources('ispA cust')).not.toContain(example.addresses.BH);
      expect(sources('ispB cust')).not.toContain(example.addresses.AH);
    },
    120_000,
  );
});

describe.skipIf(needsRoot() !== undefined)('the lab of figure 1', () => {
  it('three levels, another site, and a middle zone renumbered under a session', async () => {
    const report = await demonstrateFigure1(options());
    const fine = (name: string): string => `${name} ${name[0] ?? ''} arrived answered unchanged`;
    const names = (first: string): string[] => [first, 'AEDF', 'AEF', 'BCDF', 'BEDF', 'BEF'];
    const phase = (name: string): string[] => went(report.phases.find((p) => p.name === name));
    expect(phase('zones').sort()).toEqual(names('ACDF').map(fine).sort());
    expect(phase('renumbered').sort()).toEqual(names("AC'DF").map(fine).sort());
    const { session } = report;
    expect(session?.kept).toBe(true);
    expect(session?.before.local).toBe('2001:db0:1ca:1dc:1fd:10f::');
    expect(session?.after.local).not.toBe(session?.before.local);
    expect(report.nodes.find((n) => n.name === 'f')?.prefixes).toContain(
      '2001:db0:1ca:1dc:1fd:10f::/96',
    );
    expect([report.ok, report.reasons]).toEqual([true, []]);
  }, 180_000);
});

const runningSites = (): string[] => listNamespaces('rehome-lab-gwA-sam');

describe.skipIf(needsRoot() !== undefined)('a site', () => {
  let site: Site | undefined;
  afterEach(async () => site?.stop());

  it('is no lab with two hosts, and leaves nothing behind', async () => {
    const before = listNamespaces('rehome-lab-');
    site = await Site.start(figure7(true));
    const { id } = site.entry;
    expect(id).toMatch(/^sam\d*$/);
    expect(runningLabs()).not.toContain(id);
    expect(listNamespaces('rehome-lab-')).toContain(`rehome-lab-gwA-${id}`);
    site.spawn('host', process.execPath, ['-e', 'setInterval(() => 0, 1000)']);
    await sleep(100);
    await site.stop();
    expect(listNamespaces('rehome-lab-').filter((n) => n.endsWith(`-${id}`))).toEqual([]);
    expect(before.filter((n) => !listNamespaces('rehome-lab-').includes(n))).toEqual([]);
  }, 30_000);

  it('that is interrupted says so and leaves nothing behind', async () => {
    const { spawn } = await import('node:child_process');
    const child = spawn(process.execPath, ['bin/rehome.js', 'lab', 'sam']);
    let output = '';
    child.stdout.on('data', (d) => (output += String(d)));
    child.stderr.on('data', (d) => (output += String(d)));
    await expect.poll(() => output, { timeout: 15_000 }).toContain('starting rehome with [exit]');
    const before = runningSites();
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');
    expect(await ended).toBe(1);
    expect(output).toContain('rehome: interrupted; everything is taken down');
    expect(output).not.toContain('node:');
    expect(runningSites().length).toBe(before.length - 1);
  }, 40_000);

  it('whose process was killed is cleaned up by the next lab', async () => {
    const { spawn } = await import('node:child_process');
    const child = spawn(process.execPath, ['bin/rehome.js', 'lab', 'sam', '--json'], {
      stdio: 'ignore',
    });
    const mine = (): string[] =>
      listNamespaces('rehome-lab-host-sam').filter((n) => !n.endsWith('-zones'));
    await expect.poll(mine, { timeout: 10_000 }).not.toEqual([]);
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    const dead = await cleanUpDead();
    expect(dead.some((id) => id.startsWith('sam'))).toBe(true);
    expect(mine()).toEqual([]);
  }, 30_000);
});
