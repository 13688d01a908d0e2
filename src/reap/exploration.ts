import type { LocatorPair } from '../wire/address.js';
import { addMs, type Millis, type RandomSource } from '../wire/units.js';
import { RULES, type ReapConstants } from './constants.js';

/** Pace `sweep`: from one beginning anew to the next, milliseconds. */
const SWEEP_AGAIN = 2_000;
/** ... the longest interval of a sweep, and the one where the peer is known to be heard, as parts of the usual one. */
const SWEEP_SLOWEST = 4;
const SWEEP_ANSWERS = 3 / 8;

/** One finished exploration. */
export interface Recovery {
  readonly startedAt: Millis;
  readonly endedAt: Millis;
  /** From the first unanswered payload packet to the expiry of the send timer; undefined: somebody told us. */
  readonly detection: number | undefined;
  readonly probesSent: number;
  readonly from: LocatorPair;
  readonly to: LocatorPair;
}

/** What the interval to the next probe depends on. */
export interface PaceInput {
  readonly constants: ReapConstants;
  readonly random: RandomSource;
  readonly pairs: number;
  /** The peer is heard: state InboundOk. */
  readonly heard: boolean;
  /** Of the current pair, milliseconds; undefined: not known. */
  readonly rtt: number | undefined;
}

/** An exploration under way: how far it is, and when it goes on (RFC 5534 §4.3). */
export class Exploration {
  readonly startedAt: Millis;
  readonly detection: number | undefined;
  readonly from: LocatorPair;
  probesSent = 0;
  /** Probes that slow the retransmission timer down (`ReapRules.pace`). */
  paced = 0;
  /** Pairs still to be tried in this round. */
  queue: LocatorPair[] = [];
  #swept: Millis;

  constructor(startedAt: Millis, from: LocatorPair, detection: number | undefined) {
    this.startedAt = startedAt;
    this.from = from;
    this.detection = detection;
    this.#swept = startedAt;
  }

  /** Begins with the first pair again; false: it has done so lately. */
  sweepAnew(now: Millis, heardBefore: boolean): boolean {
    if (this.probesSent > 0 && heardBefore && now < addMs(this.#swept, SWEEP_AGAIN)) return false;
    this.#swept = now;
    this.paced = 0;
    this.queue = [];
    return true;
  }

  /** Milliseconds to the next probe: equal intervals at first, then doubling up to the maximum, each drawn anew around it. */
  interval(input: PaceInput): number {
    const { constants, pairs, random } = input;
    const { initialProbeTimeout, initialProbes, maxProbeTimeout, probeJitter } = constants;
    const sweep = (constants.rules ?? RULES).pace === 'sweep';
    const atFirst = sweep ? pairs : initialProbes - 1;
    const first = sweep ? sweepInterval(input) : initialProbeTimeout;
    const nominal = Math.min(maxProbeTimeout, first * 2 ** Math.max(0, this.paced - atFirst));
    return nominal * (1 + probeJitter * (2 * random.uniform() - 1));
  }

  ended(to: LocatorPair, endedAt: Millis): Recovery {
    const { startedAt, detection, probesSent, from } = this;
    return { startedAt, endedAt, detection, probesSent, from, to };
  }
}

/** A third of the round trip, within limits: answers should come before the next is sent, but not delay it for long. */
function sweepInterval({
  constants: { initialProbeTimeout: usual },
  heard,
  rtt,
}: PaceInput): number {
  const interval = Math.min(SWEEP_SLOWEST * usual, Math.max(usual, (rtt ?? 0) / 3));
  return heard ? interval * SWEEP_ANSWERS : interval;
}
