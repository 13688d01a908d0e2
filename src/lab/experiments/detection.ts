import { round } from '../../sim/experiments/exploration.js';
import { detection as sim } from '../../sim/experiments/detection.js';
import type { TrialRecord } from '../../sim/experiments/types.js';
import { SeededRandom } from '../../sim/random.js';
import type { ScenarioOf, TrafficFields } from '../../sim/scenario/schema.js';
import type { SentPacket } from '../../sim/trace/recorder.js';
import { DRIVER_INTERVALS } from '../../daemon/driver.js';
import { PATHS } from '../paths.js';
import { BuiltinTraffic } from '../traffic/builtin.js';
import type { LabBed } from './bed.js';
import { pathParameters } from './settings.js';
import { Trace } from './trace.js';
import { trialSeed, type LabExperiment, type LabUnit } from './types.js';

type Scenario = ScenarioOf<'detection'>;

/** As the simulator: until traffic has its shape. */
const WARM_UP = 10_000;
const PORT = 1_000;

/** The simulator's cases, in its order: of each traffic first the send timers, then the losses. */
function caseOf({ detection: { traffic, send_timers: timers, losses } }: Scenario, part: number) {
  const each = timers.length + losses.length;
  const fields = traffic[Math.floor(part / each)] as TrafficFields;
  const i = part % each;
  const sendTimer = timers[i];
  return sendTimer === undefined
    ? { fields, loss: losses[i - timers.length] ?? 0 }
    : { fields, sendTimer };
}

/** Detection time and false alarms with real hosts and, for `bulk` and `mix`, a real TCP. */
export const detection: LabExperiment<'detection'> = {
  sim,
  reduce: (scenario) => ({
    ...scenario,
    trials: 15,
    detection: {
      ...scenario.detection,
      send_timers: [3_000],
      losses: [0.2],
      watch: 300_000,
      watches: 2,
    },
  }),
  timers: (scenario, part): Readonly<Record<string, number>> => {
    const { sendTimer } = caseOf(scenario, part);
    return sendTimer === undefined ? {} : { send_timeout: sendTimer };
  },
  seconds: (scenario, part) => {
    const { fields, sendTimer } = caseOf(scenario, part);
    if (sendTimer === undefined) return WARM_UP / 1_000 + scenario.detection.watch / 1_000;
    const quiet = fields.model === 'idle-then-active' ? (fields.active + fields.idle) / 1_000 : 15;
    return quiet + sendTimer / 1_000 + 1;
  },
  run: async (bed, scenario, unit) => [
    caseOf(scenario, unit.part).sendTimer === undefined
      ? await lossTrial(bed, scenario, unit)
      : await cutTrial(bed, scenario, unit),
  ],
};

async function cutTrial(
  bed: LabBed,
  scenario: Scenario,
  { part, first: trial }: LabUnit,
): Promise<TrialRecord> {
  const { fields, sendTimer = 0 } = caseOf(scenario, part);
  const random = new SeededRandom(
    trialSeed(scenario.seed, 'detection', fields.model, sendTimer, trial),
  );
  await bed.fresh();
  await bed.establish();
  const trace = await Trace.begin(bed);
  const end = await begin(bed, fields, random);
  await bed.pause(whenToCut(fields, random.fork('cut').uniform()));
  const inUse = await bed.inUse();
  const cut = [inUse.AtoB, inUse.BtoA];
  const cutAt = await bed.cut(cut);
  await bed.awaitRecovery(scenario.detection.patience);
  const names = cut.map((path) => bed.nameOf(path));
  const open = pathParameters(scenario.network);
  const packets = await trace.end(({ name }, at) => ({
    ...open,
    stopped: at >= cutAt && names.includes(name),
  }));
  await end();
  const { watch } = bed;
  const { detection: noticed, first } = watch;
  const since =
    noticed === null || first === undefined
      ? undefined
      : silenceSince(packets, first, Math.floor(cutAt) + noticed);
  return {
    trial,
    kind: 'cut',
    model: fields.model,
    sendTimerMs: sendTimer,
    detectionMs: round(noticed),
    sinceLostMs:
      noticed === null || since === undefined ? null : round(Math.floor(cutAt) + noticed - since),
    togetherMs: round(watch.together),
  };
}

/** Begins a flow. @returns its end */
async function begin(
  bed: LabBed,
  fields: TrafficFields,
  random: SeededRandom,
): Promise<() => Promise<void>> {
  if (fields.model === 'bulk') {
    const traffic = await BuiltinTraffic.start(bed.lab, { seed: random.seed });
    return () => traffic.abandon();
  }
  const { local: source, peer: destination } = bed.ulids;
  await bed.flows.begin(fields, { source, destination, port: PORT }, random.fork('traffic'));
  return () => bed.flows.close();
}

/** Any time while packets flow; with a shell in the last half of a pause, when keepalives have long ended. */
function whenToCut(fields: TrafficFields, draw: number): number {
  if (fields.model !== 'idle-then-active') return WARM_UP + draw * 10_000;
  return fields.active + fields.idle * (0.5 + 0.4 * draw);
}

/**
 * When a host sent the first packet after the last one that reached it: what its send timer should run from. Keepalives
 * and probes ask for no answer (RFC 5534 §6.2).
 */
export function silenceSince(
  packets: readonly SentPacket[],
  host: string,
  until: number,
): number | undefined {
  const isReap = ({ control }: SentPacket): boolean =>
    control?.message === 'keepalive' || control?.message === 'probe';
  const steps = packets.flatMap((packet) => [
    ...(packet.from === host ? [{ at: packet.at, sent: true, packet }] : []),
    ...(packet.to === host && packet.arrivedAt !== undefined
      ? [{ at: packet.arrivedAt, sent: false, packet }]
      : []),
  ]);
  let since: number | undefined;
  for (const { at, sent, packet } of steps.sort((a, b) => a.at - b.at)) {
    if (at >= until) break;
    if (sent) {
      if (!isReap(packet)) since ??= at;
    } else if (!isReap(packet) || at - (since ?? at) > DRIVER_INTERVALS.busy) {
      // The driver learns of payload up to one look later, and then a keepalive that came first cannot answer it.
      since = undefined;
    }
  }
  return since;
}

async function lossTrial(
  bed: LabBed,
  scenario: Scenario,
  { part, first: trial }: LabUnit,
): Promise<TrialRecord> {
  const { fields, loss = 0 } = caseOf(scenario, part);
  const random = new SeededRandom(trialSeed(scenario.seed, 'detection', fields.model, loss, trial));
  let [alarms, moves] = [0, 0];
  await bed.fresh();
  await bed.establish();
  const end = await begin(bed, fields, random);
  await bed.pause(WARM_UP);
  const unlisten = bed.listen(({ name, detail }) => {
    if (name === 'failure-suspected' && detail['why'] === 'send-timeout') alarms++;
    if (name === 'path-changed') moves++;
  });
  const all = PATHS.map(({ id }) => id);
  await bed.lab.emulator.set(all, { loss });
  await bed.pause(scenario.detection.watch);
  unlisten();
  await bed.lab.emulator.set(all, { loss: 0 });
  await end();
  const hours = scenario.detection.watch / 3_600_000;
  return { trial, kind: 'loss', model: fields.model, loss, hours, alarms, moves };
}
