import { writeFileSync } from 'node:fs';
import { RehomeError } from '../../wire/errors.js';
import { paintWith } from '../draw/paint.js';
import { bind } from '../experiments/index.js';
import type { TrialRecord } from '../experiments/types.js';
import { headerOf, override, type Overrides } from '../run/header.js';
import { loadScenario } from '../scenario/load.js';
import { ladder, ladderHosts } from '../trace/ladder.js';
import { toPcapng } from '../trace/pcapng.js';
import { locatorNames, Recorder, type TraceEntry } from '../trace/recorder.js';
import type { World } from '../world.js';
import type { SimIo } from './io.js';

export interface ReplayChoice extends Overrides {
  /** As the results file numbers them, from 1. */
  readonly trial: number;
  readonly pcap?: string;
  readonly json?: boolean;
}

/** Columns where the output is no terminal. */
const PLAIN_WIDTH = 100;
/** Lines of a ladder; a storm has more than anybody reads. */
const MOST_LINES = 2_000;
/** Before the first note (the cut): that much of what went before is shown, virtual milliseconds. */
const LEAD_IN = 2_000;

/**
 * `rehome sim replay`: one trial again, as a ladder of messages, and as a capture.
 * @param columns of the terminal
 * @throws RehomeError REHOME_E_SCENARIO when there is no such trial
 */
export function replay(what: string, choice: ReplayChoice, io: SimIo, columns?: number): void {
  const loaded = loadScenario(what);
  const scenario = override(loaded.scenario, choice);
  const experiment = bind(scenario);
  const units = experiment.units();
  const { trial } = choice;
  const unit = units.find(({ first, last }) => first <= trial && trial <= last);
  if (unit === undefined) {
    const most = Math.max(...units.map(({ last }) => last));
    throw new RehomeError(
      'REHOME_E_SCENARIO',
      `no trial ${trial}: with ${scenario.trials} trials a case they are 1 to ${most}`,
      trial,
    );
  }
  let world: World | undefined;
  let recorder: Recorder | undefined;
  const [record] = experiment.run(unit, {
    only: trial,
    onWorld: (of) => {
      world = of;
      recorder = new Recorder(of);
    },
    onNote: (text) => recorder?.note(text),
  });
  if (world === undefined || recorder === undefined || record === undefined) {
    throw new RehomeError('REHOME_E_SIM', `trial ${trial} ran no world`, trial);
  }
  const { entries } = recorder;
  if (choice.pcap !== undefined) writeFileSync(choice.pcap, toPcapng(entries));
  const { command } = headerOf(loaded, scenario);
  if (choice.json === true) {
    io.out(
      `${JSON.stringify({ command, trial, record, messages: messagesJson(entries, world) }, null, 2)}\n`,
    );
    return;
  }
  show(entries, world, record, { command, trial }, io, columns);
  if (choice.pcap !== undefined) io.out(`\nWritten: ${choice.pcap}\n`);
}

function show(
  entries: readonly TraceEntry[],
  world: World,
  record: TrialRecord,
  { command, trial }: { readonly command: string; readonly trial: number },
  io: SimIo,
  columns: number | undefined,
): void {
  const paint = paintWith(io.colors);
  const zero = entries.find((entry) => entry.kind === 'moment' && entry.host === undefined)?.at;
  const shown = zero === undefined ? entries : entries.filter(({ at }) => at >= zero - LEAD_IN);
  io.out(`${paint.dim(`${command}, trial ${trial}`)}\n`);
  if (world.hosts.length > 2) {
    const [left, right] = ladderHosts(shown);
    const text = `Messages between ${left} and ${right}, of ${world.hosts.length} hosts.`;
    io.out(`${paint.dim(text)}\n`);
  }
  if (zero !== undefined) io.out(`${paint.dim('Times count from the first cut.')}\n`);
  io.out('\n');
  const lines = ladder(shown, {
    nameOf: locatorNames(world),
    width: io.tty ? (columns ?? PLAIN_WIDTH) - 1 : PLAIN_WIDTH,
    paint,
    ...(zero === undefined ? {} : { zero }),
  });
  io.out(
    lines
      .slice(0, MOST_LINES)
      .map((line) => `${line}\n`)
      .join(''),
  );
  if (lines.length > MOST_LINES) {
    io.out(`... and ${lines.length - MOST_LINES} more lines; --pcap FILE has everything\n`);
  }
  io.out(`\n${JSON.stringify(record)}\n`);
}

function messagesJson(entries: readonly TraceEntry[], world: World): readonly unknown[] {
  const nameOf = locatorNames(world);
  return entries.flatMap((entry) => {
    if (entry.kind === 'moment') {
      return {
        at: entry.at,
        host: entry.host ?? null,
        event: entry.name,
        detail: entry.detail ?? {},
      };
    }
    if (entry.control === undefined) return [];
    const { at, arrivedAt, from, to, fate, control, source, destination } = entry;
    return {
      at,
      arrivedAt: arrivedAt ?? null,
      from: from ?? null,
      to: to ?? null,
      path: `${nameOf(source)}>${nameOf(destination)}`,
      fate,
      message: control.message,
      ...(control.message === 'probe'
        ? { state: control.state, sent: control.sent.length, received: control.received.length }
        : {}),
    };
  });
}
