import type { ContextView, EngineEvent, SecurityMode } from '../engine/types.js';
import type { ReapProfileName } from '../reap/constants.js';
import { pairKey, type Address } from '../wire/address.js';
import { RehomeError } from '../wire/errors.js';
import { addMs, ms, type Millis } from '../wire/units.js';
import { ByteSource } from './apps/byte-source.js';
import { StreamReceiver } from './apps/stream-receiver.js';
import { StreamSender } from './apps/stream-sender.js';
import { choosePathsToCut } from './breaks.js';
import type { SimHost } from './host.js';
import type {
  BreakKind,
  DirectionPath,
  FailoverReport,
  HostName,
  PathRef,
  PathReport,
  ReportEvent,
  ThroughputSample,
} from './report.js';
import { simConfig, World } from './world.js';

export interface FailoverOptions {
  readonly seed: string | number;
  readonly profile?: ReapProfileName;
  /** How the hosts prove their locators. Default: hba. */
  readonly identity?: SecurityMode;
  readonly break?: BreakKind;
  /** Providers per host. Default 3: 18 one-way paths. */
  readonly locators?: number;
  /** One way, milliseconds, of path number i of a direction (source first). Default 10. */
  readonly delayMs?: number | ((index: number) => number);
  /** Octets per second of every path; default 2,500,000 (20 Mbit/s). */
  readonly rate?: number;
  /** Milliseconds from the start of the transfer to the cut. Default 10,000. */
  readonly cutAfterMs?: number;
  /** Milliseconds the transfer goes on once the session has recovered. Default 10,000. */
  readonly goOnMs?: number;
  /** How long recovery may take, milliseconds. Default 300,000. */
  readonly patienceMs?: number;
  /** Called at every event of the report as it happens. */
  readonly onEvent?: (event: ReportEvent) => void;
}

const SAMPLE_MS = 250;
/** A retransmission timer that backed off for the whole outage waits as long again, two minutes at most. */
const TCP_PATIENCE_MS = 150_000;
const ESTABLISH_MS = 8_000;
const PORTS = { sourcePort: 40_000, destinationPort: 5_001 };

/**
 * `rehome lab failover` without a kernel: two hosts, three providers each, one transfer, the path in use cut without a
 * word; the very engine of the daemon in virtual time. The same seed gives the same report.
 * @throws RehomeError REHOME_E_BREAK
 */
export function runFailover(options: FailoverOptions): FailoverReport {
  return new Failover(options).run();
}

interface BothWays {
  readonly AtoB: DirectionPath;
  readonly BtoA: DirectionPath;
}

class Failover {
  readonly #options: FailoverOptions;
  readonly #world: World;
  readonly #a: SimHost;
  readonly #b: SimHost;
  readonly #sender: StreamSender;
  readonly #receiver: StreamReceiver;
  readonly #events: ReportEvent[] = [];
  readonly #samples: ThroughputSample[] = [];
  #sampled = 0;
  #startedAt: Millis = ms(0);
  #cutAt: Millis = ms(0);
  #cut: PathRef[] = [];
  #lastBytesAt: Millis = ms(0);
  #longestGap = 0;
  #detectedAt: Millis | undefined;
  #recoveredAt: Millis | undefined;
  readonly #troubled = new Set<HostName>();

