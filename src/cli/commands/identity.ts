import type { Register } from '../registry.js';
import { formatIdentities } from '../format/identity.js';
import { JSON_OPTION, show, WATCH_OPTION } from '../remote.js';

export const registerIdentity: Register = (program, io) => {
  program
    .command('identity')
    .description('show the addresses that this host makes and proves, and who uses them')
    .option(...JSON_OPTION)
    .option(...WATCH_OPTION)
    .addHelpText('after', '\nExample:\n  rehome identity')
    .action((_options, command) => show(io, command, (c) => c.identity(), formatIdentities));
};
