import { availableParallelism } from 'node:os';
import { Argument, InvalidArgumentError, Option, type Command } from 'commander';
import { REAP_PROFILES } from '../../reap/constants.js';
import { isStrategy, STRATEGY_NAMES } from '../../reap/strategy/index.js';
import type { Register } from '../registry.js';

const HELP = `
The engine of the daemon in virtual time: hosts, sites, links and traffic from a scenario file. The same seed gives the
same results, on any machine and with any number of jobs.

Examples:
  rehome sim list                                              what comes with the package
  rehome sim run exploration --trials 200 --seed 1 --out out/  figure 5 of the paper, with data and SVG
  rehome sim run my.toml --jobs 1                              a scenario of your own (docs/simulator.md)
  rehome sim replay asymmetric --trial 3 --seed 1              one trial as a ladder of messages
  rehome sim replay exploration --trial 3001 --pcap t.pcapng   ... and for Wireshark
  rehome sim draw out/exploration.jsonl                        draw the figures again`;

const whole =
  (from: number, to: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= from && value <= to) return value;
    throw new InvalidArgumentError(`want a whole number from ${from} to ${to}.`);
  };

/** The options that change a scenario. */
function strategy(name: string): string {
  if (isStrategy(name)) return name;
  throw new InvalidArgumentError(`Name one of ${STRATEGY_NAMES}.`);
}

function overrideOptions(command: Command): Command {
  return command
    .addArgument(new Argument('<scenario>', 'a name that `rehome sim list` shows, or a .toml file'))
    .option('--trials <n>', 'trials for each case', whole(1, 1_000_000))
    .option('--seed <text>', 'of everything random')
    .addOption(
      new Option('--profile <name>', 'timers and rules of the engine').choices(
        Object.keys(REAP_PROFILES),
      ),
    )
    .option('--strategy <name>', `in which order pairs are probed: ${STRATEGY_NAMES}`, strategy);
}

export const registerSim: Register = (program, io) => {
  const sim = program
    .command('sim')
    .description('experiments with the same engine in virtual time')
    .addHelpText('after', HELP);

  overrideOptions(sim.command('run'))
    .description("run a scenario and print its numbers beside the paper's")
    .option('--jobs <n>', 'threads', whole(1, 256), availableParallelism())
    .option('--out <dir>', 'write results (JSON lines) and figures (SVG) there')
    .option('--json', 'print JSON')
    .action(async (scenario: string, options) => {
      const { run } = await import('../../sim/commands/run.js');
      const { compiledScript } = await import('../../daemon/compiled.js');
      await run(scenario, options, io, compiledScript('sim/run/worker'));
    });

  overrideOptions(sim.command('replay'))
    .description('run one trial again and show its messages')
    .requiredOption('--trial <n>', 'as the results file numbers them', whole(1, 100_000_000))
    .option('--pcap <file>', 'write a capture (pcapng) with virtual time stamps')
    .option('--json', 'print JSON')
    .action(async (scenario: string, options) => {
      const { replay } = await import('../../sim/commands/replay.js');
      replay(scenario, options, io, process.stdout.columns);
    });

  sim
    .command('list')
    .description('list the scenarios that come with the package')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      const { list } = await import('../../sim/commands/list.js');
      list(options, io);
    });

  sim
    .command('draw <results>')
    .description('draw the figures of a results file again')
    .option('--out <dir>', 'where; default: next to the file')
    .option('--json', 'print JSON')
    .action(async (file: string, options: { out?: string; json?: boolean }) => {
      const { drawResults } = await import('../../sim/run/files.js');
      const files = drawResults(file, options.out);
      io.out(
        options.json === true ? `${JSON.stringify({ files })}\n` : `Written: ${files.join(', ')}\n`,
      );
    });
};
