import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PLAIN_PATH } from '../../src/lab/emulator/path.js';
import { Lab } from '../../src/lab/lab.js';
import { hostAddress, HOSTS, PATHS, pathId, type Host } from '../../src/lab/paths.js';
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

  /**
   * Datagrams every 10 ms each way between a2 and b3, until there are enough; how long each was on its way, by receiving
   * host, the quickest first.
   */
  async function oneWayDelays(
    enough: (arrived: Record<Host, number[]>) => boolean,
  ): Promise<Record<Host, number[]>> {
    const delays: Record<Host, number[]> = { A: [], B: [] };
    const start = (host: Host, own: 2 | 3, peer: 2 | 3): ReturnType<typeof run> => {
      const other = host === 'A' ? 'B' : 'A';
      const ends = [hostAddress(host, own), '7001', hostAddress(other, peer), '7001', '10'];
      return run(lab, host, 'udp', ends, (m) => {
        if (m.kind === 'datagram') delays[host].push(m.at - m.sentAt);
      });
    };
    const programs = [start('A', 2, 3), start('B', 3, 2)];
    try {
      await waitFor('datagrams', () => enough(delays));
    } finally {
      for (const { child } of programs) child.kill();
    }
    for (const host of HOSTS) delays[host].sort((x, y) => x - y);
    return delays;
  }

  it('delays each direction by its own time, to about a millisecond', async () => {
    await lab.emulator.set([FORWARD], { delayMs: 30 });
    await lab.emulator.set([BACK], { delayMs: 7 });
    const delays = await oneWayDelays(({ A, B }) => A.length > 100 && B.length > 100);
    // A busy machine makes some later, and none sooner: the quickest tenth shows the emulator.
    const [toB, toA] = [delays.B, delays.A];
    expect(toB[0]).toBeGreaterThanOrEqual(30);
    expect(toB[10]).toBeLessThan(32.5);
    expect(toA[0]).toBeGreaterThanOrEqual(7);
    expect(toA[10]).toBeLessThan(9.5);
  });

  it('stops one direction of one pair and nothing else', async () => {
    await lab.emulator.set([FORWARD], { stopped: true });
    const before = (await lab.state()).paths[FORWARD]?.counters.droppedStopped ?? 0;
    const dropped = async (): Promise<number> =>
      ((await lab.state()).paths[FORWARD]?.counters.droppedStopped ?? 0) - before;
    const delays = await oneWayDelays(({ A, B }) => A.length > 50 || B.length > 0);
    expect(delays.B).toEqual([]);
    expect(await dropped()).toBeGreaterThan(20);
  });

  it('carries a TCP stream as fast as it goes, and holds it to a rate when told', async () => {
    const megabits = async (seed: string): Promise<number> => {
      const traffic = await BuiltinTraffic.start(lab, { seed });
      await sleep(2_000);
      const result = await traffic.finish(10_000);
      expect(result.bytesVerified).toBe(result.bytesSent);
      return (result.bytesReceived * 8) / (result.endedAt - traffic.startedAt) / 1e3;
    };
    const fast = await megabits('fast');
    await lab.emulator.set(
      PATHS.map((p) => p.id),
      { rate: 2_500_000, delayMs: 5 },
    );
    const slow = await megabits('slow');
    expect(slow).toBeLessThan(21); // of 20, and a queue
    // What a quiet machine can do (over 300 Mbit/s) is no matter for a test.
    expect(fast).toBeGreaterThan(3 * slow);
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
      await oneWayDelays(({ A, B }) => A.length > 0 || B.length > 20);
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
