import type { ChildProcess } from 'node:child_process';
import { compiledScript } from '../../daemon/compiled.js';
import { RehomeError } from '../../wire/errors.js';
import type { SeededRandom } from '../../sim/random.js';
import type { TrafficFields } from '../../sim/scenario/schema.js';
import type { Lab } from '../lab.js';
import { HOSTS, type Host } from '../paths.js';
import { inTime } from '../traffic/builtin.js';
import { ProgramOutput } from '../traffic/lines.js';
import type { Behaviour, EndArrivals, FlowCommand, FlowEnd, FlowMessage } from './flow-messages.js';

/** How long a program may take for an answer, milliseconds. */
const PATIENCE = 20_000;

/** The flow program of one host. */
class FlowProgram {
  readonly #child: ChildProcess;
  readonly #waiting = new Set<(message: FlowMessage) => void>();
  #ended: Error | undefined;

  constructor(lab: Lab, host: Host) {
    this.#child = lab.spawn(
      host,
      process.execPath,
      [compiledScript('lab/experiments/flow')],
      // Its end is the lab's business, not that of Ctrl-C.
      { stdio: ['pipe', 'pipe', 'pipe'], detached: true },
    );
    const output = new ProgramOutput(this.#child, (line) => {
      const message = JSON.parse(line) as FlowMessage;
      for (const hear of [...this.#waiting]) hear(message);
    });
    void output.ended.then(() => {
      const why = `the flow program of host ${host} ended ${output.complaints}`.trim();
      this.#ended = new RehomeError('REHOME_E_TRAFFIC', why);
      for (const hear of [...this.#waiting]) hear({ kind: 'failed', reason: why });
    });
  }

  tell(command: FlowCommand): void {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  /** Waits until `done` says so of a message. @throws RehomeError REHOME_E_TRAFFIC */
  until<T>(done: (message: FlowMessage) => T | undefined): Promise<T> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const answer = new Promise<T>((resolve, reject) => {
      const hear = (message: FlowMessage): void => {
        const result = done(message);
        if (message.kind !== 'failed' && result === undefined) return;
        this.#waiting.delete(hear);
        if (message.kind === 'failed') {
          reject(new RehomeError('REHOME_E_TRAFFIC', message.reason));
        } else resolve(result as T);
      };
      this.#waiting.add(hear);
    });
    return inTime(answer, PATIENCE);
  }
}

/** A flow between the hosts: client at A, server at B. */
export interface FlowPlace {
  readonly source: string;
  readonly destination: string;
  /** The client's; the server's is the next. */
  readonly port: number;
}

/** The traffic models of scenarios (src/sim/traffic), by real applications in both hosts. */
export class Flows {
  readonly #programs: Readonly<Record<Host, FlowProgram>>;
  #next = 0;

  private constructor(programs: Readonly<Record<Host, FlowProgram>>) {
    this.#programs = programs;
  }

  static async start(lab: Lab): Promise<Flows> {
    const programs = { A: new FlowProgram(lab, 'A'), B: new FlowProgram(lab, 'B') };
    await Promise.all(
      HOSTS.map((host) => programs[host].until((m) => (m.kind === 'started' ? true : undefined))),
    );
    return new Flows(programs);
  }

  /**
   * Begins a flow of a scenario's model. The server is there before the client sends.
   * @returns the number of its ends in `arrivals`
   * @throws RehomeError REHOME_E_TRAFFIC, also for `bulk`, which `BuiltinTraffic` does
   */
  async begin(fields: TrafficFields, place: FlowPlace, random: SeededRandom): Promise<number> {
    const [client, server] = behaviours(fields, random);
    const { source, destination, port } = place;
    const id = this.#next++;
    await this.#open('B', {
      id,
      local: destination,
      port: port + 1,
      peer: source,
      peerPort: port,
      behaviour: server,
    });
    await this.#open('A', {
      id,
      local: source,
      port,
      peer: destination,
      peerPort: port + 1,
      behaviour: client,
    });
    return id;
  }

  /** Binds a silent socket to each address until the lab ends, so that the daemon sees it used. */
  async hold(host: Host, addresses: readonly string[]): Promise<void> {
    for (const local of addresses) {
      const id = this.#next++;
      const behaviour = { kind: 'hold' } as const;
      await this.#open(host, { id, local, port: 0, peer: '::', peerPort: 0, behaviour });
    }
  }

  /** Gaps are counted from now on. */
  watch(): void {
    for (const host of HOSTS) this.#programs[host].tell({ do: 'watch' });
  }

  /** What the ends in a host got, by flow. */
  async arrivals(host: Host): Promise<ReadonlyMap<number, EndArrivals>> {
    const program = this.#programs[host];
    const answer = program.until((m) => (m.kind === 'arrivals' ? m.ends : undefined));
    program.tell({ do: 'report' });
    return new Map((await answer).map((end) => [end.id, end]));
  }

  /** Ends all flows; nothing is sent after this. */
  async close(): Promise<void> {
    await Promise.all(
      HOSTS.map((host) => {
        const answer = this.#programs[host].until((m) => (m.kind === 'closed' ? true : undefined));
        this.#programs[host].tell({ do: 'close' });
        return answer;
      }),
    );
  }

  #open(host: Host, end: FlowEnd): Promise<true> {
    const opened = this.#programs[host].until((m) =>
      m.kind === 'opened' && m.id === end.id ? (true as const) : undefined,
    );
    this.#programs[host].tell({ do: 'open', ...end });
    return opened;
  }
}

/** What client and server do; with the same draws as in the simulator, though not the same numbers. */
function behaviours(fields: TrafficFields, random: SeededRandom): [Behaviour, Behaviour] {
  switch (fields.model) {
    case 'cbr':
    case 'one-way': {
      const { interval, size, model } = fields;
      const beat = (): Behaviour => ({
        kind: 'beat',
        interval,
        size,
        phase: random.uniform() * interval,
      });
      return [beat(), model === 'cbr' ? beat() : { kind: 'sink' }];
    }
    case 'request-response': {
      const { think, request, response } = fields;
      return [
        { kind: 'ask', think, size: request, phase: random.uniform() * think },
        { kind: 'echo', size: response },
      ];
    }
    case 'idle-then-active': {
      const { interval, active, idle } = fields;
      return [
        { kind: 'keys', interval, active, idle, phase: random.uniform() * interval },
        { kind: 'echo', size: 0 },
      ];
    }
    case 'mix': {
      const { arrivals, mean_size: meanSize, alpha } = fields;
      const seed = String(random.uint32());
      return [{ kind: 'transfers', arrivals, meanSize, alpha, seed }, { kind: 'accept' }];
    }
    case 'bulk':
      throw new RehomeError('REHOME_E_TRAFFIC', 'bulk transfers have programs of their own');
  }
}
