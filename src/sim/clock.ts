import type { Clock, Timer } from '../daemon/clock.js';
import { ms, type Millis } from '../wire/units.js';

class Entry implements Timer {
  readonly order: number;
  readonly #count: { live: number };
  /** Undefined: it ran or was cancelled. */
  callback: (() => void) | undefined;

  constructor(order: number, callback: () => void, count: { live: number }) {
    this.order = order;
    this.callback = callback;
    this.#count = count;
  }

  cancel(): void {
    if (this.callback === undefined) return;
    this.callback = undefined;
    this.#count.live--;
  }
}

/** Children of a node: a flat heap touches less memory, and with 100,000 hosts memory is what it waits for. */
const WIDTH = 4;

/**
 * Virtual time: a heap of callbacks. What falls on the same instant runs in the order it was asked for, so that
 * a run depends on nothing but its seed. Nothing runs but inside `run`, `runUntil` and `step`.
 */
export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #count = { live: 0 };
  /** Callbacks that have run: what the simulator calls an event. */
  ran = 0;
  /** The heap, times apart from the rest: comparing reads no object. */
  readonly #times: number[] = [];
  readonly #entries: Entry[] = [];

  now(): Millis {
    return ms(this.#now);
  }

  /** Callbacks waiting. */
  get pending(): number {
    return this.#count.live;
  }

  at(when: Millis, callback: () => void): Timer {
    const entry = new Entry(this.#order++, callback, this.#count);
    this.#count.live++;
    this.#push(Math.max(when, this.#now), entry);
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
    for (;;) {
      const entry = this.#entries[0];
      if (entry === undefined) return false;
      const when = this.#times[0] as number;
      const { callback } = entry;
      if (callback !== undefined && when > until) return false;
      this.#pop();
      if (callback === undefined) continue; // cancelled
      entry.callback = undefined;
      this.#count.live--;
      this.#now = when;
      this.ran++;
      callback();
      return true;
    }
  }

  #push(when: number, entry: Entry): void {
    const [times, entries] = [this.#times, this.#entries];
    let i = times.length;
    times.push(when);
    entries.push(entry);
    while (i > 0) {
      const parent = ((i - 1) / WIDTH) | 0;
      // The newest goes behind all others of its time.
      if ((times[parent] as number) <= when) break;
      times[i] = times[parent] as number;
      entries[i] = entries[parent] as Entry;
      i = parent;
    }
    times[i] = when;
    entries[i] = entry;
  }

  #pop(): void {
    const [times, entries] = [this.#times, this.#entries];
    const when = times.pop() as number;
    const entry = entries.pop() as Entry;
    const { length } = times;
    if (length === 0) return;
    let i = 0;
    for (;;) {
      const first = WIDTH * i + 1;
      if (first >= length) break;
      const end = Math.min(first + WIDTH, length);
      let least = first;
      for (let child = first + 1; child < end; child++) {
        if (this.#before(child, times[least] as number, entries[least] as Entry)) least = child;
      }
      if (!this.#before(least, when, entry)) break;
      times[i] = times[least] as number;
      entries[i] = entries[least] as Entry;
      i = least;
    }
    times[i] = when;
    entries[i] = entry;
  }

  /** Is the node at `i` before that time and entry? */
  #before(i: number, when: number, entry: Entry): boolean {
    const at = this.#times[i] as number;
    return at < when || (at === when && (this.#entries[i] as Entry).order < entry.order);
  }
}
