import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
import { compiledScript } from '../../../src/daemon/compiled.js';
import type {
  Behaviour,
  EndArrivals,
  FlowCommand,
  FlowMessage,
} from '../../../src/lab/experiments/flow-messages.js';

/** The real program, both ends in it, over the loopback of this machine. */
class Program {
  readonly #child = spawn(process.execPath, [compiledScript('lab/experiments/flow')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  readonly #messages: AsyncIterator<string>;

  constructor() {
    this.#messages = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }
  tell(command: FlowCommand): void {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
  }
  async next(): Promise<FlowMessage> {
    const { value } = (await this.#messages.next()) as { value: string };
    return JSON.parse(value) as FlowMessage;
  }
  async open(id: number, port: number, peerPort: number, behaviour: Behaviour): Promise<void> {
    this.tell({ do: 'open', id, local: '::1', port, peer: '::1', peerPort, behaviour });
    expect(await this.next()).toEqual({ kind: 'opened', id });
  }
  async arrivals(): Promise<readonly EndArrivals[]> {
    this.tell({ do: 'report' });
    const answer = await this.next();
    if (answer.kind !== 'arrivals') throw new Error(JSON.stringify(answer));
    return answer.ends;
  }
  /** Asks until it is so. */
  async until(done: (ends: readonly EndArrivals[]) => boolean): Promise<readonly EndArrivals[]> {
    for (;;) {
      const ends = await this.arrivals();
      if (done(ends)) return ends;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  async end(): Promise<number | null> {
    const ended = new Promise<number | null>((resolve) => this.#child.once('close', resolve));
    this.#child.stdin.end();
    return ended;
  }
}

let port = 20_000 + (process.pid % 10_000);
const ports = (): [number, number] => [(port += 2), port + 1];

describe('the applications of the lab', () => {
  let program: Program;
  afterEach(() => program.end());
  const start = async (): Promise<void> => {
    program = new Program();
    expect(await program.next()).toEqual({ kind: 'started' });
  };

  it('send a datagram at each beat, both ways, of the size asked for', async () => {
    await start();
    const [a, b] = ports();
    const beat: Behaviour = { kind: 'beat', interval: 5, size: 64, phase: 1 };
    await program.open(1, b, a, beat);
    await program.open(2, a, b, beat);
    const ends = await program.until((all) => all.every(({ packets }) => packets > 4));
    for (const { packets, octets, lastAt } of ends) {
      expect(octets).toBe(64 * packets);
      expect(lastAt).toBeGreaterThan(0);
    }
  });
  it('ask, answer with the size asked for, think, and ask again', async () => {
    await start();
    const [a, b] = ports();
    await program.open(1, b, a, { kind: 'echo', size: 1_000 });
    await program.open(2, a, b, { kind: 'ask', think: 1, size: 100, phase: 0 });
    const [server, client] = await program.until((all) => all.every((e) => e.packets > 4));
    expect(server?.octets).toBe(100 * (server?.packets ?? 0));
    expect(client?.octets).toBe(1_000 * (client?.packets ?? 0));
  });
  it('type, with echo, and pause', async () => {
    await start();
    const [a, b] = ports();
    await program.open(1, b, a, { kind: 'echo', size: 0 });
    const keys = { kind: 'keys', interval: 2, active: 30, idle: 60_000, phase: 0 } as const;
    await program.open(2, a, b, keys);
    await program.until((all) => all.every((e) => e.packets > 0));
    // Idle: two looks with the same numbers, a while apart.
    let before = -1;
    await program.until((all) => {
      const sum = all.reduce((n, e) => n + e.packets, 0);
      const same = sum === before && all[0]?.packets === all[1]?.packets;
      before = sum;
      return same;
    });
    const [server, client] = await program.arrivals();
    expect(client?.octets).toBe(64 * (client?.packets ?? 0));
    expect(server?.packets).toBe(client?.packets);
  });
  it('transfer over TCP', async () => {
    await start();
    const [a, b] = ports();
    await program.open(1, b, a, { kind: 'accept' });
    await program.open(2, a, b, {
      kind: 'transfers',
      arrivals: 200,
      meanSize: 20_000,
      alpha: 1.2,
      seed: '1',
    });
    const [server] = await program.until(([all]) => (all?.octets ?? 0) > 100_000);
    expect(server?.lastAt).toBeGreaterThan(0);
  });
  it('end when told so, and begin anew on the same ports; a held address stays', async () => {
    await start();
    const [a, b] = ports();
    const beat: Behaviour = { kind: 'beat', interval: 5, size: 64, phase: 0 };
    for (const round of [1, 2]) {
      await program.open(10 * round, b, a, { kind: 'sink' });
      await program.open(10 * round + 1, a, b, beat);
      await program.until(([sink]) => (sink?.packets ?? 0) > 0);
      program.tell({ do: 'close' });
      expect(await program.next()).toEqual({ kind: 'closed' });
      expect(await program.arrivals()).toEqual([]);
    }
    await program.open(30, a, b, { kind: 'hold' });
    program.tell({ do: 'close' });
    expect(await program.next()).toEqual({ kind: 'closed' });
    program.tell({
      do: 'open',
      id: 31,
      local: '::1',
      port: a,
      peer: '::1',
      peerPort: b,
      behaviour: { kind: 'sink' },
    });
    expect(await program.next()).toMatchObject({
      kind: 'failed',
      reason: expect.stringContaining('EADDRINUSE') as string,
    });
  });
});
