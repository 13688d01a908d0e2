import { concatBytes } from '../../../src/wire/bytes.js';
import { replaced, type Sources } from './mutate.js';
import type { Unit } from './target.js';

const NOTHING = new Uint8Array();
const octets = (input: Uint8Array, unit: Unit): Uint8Array => input.subarray(unit.from, unit.to);

/** A unit of another input, or of this one when that has none. */
function foreign(input: Uint8Array, units: readonly Unit[], s: Sources): Uint8Array {
  const other = s.other();
  const theirs = s.target.units?.(other) ?? [];
  if (theirs.length > 0) return octets(other, s.random.pick(theirs));
  return units.length > 0 ? octets(input, s.random.pick(units)) : NOTHING;
}

/** One unit taken out, doubled, moved, exchanged with another or with one of another input, or one put in. */
export function mutateUnits(input: Uint8Array, units: readonly Unit[], s: Sources): Uint8Array {
  const { random } = s;
  if (units.length === 0) return concatBytes(input, foreign(input, units, s));
  const unit = random.pick(units);
  const at = random.chance(0.5) ? unit.from : unit.to;
  switch (random.below(8)) {
    case 0:
      return replaced(input, unit.from, unit.to, NOTHING);
    case 1:
      return replaced(input, at, at, octets(input, random.pick(units)));
    case 2: {
      const other = random.pick(units);
      const [a, b] = unit.from <= other.from ? [unit, other] : [other, unit];
      if (a.to > b.from) return input;
      return concatBytes(
        input.subarray(0, a.from),
        octets(input, b),
        input.subarray(a.to, b.from),
        octets(input, a),
        input.subarray(b.to),
      );
    }
    case 3:
      return replaced(input, unit.from, unit.to, foreign(input, units, s));
    case 4: {
      // Many copies: limits are found by counting.
      const many = 1 << random.below(7);
      const copies = Array.from({ length: many }, () => octets(input, unit));
      return replaced(input, at, at, concatBytes(...copies));
    }
    case 5:
      // Everything from here to another unit taken out.
      return replaced(input, unit.from, Math.max(unit.from, random.pick(units).from), NOTHING);
    default:
      return replaced(input, at, at, foreign(input, units, s));
  }
}
