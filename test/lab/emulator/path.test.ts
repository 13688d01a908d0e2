import { SeededRandom } from '../../../src/sim/random.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EmulatedPath, PLAIN_PATH, type PathParameters } from '../../../src/lab/emulator/path.js';

function path(parameters: Partial<PathParameters>, seed = 1): EmulatedPath {
  const luck = new SeededRandom(seed);
  const made = new EmulatedPath(() => luck.uniform());
  made.parameters = { ...PLAIN_PATH, ...parameters };
  return made;
}

describe('an emulated one-way path', () => {
  it('delivers at once by default and after its delay otherwise', () => {
    expect(path({}).accept(1500, 1, 7)).toEqual([7]);
    expect(path({ delayMs: 10 }).accept(1500, 1, 7)).toEqual([17]);
  });
  it('swallows everything while stopped, and counts segments', () => {
    const p = path({ stopped: true });
    expect(p.accept(65_000, 45, 0)).toEqual([]);
    expect(p.counters).toMatchObject({ droppedStopped: 45, forwardedPackets: 0 });
  });
  it('lets packets out at its rate and drops the tail of a full queue', () => {
    const p = path({ rate: 1_000_000, queueBytes: 10_000 }); // 1 octet per microsecond
    const due = Array.from({ length: 12 }, () => p.accept(1_000, 1, 0)).flat();
    expect(due).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(p.counters.droppedQueue).toBe(2);
    expect(p.accept(1_000, 1, 5)).toEqual([11]); // five have left meanwhile
  });
  it('lets a super-packet longer than its queue through when the queue is empty', () => {
    const p = path({ rate: 1_000_000, queueBytes: 10_000 });
    expect(p.accept(60_000, 42, 0)).toEqual([60]);
    expect(p.accept(100, 1, 0)).toEqual([]);
    expect(p.accept(100, 1, 60)).toEqual([60.1]);
  });
  it('loses about its share, the same packets for the same seed', () => {
    const run = (seed: number): number[] => {
      const p = path({ loss: 0.1 }, seed);
      return Array.from({ length: 10_000 }, (_, i) => p.accept(100, 1, i).length);
    };
    const delivered = run(3).reduce((a, b) => a + b, 0);
    expect(delivered).toBeGreaterThan(8_850);
    expect(delivered).toBeLessThan(9_150);
    expect(run(3)).toEqual(run(3));
    expect(run(4)).not.toEqual(run(3));
  });
  it('keeps order under jitter, and breaks it only for reordering', () => {
    const p = path({ delayMs: 20, jitterMs: 15 });
    const due = Array.from({ length: 500 }, (_, i) => p.accept(100, 1, i * 0.1)[0] ?? NaN);
    expect(due).toEqual([...due].sort((a, b) => a - b));
    expect(Math.min(...due.map((d, i) => d - i * 0.1))).toBeGreaterThanOrEqual(5);
    const r = path({ delayMs: 20, reorder: 0.2 });
    const mixed = Array.from({ length: 500 }, (_, i) => r.accept(100, 1, i)[0] ?? NaN);
    expect(mixed).not.toEqual([...mixed].sort((a, b) => a - b));
  });
  it('duplicates its share', () => {
    const p = path({ duplicate: 0.5 });
    const copies = Array.from({ length: 1_000 }, () => p.accept(1, 1, 0).length);
    expect(new Set(copies)).toEqual(new Set([1, 2]));
  });
  it('never delivers into the past and accounts for every packet', () => {
    const parameters = fc.record({
      stopped: fc.boolean(),
      delayMs: fc.double({ min: 0, max: 100, noNaN: true }),
      jitterMs: fc.double({ min: 0, max: 200, noNaN: true }),
      loss: fc.double({ min: 0, max: 1, noNaN: true }),
      rate: fc.option(fc.integer({ min: 1_000, max: 10_000_000 })),
      queueBytes: fc.integer({ min: 0, max: 100_000 }),
      duplicate: fc.constant(0),
      reorder: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(parameters, fc.array(fc.integer({ min: 40, max: 65_575 })), (given, sizes) => {
        const p = path(given);
        sizes.forEach((size, i) => {
          for (const due of p.accept(size, 1, i)) expect(due).toBeGreaterThanOrEqual(i);
        });
        const c = p.counters;
        expect(c.forwardedPackets + c.droppedLoss + c.droppedQueue + c.droppedStopped).toBe(
          sizes.length,
        );
      }),
    );
  });
});
