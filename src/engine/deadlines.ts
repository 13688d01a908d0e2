import type { Millis } from '../wire/units.js';

interface Entry {
  readonly at: Millis;
  readonly id: number;
}

/** Below this many entries nobody looks how many of them are stale. */
const SMALL = 64;

/**
 * The earliest of many deadlines, one per id: a binary heap with stale entries left in until they surface, or until they
 * are more than the others: every packet of a busy context replaces its deadline.
 */
export class Deadlines {
  readonly #heap: Entry[] = [];
  readonly #current = new Map<number, Millis>();

  /** Entries, stale ones included. */
  get size(): number {
    return this.#heap.length;
  }

  set(id: number, at: Millis | undefined): void {
    if (at === undefined) {
      this.#current.delete(id);
      return;
    }
    if (this.#current.get(id) === at) return;
    this.#current.set(id, at);
    this.#push({ at, id });
    if (this.#heap.length > SMALL + 2 * this.#current.size) this.#rebuild();
  }

  #rebuild(): void {
    this.#heap.length = 0;
    for (const [id, at] of this.#current) this.#push({ at, id });
  }

  next(): Millis | undefined {
    this.#dropStale();
    return this.#heap[0]?.at;
  }

  /** Takes every id whose deadline has come, each once. */
  takeDue(now: Millis): number[] {
    const due: number[] = [];
    for (;;) {
      this.#dropStale();
      const top = this.#heap[0];
      if (!top || top.at > now) return due;
      this.#pop();
      this.#current.delete(top.id);
      due.push(top.id);
    }
  }

  #dropStale(): void {
    for (;;) {
      const top = this.#heap[0];
      if (!top || this.#current.get(top.id) === top.at) return;
      this.#pop();
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const p = heap[parent];
      if (!p || p.at <= entry.at) break;
      heap[i] = p;
      i = parent;
    }
    heap[i] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      const left = heap[child];
      const right = heap[child + 1];
      if (!left) break;
      if (right && right.at < left.at) child++;
      const c = heap[child];
      if (!c || c.at >= last.at) break;
      heap[i] = c;
      i = child;
    }
    heap[i] = last;
  }
}
