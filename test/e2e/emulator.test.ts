import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PLAIN_PATH } from '../../src/lab/emulator/path.js';
import { Lab } from '../../src/lab/lab.js';
import { hostAddress, PATHS, pathId, type Host } from '../../src/lab/paths.js';
import { BuiltinTraffic, run } from '../../src/lab/traffic/builtin.js';
import { readCapture } from '../../src/wire/pcap.js';
import { needsTun } from '../support/root.js';
import { QUICK, waitFor } from './support.js';

const FORWARD = pathId('A', 2, 3);
const BACK = pathId('B', 3, 2);

describe.skipIf(needsTun() !== undefined)('the path emulator between two plain hosts', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.start({ daemons: [], daemon: QUICK });
  });
  afterEach(() =>
    lab.emulator.set(
      PATHS.map((p) => p.id),
      PLAIN_PATH,
    ),
  );
  afterAll(() => lab.stop());

  /** Datagrams every 10 ms each way between a2 and b3; how long each was on its way, by receiving host. */
  async function oneWayDelays(forMs: number): Promise<Record<Host, number[]>> {
    const delays: Record<Host, number[]> = { A: [], B: [] };
    const start = (host: Host, own: 2 | 3, peer: 2 | 3): ReturnType<typeof run> => {
      const other = host === 'A' ? 'B' : 'A';
      const ends = [hostAddress(host, own), '7001', hostAddress(other, peer), '7001', '10'];
      return run(lab, host, 'udp', ends, (m) => {
        if (m.kind === 'datagram') delays[host].push(m.at - m.sentAt);
      });
    };
    const programs = [start('A', 2, 3), start('B', 3, 2)];
    await sleep(forMs);
    for (const { child } of programs) child.kill();
    return delays;
  }
  const median = (values: number[]): number =>
    values.sort((a, b) => a - b)[values.length >> 1] ?? NaN;

  it('delays each direction by its own time, to about a millisecond', async () => {
    await lab.emulator.set([FORWARD], { delayMs: 30 });
    await lab.emulator.set([BACK], { delayMs: 7 });
    const delays = await oneWayDelays(1_500);
    expect(delays.B.length).toBeGreaterThan(50);
    expect(median(delays.B)).toBeGreaterThanOrEqual(30);
    expect(median(delays.B)).toBeLessThan(32.5);
    expect(median(delays.A)).toBeGreaterThanOrEqual(7);
    expect(median(delays.A)).toBeLessThan(9.5);
  });

  it('stops one direction of one pair and nothing else', async () => {
    await lab.emulator.set([FORWARD], { stopped: true });
    const before = (await lab.state()).paths[FORWARD]?.counters.droppedStopped ?? 0;
    const delays = await oneWayDelays(800);
    expect(delays.B).toEqual([]);
    expect(delays.A.length).toBeGreaterThan(20);
    const { paths } = await lab.state();
    expect((paths[FORWARD]?.counters.droppedStopped ?? 0) - before).toBeGreaterThan(20);
  });

  it('carries a TCP stream well over 300 Mbit/s, and holds it to a rate when told', async () => {
    const fast = await BuiltinTraffic.start(lab, { seed: 'fast' });
    await sleep(1_500);
    const all = await fast.finish(10_000);
    expect(all.bytesVerified).toBe(all.bytesSent);
    const rate = (bytes: number, from: number, to: number): number =>
      (bytes * 8) / (to - from) / 1e3;
    expect(rate(all.bytesReceived, fast.startedAt, all.endedAt)).toBeGreaterThan(300);

    await lab.emulator.set(
      PATHS.map((p) => p.id),
      { rate: 2_500_000, delayMs: 5 },
    );
    const slow = await BuiltinTraffic.start(lab, { seed: 'slow' });
    await sleep(2_500);
    const some = await slow.finish(10_000);
    expect(some.bytesVerified).toBe(some.bytesSent);
    const megabits = rate(some.bytesReceived, slow.startedAt, some.endedAt);
    expect(megabits).toBeGreaterThan(14);
    expect(megabits).toBeLessThan(21);
  });

  it('lets TCP do its work over lossy, jittery, reordering, duplicating paths', async () => {
    await lab.emulator.set(
      PATHS.map((p) => p.id),
      { delayMs: 3, jitterMs: 2, loss: 0.01, duplicate: 0.02, reorder: 0.02 },
    );
    const traffic = await BuiltinTraffic.start(lab, { seed: 'rough', bytesPerSecond: 250_000 });
    await sleep(2_000);
    const result = await traffic.finish(15_000);
    expect(result.bytesReceived).toBeGreaterThan(100_000);
    expect(result.bytesVerified).toBe(result.bytesSent);
  });

  it('records what passes as pcapng, with the path and its fate', async () => {
    const directory = mkdtempSync(`${tmpdir()}/rehome-capture-`);
    const file = `${directory}/packets.pcapng`;
    try {
      await lab.emulator.capture(file);
      await lab.emulator.set([BACK], { stopped: true });
      await oneWayDelays(500);
      await lab.emulator.capture(null);
      const items = [...readCapture(readFileSync(file))];
      await waitFor('packets in the file', () => items.length > 20);
      expect(items.every((item) => item.kind === 'packet')).toBe(true);
      const text = readFileSync(file, 'latin1');
      expect(text).toContain('a2>b3');
      expect(text).toContain('b3>a2: dropped');
      expect(text).not.toContain('a2>b3: dropped');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
