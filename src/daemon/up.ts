import { RehomeError } from '../wire/errors.js';
import { loadConfig, type DaemonConfig } from './config.js';
import { Daemon } from './daemon.js';
import { createLog, type Log, type LogColors } from './log.js';
import type { World } from './world.js';

export interface UpOptions {
  readonly configFile: string;
  /** Overrides [control] socket. */
  readonly socket: string | undefined;
  readonly colors: LogColors;
  readonly tty: boolean;
  /** The system to run on; by default this Linux. */
  readonly world?: World;
}

/** A stop that hangs must not keep the process for ever. */
const STOP_WITHIN = 5_000;

/**
 * `rehome up`: runs the daemon until SIGINT or SIGTERM, and returns when everything is taken back. SIGHUP reloads.
 * @throws RehomeError when it cannot start.
 */
export async function runDaemon(options: UpOptions): Promise<void> {
  const reread = (): DaemonConfig => withSocket(loadConfig(options.configFile), options.socket);
  const config = reread();
  const log = createLog(
    config.log,
    options.tty,
    options.colors,
    (text) => void process.stdout.write(text),
  );
  const world = options.world ?? (await import('./linux-world.js')).linuxWorld(config);
  const ended = new Promise<string>((resolve) => {
    process.once('SIGINT', () => resolve('SIGINT'));
    process.once('SIGTERM', () => resolve('SIGTERM'));
    process.once('uncaughtException', (error) => {
      process.exitCode = 1;
      log.fatal({ stack: error.stack }, `internal error: ${error.message}`);
      resolve('internal error');
    });
  });
  const daemon = await Daemon.start({ config, reread, world, log });
  const onHup = (): void => reload(daemon, log);
  process.on('SIGHUP', onHup);
  const why = await ended;
  process.off('SIGHUP', onHup);
  log.info({ why }, 'stopping');
  const giveUp = setTimeout(() => {
    log.fatal(`did not stop within ${STOP_WITHIN / 1_000} s; the next start cleans up`);
    process.exit(1);
  }, STOP_WITHIN);
  await daemon.stop();
  clearTimeout(giveUp);
  log.info('stopped: everything that was added to the system is removed');
}

const withSocket = (config: DaemonConfig, socket: string | undefined): DaemonConfig =>
  socket === undefined ? config : { ...config, control: { ...config.control, socket } };

function reload(daemon: Daemon, log: Log): void {
  try {
    daemon.reload();
  } catch (error) {
    const code = error instanceof RehomeError ? error.code : undefined;
    log.error({ code }, `reload refused, nothing changed: ${(error as Error).message}`);
  }
}
