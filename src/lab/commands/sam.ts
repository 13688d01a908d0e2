import { mkdirSync, writeFileSync } from 'node:fs';
import { paintWith } from '../../sim/draw/paint.js';
import { demonstrateInMemory } from '../../sim/sam/demonstration.js';
import type { PhaseReport, SamReport } from '../../sim/sam/report.js';
import { whyNoLab } from '../capability.js';
import { phaseLines, samReportText } from '../draw/sam.js';
import { SiteCapture } from '../site/capture.js';
import { demonstrateFigure1 } from '../site/demo1.js';
import { demonstrateFigure7 } from '../site/demo7.js';
import { stopSignal } from '../signals.js';
import type { LabIo } from './options.js';

export interface SamChoice {
  readonly figure: 7 | 1;
  readonly seed: string;
  readonly identity: 'none' | 'hba';
  readonly out?: string;
  readonly json?: boolean;
  readonly memory?: boolean;
}

/**
 * `rehome lab sam`: in namespaces, or, where these cannot be had, in memory with the same engine.
 * @returns the exit status: 0 only when every packet went as it should
 */
export async function sam(choice: SamChoice, io: LabIo): Promise<number> {
  const quiet = choice.json === true;
  const paint = paintWith(io.colors);
  const obstacle = choice.memory === true ? undefined : whyNoLab();
  if (obstacle !== undefined) {
    io.err(
      `rehome: ${obstacle}, so the same zones run in memory, with the same engine; [exit] and Shim6 are left out.\n`,
    );
  }
  const inMemory = choice.memory === true || obstacle !== undefined;
  const onPhase = (phase: PhaseReport): void => {
    if (!quiet) io.out(`${phaseLines(phase, paint).join('\n')}\n`);
  };
  if (!quiet) {
    const where = inMemory ? 'in memory' : 'in network namespaces';
    io.out(`${paint.strong(`rehome lab sam ${where}: figure ${choice.figure}, seed ${choice.seed}`)}\n`); // prettier-ignore
  }
  if (choice.out !== undefined) mkdirSync(choice.out, { recursive: true });
  const report = inMemory ? memory(choice, onPhase) : await namespaces(choice, io, onPhase);
  if (choice.out !== undefined) {
    writeFileSync(`${choice.out}/report.json`, `${JSON.stringify(report, null, 2)}\n`);
  }
  if (quiet) io.out(`${JSON.stringify(report, null, 2)}\n`);
  else {
    io.out(`\n${samReportText(report, paint)}`);
    if (choice.out !== undefined)
      io.out(`Written to ${choice.out}: report.json${inMemory ? '' : ', packets.pcapng'}\n`);
  }
  if (!report.ok) io.err(`rehome: lab sam failed: ${report.reasons.join('; ')}\n`);
  return report.ok ? 0 : 1;
}

function memory(choice: SamChoice, onPhase: (phase: PhaseReport) => void): SamReport {
  const report = demonstrateInMemory(choice.figure, choice.seed);
  report.phases.forEach(onPhase);
  return report;
}

async function namespaces(
  choice: SamChoice,
  io: LabIo,
  onPhase: (phase: PhaseReport) => void,
): Promise<SamReport> {
  const stop = stopSignal();
  let capture: SiteCapture | undefined;
  const dim = (text: string): string => io.colors.dim(text);
  try {
    if (choice.out !== undefined) capture = new SiteCapture(`${choice.out}/packets.pcapng`);
    const demonstrate = choice.figure === 7 ? demonstrateFigure7 : demonstrateFigure1;
    return await demonstrate({
      seed: choice.seed,
      identity: choice.identity,
      signal: stop.signal,
      onStep: (text) => void (choice.json === true || io.out(`${dim(`- ${text}`)}\n`)),
      onPhase,
      capture,
    });
  } finally {
    capture?.close();
    stop.release();
  }
}
