import pc from 'picocolors';
import { run } from '../../src/cli/program.js';
import type { Io } from '../../src/cli/io.js';

export interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
  /** Standard output as JSON; empty when it is not. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** Runs `rehome ...` in this process. */
export async function rehome(...args: readonly string[]): Promise<Outcome> {
  let out = '';
  let err = '';
  const io: Io = {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    tty: false,
    colors: pc.createColors(false),
    env: {},
    signal: new AbortController().signal,
  };
  const before = process.exitCode;
  process.exitCode = undefined;
  try {
    const status = await run(args, io);
    const json = out.startsWith('{') ? (JSON.parse(out) as Record<string, unknown>) : {};
    return { status, out, err, json };
  } finally {
    process.exitCode = before; // the commands set that of vitest
  }
}
