import { concatBytes } from '../../../src/wire/bytes.js';
import type { Unit } from './target.js';

/**
 * A smaller input that fails in the same way: units taken out first, then ever smaller blocks of octets, then octets
 * made zero.
 * @param fails whether an input fails in that way
 * @param most how many inputs may be tried
 */
export async function minimise(
  input: Uint8Array,
  fails: (input: Uint8Array) => Promise<boolean>,
  units: ((input: Uint8Array) => readonly Unit[]) | undefined,
  most = 4000,
): Promise<Uint8Array> {
  let best = input;
  let left = most;
  const attempt = async (candidate: Uint8Array): Promise<boolean> => {
    if (left-- <= 0 || !(await fails(candidate))) return false;
    best = candidate;
    return true;
  };
  const without = (from: number, to: number): Uint8Array =>
    concatBytes(best.subarray(0, from), best.subarray(to));

  for (let before = -1; before !== best.length && left > 0;) {
    before = best.length;
    for (let i = (units?.(best) ?? []).length - 1; i >= 0; i--) {
      const unit = units?.(best)[i];
      if (unit !== undefined) await attempt(without(unit.from, unit.to));
    }
    for (let size = 1 << 12; size >= 1; size >>= 1) {
      for (let from = best.length - size; from >= 0 && left > 0;) {
        await attempt(without(from, from + size));
        from = Math.min(from - size, best.length - size);
      }
    }
  }
  for (let i = 0; i < best.length && left > 0; i++) {
    if (best[i] === 0) continue;
    const zeroed = best.slice();
    zeroed[i] = 0;
    await attempt(zeroed);
  }
  return best;
}
