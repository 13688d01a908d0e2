import { DRIVER_INTERVALS } from '../../daemon/driver.js';
import { PROTOCOL } from '../../wire/ipv6.js';
import { MESSAGE_TYPE } from '../../wire/shim6/constants.js';
import { addMs, type Millis } from '../../wire/units.js';
import { addressAt } from '../packets.js';
import { engineConfig } from '../scenario/resolve.js';
import type { ScenarioOf, TrafficFields } from '../scenario/schema.js';
import { detectionFigures, detectionTables } from './detection-report.js';
import { round } from './exploration.js';
import { Testbed } from './testbed.js';
import { wanted, type Experiment, type Hooks, type TrialRecord, type Unit } from './types.js';

type Scenario = ScenarioOf<'detection'>;

/** Until traffic has its shape: slow start is over, several keepalives have gone. */
const WARM_UP = 10_000;

/** A case: what is cut, or how much is lost. */
type Case =
  | { readonly kind: 'cut'; readonly traffic: number; readonly sendTimer: number }
  | { readonly kind: 'loss'; readonly traffic: number; readonly loss: number };

function cases({ detection: { traffic, send_timers: timers, losses } }: Scenario): Case[] {
  return traffic.flatMap((_, t): Case[] => [
    ...timers.map((sendTimer) => ({ kind: 'cut' as const, traffic: t, sendTimer })),
    ...losses.map((loss) => ({ kind: 'loss' as const, traffic: t, loss })),
  ]);
}

/** Packets a second, roughly: what a case costs. */
const HEAVY: Readonly<Partial<Record<TrafficFields['model'], number>>> = { bulk: 100, mix: 100 };

/**
 * How long a cut goes unnoticed, for each kind of traffic and send timer; and how often packet loss alone makes a host
 * explore, and move.
 */
export const detection: Experiment<'detection'> = {
  name: 'detection',
  units: (scenario) => {
    const units: Unit[] = [];
    let next = 1;
    for (const [part, one] of cases(scenario).entries()) {
      const cut = one.kind === 'cut';
      const count = cut ? scenario.trials : scenario.detection.watches;
      const model = scenario.detection.traffic[one.traffic]?.model ?? 'cbr';
      const seconds = cut ? 40 : scenario.detection.watch / 1_000;
      const most = cut ? 25 : 1;
      for (let from = 0; from < count; from += most) {
        const size = Math.min(most, count - from);
        const weight = size * seconds * (HEAVY[model] ?? 4);
        units.push({ part, first: next, last: next + size - 1, weight });
        next += size;
      }
    }
    return units;
  },
  run: (scenario, unit, hooks = {}) => {
    const one = cases(scenario)[unit.part];
    if (one === undefined) return [];
    return [...wanted(unit, hooks.only)].map((trial) =>
      one.kind === 'cut'
        ? cutTrial(scenario, one, trial, hooks)
        : lossTrial(scenario, one, trial, hooks),
    );
  },
  tables: detectionTables,
  figures: detectionFigures,
};

function cutTrial(
  scenario: Scenario,
  one: Case & { readonly kind: 'cut' },
  trial: number,
  hooks: Hooks,
): TrialRecord {
  const traffic = scenario.detection.traffic[one.traffic] as TrafficFields;
  const bed = new Testbed({
    scenario,
    config: engineConfig(scenario, { sendTimeout: one.sendTimer }),
    seed: `${scenario.seed}/detection/${traffic.model}/${one.sendTimer}/${trial}`,
  });
  const { clock, random } = bed.world;
  hooks.onWorld?.(bed.world, trial);
  bed.establish();
  const silence = new Silence(bed);
  bed.flow(traffic).start();
  clock.run(whenToCut(traffic, random.fork('cut').uniform()));
  const cutAt = clock.now();
  const { AtoB, BtoA } = bed.inUse();
  bed.watch.begin(cutAt);
  bed.stop([AtoB, BtoA]);
  hooks.onNote?.(`cut ${bed.nameOf(AtoB)} ${bed.nameOf(BtoA)}`);
  bed.awaitRecovery(addMs(cutAt, scenario.detection.patience));
  silence.stop();
  const { detection: noticed, first } = bed.watch;
  const lost = first === undefined ? undefined : silence.since(first);
  return {
    trial,
    kind: 'cut',
    model: traffic.model,
    sendTimerMs: one.sendTimer,
    detectionMs: round(noticed),
    /** From the first packet that the host which noticed sent after it last heard anything. */
    sinceLostMs: noticed === null || lost === undefined ? null : round(noticed - (lost - cutAt)),
    togetherMs: round(bed.watch.together),
  };
}

