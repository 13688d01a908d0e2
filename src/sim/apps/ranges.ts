/** Octets `[from, to)`. */
export type Range = readonly [from: number, to: number];

/** Disjoint ranges of octets in ascending order: what a receiver has beyond a hole, or a sender has heard of it. */
export class Ranges {
  #ranges: [number, number][] = [];
  #octets = 0;

  get octets(): number {
    return this.#octets;
  }
  /** One past the highest octet; 0 when there is none. */
  get end(): number {
    return this.#ranges.at(-1)?.[1] ?? 0;
  }
  get list(): readonly Range[] {
    return this.#ranges;
  }

  clear(): void {
    this.#ranges = [];
    this.#octets = 0;
  }

  /** Adds a range; returns the one it is now part of. */
  add(from: number, to: number): Range {
    let [low, high] = [from, to];
    const rest: [number, number][] = [];
    for (const range of this.#ranges) {
      if (range[1] < low || range[0] > high) rest.push(range);
      else [low, high] = [Math.min(low, range[0]), Math.max(high, range[1])];
    }
    const merged: [number, number] = [low, high];
    const at = rest.findIndex((range) => range[0] > low);
    if (at < 0) rest.push(merged);
    else rest.splice(at, 0, merged);
    this.#set(rest);
    return merged;
  }

  /** Forgets everything below `octet`. */
  dropBelow(octet: number): void {
    const first = this.#ranges[0];
    if (first === undefined || first[0] >= octet) return;
    const rest = this.#ranges.filter((range) => range[1] > octet);
    const lowest = rest[0];
    if (lowest !== undefined && lowest[0] < octet) lowest[0] = octet;
    this.#set(rest);
  }

  /** The end of the range that holds `octet`, or `octet` itself when none does. */
  skip(octet: number): number {
    for (const [from, to] of this.#ranges) if (from <= octet && octet < to) return to;
    return octet;
  }

  /** The first octets from `octet` on that are in no range but below one; undefined: there are none. */
  hole(octet: number): Range | undefined {
    const from = this.skip(octet);
    const next = this.#ranges.find((range) => range[0] > from);
    return next === undefined ? undefined : [from, next[0]];
  }

  /** How many octets of `[from, to)` are in a range. */
  within(from: number, to: number): number {
    let sum = 0;
    for (const range of this.#ranges) {
      sum += Math.max(0, Math.min(to, range[1]) - Math.max(from, range[0]));
    }
    return sum;
  }

  #set(ranges: [number, number][]): void {
    this.#ranges = ranges;
    this.#octets = ranges.reduce((sum, [from, to]) => sum + to - from, 0);
  }
}
