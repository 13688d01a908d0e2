import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { PacketCapture } from '../../../src/lab/emulator/capture.js';
import { VNET_HEADER } from '../../../src/lab/emulator/packet.js';
import { PLAIN_PATH } from '../../../src/lab/emulator/path.js';
import { silenceSince } from '../../../src/lab/experiments/detection.js';
import { readTrace } from '../../../src/lab/experiments/trace.js';
import { hostAddress } from '../../../src/lab/paths.js';
import { monotonicMs } from '../../../src/linux/clock.js';
import { buildUdp } from '../../../src/sim/packets.js';
import type { SentPacket } from '../../../src/sim/trace/recorder.js';
import { ms } from '../../../src/wire/units.js';

const [a1, b1, b2] = [hostAddress('A', 1), hostAddress('B', 1), hostAddress('B', 2)];

function frame(source: typeof a1, destination: typeof a1, size: number): Uint8Array {
  const ports = { sourcePort: 1, destinationPort: 2 };
  const packet = buildUdp({ source, destination, ...ports, payload: new Uint8Array(size) });
  return Buffer.concat([new Uint8Array(VNET_HEADER), packet]);
}

describe('what was on the wire', () => {
  it('is read from the capture with the fate that the emulator gave it', () => {
    const directory = mkdtempSync(`${tmpdir()}/rehome-trace-`);
    const file = `${directory}/t.pcapng`;
    try {
      const start = monotonicMs();
      const capture = new PacketCapture(file);
      capture.record(frame(a1, b1, 1_000), start, '');
      capture.record(frame(a1, b1, 1_000), start + 1, '');
      capture.record(frame(b1, a1, 10), start + 5, '');
      capture.record(frame(a1, b2, 10), start + 100, '');
      capture.record(frame(a1, a1, 10), start + 101, ''); // none of the lab's paths
      capture.close();
      const offset = Date.now() - monotonicMs();
      // 1,048 octets at 104,800 a second are 10 ms; a1>b2 is cut.
      const packets = readTrace(readFileSync(file), offset, (path) => ({
        ...PLAIN_PATH,
        delayMs: 20,
        rate: 104_800,
        stopped: path.name === 'a1>b2',
      }));
      expect(packets.map(({ from, to, fate }) => `${from}>${to} ${fate}`)).toEqual([
        'A>B arrived',
        'A>B arrived',
        'B>A arrived',
        'A>B cut',
      ]);
      const [first, second, back] = packets.map((p) => (p.arrivedAt ?? NaN) - start);
      // The capture's clock is the wall clock: a millisecond may be lost.
      for (const [value, expected] of [
        [first, 30],
        [second, 40],
        [back, 25.55],
      ]) {
        expect(Math.abs((value ?? NaN) - (expected ?? NaN))).toBeLessThan(2);
      }
      expect(packets.every((p) => p.control === undefined && !p.shimmed)).toBe(true);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('the silence that a send timer runs from', () => {
  const packet = (
    from: 'A' | 'B',
    at: number,
    arrivedAt?: number,
    control?: SentPacket['control'],
  ): SentPacket => ({
    kind: 'packet',
    at: ms(at),
    packet: new Uint8Array(0),
    source: a1,
    destination: b1,
    from,
    to: from === 'A' ? 'B' : 'A',
    control,
    shimmed: false,
    fate: arrivedAt === undefined ? 'cut' : 'arrived',
    arrivedAt: arrivedAt === undefined ? undefined : ms(arrivedAt),
  });
  const probe = { message: 'probe' } as unknown as SentPacket['control'];

  it('begins with the first packet after the last that came', () => {
    const packets = [
      packet('A', 0, 10),
      packet('B', 20, 30),
      packet('A', 100), // this one
      packet('A', 200),
      packet('B', 210),
    ];
    expect(silenceSince(packets, 'A', 1_000)).toBe(100);
    expect(silenceSince(packets, 'B', 1_000)).toBe(20);
    expect(silenceSince(packets, 'A', 90)).toBeUndefined();
  });
  it('does not begin with a probe, and ends with one', () => {
    expect(silenceSince([packet('A', 5, undefined, probe), packet('A', 9)], 'A', 99)).toBe(9);
    const packets = [packet('A', 0), packet('B', 30, 40, probe), packet('A', 50)];
    expect(silenceSince(packets, 'A', 99)).toBe(50);
  });
  it('does not end with a probe that came before the driver has looked', () => {
    const packets = [packet('A', 0), packet('B', 0, 10, probe), packet('A', 50)];
    expect(silenceSince(packets, 'A', 99)).toBe(0);
  });
});
