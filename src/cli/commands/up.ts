import { DEFAULT_CONFIG_FILE } from '../../daemon/config.js';
import type { Register } from '../registry.js';

const HELP = `
Runs until SIGINT or SIGTERM and then removes everything it added to the system. SIGHUP reads the configuration
again. Needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF. Logs to standard output: text on a terminal, JSON lines elsewhere.

Examples:
  rehome up --config rehome.toml
  systemd-run --unit rehome rehome up --config /etc/rehome/rehome.toml`;

export const registerUp: Register = (program, io) => {
  program
    .command('up')
    .description('run the daemon in the foreground')
    .option('-c, --config <file>', 'configuration file', DEFAULT_CONFIG_FILE)
    .addHelpText('after', HELP)
    .action(async (options: { config: string }, command) => {
      const { runDaemon } = await import('../../daemon/up.js');
      const given = command.getOptionValueSourceWithGlobals('socket');
      const socket =
        given === 'default' ? undefined : (command.optsWithGlobals() as { socket: string }).socket;
      await runDaemon({ configFile: options.config, socket, colors: io.colors, tty: io.tty });
    });
};
