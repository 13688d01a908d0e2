import type { PathOutcomes } from '../policy/path-memory.js';
import type { ProbeBudget } from '../policy/probe-budget.js';
import type { Contacted } from '../shim6/context.js';
import { samePair, type LocatorPair } from '../wire/address.js';
import { addMs, ms, type Millis, type RandomSource } from '../wire/units.js';
import type { LookoutHost } from './lookout.js';
import type { Vigil } from './vigil.js';

/** A context in use is measured further after so long, milliseconds; one that nobody uses is not. */
const MEASURE = { interval: 250, retry: 1_000, unused: 10_000, look: 10_000 } as const;

export interface MeasuringOptions {
  readonly host: Pick<LookoutHost, 'pairs' | 'isOperational' | 'ping' | 'touch'>;
  readonly outcomes: PathOutcomes;
  readonly budget: ProbeBudget;
  readonly random: RandomSource;
}

/**
 * Knows the order of pairs before a failure: each pair is asked about once, again when what is known is old, and sooner
 * where it was given up (seed 002). Whichever context comes first asks, for all that share the pair; what failures need
 * of the budget is left to them.
 */
export class Measuring {
  readonly #o: MeasuringOptions;

  constructor(options: MeasuringOptions) {
    this.#o = options;
  }

  begins(vigil: Vigil, now: Millis): void {
    vigil.measureAt = this.#within(now, 2 * MEASURE.retry);
  }

  used(vigil: Vigil, now: Millis): void {
    vigil.measureAt ??= this.#within(now, MEASURE.retry);
  }

  /** What was given up just now is asked about first. */
  soon(vigil: Vigil | undefined, now: Millis): void {
    if (vigil) vigil.measureAt = this.#within(now, MEASURE.retry);
  }

  tick(context: Contacted, vigil: Vigil, now: Millis): void {
    if (vigil.measureAt === undefined || vigil.measureAt > now) return;
    const { host, outcomes, budget } = this.#o;
    vigil.measureAt = undefined;
    if (now - vigil.usedAt > MEASURE.unused || !host.isOperational(context)) return;
    const { next, at } = this.#first(context, vigil, now);
    if (next === undefined) return;
    if (at > now) {
      // Others may give up a pair meanwhile, which is worth asking about sooner.
      vigil.measureAt = this.#within(ms(Math.min(at, now + MEASURE.look)), MEASURE.interval);
    } else if (budget.takeSpare(now)) {
      outcomes.asked(next, now);
      host.ping(context, next);
      vigil.measureAt = this.#within(now, MEASURE.interval);
    } else {
      vigil.measureAt = this.#within(now, 2 * MEASURE.retry);
    }
    host.touch(context);
  }

  /** The pair that is due first; the current one while it is not known whether the peer answers at all. */
  #first(
    context: Contacted,
    vigil: Vigil,
    now: Millis,
  ): { readonly next: LocatorPair | undefined; readonly at: number } {
    let [next, at] = [undefined as LocatorPair | undefined, Infinity];
    for (const { pair } of this.#o.host.pairs(context)) {
      const current = samePair(pair, context.s.pair);
      const due = current && !vigil.answersPings ? now : this.#o.outcomes.dueAt(pair, now);
      if (due < at || (due === at && current)) [next, at] = [pair, due];
    }
    return { next, at };
  }

  /** Half to all of `span` later, so that hosts do not fall into step. */
  #within(now: Millis, span: number): Millis {
    return addMs(now, span * (0.5 + this.#o.random.uniform() / 2));
  }
}
