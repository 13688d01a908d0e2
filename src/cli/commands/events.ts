import { InvalidArgumentError } from 'commander';
import type { Register } from '../registry.js';
import { eventLine } from '../format/events.js';
import { clientFor, JSON_OPTION, type RemoteOptions } from '../remote.js';

const HELP = `
With --json every event is one line.

Examples:
  rehome events
  rehome events --follow
  rehome events --since 120 --json`;

const eventNumber = (text: string): number => {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('not an event number.');
  return Number(text);
};

interface EventsOptions extends RemoteOptions {
  readonly follow?: boolean;
  readonly since: number;
}

export const registerEvents: Register = (program, io) => {
  program
    .command('events')
    .description('show what happened')
    .option(...JSON_OPTION)
    .option('-f, --follow', 'go on with new events until interrupted')
    .option('--since <number>', 'only events with a higher number', eventNumber, 0)
    .addHelpText('after', HELP)
    .action(async (_options, command) => {
      const options = command.optsWithGlobals() as EventsOptions;
      const client = clientFor(command);
      const line = (event: Parameters<typeof eventLine>[0]): string =>
        options.json === true ? `${JSON.stringify(event)}\n` : eventLine(event, io.colors);
      if (options.follow === true) {
        for await (const event of client.follow(options.since, io.signal)) io.out(line(event));
        return;
      }
      const { events, missed } = await client.events(options.since);
      if (missed) io.err('older events are no longer kept\n');
      io.out(events.map(line).join(''));
    });
};
