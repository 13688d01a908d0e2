interface Entry<T> {
  readonly due: number;
  readonly order: number;
  readonly value: T;
}

/** Things in the order they fall due; equals in the order they came. A binary heap. */
export class DueQueue<T> {
  private readonly entries: Entry<T>[] = [];
  private order = 0;

  get size(): number {
    return this.entries.length;
  }

  /** When the next thing falls due; undefined: nothing waits. */
  get nextDue(): number | undefined {
    return this.entries[0]?.due;
  }

  push(due: number, value: T): void {
    const entry: Entry<T> = { due, order: this.order++, value };
    let i = this.entries.length;
    this.entries.push(entry);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = this.entries[parent];
      if (above === undefined || !before(entry, above)) break;
      this.entries[i] = above;
      i = parent;
    }
    this.entries[i] = entry;
  }

  /** Takes the next thing whose time has come. */
  popDue(now: number): T | undefined {
    const first = this.entries[0];
    if (first === undefined || first.due > now) return undefined;
    const last = this.entries.pop();
    if (last !== undefined && this.entries.length > 0) this.sink(last);
    return first.value;
  }

  clear(): void {
    this.entries.length = 0;
  }

  private sink(entry: Entry<T>): void {
    const { entries } = this;
    let i = 0;
    for (;;) {
      const left = entries[2 * i + 1];
      const right = entries[2 * i + 2];
      const [child, at] =
        right !== undefined && left !== undefined && before(right, left)
          ? [right, 2 * i + 2]
          : [left, 2 * i + 1];
      if (child === undefined || !before(child, entry)) break;
      entries[i] = child;
      i = at;
    }
    entries[i] = entry;
  }
}

const before = <T>(a: Entry<T>, b: Entry<T>): boolean =>
  a.due !== b.due ? a.due < b.due : a.order < b.order;
