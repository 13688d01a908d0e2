import type { Clock, Timer } from '../daemon/clock.js';
import { ms, type Millis } from '../wire/units.js';

class Entry implements Timer {
  readonly when: number;
  readonly order: number;
  readonly #clock: { live: number };
  /** Undefined: it ran or was cancelled. */
  callback: (() => void) | undefined;

  constructor(when: number, order: number, callback: () => void, clock: { live: number }) {
    this.when = when;
    this.order = order;
    this.callback = callback;
    this.#clock = clock;
  }

  cancel(): void {
    if (this.callback === undefined) return;
    this.callback = undefined;
    this.#clock.live--;
  }
}

const before = (a: Entry, b: Entry): boolean =>
  a.when < b.when || (a.when === b.when && a.order < b.order);

/**
 * Virtual time: a binary heap of callbacks. What falls on the same instant runs in the order it was asked for, so that
 * a run depends on nothing but its seed. Nothing runs but inside `run`, `runUntil` and `step`.
 */
export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #count = { live: 0 };
  readonly #heap: Entry[] = [];

  now(): Millis {
    return ms(this.#now);
  }

  /** Callbacks waiting. */
  get pending(): number {
    return this.#count.live;
  }

  at(when: Millis, callback: () => void): Timer {
    const entry = new Entry(Math.max(when, this.#now), this.#order++, callback, this.#count);
    this.#count.live++;
    this.#push(entry);
    return entry;
  }

  after(delay: number, callback: () => void): Timer {
    return this.at(ms(this.#now + delay), callback);
  }

  /** Runs the next callback; false when there is none. */
  step(): boolean {
    return this.#runOne(Infinity);
  }

  /** Runs everything up to and including `until`, and stops there. */
  runUntil(until: Millis): void {
    while (this.#runOne(until));
    this.#now = Math.max(this.#now, until);
  }

  run(duration: number): void {
    this.runUntil(ms(this.#now + duration));
  }

  /** Runs until `done` says so (true) or `until` is reached (false). */
  runWhile(until: Millis, done: () => boolean): boolean {
    while (!done()) {
      if (this.#runOne(until)) continue;
      this.#now = Math.max(this.#now, until);
      return done();
    }
    return true;
  }

  #runOne(until: number): boolean {
    const top = this.#next(until);
    if (top?.callback === undefined) return false;
    const { callback } = top;
    top.callback = undefined;
    this.#count.live--;
    this.#now = top.when;
    callback();
    return true;
  }

  /** Takes the earliest live entry off the heap if it is due by `until`. */
  #next(until: number): Entry | undefined {
    for (;;) {
      const top = this.#heap[0];
      if (top === undefined) return undefined;
      if (top.callback !== undefined && top.when > until) return undefined;
      this.#pop();
      if (top.callback !== undefined) return top;
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const parent = (i - 1) >>> 1;
      const above = heap[parent] as Entry;
      if (!before(entry, above)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Entry, heap[child] as Entry))
        child++;
      if (!before(heap[child] as Entry, last)) break;
      heap[i] = heap[child] as Entry;
      i = child;
    }
    heap[i] = last;
  }
}
