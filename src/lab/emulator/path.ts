/** How one one-way path treats packets. Times are milliseconds, rates octets per second. */
export interface PathParameters {
  /** Packets vanish, no ICMPv6 error. */
  readonly stopped: boolean;
  readonly delayMs: number;
  /** Each packet's delay is drawn from delayMs +- jitterMs; order is kept. */
  readonly jitterMs: number;
  /** 0 to 1. */
  readonly loss: number;
  /** Octets per second; null: not limited. */
  readonly rate: number | null;
  /** How many octets may wait for their turn when `rate` is set; the next is dropped (drop tail). */
  readonly queueBytes: number;
  /** 0 to 1: delivered twice. */
  readonly duplicate: number;
  /** 0 to 1: delivered without the path's delay, so that it overtakes those before it. */
  readonly reorder: number;
}

export const PLAIN_PATH: PathParameters = {
  stopped: false,
  delayMs: 0,
  jitterMs: 0,
  loss: 0,
  rate: null,
  queueBytes: 256 * 1024,
  duplicate: 0,
  reorder: 0,
};

/** What happened on one one-way path; packets count the segments of super-packets. */
export interface PathCounters {
  forwardedPackets: number;
  forwardedBytes: number;
  droppedStopped: number;
  droppedLoss: number;
  droppedQueue: number;
}

/** Uniform in [0, 1). */
export type Uniform = () => number;

/**
 * One one-way path as a pure machine: told of a packet and the time, it answers when to deliver it. A super-packet
 * (a GSO train that the kernel has not cut into segments) is one packet to luck and queue, and counts `segments`
 * packets: its octets are accounted as they would appear on a wire.
 */
export class EmulatedPath {
  parameters: PathParameters = PLAIN_PATH;
  readonly counters: PathCounters = {
    forwardedPackets: 0,
    forwardedBytes: 0,
    droppedStopped: 0,
    droppedLoss: 0,
    droppedQueue: 0,
  };
  /** When the last octet accepted so far has left the queue. */
  private freeAt = 0;
  private lastDue = 0;
  private readonly uniform: Uniform;

  constructor(uniform: Uniform) {
    this.uniform = uniform;
  }

  /** When to deliver a packet of `bytes` octets: no entry (dropped), one, or two (duplicated). Times as `now`. */
  accept(bytes: number, segments: number, now: number): readonly number[] {
    const p = this.parameters;
    if (p.stopped) {
      this.counters.droppedStopped += segments;
      return [];
    }
    if (p.loss > 0 && this.uniform() < p.loss) {
      this.counters.droppedLoss += segments;
      return [];
    }
    const sent = this.serialise(bytes, now);
    if (sent === undefined) {
      this.counters.droppedQueue += segments;
      return [];
    }
    this.counters.forwardedPackets += segments;
    this.counters.forwardedBytes += bytes;
    const due = this.propagate(sent);
    return p.duplicate > 0 && this.uniform() < p.duplicate ? [due, due] : [due];
  }

  /** When the packet has passed the bottleneck; undefined when the queue is full. */
  private serialise(bytes: number, now: number): number | undefined {
    const { rate, queueBytes } = this.parameters;
    if (rate === null) return now;
    const start = Math.max(now, this.freeAt);
    const waiting = ((start - now) * rate) / 1000;
    // An empty queue takes any packet: a super-packet may be longer than the queue.
    if (waiting > 0 && waiting + bytes > queueBytes) return undefined;
    this.freeAt = start + (bytes * 1000) / rate;
    return this.freeAt;
  }

  private propagate(sent: number): number {
    const { delayMs, jitterMs, reorder } = this.parameters;
    if (reorder > 0 && this.uniform() < reorder) return sent;
    const jitter = jitterMs > 0 ? (2 * this.uniform() - 1) * jitterMs : 0;
    const due = Math.max(sent + Math.max(0, delayMs + jitter), this.lastDue);
    this.lastDue = due;
    return due;
  }
}
