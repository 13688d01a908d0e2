import { describe, expect, it } from 'vitest';
import { bind } from '../../src/sim/experiments/index.js';
import type { TrialRecord } from '../../src/sim/experiments/types.js';
import { loadScenario, parseScenario } from '../../src/sim/scenario/load.js';
import type { Scenario } from '../../src/sim/scenario/schema.js';
import { Recorder } from '../../src/sim/trace/recorder.js';

const run = (scenario: Scenario): TrialRecord[] => {
  const experiment = bind(scenario);
  return experiment.units().flatMap((unit) => [...experiment.run(unit)]);
};
const scenario = (text: string): Scenario => parseScenario(text, 'test.toml');
const times = (record: TrialRecord): { A: number; B: number } =>
  record['explorationMs'] as { A: number; B: number };

describe('exploration', () => {
  const records = run(
    scenario('experiment = "exploration"\ntrials = 40\n[exploration]\nbroken = [1, 2, 16]\n'),
  );
  it('every trial breaks what the rule says and ends on what is left', () => {
    for (const record of records) {
      const cut = record['cut'] as string[];
      expect(cut).toHaveLength(record['n'] as number);
      const { AtoB, BtoA } = record['after'] as { AtoB: string; BtoA: string };
      expect(cut).not.toContain(AtoB);
      expect(cut).not.toContain(BtoA);
      if (record['n'] === 16) expect(new Set([...cut, AtoB, BtoA]).size).toBe(18);
    }
    const single = records.filter((r) => r['n'] === 1).flatMap((r) => r['cut'] as string[]);
    expect(single.filter((path) => path === 'a1>b1')).toHaveLength(20);
  });
  it('n = 1 and 2: one probe interval is enough', () => {
    const short = records.filter((r) => (r['n'] as number) <= 2);
    const slow = short.filter((r) => times(r).A > 620);
    expect(slow.length).toBeLessThanOrEqual(2);
  });
  it('what never ends is counted as never', () => {
    const [record] = run(
      scenario(
        'experiment = "exploration"\ntrials = 1\n[exploration]\nbroken = [16]\npatience = "10ms"\n',
      ),
    );
    expect(record).toMatchObject({ detectionMs: null, explorationMs: { A: null, B: null } });
  });
});

describe('selection', () => {
  const variant = (more: string): string =>
    `experiment = "selection"\ntrials = 120\n[selection]\nchain = 40\n[[selection.variant]]\nname = "x"\n${more}`;
  const bestTwo = (records: TrialRecord[]): number => {
    const all = records.flatMap((r) => [r['forward'] as number, r['backward'] as number]);
    return all.filter((i) => i < 2).length / all.length;
  };
  it('a broken path is never chosen again at once', () => {
    const records = run(scenario(variant('')));
    records.forEach((record, i) => {
      const before = records[i - 1];
      if (before === undefined || i % 40 === 0) return;
      expect(record['forward']).not.toBe(before['forward']);
      expect(record['backward']).not.toBe(before['backward']);
    });
    expect(records.every((r) => r['ok'] === true)).toBe(true);
  });
  it('a burst prefers the fast ones; the order of the profile does not', () => {
    expect(bestTwo(run(scenario(variant(''))))).toBeLessThan(0.33);
    expect(bestTwo(run(scenario(variant('strategy = "burst:4"'))))).toBeGreaterThan(0.45);
  });
  it('with our own rules a late probe no longer spoils the burst (docs/decisions/paper-rules.md)', () => {
    const ours = variant('strategy = "burst:4"').replace('trials', 'profile = "rfc"\ntrials');
    expect(bestTwo(run(scenario(ours)))).toBeGreaterThan(0.5);
  });
});

describe('detection', () => {
  it('an idle shell is noticed only after the next keystroke, then within the send timer', () => {
    const records = run(
      scenario(
        'experiment = "detection"\ntrials = 5\n[network]\nproviders = 2\n[detection]\nsend_timers = ["3s"]\n' +
          '[[detection.traffic]]\nmodel = "idle-then-active"\nactive = "10s"\nidle = "40s"\n',
      ),
    );
    for (const record of records) {
      expect(record['detectionMs']).toBeGreaterThan(6_000);
      expect(record['sinceLostMs']).toBeGreaterThan(2_990);
      expect(record['sinceLostMs']).toBeLessThan(3_100);
    }
  });
  it('without loss there is no alarm in an hour; with much loss there are', () => {
    const records = run(
      scenario(
        'experiment = "detection"\ntrials = 1\n[network]\nproviders = 2\n[detection]\nsend_timers = ["3s"]\nlosses = [0, 0.3]\n' +
          'watch = "1h"\nwatches = 1\n[[detection.traffic]]\nmodel = "cbr"\n',
      ),
    );
    const [none, many] = records.filter((r) => r['kind'] === 'loss');
    expect(none).toMatchObject({ hours: 1, alarms: 0, moves: 0 });
    expect(many?.['alarms']).toBeGreaterThan(20);
  });
});

