import type { Register } from '../registry.js';
import { JSON_OPTION, show } from '../remote.js';

export const registerForget: Register = (program, io) => {
  program
    .command('forget')
    .description('drop a context without telling the peer')
    .argument('<tag>', 'context tag, or a unique beginning of it')
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  rehome forget 2f41')
    .action((tag: string, _options, command) =>
      show(
        io,
        command,
        (c) => c.forget(tag),
        (reply) => `${reply.done}\n`,
      ),
    );
};
