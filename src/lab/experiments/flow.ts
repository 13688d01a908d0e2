/**
 * The applications of the lab's experiments: ends of flows, as many as wanted, that know nothing of rehome and do what
 * the simulator's traffic models do (src/sim/traffic). One program for each host, so that a trial costs no start.
 *
 *   node flow.js < commands
 */
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { monotonicMs } from '../../linux/clock.js';
import { SeededRandom } from '../../sim/random.js';
import { Arrivals } from '../../sim/traffic/arrivals.js';
import { paretoSize } from '../../sim/traffic/streams.js';
import type { Behaviour, FlowCommand, FlowEnd, FlowMessage } from './flow-messages.js';

const say = (message: FlowMessage): void => {
  process.stdout.write(`${JSON.stringify(message)}\n`);
};

const NUMBER = 4;
const FIRST_RETRY = 1_000;

/** An end of a flow while it is open. */
interface End {
  readonly arrivals: Arrivals;
  close(): void;
}
type Of<K extends Behaviour['kind']> = Extract<Behaviour, { readonly kind: K }>;

const ends = new Map<number, End>();

/** One timer at a time. */
class Timer {
  #timer: NodeJS.Timeout | undefined;

  get armed(): boolean {
    return this.#timer !== undefined;
  }
  /** Monotonic milliseconds. */
  at(when: number, action: () => void): void {
    this.cancel();
    this.#timer = setTimeout(action, Math.max(0, when - monotonicMs()));
  }
  after(delay: number, action: () => void): void {
    this.at(monotonicMs() + delay, action);
  }
  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** Calls `action` every `interval` without drift. */
function beat(timer: Timer, interval: number, phase: number, action: () => void): void {
  let next = monotonicMs() + phase;
  const step = (): void => {
    next += interval;
    timer.at(next, step);
    action();
  };
  timer.at(next, step);
}

const datagram = (size: number, number = 0): Buffer => {
  const octets = Buffer.alloc(Math.max(NUMBER, size));
  octets.writeUInt32BE(number >>> 0, 0);
  return octets;
};

function openDatagrams(end: FlowEnd): void {
  const socket: Datagrams = createSocket({ type: 'udp6', recvBufferSize: 65_536 });
  const arrivals = new Arrivals();
  const timers = [new Timer(), new Timer()] as const;
  // What cannot leave is lost, as on the way.
  const send = (octets: Buffer): void =>
    socket.send(octets, end.peerPort, end.peer, () => undefined);
  const { begin, heard } = datagramBehaviour(end.behaviour, timers, send);
  socket.on('message', (octets) => {
    arrivals.note(octets.length, monotonicMs());
    if (octets.length >= NUMBER) heard?.(octets);
  });
  socket.on('error', (error) => fail(`flow ${end.id}: ${error.message}`));
  socket.bind(end.port, end.local, () => {
    if (end.behaviour.kind === 'hold') ends.delete(end.id);
    say({ kind: 'opened', id: end.id });
    begin?.();
  });
  ends.set(end.id, {
    arrivals,
    close: () => {
      timers.forEach((timer) => timer.cancel());
      socket.close();
    },
  });
}

interface Doing {
  readonly begin?: () => void;
  readonly heard?: (octets: Buffer) => void;
}

function datagramBehaviour(
  what: Behaviour,
  [timer, phases]: readonly [Timer, Timer],
  send: (octets: Buffer) => void,
): Doing {
  switch (what.kind) {
    case 'beat':
      return {
        begin: () => beat(timer, what.interval, what.phase, () => send(datagram(what.size))),
      };
    case 'echo':
      return {
        heard: (octets) => send(datagram(what.size || octets.length, octets.readUInt32BE(0))),
      };
    case 'ask':
      return asking(what, timer, send);
    case 'keys':
      return {
        begin: () => {
          const active = (): void => {
            beat(timer, what.interval, what.phase, () => send(datagram(64)));
            phases.after(what.active, () => {
              timer.cancel();
              phases.after(what.idle, active);
            });
          };
          active();
        },
      };
    default:
      return {};
  }
}

function asking(what: Of<'ask'>, timer: Timer, send: (octets: Buffer) => void): Doing {
  let asked = 0;
  const ask = (wait = FIRST_RETRY): void => {
    timer.after(wait, () => ask(2 * wait));
    send(datagram(what.size, asked));
  };
  return {
    begin: () => timer.after(what.phase, ask),
    heard: (octets) => {
      if (octets.readUInt32BE(0) !== asked || !timer.armed) return; // an answer that came twice
      asked++;
      timer.after(what.think, ask);
    },
  };
}

function openTransfers(end: FlowEnd, what: Of<'transfers'>): void {
  const random = new SeededRandom(what.seed);
  const timer = new Timer();
  const running = new Set<Socket>();
  const arm = (): void =>
    timer.after((-1_000 * Math.log(1 - random.uniform())) / what.arrivals, () => {
      arm();
      const size = paretoSize(random, what.meanSize, what.alpha);
      const socket = connect({ host: end.peer, port: end.peerPort, localAddress: end.local });
      running.add(socket);
      socket.on('error', () => undefined); // the network is what is measured
      socket.on('close', () => running.delete(socket));
      socket.resume();
      socket.end(Buffer.alloc(size));
    });
  ends.set(end.id, {
    arrivals: new Arrivals(),
    close: () => {
      timer.cancel();
      for (const socket of running) socket.resetAndDestroy();
    },
  });
  say({ kind: 'opened', id: end.id });
  arm();
}

function openServer(end: FlowEnd): void {
  const arrivals = new Arrivals();
  const running = new Set<Socket>();
  const server: Server = createServer((socket) => {
    running.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => running.delete(socket));
    socket.on('data', (octets) => arrivals.note(octets.length, monotonicMs()));
  });
  server.on('error', (error) => fail(`flow ${end.id}: ${error.message}`));
  server.listen(end.port, end.local, () => say({ kind: 'opened', id: end.id }));
  ends.set(end.id, {
    arrivals,
    close: () => {
      server.close();
      for (const socket of running) socket.destroy();
    },
  });
}

function fail(reason: string): never {
  say({ kind: 'failed', reason });
  process.exit(1);
}

function obey(command: FlowCommand): void {
  switch (command.do) {
    case 'open':
      if (command.behaviour.kind === 'transfers') openTransfers(command, command.behaviour);
      else if (command.behaviour.kind === 'accept') openServer(command);
      else openDatagrams(command);
      return;
    case 'watch':
      for (const { arrivals } of ends.values()) arrivals.watchGaps();
      return;
    case 'report':
      say({
        kind: 'arrivals',
        ends: [...ends].map(([id, { arrivals: a }]) => ({
          id,
          packets: a.packets,
          octets: a.octets,
          lastAt: a.lastAt ?? null,
          longestGap: a.longestGap,
        })),
      });
      return;
    case 'close':
      for (const end of ends.values()) end.close();
      ends.clear();
      say({ kind: 'closed' });
  }
}

const input = createInterface({ input: process.stdin });
input.on('line', (line) => obey(JSON.parse(line) as FlowCommand));
input.on('close', () => process.exit(0));
say({ kind: 'started' });
