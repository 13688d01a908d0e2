import { describe, expect, it } from 'vitest';
import { bind } from '../../src/sim/experiments/index.js';
import { loadScenario } from '../../src/sim/scenario/load.js';
import { ladder, ladderHosts } from '../../src/sim/trace/ladder.js';
import { toPcapng } from '../../src/sim/trace/pcapng.js';
import { locatorNames, Recorder, type TraceEntry } from '../../src/sim/trace/recorder.js';
import type { World } from '../../src/sim/world.js';
import { readPcapng } from '../../src/wire/pcapng.js';
import { describePacket } from '../../src/wire/shim6/describe/index.js';

/** A trial of a built-in scenario, recorded. */
function recorded(name: string, trial: number): { world: World; entries: readonly TraceEntry[] } {
  const { scenario } = loadScenario(name);
  const experiment = bind(scenario);
  const unit = experiment.units().find(({ first, last }) => first <= trial && trial <= last);
  let world: World | undefined;
  let recorder: Recorder | undefined;
  if (unit === undefined) throw new Error('no such trial');
  experiment.run(unit, {
    only: trial,
    onWorld: (of) => {
      world = of;
      recorder = new Recorder(of);
    },
    onNote: (text) => recorder?.note(text),
  });
  if (world === undefined || recorder === undefined) throw new Error('no world');
  return { world, entries: recorder.entries };
}

const asymmetric = recorded('asymmetric', 3);
const cutAt =
  asymmetric.entries.find((e) => e.kind === 'moment' && e.host === undefined)?.at ?? NaN;
const draw = (width: number): string[] =>
  ladder(
    asymmetric.entries.filter(({ at }) => at >= cutAt),
    { nameOf: locatorNames(asymmetric.world), width, zero: cutAt },
  );

describe('the ladder', () => {
  it('shows a trial of figure 2: probes that get through and do not, reports, and where payload goes', () => {
    expect(`\n${draw(88).join('\n')}\n`).toMatchSnapshot();
  });

  it.each([60, 80, 88, 140])('keeps to %i columns, and its two lines stay straight', (width) => {
    const lines = draw(width);
    for (const line of lines.slice(1)) {
      expect(line.length).toBeLessThanOrEqual(width);
      if (line.includes('──')) expect(line.length).toBeGreaterThan(width - 4);
    }
    const rungs = lines.filter((line) => line.includes('│'));
    const right = new Set(rungs.map((line) => line.length));
    expect(right.size).toBe(1);
  });

  it('gathers payload that goes on alike', () => {
    const { world, entries } = recorded('survival', 1);
    const lines = ladder(entries.slice(0, 4_000), { nameOf: locatorNames(world), width: 100 });
    expect(lines.length).toBeLessThan(4_000);
    expect(lines.some((line) => /data, \d+ packets, until/.test(line))).toBe(true);
  });

  it('of many hosts has two of them and nothing of the others', () => {
    const { world, entries } = recorded('storm', 1);
    const [left, right] = ladderHosts(entries);
    const lines = ladder(entries, { nameOf: locatorNames(world), width: 100 });
    expect([left.slice(0, 2), right.slice(0, 3)]).toEqual(['in', 'out']);
    const names = lines.join('\n').match(/\b(?:in|out)\d+(?=\.\d>|\.\d {2})/g) ?? [];
    expect(new Set(names)).toEqual(new Set([left, right]));
  });
});

describe('the recorder', () => {
  it('knows of every packet when it left and when it arrived', () => {
    const packets = asymmetric.entries.filter((e) => e.kind === 'packet' && e.at < cutAt + 6_000);
    expect(packets.length).toBeGreaterThan(20);
    for (const packet of packets) {
      if (packet.kind !== 'packet') continue;
      const { at, arrivedAt, fate } = packet;
      expect(fate === 'arrived' || fate === 'cut').toBe(true);
      if (fate === 'arrived') expect(arrivedAt).toBeCloseTo(at + 10, 6);
      else expect(arrivedAt).toBeUndefined();
    }
  });
});

describe('the capture', () => {
  const items = [...readPcapng(toPcapng(asymmetric.entries))];
  const packets = items.filter((item) => item.kind === 'packet');

  it('is read by our own reader without a problem, every packet where and when it was', () => {
    expect(items.filter(({ kind }) => kind === 'problem')).toEqual([]);
    const sent = asymmetric.entries.filter((e) => e.kind === 'packet');
    const arrived = sent.filter(({ arrivedAt }) => arrivedAt !== undefined);
    expect(packets).toHaveLength(sent.length + arrived.length);
    expect(new Set(packets.map(({ interfaceName }) => interfaceName))).toEqual(new Set(['A', 'B']));
    const times = packets.map(({ timestamp }) => timestamp ?? 0n);
    expect(times.every((t, i) => i === 0 || t >= (times[i - 1] ?? 0n))).toBe(true);
    const first = sent[0];
    expect(Number((times[0] ?? 0n) % 86_400_000_000_000n)).toBeCloseTo((first?.at ?? 0) * 1e6, -1);
    expect(packets[0]?.frame).toEqual(first?.packet);
  });

  it('says of a lost packet what became of it', () => {
    const text = Buffer.from(toPcapng(asymmetric.entries)).toString('latin1');
    const lost = asymmetric.entries.filter((e) => e.kind === 'packet' && e.fate === 'cut');
    expect(text.split('this path is cut').length - 1).toBe(lost.length);
  });

  it('has virtual time stamps: the same trial gives the same octets', () => {
    expect(toPcapng(recorded('asymmetric', 3).entries)).toEqual(toPcapng(asymmetric.entries));
  });

  it('has control messages that decode, with right checksums', () => {
    const views = packets.map(({ frame }) => describePacket(frame));
    const control = views.filter(({ kind }) => kind === 'control');
    expect(control.length).toBeGreaterThan(10);
    expect(control.every((view) => 'checksumOk' in view && view.checksumOk)).toBe(true);
    expect(views.some(({ kind }) => kind === 'malformed')).toBe(false);
  });
});

describe('a replay', () => {
  it('is the trial of the run, whatever other trials there are', () => {
    for (const [name, trial] of [
      ['exploration', 3_001],
      ['selection', 77],
      ['detection', 5],
    ] as const) {
      const { scenario } = loadScenario(name);
      const experiment = bind(scenario);
      const unit = experiment.units().find(({ first, last }) => first <= trial && trial <= last);
      if (unit === undefined) throw new Error('no unit');
      const all = experiment.run(unit);
      expect(experiment.run(unit, { only: trial })).toEqual([all[trial - unit.first]]);
    }
  });
});
