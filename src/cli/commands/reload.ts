import type { Register } from '../registry.js';
import { JSON_OPTION, show } from '../remote.js';

const HELP = `
A file with a mistake is refused, with every mistake named, and nothing changes. Some keys need a restart: see
docs/config.md.

Example:
  rehome reload`;

export const registerReload: Register = (program, io) => {
  program
    .command('reload')
    .description('make the daemon read its configuration again, keeping all contexts')
    .option(...JSON_OPTION)
    .addHelpText('after', HELP)
    .action((_options, command) =>
      show(
        io,
        command,
        (c) => c.reload(),
        (reply, colors) =>
          `${reply.done}\n${reply.warnings.map((w) => colors.yellow(`warning: ${w}\n`)).join('')}`,
      ),
    );
};
