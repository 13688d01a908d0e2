import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DueQueue } from '../../../src/lab/emulator/heap.js';

describe('DueQueue', () => {
  it('gives things back by time, equals in the order they came', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 })), (times) => {
        const queue = new DueQueue<[number, number]>();
        times.forEach((time, i) => queue.push(time, [time, i]));
        const out: [number, number][] = [];
        for (let now = 0; now <= 20; now++) {
          for (let v = queue.popDue(now); v !== undefined; v = queue.popDue(now)) {
            expect(v[0]).toBe(now);
            out.push(v);
          }
        }
        const sorted = times.map((t, i): [number, number] => [t, i]);
        sorted.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
        expect(out).toEqual(sorted);
        expect(queue.size).toBe(0);
        expect(queue.nextDue).toBeUndefined();
      }),
    );
  });
});
