import type { z } from 'zod';
import { RehomeError } from '../../wire/errors.js';
import type { TomlPositions } from './positions.js';
import { suggest } from './suggest.js';

/** What a kind of file may contain, for complaints about one. */
export interface Vocabulary {
  /** What the key (written with dots, without indices) wants, e.g. `write true or false`. */
  wantOf(key: string): string | undefined;
  /** Every key that may stand under `path`. */
  knownKeys(path: readonly (string | number)[]): readonly string[];
  /** Where to read more, e.g. `docs/config.md`. */
  readonly manual: string;
}

/** One thing that is wrong with a configuration file. */
export interface ConfigIssue {
  /** 1-based. */
  readonly line: number;
  /** Written with dots and indices, e.g. `trigger.ports[2]`; empty: the document. */
  readonly key: string;
  readonly problem: string;
  readonly remedy: string;
}

/** Everything that is wrong with a configuration file, at once. Code REHOME_E_CONFIG. */
export class ConfigError extends RehomeError {
  readonly file: string;
  readonly issues: readonly ConfigIssue[];

  constructor(file: string, issues: readonly ConfigIssue[]) {
    const sorted = [...issues].sort((a, b) => a.line - b.line);
    super('REHOME_E_CONFIG', sorted.map((i) => formatIssue(file, i)).join('\n'), file);
    this.name = 'ConfigError';
    this.file = file;
    this.issues = sorted;
  }
}

export const formatIssue = (file: string, { line, key, problem, remedy }: ConfigIssue): string =>
  `${file}:${line}: ${key === '' ? '' : `${key}: `}${problem}${remedy === '' ? '' : `; ${remedy}`}`;

const keyText = (path: readonly PropertyKey[]): string =>
  path
    .map((p, i) => (typeof p === 'number' ? `[${p}]` : `${i === 0 ? '' : '.'}${String(p)}`))
    .join('');

const remedyFor = (path: readonly PropertyKey[], words: Vocabulary): string => {
  for (let length = path.length; length > 0; length--) {
    const key = path
      .slice(0, length)
      .filter((p) => typeof p === 'string')
      .join('.');
    const want = words.wantOf(key);
    if (want !== undefined) return want;
  }
  return `see ${words.manual}`;
};

const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
};

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

function problemOf(issue: z.core.$ZodIssue, value: unknown): string {
  if (value === undefined) return 'missing';
  switch (issue.code) {
    case 'invalid_type':
      return issue.expected === 'int' && typeof value === 'number'
        ? `${show(value)} is not a whole number`
        : `${show(value)} is a ${kindOf(value)}`;
    case 'too_small':
      return `${show(value)} is too small (at least ${issue.minimum})`;
    case 'too_big':
      return `${show(value)} is too large (at most ${issue.maximum})`;
    case 'custom':
    case 'invalid_format':
      return issue.message.startsWith('not ') && !issue.message.includes('"')
        ? `${show(value)} is ${issue.message}`
        : issue.message;
    default:
      return `${show(value)} is not possible here`;
  }
}

const kindOf = (value: unknown): string => {
  if (Array.isArray(value)) return 'list';
  if (typeof value === 'object') return 'table';
  return typeof value === 'boolean' ? 'truth value' : typeof value === 'string' ? 'text' : 'number';
};

/** zod's complaints as ours: with line, with what is there, with what to write. */
export function toIssues(
  issues: readonly z.core.$ZodIssue[],
  root: unknown,
  positions: TomlPositions,
  words: Vocabulary,
): ConfigIssue[] {
  return issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => unknownKey(issue.path, key, positions, words));
    const value = valueAt(root, issue.path);
    return {
      line: positions.lineOf(issue.path as (string | number)[]),
      key: keyText(issue.path),
      problem: problemOf(issue, value),
      remedy: remedyFor(issue.path, words),
    };
  });
}

function unknownKey(
  path: readonly PropertyKey[],
  key: string,
  positions: TomlPositions,
  words: Vocabulary,
): ConfigIssue {
  const at = [...path, key] as (string | number)[];
  const known = words.knownKeys(path as (string | number)[]);
  if (known.includes(key)) {
    // Known, but not together with what else is there.
    return {
      line: positions.lineOf(at),
      key: keyText(at),
      problem: 'does not go with the other keys here',
      remedy: remedyFor(path, words),
    };
  }
  const meant = suggest(key, known);
  return {
    line: positions.lineOf(at),
    key: keyText(at),
    problem: 'unknown key',
    remedy: meant === undefined ? `known here: ${known.join(', ')}` : `did you mean ${meant}?`,
  };
}
