import type { Millis } from '../wire/units.js';

interface Entry {
  readonly at: Millis;
  readonly id: number;
}

/** Below this many entries nobody looks how many of them are stale. */
const SMALL = 64;

/**
 * The earliest of many deadlines, one per id. Deadlines move away with every packet, so a heap entry that has become
 * too early is kept, and put where it belongs when it surfaces: moving a deadline away costs no more than a Map entry.
 * Stale entries never outnumber the others for long.
 */
export class Deadlines {
  readonly #heap: Entry[] = [];
  readonly #current = new Map<number, Millis>();
  /** The time of the entry that speaks for an id; any other entry of that id is stale. */
  readonly #queued = new Map<number, Millis>();

  /** Entries, stale ones included. */
  get size(): number {
    return this.#heap.length;
  }

  set(id: number, at: Millis | undefined): void {
    if (at === undefined) {
      this.#current.delete(id);
      return;
    }
    this.#current.set(id, at);
    const queued = this.#queued.get(id);
    if (queued !== undefined && queued <= at) return;
    this.#queue(id, at);
    if (this.#heap.length > SMALL + 2 * this.#current.size) this.#rebuild();
  }

  #rebuild(): void {
    this.#heap.length = 0;
    this.#queued.clear();
    for (const [id, at] of this.#current) this.#queue(id, at);
  }

  next(): Millis | undefined {
    return this.#first()?.at;
  }

  /** Takes every id whose deadline has come, each once. */
  takeDue(now: Millis): number[] {
    const due: number[] = [];
    for (;;) {
      const top = this.#first();
      if (!top || top.at > now) return due;
      this.#pop();
      this.#queued.delete(top.id);
      this.#current.delete(top.id);
      due.push(top.id);
    }
  }

  #queue(id: number, at: Millis): void {
    this.#queued.set(id, at);
    this.#push({ at, id });
  }

  /** The entry of the earliest deadline, at its true time. */
  #first(): Entry | undefined {
    for (;;) {
      const top = this.#heap[0];
      if (!top) return undefined;
      const at = this.#current.get(top.id);
      const speaks = this.#queued.get(top.id) === top.at;
      if (speaks && at === top.at) return top;
      this.#pop();
      if (!speaks) continue;
      if (at === undefined) this.#queued.delete(top.id);
      else this.#queue(top.id, at);
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
