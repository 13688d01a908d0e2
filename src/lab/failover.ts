import { setTimeout as sleep } from 'node:timers/promises';
import type { SecurityMode } from '../engine/types.js';
import { monotonicMs } from '../linux/clock.js';
import { REAP_PROFILES, type ReapProfileName } from '../reap/constants.js';
import { choosePathsToCut } from '../sim/breaks.js';
import { SeededRandom } from '../sim/random.js';
import type { BreakKind, FailoverReport, PathRef, ReportEvent } from '../sim/report.js';
import { RehomeError } from '../wire/errors.js';
import { watchEvents, type HostEvent } from './event-watch.js';
import { Lab } from './lab.js';
import { measureRecovery } from './measure.js';
import { HOSTS, otherHost, PATHS, type OneWayPath } from './paths.js';
import { assembleReport, directionsNow, type Directions } from './report.js';
import { BuiltinTraffic } from './traffic/builtin.js';
import { IperfTraffic } from './traffic/iperf.js';
import { LabServer } from './server.js';
import type { Traffic, TrafficResult } from './traffic/traffic.js';

export interface LabFailoverOptions {
  readonly profile: ReapProfileName;
  /** How the hosts prove their locators. Default: hba. */
  readonly identity?: SecurityMode;
  readonly break: BreakKind;
  readonly traffic: 'builtin' | 'iperf3';
  readonly seed: string;
  readonly mtu: number;
  /** Of every path, one way. */
  readonly delayMs: number;
  /** Octets per second of every path; null: not limited. */
  readonly rate: number | null;
  /** From the start of the transfer to the cut. Default 8,000. */
  readonly cutAfterMs?: number;
  /** How long the transfer goes on after recovery. Default 8,000. */
  readonly goOnMs?: number;
  /** A pcapng file of every packet that enters the router. */
  readonly capture?: string;
  /** Ends the run early. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: ReportEvent) => void;
  /** The lab is up; what is drawn is read from it. */
  readonly onStart?: (run: LabFailover) => void;
  /** The lab is about to be taken down. */
  readonly onEnd?: () => Promise<void>;
}

const ESTABLISH_MS = 10_000;
const FINISH_MS = 30_000;
const STEP_MS = 50;

/** One failover in network namespaces: real daemons, real TCP. Call `run` once, then `stop`, whatever happens. */
export class LabFailover {
  readonly options: LabFailoverOptions;
  readonly lab: Lab;
  traffic: Traffic | undefined;
  cutPaths: readonly OneWayPath[] = [];
  private readonly events: ReportEvent[] = [];
  private readonly told: HostEvent[] = [];
  private readonly ended = new AbortController();
  private startedAt = monotonicMs() as number;
  private cutAt: number | undefined;
  private interrupted = false;

  private constructor(options: LabFailoverOptions, lab: Lab) {
    this.options = options;
    this.lab = lab;
  }

  /** Builds the lab and runs the scenario. @throws SyscallError, RehomeError (also REHOME_E_INTERRUPTED) */
  static async run(options: LabFailoverOptions): Promise<FailoverReport> {
    const { seed, mtu, delayMs, rate, profile, identity = 'hba' } = options;
    const daemon = { profile, identity };
    const lab = await Lab.start({ mtu, seed, paths: { delayMs, rate }, daemon });
    const run = new LabFailover(options, lab);
    let server: LabServer | undefined;
    try {
      server = await LabServer.start(lab, () => run.interrupt());
      if (options.capture !== undefined) await lab.emulator.capture(options.capture);
      options.onStart?.(run);
      return await run.scenario();
    } finally {
      run.ended.abort();
      server?.close();
      await options.onEnd?.();
      await lab.stop();
    }
  }

  private interrupt(): void {
    this.interrupted = true;
  }

  private async scenario(): Promise<FailoverReport> {
    watchEvents(this.lab, this.ended.signal, (event) => this.heard(event));
    const traffic = await this.startTraffic();
    this.traffic = traffic;
    this.startedAt = traffic.startedAt;
    this.note(this.startedAt, 'network', 'transfer-started', {});
    const established = await this.until(ESTABLISH_MS, () => this.established());
    const before = await directionsNow(this.lab);
    if (!established) return this.report(before, 'the hosts did not establish a context');
    await this.until(this.startedAt + this.cutAfter - monotonicMs(), () => false);
    const atCut = await directionsNow(this.lab);
    await this.cut(atCut);
    const failure = await this.recover(traffic);
    if (failure !== undefined) return this.report(atCut, failure);
    await this.until(this.options.goOnMs ?? 8_000, () => false);
    try {
      const result = await traffic.finish(FINISH_MS);
      this.note(result.endedAt, 'network', 'transfer-finished', { bytes: result.bytesReceived });
      return await this.report(atCut, undefined, result);
    } catch (error) {
      if (!(error instanceof RehomeError)) throw error;
      return this.report(atCut, error.message);
    }
  }

