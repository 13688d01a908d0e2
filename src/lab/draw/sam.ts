import type { NodeReport, PassageReport, PhaseReport, SamReport } from '../../sim/sam/report.js';
import type { Paint } from '../../sim/draw/paint.js';
import { formatBytes, formatMs } from '../../sim/draw/scale.js';

const FIGURE_7 = [
  '                          Internet  [far]',
  '                          /            \\            drops sources that are not the sender’s',
  '                     [ISP-A]          [ISP-B]       take what they have given, nothing else',
  '                        |                |',
  '                      [gwA]            [gwB]',
  '                  WiFi  |  \\              |',
  '                   |    bridge ---------- + ------ Ethernet',
  '                   |                      |',
  '                   +------- [host] -------+',
];

const FIGURE_1 = [
  '                     Internet                        drops sources that are not the sender’s',
  '                    /    |    \\',
  '                 [A]    [B]    [S]                   prefixes of their own',
  '                  | \\  / |      |',
  '                  | /  \\ |      s                    another site',
  '            [CA CB]    [EA EB]                       zones C and E: each in A and in B',
  '                  \\    / |',
  '                 [DC DE] |                           zone D: in C and in E',
  '                      \\  |',
  '                     [FD FE]                         zone F: in D and in E',
  '                        |',
  '                        f                            three levels down',
];

/** The figure, and every node's addresses and prefixes below it. */
export function drawSam(report: Pick<SamReport, 'figure' | 'nodes'>, paint: Paint): string[] {
  const width = Math.max(...report.nodes.map((n) => n.name.length));
  return [
    ...(report.figure === 7 ? FIGURE_7 : FIGURE_1),
    '',
    ...report.nodes.flatMap((n) => nodeLines(n, width, paint)),
  ];
}

/** Local addresses once (a router has the same in zones of the same constant prefix), prefixes two on a line. */
function nodeLines(node: NodeReport, width: number, paint: Paint): string[] {
  const locals = [...new Set(node.addresses)].join(', ');
  const pairs: string[] = [];
  for (let i = 0; i < node.prefixes.length; i += 2)
    pairs.push(node.prefixes.slice(i, i + 2).join('  '));
  const indent = ' '.repeat(width + 4);
  return [
    `  ${paint.strong(node.name.padEnd(width))}  ${locals}`,
    ...pairs.map((p) => paint.dim(`${indent}${p}`)),
  ];
}

/** One phase: a line for each packet that was sent. */
export function phaseLines(phase: PhaseReport, paint: Paint): string[] {
  const names = Math.max(...phase.passages.map((p) => p.name.length));
  const sources = Math.max(...phase.passages.map((p) => p.source.length));
  return [
    paint.strong(phase.title),
    ...phase.passages.map((p) => {
      const line = `  ${p.name.padEnd(names)}  ${p.source.padEnd(sources)}  ${outcome(p)}`;
      return p.expected ? line : `${line}  ${paint.bad('not as it should be')}`;
    }),
  ];
}

function outcome(p: PassageReport): string {
  if (p.leftBy.length === 0) {
    return p.error === null ? 'never left the site' : `refused: ICMPv6 ${p.error}`;
  }
  const left = `left by ${p.leftBy.join(' and ')}`;
  if (!p.arrived) return `${left}, dropped there`;
  const intact = p.unchanged === true ? ', every octet as it was sent' : '';
  return `${left}, arrived${p.rttMs === null ? '' : `, answered in ${formatMs(p.rttMs)}`}${intact}`;
}

/** A finished run: drawing, verdict, times, the session. The phases have been printed as they came. */
export function samReportText(report: SamReport, paint: Paint): string {
  const { autoconfigurationMs, session } = report;
  return [
    ...drawSam(report, paint),
    '',
    report.ok
      ? paint.good(paint.strong('Every packet went as it should.'))
      : paint.bad(paint.strong(`FAILED: ${report.reasons.join('; ')}`)),
    '',
    ...(autoconfigurationMs === null
      ? []
      : [`  autoconfiguration  ${formatMs(autoconfigurationMs).padStart(9)}   until the host had all its global addresses`]), // prettier-ignore
    ...(session === null
      ? ['  session            not tried: Shim6 above SAM runs in namespaces only']
      : [
          `  session            ${session.kept ? 'kept' : paint.bad('lost')}: ${session.cause}`,
          `  ULIDs              ${session.ulids.local} and ${session.ulids.peer}, the same before and after`,
          `  by                 ${session.before.local} (${session.leftByBefore ?? '?'}), then ${session.after.local} (${session.leftByAfter ?? '?'})`,
          `  gap                ${formatMs(session.gapMs).padStart(9)}   the longest the receiving application got nothing`,
          `  data               ${formatBytes(session.bytesVerified)} of ${formatBytes(session.bytesSent)} verified, octet by octet`,
        ]),
    '',
  ].join('\n');
}
