import type { DirectionPath, DirectionReport, FailoverReport } from '../../sim/report.js';
import { REAP_PROFILES } from '../../reap/constants.js';
import { PATHS, type OneWayPath } from '../paths.js';
import { formatBytes, formatMs, formatRate } from '../../sim/draw/scale.js';
import type { Paint } from '../../sim/draw/paint.js';
import { drawTopology, LEGEND } from './topology.js';
import { terminalPlot, type PlotMark } from './terminal-plot.js';

/** Moments worth a mark in a plot of throughput. */
export function plotMarks(report: FailoverReport): PlotMark[] {
  const { cutAtMs, detectionMs, recoveryMs } = report;
  const marks: PlotMark[] = [];
  if (cutAtMs > 0) marks.push({ t: cutAtMs, label: 'cut' });
  if (detectionMs !== null) marks.push({ t: cutAtMs + detectionMs, label: 'noticed' });
  if (recoveryMs !== null) marks.push({ t: cutAtMs + recoveryMs, label: 'recovered' });
  return marks;
}

/** A finished run for people: verdict first, then times, paths and the plot. Works for both worlds. */
export function reportText(report: FailoverReport, paint: Paint): string {
  const name = shortNames(report);
  const { transfer } = report;
  return [
    verdict(report, paint),
    '',
    `  detection    ${formatMs(report.detectionMs).padStart(9)}   cut until the first host noticed (send timer: ${profileText(report)})`,
    `  exploration  ${formatMs(report.explorationMs).padStart(9)}   until both hosts had a working path again, ${probes(report)}`,
    `  recovery     ${formatMs(report.recoveryMs).padStart(9)}   both together`,
    `  gap          ${formatMs(report.applicationGapMs).padStart(9)}   the longest the receiving application got nothing`,
    '',
    `  A to B       ${directionText(report.paths.AtoB, name)}`,
    `  B to A       ${directionText(report.paths.BtoA, name)}`,
    `  cut          ${cutText(report, name)}`,
    `  ULIDs        ${report.topology.ulids.A} and ${report.topology.ulids.B}, the same before and after`,
    `  data         ${transferText(report)}`,
    '',
    ...terminalPlot(transfer.samples, plotMarks(report), paint).map((line) => `  ${line}`),
    '',
  ].join('\n');
}

function verdict(report: FailoverReport, paint: Paint): string {
  if (!report.ok) return paint.bad(paint.strong(`FAILED: ${report.reason ?? 'unknown'}`));
  const checked = report.transfer.bytesVerified !== null;
  return paint.good(
    paint.strong(
      checked
        ? 'The session was kept: every octet arrived, in order.'
        : 'The session was kept (iperf3 counts octets and verifies none).',
    ),
  );
}

/** The drawing of a run that is over: what was cut, and where data went in the end. */
export function finalDrawing(report: FailoverReport, paint: Paint): string {
  const { locators, paths } = report.topology;
  const name = shortNames(report);
  const find = ({ source, destination }: DirectionPath): OneWayPath | undefined =>
    PATHS.find((p) => p.name === `${name(source)}>${name(destination)}`);
  const cut = paths.filter((p) => p.cut).flatMap((p) => find({ ...p, shimmed: false })?.id ?? []);
  const view = {
    stopped: new Set(cut),
    current: { AtoB: find(report.paths.AtoB.after), BtoA: find(report.paths.BtoA.after) },
    locators,
  };
  return [...drawTopology(view, paint), paint.dim(LEGEND), ''].join('\n');
}

/** `a1` for 2001:db8:a1::10; by place where addresses are others. */
export function shortNames(report: FailoverReport): (address: string) => string {
  const names = new Map<string, string>();
  for (const host of ['A', 'B'] as const) {
    report.topology.locators[host].forEach((address, i) =>
      names.set(address, `${host.toLowerCase()}${i + 1}`),
    );
  }
  return (address) => names.get(address) ?? address;
}

const pathText = (path: DirectionPath, name: (address: string) => string): string =>
  `${name(path.source)} > ${name(path.destination)}${path.shimmed ? ' (with extension header)' : ''}`;

function directionText(of: DirectionReport, name: (address: string) => string): string {
  const [before, after] = [pathText(of.before, name), pathText(of.after, name)];
  return before === after ? `${after}, as before` : `${before}, then ${after}`;
}

function cutText(report: FailoverReport, name: (address: string) => string): string {
  const cut = report.topology.paths.filter((p) => p.cut);
  if (cut.length === 0) return 'nothing';
  const all = cut.map((p) => `${name(p.source)}>${name(p.destination)}`).join(' ');
  return `${cut.length} of ${report.topology.paths.length} one-way paths: ${all}`;
}

function transferText({ transfer }: FailoverReport): string {
  const { bytesReceived, bytesVerified, durationMs } = transfer;
  const rate = durationMs > 0 ? formatRate((bytesReceived * 1000) / durationMs) : '-';
  const verified =
    bytesVerified === null ? 'not verified' : `${bytesVerified} octets verified in order`;
  return `${formatBytes(bytesReceived)} by ${transfer.traffic} in ${formatMs(durationMs)} (${rate}), ${verified}`;
}

const profileText = ({ profile }: FailoverReport): string =>
  `${REAP_PROFILES[profile].sendTimeout / 1_000} s, profile ${profile}`;

/** Probes that the hosts told of since the cut. */
function probes(report: FailoverReport): string {
  const sent = report.events
    .filter((e) => e.name === 'operational' && e.t >= report.cutAtMs)
    .map((e) => e.detail['probesSent'])
    .filter((n): n is number => typeof n === 'number')
    .reduce((a, b) => a + b, 0);
  return `${sent} probes sent`;
}
