import { Argument, InvalidArgumentError, Option, type Command } from 'commander';
import { DEFAULT_PROFILE, REAP_PROFILES } from '../../reap/constants.js';
import type { Register } from '../registry.js';

const HELP = `
Two hosts, A and B, with three providers each: 9 locator pairs, 18 one-way paths, in network namespaces. Real daemons,
real kernel TCP; nothing of this machine's own network is touched. Ctrl-C leaves nothing behind, and a lab that was
killed is cleaned up by the next one.

Examples:
  rehome lab failover                     cut the path in use and watch the session go on
  rehome lab failover --break 16          leave 2 of 18 one-way paths
  rehome lab failover --traffic iperf3 --out out/
  rehome lab run exploration --out out/   figure 5 of the paper with real hosts, the simulator's curve behind
  rehome lab sam                          a site with two providers: plain routing, [exit], SAM, and a dead provider
  rehome lab sam --figure 1               zones in zones, three levels, and a renumbering in the middle
  rehome lab shell A                      a shell in host A; in another terminal:
  rehome lab cut current                  ... cut what is in use (also a1>b2, a1<>b2, a1, all)
  rehome lab restore all`;

interface SamOptions {
  readonly figure: string;
  readonly identity: 'none' | 'hba';
  readonly seed: string;
  readonly out?: string;
  readonly json?: boolean;
  readonly memory?: boolean;
}

const breakKind = (text: string): 'current' | 'both' | 'one-way' | number => {
  if (text === 'current' || text === 'both' || text === 'one-way') return text;
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 16) return count;
  throw new InvalidArgumentError('want current, both, one-way, or a number from 1 to 16.');
};

const within =
  (from: number, to: number, what: string) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== '' && value >= from && value <= to) return value;
    throw new InvalidArgumentError(`want ${what}, ${from} to ${to}.`);
  };

const whole = (text: string): number => {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= 10_000) return value;
  throw new InvalidArgumentError('want a whole number from 1 to 10000.');
};

/** The options that say what the network is like. */
function networkOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--profile <name>',
        'how failures are found: fast measures, rfc waits 15 s for an answer, paper 3 s',
      )
        .choices(Object.keys(REAP_PROFILES))
        .default(DEFAULT_PROFILE),
    )
    .addOption(
      new Option('--identity <kind>', 'how the hosts prove their locators; none: not at all')
        .choices(['hba', 'hybrid', 'cga', 'none'])
        .default('hba'),
    )
    .option('--mtu <octets>', 'MTU of all links', within(1280, 9000, 'octets'), 1500)
    .option('--delay <ms>', 'of every path, one way', within(0, 2_000, 'milliseconds'), 10)
    .option('--rate <Mbit/s>', 'of every path; 0: not limited', within(0, 10_000, 'a rate'), 20)
    .option('--seed <text>', 'of loss, jitter and the choice of paths', '1');
}

export const registerLab: Register = (program, io) => {
  const lab = program
    .command('lab')
    .description('two hosts, three providers each, in network namespaces')
    .addHelpText('after', HELP);

  networkOptions(lab.command('failover'))
    .description(
      'transfer, cut the path in use without a word, recover, verify every octet, report',
    )
    .option(
      '--break <kind>',
      'current (the pair in use), one-way (A to B only), both (what either host uses), or a number of one-way paths',
      breakKind,
      'current',
    )
    .addOption(
      new Option('--traffic <program>', 'builtin verifies every octet')
        .choices(['builtin', 'iperf3'])
        .default('builtin'),
    )
    .option('--out <dir>', 'write report.json, throughput.svg and packets.pcapng there')
    .option('--json', 'print the report as JSON and nothing else')
    .option('--memory', 'on the in-memory network, as without root')
    .action(async (options) => {
      const { failover } = await import('../../lab/commands/failover.js');
      process.exitCode = await failover(options, io);
    });

  lab
    .command('sam')
    .description('zones with local addresses: each packet out by the gateway it belongs to')
    .addOption(
      new Option('--figure <n>', 'of draft-despres-sam-03: 7, a site; 1, a hierarchy of zones')
        .choices(['7', '1'])
        .default('7'),
    )
    .addOption(
      new Option(
        '--identity <kind>',
        'how the hosts of figure 7 prove their locators; none: with the numbers of the draft',
      )
        .choices(['none', 'hba'])
        .default('none'),
    )
    .option('--seed <text>', 'of what is sent, and in memory of everything', '1')
    .option('--out <dir>', 'write report.json and packets.pcapng there')
    .option('--json', 'print the report as JSON and nothing else')
    .option('--memory', 'in memory, as without root')
    .action(async ({ figure, ...options }: SamOptions) => {
      const { sam } = await import('../../lab/commands/sam.js');
      process.exitCode = await sam({ ...options, figure: figure === '1' ? 1 : 7 }, io);
    });

  networkOptions(lab.command('up'))
    .description('start the lab and keep it until Ctrl-C')
    .option('-d, --detach', 'in the background, until `rehome lab down`')
    .action(async (options) => {
      const { up } = await import('../../lab/commands/up.js');
      await up(options, io);
    });

  networkOptions(lab.command('shell'))
    .addArgument(new Argument('<host>', 'A or B').argParser((text) => hostName(text)))
    .description('open a shell in a host; starts the lab when none is running')
    .action(async (host: 'A' | 'B', options) => {
      const { shell } = await import('../../lab/commands/shell.js');
      process.exitCode = await shell(host, options, io);
    });

  lab
    .command('run')
    .addArgument(
      new Argument('<experiment>', 'a name that `rehome sim list` shows, or a .toml file'),
    )
    .description('an experiment with real hosts, and how far the simulator is from it')
    .option('--trials <n>', 'trials for each case; fewer than in the simulator by default', whole)
    .option('--seed <text>', 'of which paths are cut, and when')
    .addOption(
      new Option('--profile <name>', 'timers and rules of the daemons').choices(
        Object.keys(REAP_PROFILES),
      ),
    )
    .addOption(
      new Option('--identity <kind>', 'how the hosts prove their locators; none: not at all')
        .choices(['hba', 'hybrid', 'cga', 'none'])
        .default('hba'),
    )
    .option('--labs <n>', 'labs at the same time: two daemons and an emulator each', whole, 4)
    .option('--out <dir>', 'write results (JSON lines) and figures (SVG) of both worlds there')
    .option('--json', 'print JSON')
    .action(async (experiment: string, options) => {
      const { runExperiment } = await import('../../lab/commands/run.js');
      const { compiledScript } = await import('../../daemon/compiled.js');
      await runExperiment(experiment, options, io, compiledScript('sim/run/worker'));
    });

  for (const [name, description] of [
    ['cut', 'stop paths without a word: a1>b2, a1<>b2, a1, current, all'],
    ['restore', 'let packets through again'],
  ] as const) {
    lab
      .command(`${name} <path>`)
      .description(description)
      .action(async (path: string) => {
        const { change } = await import('../../lab/commands/remote.js');
        await change(name, path, io);
      });
  }
  lab
    .command('status')
    .description('draw the running lab')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      const { status } = await import('../../lab/commands/remote.js');
      await status(options, io);
    });
  lab
    .command('down')
    .description('end the running lab, and clean up after those that were killed')
    .action(async () => {
      const { down } = await import('../../lab/commands/remote.js');
      await down(io);
    });
};

function hostName(text: string): 'A' | 'B' {
  const upper = text.toUpperCase();
  if (upper === 'A' || upper === 'B') return upper;
  throw new InvalidArgumentError('want A or B.');
}