describe('survival', () => {
  it('every octet arrives in its place, after a gap of the send timer and more', () => {
    const [record] = run(
      scenario(
        'experiment = "survival"\ntrials = 1\n[network]\nrate = 2\nqueue = 32768\n[survival]\ndelays = ["10ms"]\ncut_after = "5s"\nrun_for = "20s"\n',
      ),
    );
    expect(record).toMatchObject({ survived: true });
    expect(record?.['gapMs']).toBeGreaterThan(3_000);
    const samples = record?.['samples'] as [number, number][];
    expect(samples).toHaveLength(40);
    const between = samples.filter(([t]) => t > 7_000 && t <= 8_000);
    expect(between.every(([, rate]) => rate === 0)).toBe(true);
  });
});

describe('storm', () => {
  it('every flow comes back over the other provider', () => {
    const records = run(
      scenario('experiment = "storm"\ntrials = 1\n[storm]\nflows = [30]\nhosts = 6\n'),
    );
    expect(records[0]).toMatchObject({
      flows: 30,
      hosts: 6,
      peers: 5,
      established: 30,
      flowing: 30,
    });
    const windows = records[0]?.['windows'] as number[];
    expect(windows.reduce((a, b) => a + b, 0)).toBe(records[0]?.['probes']);
    expect(records[0]?.['probes']).toBeGreaterThan(60);
  });
  it('gives each flow a peer of its own where it is asked to', () => {
    const [record] = run(
      scenario(
        'experiment = "storm"\ntrials = 1\n[storm]\nflows = [12]\nhosts = 12\nown_peers = true\n',
      ),
    );
    expect(record).toMatchObject({ hosts: 12, peers: 12, flowing: 12 });
  });
});

describe('timeline', () => {
  const campus = loadScenario('examples/campus.toml').scenario;
  it('a campus that loses a provider keeps its sessions', () => {
    if (campus.experiment !== 'timeline') throw new Error(campus.experiment);
    const [record] = run({ ...campus, trials: 1, run_for: 20_000 });
    const flows = record?.['flows'] as { forward: { longestGapMs: number; octets: number } }[];
    for (const { forward } of flows) {
      expect(forward.longestGapMs).toBeGreaterThan(2_500);
      expect(forward.longestGapMs).toBeLessThan(10_000);
    }
    expect(record?.['moves']).toBeGreaterThanOrEqual(4);
  });
  it('a site that routes by destination alone loses what the filter drops', () => {
    const text = (routing: string): string =>
      `experiment = "timeline"\ntrials = 1\nrun_for = "30s"\n[[site]]\nname = "s"\nrouting = "${routing}"\n[[host]]\nname = "b"\nproviders = 2\n` +
      `[[flow]]\nfrom = "s.1"\nto = "b"\n[[event]]\nat = "5s"\ncut = ["s1"]\n`;
    const [by] = run(scenario(text('source')));
    const [blind] = run(scenario(text('default')));
    const gap = (record: TrialRecord | undefined): number =>
      (record?.['flows'] as { forward: { longestGapMs: number } }[])[0]?.forward.longestGapMs ??
      NaN;
    expect(by).toMatchObject({ filtered: 0 });
    expect(gap(by)).toBeLessThan(8_000);
    expect(blind?.['filtered']).toBeGreaterThan(0);
    expect(gap(blind)).toBeGreaterThan(20_000);
  });
  it.each([
    ['[[flow]]\nfrom = "x"\nto = "b"', /no host "x": there are b/],
    ['[[host]]\nname = "b"\n[[flow]]\nfrom = "b"\nto = "b"', /two hosts or sites are called "b"/],
  ])('refuses what is not there: %s', (more, message) => {
    const text = `experiment = "timeline"\ntrials = 1\nrun_for = "1s"\n[[host]]\nname = "b"\n${more}\n`;
    expect(() => run(scenario(text))).toThrow(message);
  });
});

describe('an experiment', () => {
  it('runs the protocol from the first message on', () => {
    const experiment = bind(loadScenario('exploration').scenario);
    const [unit] = experiment.units();
    let recorder: Recorder | undefined;
    if (unit === undefined) throw new Error('no unit');
    experiment.run(unit, { only: 1, onWorld: (world) => (recorder = new Recorder(world)) });
    const messages = recorder?.packets.map(({ control }) => control?.message ?? 'data');
    expect(messages?.slice(0, 4)).toEqual(['i1', 'r1', 'i2', 'r2']);
  });
});
