import type { Register } from '../registry.js';
import { formatLocators } from '../format/locators.js';
import { JSON_OPTION, show, WATCH_OPTION } from '../remote.js';

export const registerLocators: Register = (program, io) => {
  program
    .command('locators')
    .description('show the addresses in use, ours and those of peers')
    .option(...JSON_OPTION)
    .option(...WATCH_OPTION)
    .addHelpText('after', '\nExample:\n  rehome locators')
    .action((_options, command) => show(io, command, (c) => c.locators(), formatLocators));
};
