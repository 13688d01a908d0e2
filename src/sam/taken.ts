import type { RandomSource } from '../wire/units.js';
import type { BitField } from './bits.js';
import { infixesCollide } from './dad.js';

/** Random draws before a free infix is looked for one by one. */
const DRAWS = 32;
/** So far the search goes: the whole of the two short lengths. */
const SEARCH = 65_536;

/** IID infixes that others were seen to hold, so that a new attempt is not made where it must fail. */
export class TakenInfixes {
  readonly #limit: number;
  readonly #seen = new Map<string, BitField>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(infix: BitField): void {
    const key = `${infix.length}:${infix.value}`;
    this.#seen.delete(key);
    this.#seen.set(key, infix);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > this.#limit && oldest !== undefined) this.#seen.delete(oldest);
  }

  clear(): void {
    this.#seen.clear();
  }

  has(infix: BitField): boolean {
    for (const other of this.#seen.values()) if (infixesCollide(infix, other)) return true;
    return false;
  }

  /** A random infix that collides with none that was seen; undefined: there is none, as far as we looked. */
  pick(octets: number, random: RandomSource): BitField | undefined {
    const length = 8 * octets;
    const first = draw(octets, random);
    if (!this.has({ value: first, length })) return { value: first, length };
    for (let i = 1; i < DRAWS; i++) {
      const infix = { value: draw(octets, random), length };
      if (!this.has(infix)) return infix;
    }
    const size = 1n << BigInt(length);
    for (let i = 1n; i < size && i < SEARCH; i++) {
      const infix = { value: (first + i) % size, length };
      if (!this.has(infix)) return infix;
    }
    return undefined;
  }
}

function draw(octets: number, random: RandomSource): bigint {
  let value = 0n;
  for (const octet of random.bytes(octets)) value = (value << 8n) | BigInt(octet);
  return value;
}
