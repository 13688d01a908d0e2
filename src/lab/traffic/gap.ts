/** One interval of a receiving application. */
export interface Sample {
  /** The end of the interval, monotonic milliseconds. */
  readonly at: number;
  readonly bytes: number;
}

export interface Gap {
  /** Monotonic milliseconds: the last octet before and the first after. */
  readonly from: number;
  readonly to: number;
}

/** What the application saw: octets per interval, and when nothing came. */
export class ArrivalLog {
  readonly gaps: Gap[] = [];
  first: number | undefined;
  last: number | undefined;
  private bytes = 0;
  private readonly longestKept: number;

  /** Gaps shorter than `ignoreBelow` milliseconds are not kept. */
  constructor(ignoreBelow = 20) {
    this.longestKept = ignoreBelow;
  }

  /** Octets arrived; the gap that ends with them, if it is one. */
  arrived(bytes: number, now: number): Gap | undefined {
    this.first ??= now;
    const from = this.last ?? now;
    this.last = now;
    this.bytes += bytes;
    if (now - from < this.longestKept) return undefined;
    const gap = { from, to: now };
    this.gaps.push(gap);
    return gap;
  }

  /** Ends an interval. */
  sample(now: number): Sample {
    const sample = { at: now, bytes: this.bytes };
    this.bytes = 0;
    return sample;
  }
}

/**
 * The longest time without an octet that ended at or after `since`; a gap that began before counts from where it began,
 * because that is what the application saw. Undefined: no gap.
 */
export function longestGap(gaps: readonly Gap[], since: number): Gap | undefined {
  let best: Gap | undefined;
  for (const gap of gaps) {
    if (gap.to >= since && (best === undefined || gap.to - gap.from > best.to - best.from))
      best = gap;
  }
  return best;
}
