import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { REAP_PROFILES, RULES } from '../../src/reap/constants.js';
import { selectPaths } from '../../src/sim/scenario/paths.js';
import { builtInScenarios, loadScenario, parseScenario } from '../../src/sim/scenario/load.js';
import { engineConfig, linkSettings } from '../../src/sim/scenario/resolve.js';
import { ScenarioSchema } from '../../src/sim/scenario/schema.js';
import { SCENARIO_WORDS } from '../../src/sim/scenario/words.js';
import { bind } from '../../src/sim/experiments/index.js';

const EXPLORATION = 'experiment = "exploration"\ntrials = 3\n';
const complaints = (text: string): string[] => {
  try {
    parseScenario(text, 'x.toml');
  } catch (error) {
    return (error as Error).message.split('\n');
  }
  return [];
};

describe('scenario files', () => {
  it('come with the package, one for each experiment of the paper and more', () => {
    expect(builtInScenarios()).toEqual([
      'survival',
      'exploration',
      'selection',
      'detection',
      'storm',
      'asymmetric',
      'detection-fast',
      'server',
      'storm-fast',
    ]);
    for (const name of builtInScenarios()) {
      const { scenario } = loadScenario(name);
      const of = name === 'server' ? 'storm' : name.replace(/-fast$/, '');
      expect(scenario).toMatchObject({ experiment: of, profile: of === name ? 'paper' : 'fast' });
      expect(bind(scenario).units().length).toBeGreaterThan(0);
    }
  });

  it('may be anywhere', () => {
    expect(loadScenario('examples/campus.toml').scenario.experiment).toBe('timeline');
  });

  it('that do not exist are answered with those that do', () => {
    expect(() => loadScenario('explore')).toThrow(/no scenario "explore".*exploration.*\.toml/);
    expect(() => loadScenario('none/here.toml')).toThrow(/none\/here.toml \(ENOENT\)/);
  });

  it('with mistakes: file, line, key and remedy, all at once', () => {
    const text = `${EXPLORATION}profil = "paper"\n[network]\ndelay = "3 furlong"\n[exploration]\nbroken = [1, 0]\n`;
    expect(complaints(text)).toEqual([
      'x.toml:3: profil: unknown key; did you mean profile?',
      'x.toml:5: network.delay: not a duration: "3 furlong"; write a duration, e.g. "500ms", "3s", "1min", or a number of seconds',
      'x.toml:7: exploration.broken[1]: 0 is too small (at least 1); write a list of whole numbers: how many one-way paths are broken, e.g. [1, 2, 16]',
    ]);
  });

  it.each([
    ['trials = 1', /^x.toml:1: experiment: missing; write "survival", /],
    [
      'experiment = "explore"',
      /^x.toml:1: experiment: "explore" is not possible here; write "surv/,
    ],
    [EXPLORATION, /^x.toml:1: exploration: missing; write a table/],
    ['experiment = "exploration', /^x.toml:1: not TOML: /],
    [
      `${EXPLORATION}[exploration]\nbroken = [1]\n[traffic]\nmodel = "bulk"\nthink = 1\n`,
      /^x.toml:7: traffic.think: does not go with the other keys here; write a table with model/,
    ],
    [
      `${EXPLORATION}[exploration]\nbroken = [1]\n[storm]\nflows = [1]\n`,
      /^x.toml:5: storm: does not go/,
    ],
    [
      `${EXPLORATION}[exploration]\nbroken = [1]\n[timers]\nsend_timeout = "99h"\n`,
      /^x.toml:6: timers.send_timeout: out of range/,
    ],
    [
      `${EXPLORATION}profile = "slow"\n[exploration]\nbroken = [1]\n`,
      /^x.toml:3: profile: "slow" is not possible here; write "rfc", "paper"/,
    ],
  ])('%s', (text, expected) => {
    expect(complaints(text)[0]).toMatch(expected);
  });

  it('every key of every scenario has a word of advice', () => {
    const missing: string[] = [];
    walk(ScenarioSchema, [], (path) => {
      const key = path.join('.');
      if (SCENARIO_WORDS.wantOf(key) === undefined) missing.push(key);
      if (!SCENARIO_WORDS.knownKeys(path.slice(0, -1)).includes(path.at(-1) ?? '')) {
        missing.push(`${key} is not known`);
      }
    });
    expect(missing).toEqual([]);
  });
});

/** Visits every key of a schema. */
function walk(schema: unknown, path: string[], visit: (path: string[]) => void): void {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) {
    return walk(schema.unwrap(), path, visit);
  }
  if (schema instanceof z.ZodArray) return walk(schema.element, path, visit);
  if (schema instanceof z.ZodUnion) {
    for (const option of schema.options) walk(option, path, visit);
  }
  if (!(schema instanceof z.ZodObject)) return;
  for (const [key, value] of Object.entries(schema.shape)) {
    visit([...path, key]);
    walk(value, [...path, key], visit);
  }
}

describe('what a scenario says to the engine', () => {
  const base = { profile: 'paper', timers: undefined, rules: undefined } as const;

  it('profile, timers and rules, in this order; an experiment last', () => {
    expect(engineConfig(base).reap).toMatchObject(REAP_PROFILES.paper);
    const { reap } = engineConfig(
      { profile: 'rfc', timers: { send_timeout: 4_000 }, rules: { pace: 'sweep' } },
      { initialProbeTimeout: 100 },
      { choice: 'first-heard' },
    );
    expect(reap).toMatchObject({
      sendTimeout: 4_000,
      initialProbeTimeout: 100,
      rules: { ...RULES, pace: 'sweep', choice: 'first-heard' },
    });
  });

  it('links: Mbit/s become octets a second, what is not said stays', () => {
    expect(linkSettings({ rate: 8, delay: 5 })).toEqual({ rate: 1_000_000, delay: 5 });
    expect(linkSettings({ rate: 'off' })).toEqual({ rate: undefined });
    expect(linkSettings({})).toEqual({});
  });
});

describe('names of paths', () => {
  const all = ['a1', 'a2'].flatMap((a) =>
    ['b1', 'b2'].flatMap((b) => [
      { from: a, to: b },
      { from: b, to: a },
    ]),
  );
  it.each([
    ['a1>b2', 1],
    ['a1<>b2', 2],
    ['a1', 4],
    ['all', 8],
  ])('%s means %i', (text, count) => {
    expect(selectPaths(text, all)).toHaveLength(count);
  });
  it('a name that nobody has is refused with those there are', () => {
    expect(() => selectPaths('a3>b1', all)).toThrow(/no path "a3>b1".*a1, a2, b1, b2/);
  });
});
