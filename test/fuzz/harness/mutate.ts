import type { SeededRandom } from '../../../src/sim/random.js';
import { concatBytes } from '../../../src/wire/bytes.js';
import { INTERESTING } from './dictionary.js';
import { mutateUnits } from './structure.js';
import type { Target, Unit } from './target.js';

/** What mutators may draw on besides the input. */
export interface Sources {
  readonly random: SeededRandom;
  readonly target: Target;
  readonly dictionary: readonly Uint8Array[];
  /** Another input of the corpus. */
  other(): Uint8Array;
}

type Mutator = (input: Uint8Array, at: number, s: Sources) => Uint8Array;

/** The octets `[from, to)` replaced by `by`. */
export const replaced = (input: Uint8Array, from: number, to: number, by: Uint8Array): Uint8Array =>
  concatBytes(input.subarray(0, from), by, input.subarray(to));

/** A block from `at` on, mostly short, never past the end. */
const blockAt = (input: Uint8Array, at: number, { random }: Sources): Uint8Array =>
  input.slice(at, at + 1 + random.below(random.chance(0.8) ? 16 : 256));

const change = (input: Uint8Array, at: number, value: number): Uint8Array => {
  const out = input.slice();
  if (at < out.length) out[at] = value;
  return out;
};

/** A number of 1, 2 or 4 octets, in either order, made a little larger or smaller. */
function add(input: Uint8Array, at: number, { random }: Sources): Uint8Array {
  const out = input.slice();
  const width = random.pick([1, 1, 2, 2, 4]);
  if (at + width > out.length) return out;
  const little = random.chance(0.3);
  let carry = (1 + random.below(random.chance(0.7) ? 8 : 35)) * (random.chance(0.5) ? 1 : -1);
  for (let i = 0; i < width && carry !== 0; i++) {
    const place = little ? at + i : at + width - 1 - i;
    const sum = (out[place] ?? 0) + carry;
    out[place] = sum & 0xff;
    carry = sum >> 8;
  }
  return out;
}

const MUTATORS: readonly Mutator[] = [
  (input, at, { random }) => change(input, at, (input[at] ?? 0) ^ (1 << random.below(8))),
  (input, at, { random }) => change(input, at, random.below(256)),
  (input, at, { random }) => change(input, at, random.pick(INTERESTING)),
  add,
  add,
  // Taken out, doubled, copied over something else.
  (input, at, s) => replaced(input, at, at + blockAt(input, at, s).length, new Uint8Array()),
  (input, at, s) => replaced(input, at, at, blockAt(input, at, s)),
  (input, at, s) => {
    const block = blockAt(input, s.random.below(input.length + 1), s);
    return replaced(input, at, Math.min(input.length, at + block.length), block);
  },
  (input, at, s) => replaced(input, at, at, s.random.bytes(1 + s.random.below(8))),
  (input, at, { random }) => (random.chance(0.3) ? input.slice(0, at) : input),
  // The end of another input, or a piece of it.
  (input, at, s) => {
    const other = s.other();
    const from = s.random.chance(0.5)
      ? Math.min(at, other.length)
      : s.random.below(other.length + 1);
    return concatBytes(input.subarray(0, at), other.subarray(from));
  },
  (input, at, s) => {
    const other = s.other();
    const block = blockAt(other, s.random.below(other.length + 1), s);
    return replaced(
      input,
      at,
      s.random.chance(0.5) ? at : Math.min(input.length, at + block.length),
      block,
    );
  },
  word,
  word,
];

function word(input: Uint8Array, at: number, s: Sources): Uint8Array {
  if (s.dictionary.length === 0) return change(input, at, s.random.pick(INTERESTING));
  const by = s.random.pick(s.dictionary);
  const insert = s.random.chance(s.target.constants === 'text' ? 0.6 : 0.2);
  return replaced(input, at, insert ? at : Math.min(input.length, at + by.length), by);
}

/** Half of the time inside a unit: that is where the fields are, however much payload there is around them. */
function place(input: Uint8Array, units: readonly Unit[], random: SeededRandom): number {
  if (units.length > 0 && random.chance(0.5)) {
    const { from, to } = random.pick(units);
    return from + random.below(Math.max(1, Math.min(to - from, 64)));
  }
  return random.below(input.length + 1);
}

/** A changed copy: one to eight mutations, then, mostly, lengths and checksums put right. */
export function mutate(input: Uint8Array, s: Sources): Uint8Array {
  const { random, target } = s;
  let out = input;
  for (let left = 1 << random.below(4); left > 0; left--) {
    const units = target.units?.(out) ?? [];
    out =
      target.units !== undefined && random.chance(0.4)
        ? mutateUnits(out, units, s)
        : random.pick(MUTATORS)(out, place(out, units, random), s);
  }
  const most = target.maxLength ?? 2048;
  if (out.length > most) out = out.slice(0, most);
  if (target.repair !== undefined && random.below(8) > 0) out = target.repair(out, random);
  return out.length > most ? out.slice(0, most) : out;
}
