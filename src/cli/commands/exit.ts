import type { Register } from '../registry.js';
import { formatExit } from '../format/exit.js';
import { JSON_OPTION, show, WATCH_OPTION } from '../remote.js';

export const registerExit: Register = (program, io) => {
  program
    .command('exit')
    .description('show the uplinks of this exit router, and what it refused')
    .option(...JSON_OPTION)
    .option(...WATCH_OPTION)
    .addHelpText('after', '\nExample:\n  rehome exit --watch')
    .action((_options, command) => show(io, command, (c) => c.exit(), formatExit));
};
