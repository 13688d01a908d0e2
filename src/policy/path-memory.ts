import type { PairOutcome, PathMemory } from '../reap/strategy/index.js';
import { pairKey, type Address, type LocatorPair } from '../wire/address.js';
import { addMs, type Millis } from '../wire/units.js';

/** Pairs remembered at most; the one not touched for longest is forgotten first. */
const PAIRS = 65_536;
/** What was learned so long ago, in milliseconds, is forgotten. */
const AGE = 3_600_000;
/** Weight of a new measurement. */
const GAIN = 1 / 4;

/** How long a confirmation is good for, before the pair is measured again. */
const FRESH = 300_000;
/** From a failure to the first question whether the pair works again; then ever slower, up to `FRESH`. */
const RECHECK = 500;

interface Entry {
  rtt: number | undefined;
  worked: Millis | undefined;
  failed: Millis | undefined;
  /** The last question over it, and how many have not been answered since the last answer. */
  asked: Millis | undefined;
  unanswered: number;
  touched: Millis;
}

/** Share of sessions in trouble that a pair has part in, 0 to 1; `Fate` knows. */
export interface Troubles {
  localTrouble(pair: LocatorPair, now: Millis): number;
  peerTrouble(pair: LocatorPair, now: Millis): number;
}

/**
 * What all contexts of this host have learned of pairs: the "ageing local cache" of seed 002. Contexts that share a pair
 * share its entry.
 */
export class PathOutcomes implements PathMemory {
  readonly #pairs = new Map<string, Entry>();
  /** When something that we sent to an address, and nobody else knows, came back from its owner. */
  readonly #reached = new Map<Address, Millis>();
  readonly #troubles: Troubles;

  constructor(troubles: Troubles) {
    this.#troubles = troubles;
  }

  get size(): number {
    return this.#pairs.size;
  }

  /**
   * A message of ours over `pair` was confirmed, by a nonce, `rtt` milliseconds after it was sent: it worked then. What
   * was given up meanwhile stays so.
   */
  worked(pair: LocatorPair, now: Millis, rtt: number): void {
    const entry = this.#touch(pair, now);
    const sentAt = addMs(now, -rtt);
    entry.rtt = entry.rtt === undefined ? rtt : entry.rtt + GAIN * (rtt - entry.rtt);
    if (entry.worked === undefined || sentAt > entry.worked) entry.worked = sentAt;
    if (entry.failed === undefined || sentAt > entry.failed) entry.unanswered = 0;
    this.#reached.delete(pair.peer);
    this.#reached.set(pair.peer, now);
    trim(this.#reached);
  }

  /** The pair was given up. */
  failed(pair: LocatorPair, now: Millis): void {
    const entry = this.#touch(pair, now);
    entry.failed = now;
    entry.asked = now;
    entry.unanswered = Math.max(1, entry.unanswered);
  }

  /** A question goes out over it. */
  asked(pair: LocatorPair, now: Millis): void {
    const entry = this.#touch(pair, now);
    entry.asked = now;
    entry.unanswered++;
  }

  /** When it is worth asking whether it works, whichever context does. */
  dueAt(pair: LocatorPair, now: Millis): Millis {
    const entry = this.#pairs.get(pairKey(pair));
    if (entry === undefined || now - entry.touched > AGE) return now;
    if (entry.unanswered > 0) {
      const wait = Math.min(FRESH, RECHECK * 2 ** (entry.unanswered - 1));
      return addMs(entry.asked ?? now, wait);
    }
    return entry.worked === undefined ? now : addMs(entry.worked, FRESH);
  }

  of(pair: LocatorPair, now: Millis): PairOutcome | undefined {
    const entry = this.#pairs.get(pairKey(pair));
    return entry === undefined || now - entry.touched > AGE ? undefined : entry;
  }

  /**
   * Whether whoever has this address has answered there within the hour: payload may be sent to it without asking again
   * (RFC 4218 §4.3: nobody is flooded by a peer that claims an address).
   */
  hasReached(peer: Address, now: Millis): boolean {
    const at = this.#reached.get(peer);
    return at !== undefined && now - at <= AGE;
  }

  localTrouble(pair: LocatorPair, now: Millis): number {
    return this.#troubles.localTrouble(pair, now);
  }
  peerTrouble(pair: LocatorPair, now: Millis): number {
    return this.#troubles.peerTrouble(pair, now);
  }

  #touch(pair: LocatorPair, now: Millis): Entry {
    const key = pairKey(pair);
    let entry = this.#pairs.get(key);
    if (entry === undefined || now - entry.touched > AGE) {
      entry = {
        rtt: undefined,
        worked: undefined,
        failed: undefined,
        asked: undefined,
        unanswered: 0,
        touched: now,
      };
    }
    entry.touched = now;
    this.#pairs.delete(key);
    this.#pairs.set(key, entry);
    trim(this.#pairs);
    return entry;
  }
}

/** Maps keep the order of insertion: the first is the one not touched for longest. */
function trim(map: Map<unknown, unknown>): void {
  if (map.size <= PAIRS) return;
  const oldest = map.keys().next();
  if (!oldest.done) map.delete(oldest.value);
}
