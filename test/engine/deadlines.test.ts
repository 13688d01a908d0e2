import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Deadlines } from '../../src/engine/deadlines.js';
import { ms } from '../../src/wire/units.js';

/** What it should do, slowly. */
class Plain {
  readonly #all = new Map<number, number>();
  set(id: number, at: number | undefined): void {
    if (at === undefined) this.#all.delete(id);
    else this.#all.set(id, at);
  }
  next(): number | undefined {
    return this.#all.size === 0 ? undefined : Math.min(...this.#all.values());
  }
  takeDue(now: number): number[] {
    const due = [...this.#all].filter(([, at]) => at <= now);
    for (const [id] of due) this.#all.delete(id);
    return due.sort((a, b) => a[1] - b[1]).map(([id]) => id);
  }
}

const step = fc.oneof(
  fc.record({ id: fc.nat(6), at: fc.option(fc.nat(50), { nil: undefined }) }),
  fc.record({ now: fc.nat(50) }),
);

describe('Deadlines', () => {
  it('is what a plain list of deadlines is, however they move', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const [fast, plain] = [new Deadlines(), new Plain()];
        for (const s of steps) {
          if ('now' in s) {
            const [a, b] = [fast.takeDue(ms(s.now)), plain.takeDue(s.now)];
            expect(new Set(a)).toEqual(new Set(b));
            expect(a).toHaveLength(b.length);
          } else {
            fast.set(s.id, s.at === undefined ? undefined : ms(s.at));
            plain.set(s.id, s.at);
          }
          expect(fast.next()).toBe(plain.next());
        }
      }),
      { numRuns: 500 },
    );
  });
});
