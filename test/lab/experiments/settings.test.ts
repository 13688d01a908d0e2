import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/daemon/config.js';
import { daemonConfig } from '../../../src/lab/config.js';
import { prepare } from '../../../src/lab/commands/run.js';
import { bindLab, fitForLab } from '../../../src/lab/experiments/index.js';
import { bedSettings } from '../../../src/lab/experiments/settings.js';
import { bind } from '../../../src/sim/experiments/index.js';
import { engineConfig } from '../../../src/sim/scenario/resolve.js';
import { builtInScenarios, loadScenario, parseScenario } from '../../../src/sim/scenario/load.js';
import type { Scenario } from '../../../src/sim/scenario/schema.js';

const FILES = { socket: '/run/a.sock', stateDirectory: '/run/a.state' };
const read = (settings: ReturnType<typeof bedSettings>) =>
  parseConfig(daemonConfig(settings.daemon, FILES), 'A.toml');

const scenario = (text: string): Scenario =>
  parseScenario(
    `experiment = "exploration"\ntrials = 1\n${text}\n[exploration]\nbroken = [2]`,
    's',
  );

describe('a scenario as the lab is told it', () => {
  it('gives the daemons the constants that the simulator gives its engines', () => {
    for (const profile of ['rfc', 'paper'] as const) {
      const of = scenario(
        `profile = "${profile}"\n[timers]\nsend_timeout = "7s"\ninitial_probes = 3\nprobe_jitter = 0.3`,
      );
      const { engine } = read(bedSettings(of, 'hba'));
      const expected = engineConfig(of);
      expect(engine.reap).toEqual({ ...expected.reap, rules: engine.reap.rules });
      expect(engine.shim6).toEqual(expected.shim6);
      expect(engine.profile).toBe(profile);
    }
  });
  it('has the same constants in every case of every built-in experiment', () => {
    for (const name of builtInScenarios()) {
      const { lab } = prepare(name);
      const experiment = bindLab(lab);
      for (const unit of experiment.units()) {
        expect(read(experiment.settings(unit, 'hba')).engine.profile).toBe(lab.profile);
      }
    }
  });
  it('makes no contexts by itself: a trial would begin with one that was forgotten', () => {
    const { trigger } = read(bedSettings(scenario(''), 'hba')).engine;
    expect([trigger.packets, trigger.bytes, trigger.seconds]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
  it('gives the paths their delay, loss, rate and queue, and takes away what providers are too many', () => {
    const of = scenario(
      '[network]\nproviders = 2\ndelay = "10ms"\njitter = "4ms"\nloss = 0.1\nrate = 8\nqueue = 9000',
    );
    const { paths, absent } = bedSettings(of, 'hba');
    expect(paths).toMatchObject({ loss: 0.1, rate: 1e6, queueBytes: 9_000, stopped: false });
    expect(paths).toMatchObject({ delayMs: 12, jitterMs: 2 }); // 10 to 14 ms
    expect(absent).toEqual(['a3', 'b3']);
  });
  it('refuses what the daemons cannot be told, and says what to do instead', () => {
    expect(() => bedSettings(scenario('[rules]\npace = "timer"'), 'hba')).toThrow(/rehome sim run/);
    expect(() => bedSettings(scenario('[network]\nproviders = 4'), 'hba')).toThrow(/providers = 3/);
    const { scenario: timeline } = { scenario: TIMELINE };
    expect(() => bindLab(timeline)).toThrow(/rehome sim run/);
  });
});

const TIMELINE = parseScenario(
  'experiment = "timeline"\ntrials = 1\nrun_for = "1s"\n[[host]]\nname = "a"\n[[host]]\nname = "b"\n[[flow]]\nfrom = "a"\nto = "b"',
  't',
);

describe('the lab beside the simulator', () => {
  it('does the cases of every built-in scenario, the same or fewer, with fewer trials', () => {
    for (const name of builtInScenarios()) {
      const { lab, sim } = prepare(name);
      const { scenario: original } = loadScenario(name);
      expect(lab.trials).toBeLessThanOrEqual(original.trials);
      expect(sim.trials).toBe(original.trials);
      expect(bind(sim).units().length).toBeGreaterThan(0);
    }
  });
  it('takes --trials, --seed and --profile, for both', () => {
    const { lab, sim } = prepare('exploration', { trials: 3, seed: 'x', profile: 'rfc' });
    expect(lab).toMatchObject({ trials: 3, seed: 'x', profile: 'rfc' });
    expect(sim).toMatchObject({ trials: 200, seed: 'x', profile: 'rfc' });
  });
  it('leaves out what its daemons or its processors cannot do, and says so', () => {
    const { scenario: selection } = loadScenario('selection');
    const fitted = fitForLab(selection);
    const { lab, left } = prepare('selection');
    expect(left).toEqual([expect.stringContaining('burst of four, at once')]);
    expect(fitted.left).toEqual(left);
    if (lab.experiment !== 'selection') throw new Error(lab.experiment);
    expect(lab.selection.variant.map((v) => v.name)).toEqual([
      'as specified',
      "burst of four, as the testbed's timer sends it",
    ]);
    const { scenario: storm } = loadScenario('storm');
    const many = fitForLab(storm);
    expect(many.left).toHaveLength(2);
    expect(many.scenario).toMatchObject({ storm: { flows: [10, 1_000] } });
    if (storm.experiment !== 'storm') throw new Error(storm.experiment);
    const tooMany = { ...storm, storm: { ...storm.storm, flows: [5_000] } };
    expect(() => fitForLab(tooMany)).toThrow(/1,000 flows at most/);
  });
  it('numbers trials as the simulator does', () => {
    const { lab } = prepare('exploration', { trials: 3 });
    const trials = bindLab(lab)
      .units()
      .map(({ first, last, part }) => [first, last, part]);
    expect(trials).toEqual(Array.from({ length: 12 }, (_, i) => [i + 1, i + 1, Math.floor(i / 3)]));
    const chains = bindLab(prepare('selection', { trials: 20 }).lab).units();
    expect(chains.map(({ first, last }) => [first, last])).toEqual([
      [1, 15],
      [16, 20],
      [21, 35],
      [36, 40],
    ]);
  });
});