  private get cutAfter(): number {
    return this.options.cutAfterMs ?? 8_000;
  }

  private async startTraffic(): Promise<Traffic> {
    if (this.options.traffic === 'builtin')
      return BuiltinTraffic.start(this.lab, { seed: this.options.seed });
    const { sendTimeout } = REAP_PROFILES[this.options.profile];
    const recovery = sendTimeout + (typeof this.options.break === 'number' ? 30_000 : 5_000);
    const total = this.cutAfter + recovery + (this.options.goOnMs ?? 8_000);
    return IperfTraffic.start(this.lab, total / 1000);
  }

  private async established(): Promise<boolean> {
    const contexts = await Promise.all(HOSTS.map((host) => this.lab.context(host)));
    return contexts.every((context) => context !== undefined);
  }

  private async cut(inUse: Directions): Promise<void> {
    const { AtoB, BtoA } = inUse;
    const chosen = choosePathsToCut(
      this.options.break,
      {
        AtoB: { from: 'A', source: AtoB.source, destination: AtoB.destination },
        BtoA: { from: 'B', source: BtoA.source, destination: BtoA.destination },
      },
      PATHS.map((path) => this.pathRef(path)),
      'A',
      new SeededRandom(this.options.seed).fork('break'),
    );
    const isChosen = (path: OneWayPath): boolean => {
      const { source, destination } = this.pathRef(path);
      return chosen.some((c) => c.source === source && c.destination === destination);
    };
    this.cutPaths = PATHS.filter(isChosen);
    this.cutAt = await this.lab.cut(this.cutPaths);
    const names = this.cutPaths.map((p) => p.name).join(' ');
    this.note(this.cutAt, 'network', 'cut', { paths: this.cutPaths.length, names });
  }

  /** Waits until both hosts are Operational and data arrives again. @returns why not, undefined when they are. */
  private async recover(traffic: Traffic): Promise<string | undefined> {
    const { sendTimeout } = REAP_PROFILES[this.options.profile];
    const patience = 2 * sendTimeout + (typeof this.options.break === 'number' ? 90_000 : 30_000);
    const recoveredAt = (): number | undefined => this.recovery().recoveredAt;
    const arrives = (): boolean => {
      const at = recoveredAt();
      return at !== undefined && traffic.samples.some((s) => s.at > at && s.bytes > 0);
    };
    const recovered = await this.until(patience, () => traffic.failure !== undefined || arrives());
    if (traffic.failure !== undefined) return `the session was lost: ${traffic.failure}`;
    if (recovered) return undefined;
    if (this.recovery().detectedAt === undefined) return 'no host noticed the cut';
    return recoveredAt() === undefined
      ? 'the hosts did not find a path that works'
      : 'the session recovered, but no data arrived afterwards';
  }

  private pathRef(path: OneWayPath): PathRef {
    const source = this.lab.address(path.from, path.source);
    const destination = this.lab.address(otherHost(path.from), path.destination);
    return { from: path.from, source, destination };
  }

  private recovery(): ReturnType<typeof measureRecovery> {
    return measureRecovery(this.told, this.cutAt ?? Infinity);
  }

  /** Polls until `done` or the time is over. @throws RehomeError REHOME_E_INTERRUPTED */
  private async until(ms: number, done: () => boolean | Promise<boolean>): Promise<boolean> {
    const end = monotonicMs() + ms;
    for (;;) {
      if (this.interrupted || this.options.signal?.aborted === true)
        throw new RehomeError('REHOME_E_INTERRUPTED', 'interrupted');
      if (await done()) return true;
      const left = end - monotonicMs();
      if (left <= 0) return false;
      await sleep(Math.min(STEP_MS, left));
    }
  }

  private heard(event: HostEvent): void {
    this.told.push(event);
    this.note(event.at, event.host, event.name, event.detail);
  }

  private note(
    at: number,
    host: ReportEvent['host'],
    name: string,
    detail: ReportEvent['detail'],
  ): void {
    const event = { t: at - this.startedAt, host, name, detail };
    this.events.push(event);
    this.options.onEvent?.(event);
  }

  private async report(
    before: Directions,
    failure: string | undefined,
    result?: TrafficResult,
  ): Promise<FailoverReport> {
    return assembleReport({
      options: this.options,
      locators: this.lab.locators(),
      startedAt: this.startedAt,
      cutAt: this.cutAt,
      cutPaths: this.cutPaths,
      recovery: this.recovery(),
      before,
      after: await directionsNow(this.lab),
      traffic: this.traffic,
      result,
      failure,
      events: this.events,
      state: await this.lab.state(),
    });
  }
}
