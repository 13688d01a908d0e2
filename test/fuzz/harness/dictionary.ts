import { setU16, setU32 } from '../../../src/wire/bytes.js';
import { octetsOf, type Target } from './target.js';

/** Values at the edges of what fields hold. */
export const INTERESTING = [
  0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 31, 32, 39, 40, 63, 64, 127, 128, 129, 254, 255,
];

/** What to try in inputs of a target: its own words, and the constants of its code in the form that inputs have. */
export function dictionaryOf(target: Target, literals: readonly (string | number)[]): Uint8Array[] {
  const words = (target.words ?? []).map((w) => (typeof w === 'string' ? octetsOf(w) : w));
  const form = target.constants ?? 'octets';
  if (form === 'none') return words;
  const constants = literals.flatMap((literal) =>
    form === 'text' ? asText(literal) : asOctets(literal),
  );
  return [...words, ...constants];
}

const asText = (literal: string | number): Uint8Array[] => {
  const text = String(literal);
  return text.length > 0 && text.length <= 40 ? [octetsOf(text)] : [];
};

function asOctets(literal: string | number): Uint8Array[] {
  if (typeof literal === 'string') return [];
  if (!Number.isInteger(literal) || literal < 0 || literal > 0xffffffff) return [];
  const out: Uint8Array[] = [];
  if (literal <= 0xff) out.push(Uint8Array.of(literal));
  if (literal <= 0xffff) {
    const two = new Uint8Array(2);
    setU16(two, 0, literal);
    out.push(two, two.slice().reverse());
  } else {
    const four = new Uint8Array(4);
    setU32(four, 0, literal);
    out.push(four, four.slice().reverse());
  }
  return out;
}
