import { mkdirSync, writeFileSync } from 'node:fs';
import { runFailover } from '../../sim/failover.js';
import type { FailoverReport } from '../../sim/report.js';
import { whyNoLab } from '../capability.js';
import { eventText } from '../draw/event-text.js';
import { LiveView } from '../draw/live.js';
import { paintWith } from '../../sim/draw/paint.js';
import { finalDrawing, plotMarks, reportText } from '../draw/report-text.js';
import { svgPlot } from '../draw/svg.js';
import { LabFailover } from '../failover.js';
import { stopSignal } from '../signals.js';
import { bytesPerSecond, type FailoverChoice, type LabIo, screenOf } from './options.js';

/**
 * `rehome lab failover`: in namespaces, or, where these cannot be had, on the in-memory network with the same engine
 * and the same report.
 * @returns the exit status: 0 only when the session was kept and every octet verified
 */
export async function failover(choice: FailoverChoice, io: LabIo): Promise<number> {
  const quiet = choice.json === true;
  const obstacle = choice.memory === true ? undefined : whyNoLab();
  if (obstacle !== undefined) {
    io.err(
      `rehome: ${obstacle}, so the same scenario runs on the in-memory network, with the same engine.\n`,
    );
  }
  if (choice.out !== undefined) mkdirSync(choice.out, { recursive: true });
  const inMemory = choice.memory === true || obstacle !== undefined;
  const report = inMemory ? memory(choice, io, quiet) : await namespaces(choice, io, quiet);
  if (choice.out !== undefined) writeFiles(choice, report);
  if (quiet) io.out(`${JSON.stringify(report, null, 2)}\n`);
  else {
    io.out(`\n${reportText(report, paintWith(io.colors))}\n`);
    if (choice.out !== undefined) io.out(`Written to ${choice.out}: ${files(report)}\n`);
  }
  if (!report.ok) io.err(`rehome: failover failed: ${report.reason ?? 'unknown'}\n`);
  return report.ok ? 0 : 1;
}

const files = ({ world }: FailoverReport): string =>
  `report.json, throughput.svg${world === 'namespaces' ? ', packets.pcapng' : ''}`;

const title = (choice: FailoverChoice, where: string): string =>
  `rehome lab failover ${where}: profile ${choice.profile}, identity ${choice.identity}, break ${choice.break}, ${choice.delay} ms one way, ` +
  `${choice.rate === 0 ? 'no rate limit' : `${choice.rate} Mbit/s`}, MTU ${choice.mtu}, seed ${choice.seed}`;

function memory(choice: FailoverChoice, io: LabIo, quiet: boolean): FailoverReport {
  if (!quiet) io.out(`${title(choice, 'in memory')}\n`);
  const rate = bytesPerSecond(choice.rate);
  const report = runFailover({
    seed: choice.seed,
    profile: choice.profile,
    identity: choice.identity,
    break: choice.break,
    delayMs: choice.delay,
    ...(rate === null ? {} : { rate }),
    ...(quiet ? {} : { onEvent: (event) => io.out(`${eventText(event)}\n`) }),
  });
  if (!quiet) io.out(`\n${finalDrawing(report, paintWith(io.colors))}`);
  return report;
}

async function namespaces(
  choice: FailoverChoice,
  io: LabIo,
  quiet: boolean,
): Promise<FailoverReport> {
  const view = quiet
    ? undefined
    : new LiveView(screenOf(io), paintWith(io.colors), title(choice, 'in network namespaces'));
  const stop = stopSignal();
  try {
    return await LabFailover.run({
      profile: choice.profile,
      identity: choice.identity,
      break: choice.break,
      traffic: choice.traffic,
      seed: choice.seed,
      mtu: choice.mtu,
      delayMs: choice.delay,
      rate: bytesPerSecond(choice.rate),
      ...(choice.out === undefined ? {} : { capture: `${choice.out}/packets.pcapng` }),
      signal: stop.signal,
      onEvent: (event) => view?.event(event),
      onStart: (run) => view?.start(run.lab, () => run.traffic),
      onEnd: async () => view?.stop(),
    });
  } finally {
    stop.release();
  }
}

function writeFiles(choice: FailoverChoice, report: FailoverReport): void {
  const { out = '.' } = choice;
  writeFileSync(`${out}/report.json`, `${JSON.stringify(report, null, 2)}\n`);
  const { cutAtMs, applicationGapMs, recoveryMs } = report;
  const gap =
    recoveryMs === null || applicationGapMs === null
      ? {}
      : { gap: { from: cutAtMs, to: cutAtMs + recoveryMs } };
  writeFileSync(
    `${out}/throughput.svg`,
    svgPlot({
      title: `Throughput of one TCP session, path cut at ${(cutAtMs / 1000).toFixed(1)} s`,
      caption: `rehome lab failover --profile ${choice.profile} --identity ${choice.identity} --break ${choice.break} --traffic ${choice.traffic} --delay ${choice.delay} --rate ${choice.rate} --mtu ${choice.mtu} --seed ${choice.seed}; ${report.world}`,
      samples: report.transfer.samples,
      marks: plotMarks(report),
      ...gap,
    }),
  );
}
