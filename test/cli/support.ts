import pc from 'picocolors';
import type { Io } from '../../src/cli/io.js';
import { run } from '../../src/cli/program.js';

export interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export interface TestIo extends Io {
  readonly text: { out: string; err: string };
}

export function testIo(
  options: { color?: boolean; tty?: boolean; signal?: AbortSignal } = {},
): TestIo {
  const text = { out: '', err: '' };
  return {
    text,
    out: (t) => void (text.out += t),
    err: (t) => void (text.err += t),
    tty: options.tty ?? false,
    colors: pc.createColors(options.color ?? false),
    env: {},
    signal: options.signal ?? new AbortController().signal,
  };
}

/** One command line in this process. */
export async function cli(args: readonly string[], io = testIo()): Promise<Outcome> {
  const before = process.exitCode;
  process.exitCode = undefined;
  const status = await run(args, io);
  process.exitCode = before;
  return { status, ...io.text };
}
