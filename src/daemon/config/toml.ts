import { parse, TomlError } from 'smol-toml';
import type { z } from 'zod';
import { ConfigError, toIssues, type Vocabulary } from './issues.js';
import { TomlPositions } from './positions.js';

/**
 * A TOML document that a schema describes, as the schema's output.
 * @param file the name to put before line numbers.
 * @throws ConfigError (REHOME_E_CONFIG) with every mistake, each with line, key, problem and remedy.
 */
export function parseToml<T>(
  text: string,
  file: string,
  schema: z.ZodType<T>,
  words: Vocabulary,
): T {
  let raw: unknown;
  try {
    raw = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const problem = (error.message.split('\n')[0] ?? '').replace('Invalid TOML document: ', '');
    throw new ConfigError(file, [
      {
        line: error.line,
        key: '',
        problem: `not TOML: ${problem}`,
        remedy: `see column ${error.column}`,
      },
    ]);
  }
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  throw new ConfigError(file, toIssues(result.error.issues, raw, new TomlPositions(text), words));
}
