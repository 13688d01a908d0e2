import { version } from '../../daemon/version.js';
import type { Register } from '../registry.js';

export const registerVersion: Register = (program, io) => {
  program
    .command('version')
    .description('print the version')
    .option('--json', 'print JSON')
    .action((options: { json?: boolean }) => {
      const text = version();
      io.out(options.json === true ? `${JSON.stringify({ version: text })}\n` : `rehome ${text}\n`);
    });
};
