import { addMs, type Millis } from '../wire/units.js';

/** For how long it counts, in milliseconds, that a question was in vain. */
const WINDOW = 2_000;

/**
 * Peers of a site that hear nothing of us, as they say, and were asked over their pairs in vain. What arrives from the
 * site proves nothing against it: they are heard well. Only an answer does, to a question that was asked later.
 */
export class Denials {
  readonly #askedAt = new Map<string, Millis>();

  /** `peer` was asked in vain, the last time at `askedAt`. */
  add(peer: string, askedAt: Millis): void {
    const before = this.#askedAt.get(peer);
    if (before === undefined || before < askedAt) this.#askedAt.set(peer, askedAt);
  }

  /** Somebody of the site answered a question that was asked at `askedAt`. */
  answered(askedAt: Millis): void {
    for (const [peer, at] of this.#askedAt) if (at <= askedAt) this.#askedAt.delete(peer);
  }

  /** How many peers deny. */
  count(now: Millis): number {
    for (const [peer, at] of this.#askedAt) {
      if (now > addMs(at, WINDOW)) this.#askedAt.delete(peer);
    }
    return this.#askedAt.size;
  }
}
