import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import { ControlClient } from '../../src/control/client.js';
import { Rtnetlink } from '../../src/linux/netlink/client.js';
import { spawnIn } from '../../src/linux/netns.js';

const REHOME = resolve('bin/rehome.js');

/** `rehome up` as a process in a namespace. */
export class Up {
  readonly client: ControlClient;
  readonly file: string;
  readonly socket: string;
  readonly stateDirectory: string;
  output = '';
  child: ChildProcess | undefined;

  constructor(
    readonly namespace: string,
    directory: string,
    name = namespace,
  ) {
    this.socket = join(directory, `${name}.sock`);
    this.file = join(directory, `${name}.toml`);
    this.stateDirectory = join(directory, `${name}.state`);
    this.client = new ControlClient({ socket: this.socket });
    this.write('');
  }

  /** Security "none" unless told otherwise; the state directory is its own. */
  write(more: string, security = 'security = "none"\nforce_insecure = true'): void {
    const state = `state_dir = "${this.stateDirectory}"`;
    writeFileSync(
      this.file,
      `${security}\n${state}\n${more}\n[control]\nsocket = "${this.socket}"\n`,
    );
  }

  spawn(options: { uid?: number; gid?: number } = {}): Promise<number | null> {
    const child = spawnIn(this.namespace, process.execPath, [REHOME, 'up', '--config', this.file], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options,
    });
    this.child = child;
    child.stdout?.on('data', (d) => (this.output += String(d)));
    child.stderr?.on('data', (d) => (this.output += String(d)));
    return new Promise((done) => child.once('exit', (code) => done(code)));
  }

  /** Starts it and waits until it is ready. */
  async start(): Promise<Promise<number | null>[]> {
    this.output = '';
    const ended = this.spawn();
    await expect.poll(() => this.output, { timeout: 15_000 }).toContain('"msg":"ready"');
    return [ended];
  }

  async kill(signal: NodeJS.Signals): Promise<number | null> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return null;
    const ended = new Promise<number | null>((done) => child.once('exit', (code) => done(code)));
    child.kill(signal);
    return ended;
  }
}

/** Everything that rehome could leave behind in a namespace. */
export function traces(namespace: string): string[] {
  const netlink = new Rtnetlink(namespace);
  try {
    return [
      ...netlink.links().map((l) => `link ${l.name}`),
      ...netlink.rules().map((r) => `rule ${r.priority} ${r.protocol} ${r.action}`),
      ...netlink.addresses().map((a) => `address ${a.address} ${a.index}`),
      ...netlink.labels().map((l) => `label ${l.prefix.address}/${l.prefix.length} ${l.label}`),
    ].sort();
  } finally {
    netlink.close();
  }
}
