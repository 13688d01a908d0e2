import type { Register } from '../registry.js';
import { formatContexts } from '../format/contexts.js';
import { JSON_OPTION, show, WATCH_OPTION } from '../remote.js';

const HELP = `
Examples:
  rehome contexts
  rehome contexts --json | jq '.contexts[] | {tag, state, pair}'`;

export const registerContexts: Register = (program, io) => {
  program
    .command('contexts')
    .description('list all contexts')
    .option(...JSON_OPTION)
    .option(...WATCH_OPTION)
    .addHelpText('after', HELP)
    .action((_options, command) => show(io, command, (c) => c.contexts(), formatContexts));
};
