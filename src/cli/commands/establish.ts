import type { Register } from '../registry.js';
import { JSON_OPTION, show } from '../remote.js';

export const registerEstablish: Register = (program, io) => {
  program
    .command('establish')
    .description('protect traffic with a peer now, without waiting for the trigger')
    .argument('<peer>', 'ULID of the peer: the address that applications use')
    .option('--local <address>', 'our ULID; by default the best of our locators')
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  rehome establish 2001:db8:b1::1 --local 2001:db8:a1::1')
    .action((peer: string, options: { local?: string }, command) =>
      show(
        io,
        command,
        (c) =>
          c.establish({ peer, ...(options.local === undefined ? {} : { local: options.local }) }),
        (reply) => `${reply.done}\n`,
      ),
    );
};
