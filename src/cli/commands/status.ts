import type { Register } from '../registry.js';
import { formatStatus } from '../format/status.js';
import { JSON_OPTION, show, WATCH_OPTION } from '../remote.js';

const HELP = `
Signs: + protected or re-homed, ! looking for a working path, . being set up.

Examples:
  rehome status
  rehome status --watch
  rehome status --json | jq .summary`;

export const registerStatus: Register = (program, io) => {
  program
    .command('status')
    .description('is my session protected, over which path, and what happened last')
    .option(...JSON_OPTION)
    .option(...WATCH_OPTION)
    .addHelpText('after', HELP)
    .action((_options, command) => show(io, command, (c) => c.status(), formatStatus));
};
