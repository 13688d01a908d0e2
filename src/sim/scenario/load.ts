import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseToml } from '../../daemon/config/toml.js';
import { RehomeError } from '../../wire/errors.js';
import { ScenarioSchema, type Scenario } from './schema.js';
import { SCENARIO_WORDS } from './words.js';

/** Scenarios that come with the package, from src/sim/scenario as from dist/sim/scenario. */
const BUILT_IN = fileURLToPath(new URL('../../../scenarios', import.meta.url));

/** A scenario and where it came from. */
export interface LoadedScenario {
  /** What the user wrote: a built-in name or a file. */
  readonly name: string;
  readonly file: string;
  readonly scenario: Scenario;
}

/** In the order of the issue that asked for them. */
const ORDER = ['survival', 'exploration', 'selection', 'detection', 'storm', 'asymmetric'];
const rank = (name: string): number => {
  const at = ORDER.indexOf(name);
  return at < 0 ? ORDER.length : at;
};

/** Names of the built-in scenarios. */
export const builtInScenarios = (): string[] =>
  readdirSync(BUILT_IN)
    .filter((file) => file.endsWith('.toml'))
    .map((file) => basename(file, '.toml'))
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));

/**
 * A scenario by name or by file. A file is what has a slash or ends in `.toml`.
 * @throws RehomeError REHOME_E_SCENARIO when there is none such; ConfigError (REHOME_E_CONFIG) with every mistake in it.
 */
export function loadScenario(what: string): LoadedScenario {
  const isFile = what.includes('/') || what.endsWith('.toml');
  const file = isFile ? what : join(BUILT_IN, `${what}.toml`);
  if (!isFile && !existsSync(file)) {
    throw new RehomeError(
      'REHOME_E_SCENARIO',
      `no scenario "${what}": name one of ${builtInScenarios().join(', ')}, or a file that ends in .toml`,
      what,
    );
  }
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new RehomeError(
      'REHOME_E_SCENARIO',
      `cannot read ${file} (${code}): check the path`,
      file,
    );
  }
  return { name: what, file, scenario: parseScenario(text, file) };
}

/** @throws ConfigError (REHOME_E_CONFIG) with every mistake, each with line, key, problem and remedy. */
export const parseScenario = (text: string, file: string): Scenario =>
  parseToml(text, file, ScenarioSchema, SCENARIO_WORDS);
