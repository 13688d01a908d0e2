import type { Register } from '../registry.js';
import { JSON_OPTION, show } from '../remote.js';

export const registerExplore: Register = (program, io) => {
  program
    .command('explore')
    .description('probe all paths to a peer now, as if the current one had failed')
    .argument('<peer>', 'address or name of the peer')
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  rehome explore 2001:db8:b1::1')
    .action((peer: string, _options, command) =>
      show(
        io,
        command,
        (c) => c.explore(peer),
        (reply) => `${reply.done}\n`,
      ),
    );
};
