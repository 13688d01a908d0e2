import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { ControlClient } from '../control/client.js';
import { spawnIn } from '../linux/netns.js';
import { RehomeError } from '../wire/errors.js';
import { daemonConfig, type DaemonSettings } from './config.js';
import { rehomeCommand } from './entry.js';
import type { LabEntry } from './registry.js';

/** The real daemon, `rehome up`, running in one host of the lab. */
export class HostDaemon {
  /** The node's name. */
  readonly host: string;
  readonly client: ControlClient;
  readonly configFile: string;
  readonly logFile: string;
  private readonly entry: LabEntry;
  private child: ChildProcess | undefined;

  constructor(entry: LabEntry, host: string) {
    this.entry = entry;
    this.host = host;
    this.configFile = `${entry.directory}/${host}.toml`;
    this.logFile = `${entry.directory}/${host}.log`;
    this.client = new ControlClient({ socket: `${entry.directory}/${host}.sock` });
  }

  get socket(): string {
    return this.client.socket;
  }

  /** Its configuration; where its socket and state are is added. */
  write(text: string): void {
    const state = JSON.stringify(`${this.entry.directory}/${this.host}.state`);
    const socket = JSON.stringify(this.socket);
    writeFileSync(
      this.configFile,
      `state_dir = ${state}\n${text}\n[control]\nsocket = ${socket}\n`,
    );
  }

  configure(settings: DaemonSettings): void {
    const stateDirectory = `${this.entry.directory}/${this.host}.state`;
    const text = daemonConfig(settings, { socket: this.socket, stateDirectory });
    writeFileSync(this.configFile, text);
  }

  /** Starts it and waits until it answers. @throws RehomeError REHOME_E_LAB_DAEMON with the end of its log. */
  async start(timeoutMs = 15_000): Promise<void> {
    const log = openSync(this.logFile, 'a');
    const child = spawnIn(
      this.entry.namespace(this.host),
      process.execPath,
      [rehomeCommand(), 'up', '--config', this.configFile],
      { stdio: ['ignore', log, log], detached: true, env: { ...process.env, NO_COLOR: '1' } },
    );
    closeSync(log);
    child.on('error', () => undefined); // told by exitCode and the log
    if (child.pid !== undefined) this.entry.add(child.pid, `rehome up (${this.host})`);
    this.child = child;
    const end = Date.now() + timeoutMs;
    while (!(await this.answers())) {
      if (child.exitCode !== null || child.signalCode !== null) throw this.failure('ended');
      if (Date.now() > end) throw this.failure(`did not answer within ${timeoutMs / 1000} s`);
      await sleep(25);
    }
  }

  /** Sends a signal and waits for the end of the process. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', timeoutMs = 5_000): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    const late = new AbortController();
    await Promise.race([ended, sleep(timeoutMs, undefined, late).catch(() => undefined)]);
    late.abort();
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  }

  private async answers(): Promise<boolean> {
    try {
      await this.client.status();
      return true;
    } catch {
      return false;
    }
  }

  private failure(what: string): RehomeError {
    return new RehomeError(
      'REHOME_E_LAB_DAEMON',
      `the daemon of host ${this.host} ${what}: ${this.lastLogLines() || 'it said nothing'}`,
      this.logFile,
    );
  }

  /** The end of its log, on one line. */
  lastLogLines(count = 3): string {
    const lines = readFileSync(this.logFile, 'utf8').trim().split('\n');
    return lines.slice(-count).join(' | ');
  }
}
