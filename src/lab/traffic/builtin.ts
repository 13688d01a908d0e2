import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { RehomeError } from '../../wire/errors.js';
import { compiledScript } from '../../daemon/compiled.js';
import type { Address } from '../../wire/address.js';
import type { Lab } from '../lab.js';
import { otherHost, type Host, type Uplink } from '../paths.js';
import type { Gap, Sample } from './gap.js';
import { ProgramOutput } from './lines.js';
import type { TrafficMessage } from './messages.js';
import type { Traffic, TrafficResult } from './traffic.js';

export interface BuiltinOptions {
  readonly seed: string;
  /** Octets per second; 0 or absent: as fast as TCP goes. */
  readonly bytesPerSecond?: number;
  readonly from?: Host;
  /** The sender's uplink and the receiver's: they choose the ULID pair. */
  readonly source?: Uplink;
  readonly destination?: Uplink;
  readonly port?: number;
  readonly sampleMs?: number;
}

/** Starts programs in nodes of a lab. */
export interface Spawner<N extends string> {
  spawn(node: N, command: string, args: readonly string[], options?: SpawnOptions): ChildProcess;
}

/** A node, and the address that its program uses. */
export interface TrafficEnd<N extends string> {
  readonly node: N;
  readonly address: Address;
}

type Of<K extends TrafficMessage['kind']> = Extract<TrafficMessage, { kind: K }>;

/** Our own sender and receiver: a known octet sequence over one TCP connection, every octet verified. */
export class BuiltinTraffic implements Traffic {
  readonly kind = 'builtin';
  readonly startedAt: number;
  readonly samples: readonly Sample[];
  readonly gaps: readonly Gap[];
  failure: string | undefined;
  private readonly sender: ChildProcess;
  private readonly receiver: ChildProcess;
  private readonly done: Promise<[Of<'done'>, Of<'done'>]>;

  private constructor(
    sender: Program,
    receiver: Program,
    seen: { startedAt: number; samples: readonly Sample[]; gaps: readonly Gap[] },
  ) {
    this.sender = sender.child;
    this.receiver = receiver.child;
    this.startedAt = seen.startedAt;
    this.samples = seen.samples;
    this.gaps = seen.gaps;
    this.done = Promise.all([sender.first('done'), receiver.first('done')]);
    this.done.catch((error: Error) => (this.failure ??= error.message));
  }

  /** Starts both programs and waits until they are connected. @throws RehomeError REHOME_E_TRAFFIC */
  static async start(lab: Lab, options: BuiltinOptions): Promise<BuiltinTraffic> {
    const from = options.from ?? 'A';
    const to = otherHost(from);
    return BuiltinTraffic.between(
      lab,
      { node: from, address: lab.address(from, options.source ?? 1) },
      { node: to, address: lab.address(to, options.destination ?? 1) },
      options,
    );
  }

  /** As `start`, between any two nodes. @throws RehomeError REHOME_E_TRAFFIC */
  static async between<N extends string>(
    lab: Spawner<N>,
    { node: from, address: local }: TrafficEnd<N>,
    { node: to, address: peer }: TrafficEnd<N>,
    options: Pick<BuiltinOptions, 'seed' | 'bytesPerSecond' | 'port' | 'sampleMs'>,
  ): Promise<BuiltinTraffic> {
    const gaps: Gap[] = [];
    const samples: Sample[] = [];
    const receiver = run(
      lab,
      to,
      'receiver',
      [peer, String(options.port ?? 0), options.seed, String(options.sampleMs ?? 50)],
      (message) => {
        if (message.kind === 'sample') samples.push({ at: message.at, bytes: message.bytes });
        if (message.kind === 'gap') gaps.push({ from: message.from, to: message.to });
      },
    );
    const { port } = await receiver.first('listening');
    const sender = run(lab, from, 'sender', [
      local,
      peer,
      String(port),
      options.seed,
      String(options.bytesPerSecond ?? 0),
    ]);
    const { at } = await sender.first('connected');
    return new BuiltinTraffic(sender, receiver, { startedAt: at, samples, gaps });
  }

  /** Ends both programs at once, whatever is on its way; for who only wanted the network to be used. */
  async abandon(): Promise<void> {
    this.receiver.kill(); // first, so that the sender's kernel learns that nobody listens
    this.sender.kill();
    await this.done.catch(() => undefined);
  }

  async finish(timeoutMs: number): Promise<TrafficResult> {
    this.sender.stdin?.end();
    const [sent, received] = await inTime(this.done, timeoutMs);
    return {
      bytesSent: sent.bytes,
      bytesReceived: received.bytes,
      bytesVerified: received.verified ?? 0,
      endedAt: received.at,
    };
  }
}

interface Program {
  readonly child: ChildProcess;
  /** The first message of a kind. Rejects when the program fails or ends without it. */
  first<K extends TrafficMessage['kind']>(kind: K): Promise<Of<K>>;
}

/** Starts one of our traffic programs in a host. */
export function run<N extends string>(
  lab: Spawner<N>,
  host: N,
  script: 'sender' | 'receiver' | 'udp',
  args: readonly string[],
  onMessage: (message: TrafficMessage) => void = () => undefined,
): Program {
  const child = lab.spawn(
    host,
    process.execPath,
    [compiledScript(`lab/traffic/${script}`), ...args],
    { stdio: ['pipe', 'pipe', 'pipe'], detached: true },
  );
  const seen: TrafficMessage[] = [];
  const wanted = new Set<(message: TrafficMessage) => void>();
  const output = new ProgramOutput(child, (line) => {
    const message = JSON.parse(line) as TrafficMessage;
    if (message.kind !== 'sample' && message.kind !== 'gap' && message.kind !== 'datagram')
      seen.push(message);
    onMessage(message);
    for (const tell of wanted) tell(message);
  });
  return {
    child,
    first: <K extends TrafficMessage['kind']>(kind: K) =>
      new Promise<Of<K>>((resolve, reject) => {
        const look = (message: TrafficMessage): void => {
          if (message.kind === kind) resolve(message as Of<K>);
          else if (message.kind === 'failed') reject(trouble(message.reason));
        };
        seen.forEach(look);
        wanted.add(look);
        void output.ended.then(() =>
          reject(trouble(`the ${script} ended early ${output.complaints}`.trim())),
        );
      }),
  };
}

const trouble = (why: string): RehomeError => new RehomeError('REHOME_E_TRAFFIC', why);

/** @throws RehomeError REHOME_E_TRAFFIC when `work` takes longer. */
export async function inTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(trouble(`the transfer did not finish within ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
