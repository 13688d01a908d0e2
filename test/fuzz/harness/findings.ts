import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fromHex, toHex } from '../../../src/wire/bytes.js';
import type { Target } from './target.js';

/** An input that something is wrong with. */
export interface Finding {
  readonly target: string;
  readonly input: Uint8Array;
  /** What was thrown, with its stack. */
  readonly error: string;
  /** The same for inputs that fail in the same way. */
  readonly signature: string;
  /** Runs before it was found, and seconds. */
  readonly executions: number;
  readonly seconds: number;
}

/**
 * How an error is told from another: its name, its words without numbers and addresses, and the innermost place of
 * ours on its stack.
 */
export function signatureOf(error: unknown): string {
  if (!(error instanceof Error)) return `thrown: ${typeof error}`;
  const words = error.message
    .replace(/"[^"]*"/g, '""')
    .replace(/\b[0-9a-f]*(:[0-9a-f]*){2,}\b/gi, 'A')
    .replace(/\b[0-9a-f]*\d[0-9a-f]*\b/gi, 'N')
    .slice(0, 120);
  const frame = (error.stack ?? '')
    .split('\n')
    .find((line) => /^\s+at .*\/(src|test)\//.test(line) && !line.includes('/harness/'));
  const place = /(?:src|test)\/[^\s)]+?\.ts/.exec(frame ?? '')?.[0] ?? '';
  return `${error.name}: ${words} at ${place}`;
}

export const textOfError = (error: unknown): string => {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const cause =
    error instanceof Error && error.cause !== undefined
      ? `\ncaused by ${textOfError(error.cause)}`
      : '';
  return text + cause;
};

/** Stacks name files from the root of the repository, wherever that is. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const folder = (target: string): URL => new URL(`../vectors/${target}/`, import.meta.url);
const WIDTH = 32;

/** Writes a finding where the tests replay it for ever. Returns the path. */
export function writeVector(finding: Finding, explain: Target['explain']): string {
  const name = createHash('sha256').update(finding.input).digest('hex').slice(0, 12);
  mkdirSync(folder(finding.target), { recursive: true });
  const file = fileURLToPath(new URL(`${name}.hex`, folder(finding.target)));
  const explained = explain?.(finding.input) ?? '';
  const error = finding.error.replaceAll(ROOT, '');
  const head = [error.split('\n').slice(0, 6).join('\n'), explained]
    .filter((part) => part !== '')
    .flatMap((part) => part.split('\n'))
    .map((line) => `# ${line.replace(/\p{Cc}/gu, '?')}`.trimEnd());
  writeFileSync(file, `${[...head, ...hexLines(finding.input)].join('\n')}\n`);
  return file;
}

export const hexLines = (input: Uint8Array): string[] =>
  Array.from({ length: Math.ceil(input.length / WIDTH) }, (_, i) =>
    toHex(input.subarray(WIDTH * i, WIDTH * (i + 1))),
  );

/**
 * The octets of a text as `writeVector` writes it: hexadecimal, `#` begins a comment.
 * @throws Error when it is something else
 */
export function readHex(text: string, where: string): Uint8Array {
  const digits = text.replace(/#.*/g, '').replace(/\s/g, '');
  const octets = fromHex(digits);
  if (octets === undefined) throw new Error(`${where}: not hexadecimal octets`);
  return octets;
}

/** Every vector of a target, by file name. */
export function loadVectors(
  target: string,
): { readonly name: string; readonly input: Uint8Array }[] {
  if (!existsSync(folder(target))) return [];
  return readdirSync(folder(target))
    .filter((name) => name.endsWith('.hex'))
    .sort()
    .map((name) => ({
      name,
      input: readHex(readFileSync(new URL(name, folder(target)), 'utf8'), name),
    }));
}
