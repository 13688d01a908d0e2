import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { version } from '../../daemon/version.js';
import type { Scenario } from '../scenario/schema.js';
import type { LoadedScenario } from '../scenario/load.js';
import type { Json } from '../experiments/types.js';

/** The first line of a results file: all it takes to make the others again. */
export interface RunHeader {
  /** Where the trials were done: in the simulator, or in namespaces by `rehome lab run`. */
  readonly schema: 'rehome.sim/1' | 'rehome.lab/1';
  readonly name: string;
  readonly seed: string;
  /** The command line that gives the same trials. */
  readonly command: string;
  readonly version: string;
  /** Of the checkout, `+` behind it when there are changes; null outside one. */
  readonly commit: string | null;
  readonly scenario: Json;
}

/** What the command line changes of a scenario. */
export interface Overrides {
  readonly trials?: number | undefined;
  readonly seed?: string | undefined;
  readonly profile?: Scenario['profile'] | undefined;
  readonly strategy?: Scenario['strategy'] | undefined;
}

export function override(
  scenario: Scenario,
  { trials, seed, profile, strategy }: Overrides,
): Scenario {
  return {
    ...scenario,
    trials: trials ?? scenario.trials,
    seed: seed ?? scenario.seed,
    profile: profile ?? scenario.profile,
    strategy: strategy ?? scenario.strategy,
  };
}

const quoted = (text: string): string => (/^[\w./:+-]+$/.test(text) ? text : `'${text}'`);

export const commandOf = (name: string, scenario: Scenario): string =>
  `rehome sim run ${quoted(name)} --trials ${scenario.trials} --profile ${scenario.profile}` +
  `${scenario.strategy === undefined ? '' : ` --strategy ${scenario.strategy}`} --seed ${quoted(scenario.seed)}`;

export function headerOf({ name }: Pick<LoadedScenario, 'name'>, scenario: Scenario): RunHeader {
  return {
    schema: 'rehome.sim/1',
    name,
    seed: scenario.seed,
    command: commandOf(name, scenario),
    version: version(),
    commit: commit(),
    scenario: JSON.parse(JSON.stringify(scenario)) as Json,
  };
}

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));

function commit(): string | null {
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', PROJECT, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    const head = git('rev-parse', '--short=10', 'HEAD');
    return git('status', '--porcelain', '--untracked-files=no') === '' ? head : `${head}+`;
  } catch {
    return null; // no git, or no checkout
  }
}

/** What stands below every figure. */
export const captionOf = ({ command, version: of, commit: at }: RunHeader): string =>
  `${command}; rehome ${of}${at === null ? '' : `, commit ${at}`}`;
