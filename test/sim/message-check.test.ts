import { describe, expect, it } from 'vitest';
import { PAPER } from '../../src/reap/constants.js';
import { checkMessages } from '../../src/sim/experiments/message-check.js';
import { bind } from '../../src/sim/experiments/index.js';
import { loadScenario } from '../../src/sim/scenario/load.js';
import {
  locatorNames,
  Recorder,
  type SentPacket,
  type TraceEntry,
} from '../../src/sim/trace/recorder.js';
import type { World } from '../../src/sim/world.js';
import type { Address } from '../../src/wire/address.js';
import type { Probe } from '../../src/wire/shim6/index.js';

interface Trial {
  readonly world: World;
  readonly entries: readonly TraceEntry[];
  readonly cutAt: number;
}

const isProbe = (entry: TraceEntry): entry is SentPacket & { control: Probe } =>
  entry.kind === 'packet' && entry.control?.message === 'probe';

function runTrial(only: number): Trial {
  const { scenario } = loadScenario('asymmetric');
  const experiment = bind(scenario);
  const [unit] = experiment.units();
  let world: World | undefined;
  let recorder: Recorder | undefined;
  if (unit === undefined) throw new Error('no unit');
  experiment.run(unit, {
    only,
    onWorld: (of) => {
      world = of;
      recorder = new Recorder(of);
    },
    onNote: (text) => recorder?.note(text),
  });
  if (world === undefined || recorder === undefined) throw new Error('nothing ran');
  // The check is of an exploration; how the context was made is not its business.
  const all = recorder.entries;
  const from = all.findIndex((e) => e.kind === 'packet' && e.control === undefined);
  const cutAt = all.find((e) => e.kind === 'moment' && e.host === undefined)?.at ?? NaN;
  return { world, entries: all.slice(from), cutAt };
}

/** A good trial of figure 2 with enough probes to change one. The check has to find whatever is changed in it. */
function longTrial(): Trial {
  for (let only = 1; only <= 100; only++) {
    const trial = runTrial(only);
    if (trial.entries.filter(isProbe).length > 8) return trial;
  }
  throw new Error('no long exploration among 100');
}

const { world, entries, cutAt } = longTrial();
const [a, b] = world.hosts.map((host) => host.locators);
const [a1, b1] = [a?.[0] as Address, b?.[0] as Address];

const check = (trace: readonly TraceEntry[]): string[] =>
  checkMessages(trace, {
    works: (source, destination, at) =>
      at < cutAt || world.network.settings(source, destination).up,
    initial: { A: { local: a1, peer: b1 }, B: { local: b1, peer: a1 } },
    reap: PAPER,
    nameOf: locatorNames(world),
  });

/** The trace with one probe changed: the first that `pick` wants. */
function tampered(
  pick: (probe: Probe, packet: SentPacket) => boolean,
  change: (probe: Probe, packet: SentPacket) => Partial<SentPacket>,
): TraceEntry[] {
  const at = entries.findIndex((e) => isProbe(e) && pick(e.control, e));
  const found = entries[at];
  if (found === undefined || !isProbe(found)) throw new Error('no such probe');
  return entries.with(at, { ...found, ...change(found.control, found) });
}

describe('the message check', () => {
  it('finds nothing in a good trial', () => {
    expect(entries.filter(isProbe).length).toBeGreaterThan(8);
    expect(check(entries)).toEqual([]);
  });

  it.each<[string, TraceEntry[], RegExp]>([
    [
      'a wrong state',
      tampered(
        (p) => p.state === 'inboundOk',
        (p) => ({ control: { ...p, state: 'operational' } }),
      ),
      /sent operational, is inboundOk/,
    ],
    [
      'a report of a probe that never came',
      tampered(
        (p) => p.received.length > 0,
        (p) => ({ control: { ...p, received: p.received.map((r) => ({ ...r, nonce: 7 })) } }),
      ),
      /reports a probe that it never got/,
    ],
    [
      'a probe that does not report itself',
      tampered(
        () => true,
        (p) => ({ control: { ...p, sent: p.sent.map((r) => ({ ...r, source: b1 })) } }),
      ),
      /does not report itself first/,
    ],
    [
      'Operational over another pair than the one that was reported',
      tampered(
        (p) => p.state === 'operational',
        (p, { destination }) => ({
          source: a1,
          destination: b1,
          control: {
            ...p,
            sent: p.sent.map((r) =>
              r.destination === destination ? { ...r, source: a1, destination: b1 } : r,
            ),
          },
        }),
      ),
      /Operational over a1>b1, not over the pair it chose/,
    ],
    [
      'an answer that does not come',
      entries.filter((e) => !(isProbe(e) && e.control.state === 'operational')),
      /owes an answer|is not Operational at the end/,
    ],
    [
      'an exploration that begins too early',
      tampered(
        (p) => p.state === 'exploring',
        (_p, packet) => ({ at: (packet.at - 2_000) as SentPacket['at'] }),
      ),
      /sent exploring, is operational/,
    ],
    [
      'a packet that gets through where nothing does',
      tampered(
        (_p, { fate }) => fate === 'cut',
        () => ({ fate: 'arrived' }),
      ),
      /fate arrived/,
    ],
    [
      'payload that stays on the old pair',
      entries.map((e) =>
        e.kind === 'packet' && e.from === 'A' && e.shimmed
          ? { ...e, source: a1, destination: b1 }
          : e,
      ),
      /payload over a1>b1 instead of/,
    ],
  ])('finds %s', (_what, trace, expected) => {
    expect(check(trace).join('\n')).toMatch(expected);
  });
});
