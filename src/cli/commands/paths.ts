import type { Register } from '../registry.js';
import { formatPaths } from '../format/paths.js';
import { JSON_OPTION, show, WATCH_OPTION } from '../remote.js';

const HELP = `
OUT says whether a probe of ours over the path was reported received, IN whether a probe of the peer came in
over it. The path in use is marked with *.

Examples:
  rehome paths 2001:db8:b1::1
  rehome paths 2001:db8:b1 --watch      a unique beginning is enough`;

export const registerPaths: Register = (program, io) => {
  program
    .command('paths')
    .description('show every path to a peer and what is known of it')
    .argument('<peer>', 'address or name of the peer: a ULID, any locator, or a unique beginning')
    .option(...JSON_OPTION)
    .option(...WATCH_OPTION)
    .addHelpText('after', HELP)
    .action((peer: string, _options, command) =>
      show(io, command, (c) => c.paths(peer), formatPaths),
    );
};
