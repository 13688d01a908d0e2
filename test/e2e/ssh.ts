import { execFileSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../../src/lab/lab.js';
import { findProgram } from '../../src/lab/programs.js';
import { ProgramOutput } from '../../src/lab/traffic/lines.js';
import { waitFor } from './support.js';

const PORT = '2222';
/** Where Debian's sshd insists on finding an empty directory. */
const PRIVILEGE_SEPARATION = '/run/sshd';

/** Why ssh cannot be tried here; undefined: it can. */
export function whyNoSsh(): string | undefined {
  if (findProgram('sshd') === undefined) return 'no sshd (apt-get install openssh-server)';
  if (findProgram('ssh') === undefined) return 'no ssh (apt-get install openssh-client)';
  return undefined;
}

/** A real sshd in host B with keys of its own, and a real ssh in host A that runs `cat` there. */
export class SshSession {
  private readonly directory: string;
  private readonly server: ChildProcess;
  private readonly client: ChildProcess;
  private readonly lines: string[] = [];
  private readonly madeRun: boolean;

  private constructor(lab: Lab, directory: string, madeRun: boolean, server: ChildProcess) {
    this.directory = directory;
    this.madeRun = madeRun;
    this.server = server;
    this.client = lab.spawn(
      'A',
      'ssh',
      [
        ...[
          '-F',
          '/dev/null',
          '-T',
          '-p',
          PORT,
          '-i',
          `${directory}/user`,
          '-b',
          lab.address('A', 1),
        ],
        ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'],
        ...['-o', 'ServerAliveInterval=0', '-o', 'TCPKeepAlive=no', '-o', 'BatchMode=yes'],
        ...[`root@${lab.address('B', 1)}`, 'cat'],
      ],
      { stdio: ['pipe', 'pipe', 'pipe'] },
    );
    new ProgramOutput(this.client, (line) => this.lines.push(line));
  }

  static async open(lab: Lab): Promise<SshSession> {
    const directory = mkdtempSync(`${tmpdir()}/rehome-ssh-`);
    for (const key of ['host', 'user']) {
      const args = ['-q', '-t', 'ed25519', '-N', '', '-f', `${directory}/${key}`];
      execFileSync('ssh-keygen', args);
    }
    const madeRun = !existsSync(PRIVILEGE_SEPARATION);
    if (madeRun) mkdirSync(PRIVILEGE_SEPARATION, { mode: 0o755 });
    const config = `${directory}/sshd_config`;
    writeFileSync(
      config,
      [
        `Port ${PORT}`,
        `ListenAddress ${lab.address('B', 1)}`,
        `HostKey ${directory}/host`,
        `AuthorizedKeysFile ${directory}/user.pub`,
        `PidFile ${directory}/pid`,
        'StrictModes no',
        'UsePAM no',
        'PermitRootLogin prohibit-password',
        'TCPKeepAlive no',
        '',
      ].join('\n'),
    );
    const sshd = findProgram('sshd') ?? 'sshd';
    const server = lab.spawn('B', sshd, ['-D', '-e', '-f', config], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const output = new ProgramOutput(server, () => undefined);
    try {
      await waitFor('sshd to listen', () => output.complaints.includes('Server listening'));
    } catch (error) {
      server.kill();
      cleanUp(directory, madeRun);
      throw new Error(`sshd does not listen: ${output.complaints}`, { cause: error });
    }
    return new SshSession(lab, directory, madeRun, server);
  }

  /** Sends a line and waits until `cat` on host B has sent it back. */
  async echo(text: string, timeoutMs: number): Promise<void> {
    // More than the 50 packets that make a context worthwhile, by chatting.
    for (let i = 0; i < 30; i++) {
      this.client.stdin?.write(`${text} ${i}\n`);
      await waitFor(`the echo of ${text}`, () => this.lines.includes(`${text} ${i}`), timeoutMs);
    }
  }

  async close(): Promise<void> {
    this.client.stdin?.end();
    await sleep(50);
    this.client.kill();
    this.server.kill();
    cleanUp(this.directory, this.madeRun);
  }
}

function cleanUp(directory: string, madeRun: boolean): void {
  rmSync(directory, { recursive: true, force: true });
  if (madeRun) rmSync(PRIVILEGE_SEPARATION, { recursive: true, force: true });
}
