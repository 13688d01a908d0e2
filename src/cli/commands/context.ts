import type { Register } from '../registry.js';
import { formatContext } from '../format/contexts.js';
import { JSON_OPTION, show, WATCH_OPTION } from '../remote.js';

const HELP = `
Examples:
  rehome context 2f41        a unique beginning of the tag is enough
  rehome context 2f41 --json`;

export const registerContext: Register = (program, io) => {
  program
    .command('context')
    .description('show everything about one context')
    .argument('<tag>', 'context tag in hexadecimal, or a unique beginning of it')
    .option(...JSON_OPTION)
    .option(...WATCH_OPTION)
    .addHelpText('after', HELP)
    .action((tag: string, _options, command) =>
      show(io, command, (c) => c.context(tag), formatContext),
    );
};
