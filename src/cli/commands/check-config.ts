import { DEFAULT_CONFIG_FILE, loadConfig } from '../../daemon/config.js';
import { toFile, toToml } from '../../daemon/config/print.js';
import { ConfigError } from '../../daemon/config/issues.js';
import { RehomeError } from '../../wire/errors.js';
import type { Register } from '../registry.js';

const HELP = `
Every mistake is named with file, line and remedy; nothing is started. With --json the answer is
{"ok", "issues", "warnings", "config"}.

Examples:
  rehome check-config --config rehome.toml
  rehome check-config --config rehome.toml --json | jq .issues`;

export const registerCheckConfig: Register = (program, io) => {
  program
    .command('check-config')
    .description('check a configuration file and print what it amounts to')
    .option('-c, --config <file>', 'configuration file', DEFAULT_CONFIG_FILE)
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action((options: { config: string; json?: boolean }) => {
      if (options.json === true) {
        const answer = check(options.config);
        io.out(`${JSON.stringify(answer, null, 2)}\n`);
        if (!answer.ok) process.exitCode = 1;
        return;
      }
      const config = loadConfig(options.config);
      for (const warning of config.warnings) io.err(io.colors.yellow(`warning: ${warning}\n`));
      io.out(toToml(config));
    });
};

function check(file: string): { ok: boolean; [key: string]: unknown } {
  try {
    const config = loadConfig(file);
    return { ok: true, issues: [], warnings: config.warnings, config: toFile(config) };
  } catch (error) {
    if (error instanceof ConfigError)
      return { ok: false, issues: error.issues, warnings: [], config: null };
    if (!(error instanceof RehomeError)) throw error;
    const issue = { line: null, key: '', problem: error.message, remedy: '' };
    return { ok: false, issues: [issue], warnings: [], config: null };
  }
}
