import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { RehomeError } from '../../wire/errors.js';
import { monotonicMs } from '../../linux/clock.js';
import { deferred } from '../deferred.js';
import type { Lab } from '../lab.js';
import { needProgram } from '../programs.js';
import { inTime } from './builtin.js';
import type { Gap, Sample } from './gap.js';
import { ProgramOutput } from './lines.js';
import type { Traffic, TrafficResult } from './traffic.js';

const INTERVAL_MS = 100;
const LINE = /^\[ *\d+\] +(\d+\.\d+)-(\d+\.\d+) +sec .* (\d+(?:\.\d+)?) Kbits\/sec/;

/** One line of iperf3's server as a sample: its end in milliseconds and the octets; undefined for other lines. */
export function parseInterval(line: string): { end: number; bytes: number } | undefined {
  const match = LINE.exec(line);
  if (match === null || line.includes('receiver')) return undefined;
  const [from, to, kilobits] = [Number(match[1]), Number(match[2]), Number(match[3])];
  return { end: to * 1000, bytes: Math.round((kilobits * 1000 * (to - from)) / 8) };
}

/** Runs of intervals without an octet, as gaps. */
export function gapsOf(samples: readonly Sample[], intervalMs: number): Gap[] {
  const gaps: Gap[] = [];
  let from: number | undefined;
  for (const { at, bytes } of samples) {
    if (bytes === 0) from ??= at - intervalMs;
    else if (from !== undefined) {
      gaps.push({ from, to: at - intervalMs });
      from = undefined;
    }
  }
  return gaps;
}

interface ClientReport {
  readonly error?: string;
  readonly end?: {
    readonly sum_sent?: { readonly bytes: number };
    readonly sum_received?: { readonly bytes: number };
  };
}

/** iperf3 as anybody uses it: one TCP stream from A to B for a fixed time. It counts octets and verifies none. */
export class IperfTraffic implements Traffic {
  readonly kind = 'iperf3';
  readonly startedAt: number;
  readonly samples: Sample[];
  failure: string | undefined;
  private readonly done: Promise<ClientReport>;

  private constructor(startedAt: number, samples: Sample[], done: Promise<ClientReport>) {
    this.startedAt = startedAt;
    this.samples = samples;
    this.done = done;
    done.catch((error: Error) => (this.failure ??= error.message));
  }

  /** To a tenth of a second, which is what iperf3 tells. */
  get gaps(): readonly Gap[] {
    return gapsOf(this.samples, INTERVAL_MS);
  }

  /** @throws RehomeError REHOME_E_PROGRAM, REHOME_E_TRAFFIC */
  static async start(lab: Lab, seconds: number): Promise<IperfTraffic> {
    const iperf = needProgram('iperf3', 'iperf3');
    const samples: Sample[] = [];
    let startedAt = 0;
    const listening = deferred();
    const connected = deferred();
    const server = start(lab, 'B', iperf, [
      ...['-s', '-1', '-i', String(INTERVAL_MS / 1000), '-f', 'k', '--forceflush'],
      ...['-B', lab.address('B', 1)],
    ]);
    const output = new ProgramOutput(server, (line) => {
      if (line.startsWith('Server listening')) listening.resolve();
      if (line.includes(' connected to ')) {
        startedAt = monotonicMs();
        connected.resolve();
      }
      const interval = parseInterval(line);
      if (interval !== undefined)
        samples.push({ at: startedAt + interval.end, bytes: interval.bytes });
    });
    const early = output.ended.then(() => {
      throw new RehomeError('REHOME_E_TRAFFIC', `iperf3 -s ended: ${output.complaints}`);
    });
    await Promise.race([listening.promise, early]);
    await sleep(50);
    const client = start(lab, 'A', iperf, [
      ...['-c', lab.address('B', 1), '-B', lab.address('A', 1)],
      ...['-t', String(Math.ceil(seconds)), '-i', '0', '-J'],
    ]);
    const done = clientReport(client);
    done.catch(() => undefined);
    await Promise.race([connected.promise, early, done]);
    early.catch(() => undefined);
    return new IperfTraffic(startedAt, samples, done);
  }

  async finish(timeoutMs: number): Promise<TrafficResult> {
    const report = await inTime(this.done, timeoutMs);
    return {
      bytesSent: report.end?.sum_sent?.bytes ?? 0,
      bytesReceived: report.end?.sum_received?.bytes ?? 0,
      bytesVerified: null,
      endedAt: this.samples.findLast((s) => s.bytes > 0)?.at ?? this.startedAt,
    };
  }
}

const start = (lab: Lab, host: 'A' | 'B', command: string, args: string[]): ChildProcess =>
  lab.spawn(host, command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });

async function clientReport(client: ChildProcess): Promise<ClientReport> {
  let text = '';
  const output = new ProgramOutput(client, (line) => (text += `${line}\n`));
  const code = await output.ended;
  let report: ClientReport;
  try {
    report = JSON.parse(text) as ClientReport;
  } catch {
    throw new RehomeError('REHOME_E_TRAFFIC', `iperf3 -c said: ${output.complaints || text}`);
  }
  if (code === 0 && report.error === undefined) return report;
  throw new RehomeError('REHOME_E_TRAFFIC', `iperf3 -c: ${report.error ?? `exit ${code}`}`);
}
