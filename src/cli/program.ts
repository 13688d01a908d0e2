import { Command, CommanderError, Option } from 'commander';
import { RehomeError } from '../wire/errors.js';
import type { Io } from './io.js';
import { registerCommands } from './registry.js';

/** Where the daemon listens unless told otherwise; also in control/schema.ts, which loads more than help needs. */
const DEFAULT_SOCKET = '/run/rehome/control.sock';

export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

const HELP = `
Examples:
  rehome check-config --config rehome.toml    is this file right, and what does it amount to
  rehome up --config rehome.toml              start (as root)
  rehome status --watch                       see it work
  rehome paths 2001:db8:b1::1                 which paths to that peer work
  rehome lab failover                         try it without touching this machine's network

Exit status: 0 done, 1 failed, 2 wrong usage.`;

/** The command line `rehome`. */
export async function buildProgram(io: Io, args: readonly string[]): Promise<Command> {
  const program = new Command('rehome')
    .description(
      'Keeps IPv6 connections alive when a provider dies: Shim6 and REAP on stock Linux.',
    )
    .addOption(
      new Option('--socket <path>', 'control socket of the daemon')
        .env('REHOME_SOCKET')
        .default(DEFAULT_SOCKET),
    )
    .addHelpText('after', HELP)
    .showHelpAfterError('(see rehome --help)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: (text) => io.err(text),
      getOutHasColors: () => io.colors.isColorSupported,
      getErrHasColors: () => io.colors.isColorSupported,
    });
  await registerCommands(program, io, args);
  return program;
}

/**
 * Runs one command line.
 * @returns the exit status: 0 done, 1 failed, 2 wrong usage.
 */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    const program = await buildProgram(io, args);
    await program.parseAsync([...args], { from: 'user' });
    return Number(process.exitCode ?? EXIT.ok);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (!(error instanceof RehomeError)) throw error;
    io.err(errorText(error, io));
    return EXIT.failed;
  }
}

function errorText(error: RehomeError, io: Io): string {
  const remedy = 'remedy' in error && typeof error.remedy === 'string' ? error.remedy : undefined;
  return (
    `${io.colors.red('rehome:')} ${error.message}\n` + (remedy === undefined ? '' : `${remedy}\n`)
  );
}
