import { addMs, ms, type Millis, type RandomSource } from '../wire/units.js';

/** RFC 5534 §6: when we sent, something should come back within Send Timeout. A deadline, no timer. */
export class SendTimer {
  #started: Millis | undefined;
  #deadline: Millis | undefined;
  /** Shortened by a hint. */
  #hinted = false;
  #hintedAt: Millis | undefined;

  get deadline(): Millis | undefined {
    return this.#deadline;
  }
  get running(): boolean {
    return this.#deadline !== undefined;
  }
  get hinted(): boolean {
    return this.#hinted;
  }
  get started(): Millis | undefined {
    return this.#started;
  }

  /** @param jitter part of `timeout` that is added at most, drawn anew each time */
  start(at: Millis, timeout: number, jitter: number, random: RandomSource): void {
    this.#hinted = false;
    this.#started = at;
    this.#deadline = addMs(at, timeout * (1 + jitter * random.uniform()));
  }

  stop(): void {
    this.#hinted = false;
    this.#started = undefined;
    this.#deadline = undefined;
  }

  /** Runs out at `soon`, once in `timeout` milliseconds; false: that is no news. */
  shorten(now: Millis, soon: Millis, timeout: number): boolean {
    if (this.#deadline === undefined || soon >= this.#deadline) return false;
    if (this.#hintedAt !== undefined && now < addMs(this.#hintedAt, timeout)) return false;
    this.#hintedAt = now;
    this.#deadline = soon;
    this.#hinted = true;
    return true;
  }
}

/** RFC 5534 §6: what we received, we answer: with payload, or with Keepalives until Keepalive Timeout. */
export class KeepaliveTimer {
  #end: Millis | undefined;
  #next: Millis | undefined;

  start(at: Millis, timeout: number, random: RandomSource): void {
    if (this.#end !== undefined) return;
    this.#end = addMs(at, timeout);
    this.#next = addMs(at, interval(timeout, random));
  }

  stop(): void {
    this.#end = undefined;
    this.#next = undefined;
  }

  deadline(): Millis | undefined {
    if (this.#end === undefined || this.#next === undefined) return undefined;
    return ms(Math.min(this.#end, this.#next));
  }

  /** Whether a Keepalive is due; after the last one (§6.3) the timer has stopped. */
  takeDue(now: Millis, timeout: number, random: RandomSource): boolean {
    if (this.#end !== undefined && this.#end <= now) {
      this.stop();
      return true;
    }
    if (this.#next === undefined || this.#next > now) return false;
    this.#next = addMs(now, interval(timeout, random));
    return true;
  }
}

/** One third to one half of the timeout (§4.1), drawn so that hosts do not fall into step. */
const interval = (timeout: number, random: RandomSource): number =>
  timeout * (1 / 3 + random.uniform() / 6);