/** Any time while packets flow; with a shell in the last half of a pause, when keepalives have long ended. */
function whenToCut(traffic: TrafficFields, draw: number): number {
  if (traffic.model !== 'idle-then-active') return WARM_UP + draw * 10_000;
  return traffic.active + traffic.idle * (0.5 + 0.4 * draw);
}

/** Keepalives and probes ask for no answer (RFC 5534 §6.2). */
const isReap = (packet: Uint8Array): boolean =>
  packet[6] === PROTOCOL.shim6 &&
  (packet[42] === MESSAGE_TYPE.keepalive || packet[42] === MESSAGE_TYPE.probe);

/** When each host sent the first packet after the last one that reached it: what its send timer should run from. */
class Silence {
  readonly #since = new Map<string, Millis>();
  readonly #bed: Testbed;
  #noticed = false;
  readonly stop: () => void;

  constructor(bed: Testbed) {
    this.#bed = bed;
    const { clock, network } = bed.world;
    const untap = network.tap((packet) => {
      if (isReap(packet)) return;
      const host = this.#owner(packet, 8);
      if (!this.#frozen && !this.#since.has(host)) this.#since.set(host, clock.now());
    });
    const untapEnds = network.tapEnds((packet, fate) => {
      if (this.#frozen || fate !== 'arrived') return;
      const host = this.#owner(packet, 24);
      // The driver learns of payload up to one look later, and then a keepalive that came first cannot answer it.
      const since = this.#since.get(host) ?? clock.now();
      if (!isReap(packet) || clock.now() - since > DRIVER_INTERVALS.busy) this.#since.delete(host);
    });
    this.stop = () => {
      untap();
      untapEnds();
    };
  }

  since(host: string): Millis | undefined {
    return this.#since.get(host);
  }

  /** Once somebody has noticed, probes fly: they are not what is measured. */
  get #frozen(): boolean {
    this.#noticed ||= this.#bed.watch.detection !== null;
    return this.#noticed;
  }

  #owner(packet: Uint8Array, at: number): string {
    const { a, b } = this.#bed;
    return a.locators.includes(addressAt(packet, at)) ? a.name : b.name;
  }
}

function lossTrial(
  scenario: Scenario,
  one: Case & { readonly kind: 'loss' },
  trial: number,
  hooks: Hooks,
): TrialRecord {
  const traffic = scenario.detection.traffic[one.traffic] as TrafficFields;
  let [alarms, moves] = [0, 0];
  const bed = new Testbed({
    scenario,
    config: engineConfig(scenario),
    seed: `${scenario.seed}/detection/${traffic.model}/loss ${one.loss}/${trial}`,
    onEvent: (_host, { name, detail }) => {
      if (name === 'failure-suspected' && detail?.['why'] === 'send-timeout') alarms++;
      if (name === 'path-changed') moves++;
    },
  });
  const { clock, network } = bed.world;
  hooks.onWorld?.(bed.world, trial);
  bed.establish();
  bed.flow(traffic).start();
  clock.run(WARM_UP);
  [alarms, moves] = [0, 0];
  network.configureAll({ loss: one.loss });
  clock.run(scenario.detection.watch);
  const hours = scenario.detection.watch / 3_600_000;
  return { trial, kind: 'loss', model: traffic.model, loss: one.loss, hours, alarms, moves };
}