  constructor(options: FailoverOptions) {
    this.#options = options;
    const profile = options.profile ?? 'rfc';
    this.#world = new World({
      seed: options.seed,
      paths: { rate: options.rate ?? 2_500_000, queue: 128 * 1024 },
      onEvent: (host, event) => this.#heard(host.name as HostName, event),
    });
    const count = options.locators ?? 3;
    const config = simConfig(profile, { security: options.identity ?? 'hba' });
    this.#a = this.#world.addHost('A', count, config);
    this.#b = this.#world.addHost('B', count, config);
    this.#setDelays();
    const flow = { from: this.#a, to: this.#b, source: ulid(this.#a), destination: ulid(this.#b) };
    const stream = {
      ...flow,
      ...PORTS,
      clock: this.#world.clock,
      bytes: new ByteSource(`${options.seed}/bytes`),
    };
    this.#sender = new StreamSender(stream);
    this.#receiver = new StreamReceiver(stream);
    this.#receiver.onBytes = () => this.#arrived();
  }

  run(): FailoverReport {
    const { clock } = this.#world;
    clock.run(1_000);
    this.#startedAt = clock.now();
    this.#lastBytesAt = this.#startedAt;
    this.#note('network', 'transfer-started', {});
    this.#sample();
    this.#sender.start();
    const cutAfter = Math.max(this.#options.cutAfterMs ?? 10_000, 1);
    const established = clock.runWhile(addMs(this.#startedAt, ESTABLISH_MS), () => this.#ready());
    clock.runUntil(addMs(this.#startedAt, cutAfter));
    const before = this.#directions();
    if (!established) return this.#report(before, 'the hosts did not establish a context');
    this.#makeCut(before);
    const deadline = addMs(this.#cutAt, this.#options.patienceMs ?? 300_000);
    if (!clock.runWhile(deadline, () => this.#recoveredAt !== undefined)) {
      return this.#report(before, this.#whyNot());
    }
    const resumed = clock.runWhile(addMs(clock.now(), TCP_PATIENCE_MS), () => this.#flows());
    if (!resumed) return this.#report(before, 'no data arrived after the session recovered');
    clock.run(this.#options.goOnMs ?? 10_000);
    this.#sender.finish();
    const finished = clock.runWhile(addMs(clock.now(), 120_000), () => this.#sender.done);
    this.#note('network', 'transfer-finished', { bytes: this.#receiver.received });
    return this.#report(
      before,
      finished ? undefined : 'the transfer did not finish after recovery',
    );
  }

  #setDelays(): void {
    const delay = this.#options.delayMs ?? 10;
    for (const [from, to] of [
      [this.#a, this.#b],
      [this.#b, this.#a],
    ] as const) {
      let index = 0;
      for (const source of from.locators) {
        for (const destination of to.locators) {
          const value = typeof delay === 'number' ? delay : delay(index++);
          this.#world.network.configure(source, destination, { delay: value });
        }
      }
    }
  }

  #ready(): boolean {
    return [this.#a, this.#b].every((host) => context(host)?.state === 'ESTABLISHED');
  }

  #makeCut(inUse: BothWays): void {
    const { clock, network, random } = this.#world;
    const paths = {
      AtoB: { from: 'A' as const, ...endpoints(inUse.AtoB) },
      BtoA: { from: 'B' as const, ...endpoints(inUse.BtoA) },
    };
    const kind = this.#options.break ?? 'current';
    this.#cut = choosePathsToCut(kind, paths, this.#allPaths(), 'A', random.fork('break'));
    this.#cutAt = clock.now();
    this.#longestGap = 0;
    for (const path of this.#cut) {
      network.configure(path.source as Address, path.destination as Address, { up: false });
    }
    this.#note('network', 'cut', { paths: this.#cut.length });
  }

  #allPaths(): PathRef[] {
    const paths = (from: HostName, sources: SimHost, destinations: SimHost): PathRef[] =>
      sources.locators.flatMap((source) =>
        destinations.locators.map((destination) => ({ from, source, destination })),
      );
    return [...paths('A', this.#a, this.#b), ...paths('B', this.#b, this.#a)];
  }

  #heard(host: HostName, event: EngineEvent): void {
    this.#note(host, event.name, event.detail ?? {});
    if (this.#cutAt === 0) return;
    if (event.name === 'failure-suspected') {
      this.#detectedAt ??= event.at;
      this.#recoveredAt = undefined;
      this.#troubled.add(host);
    } else if (event.name === 'operational') {
      this.#troubled.delete(host);
      if (this.#troubled.size === 0) this.#recoveredAt ??= event.at;
    }
  }

  #arrived(): void {
    const now = this.#world.clock.now();
    this.#longestGap = Math.max(this.#longestGap, now - this.#lastBytesAt);
    this.#lastBytesAt = now;
  }

  #sample(): void {
    this.#world.clock.after(SAMPLE_MS, () => {
      const { received } = this.#receiver;
      const bytesPerSecond = ((received - this.#sampled) * 1000) / SAMPLE_MS;
      this.#samples.push({ t: this.#since(this.#world.clock.now()), bytesPerSecond });
      this.#sampled = received;
      this.#sample();
    });
  }

  #note(host: ReportEvent['host'], name: string, detail: ReportEvent['detail']): void {
    const event = { t: this.#since(this.#world.clock.now()), host, name, detail };
    this.#events.push(event);
    this.#options.onEvent?.(event);
  }

  #since(at: Millis): number {
    return round(at - this.#startedAt);
  }

  #directions(): BothWays {
    return { AtoB: direction(this.#a, this.#b), BtoA: direction(this.#b, this.#a) };
  }

  #whyNot(): string {
    return this.#detectedAt === undefined
      ? 'no host noticed the cut'
      : 'the hosts did not find a path that works';
  }

  #flows(): boolean {
    return this.#recoveredAt !== undefined && this.#lastBytesAt > this.#recoveredAt;
  }

  #report(before: BothWays, failure: string | undefined): FailoverReport {
    const after = this.#directions();
    const { received, verified } = this.#receiver;
    const { sent } = this.#sender;
    const corrupt = verified === received ? undefined : `${received - verified} octets were wrong`;
    const missing = received === sent ? undefined : `${sent - received} octets did not arrive`;
    const reason = failure ?? corrupt ?? missing ?? null;
    const span = (from: Millis | undefined, to: Millis | undefined): number | null =>
      from === undefined || to === undefined ? null : round(to - from);
    const cutAt = this.#cutAt === 0 ? undefined : this.#cutAt;
    return {
      schema: 'rehome.failover/1',
      world: 'memory',
      seed: this.#world.random.seed,
      profile: this.#options.profile ?? 'rfc',
      break: this.#options.break ?? 'current',
      topology: {
        locators: { A: this.#a.locators, B: this.#b.locators },
        ulids: { A: ulid(this.#a), B: ulid(this.#b) },
        paths: this.#allPaths().map((path) => this.#pathReport(path)),
      },
      detectionMs: span(cutAt, this.#detectedAt),
      explorationMs: span(this.#detectedAt, this.#recoveredAt),
      recoveryMs: span(cutAt, this.#recoveredAt),
      applicationGapMs: cutAt === undefined ? null : round(this.#longestGap),
      transfer: {
        traffic: 'builtin',
        bytesSent: sent,
        bytesReceived: received,
        bytesVerified: verified,
        durationMs: this.#since(this.#world.clock.now()),
        samples: this.#samples,
      },
      paths: {
        AtoB: { before: before.AtoB, after: after.AtoB },
        BtoA: { before: before.BtoA, after: after.BtoA },
      },
      cutAtMs: this.#since(this.#cutAt),
      events: this.#events,
      ok: reason === null,
      reason,
    };
  }

  #pathReport(path: PathRef): PathReport {
    const { delay, loss, rate } = this.#world.network.settings(
      path.source as Address,
      path.destination as Address,
    );
    const isCut = this.#cut.some(
      (other) => other.source === path.source && other.destination === path.destination,
    );
    return { ...path, delayMs: delay, loss, rate: rate ?? null, cut: isCut };
  }
}

const round = (value: number): number => Math.round(value * 1000) / 1000;
const endpoints = ({ source, destination }: DirectionPath): Omit<PathRef, 'from'> => ({
  source,
  destination,
});

function ulid(host: SimHost): Address {
  const [first] = host.locators;
  if (first === undefined) {
    throw new RehomeError('REHOME_E_NO_LOCATOR', `host ${host.name} needs a locator`, host.name);
  }
  return first;
}

const context = (host: SimHost): ContextView | undefined => host.engine?.contexts()[0];

/** The pair a host sends over: its context's, or the ULIDs while there is none. */
function direction(from: SimHost, to: SimHost): DirectionPath {
  const found = context(from);
  const pair = found?.pair ?? { local: ulid(from), peer: ulid(to) };
  const shimmed = found !== undefined && pairKey(found.pair) !== pairKey(found.ulids);
  return { source: pair.local, destination: pair.peer, shimmed };
}
