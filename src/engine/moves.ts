import { exitOf, siteOf, wishes, type Avoid } from '../policy/fate.js';
import type { PathOutcomes } from '../policy/path-memory.js';
import type { ProbeBudget } from '../policy/probe-budget.js';
import type { PathStrategy, RankedPair } from '../reap/strategy/index.js';
import type { Contacted } from '../shim6/context.js';
import { samePair, type LocatorPair } from '../wire/address.js';
import type { Millis, RandomSource } from '../wire/units.js';
import type { Exits } from './exits.js';
import type { LookoutHost } from './lookout.js';

export interface MovesOptions {
  readonly host: LookoutHost;
  readonly strategy: PathStrategy;
  readonly outcomes: PathOutcomes;
  readonly exits: Exits;
  readonly budget: ProbeBudget;
  readonly random: RandomSource;
}

/** Takes contexts off what has failed, to where what was measured says that it works: without asking first. */
export class Moves {
  readonly #o: MovesOptions;

  constructor(options: MovesOptions) {
    this.#o = options;
  }

  /** Where to go at once when the current pair is no more; undefined: only probes can tell. */
  refuge(context: Contacted, now: Millis, avoid: Avoid = {}): LocatorPair | undefined {
    const { host, strategy, exits, outcomes: memory, random } = this.#o;
    if (!strategy.shares) return undefined;
    const pairs = host
      .pairs(context)
      .filter(({ pair }) => !exits.isDead(exitOf(pair.local)) && this.#mayUse(context, pair, now));
    const rank = ({ pair }: RankedPair): number =>
      (exitOf(pair.local) === avoid.exit ? 1 : 0) + (siteOf(pair.peer) === avoid.site ? 1 : 0);
    const least = Math.min(...pairs.map(rank));
    const best = pairs.filter((p) => rank(p) === least && !samePair(p.pair, context.s.pair));
    if (least >= wishes(avoid) && wishes(avoid) > 0) return undefined;
    return strategy.order({ pairs: best, current: context.s.pair, random, memory, now })[0];
  }

  /** Those go along that share exit and peer with one that has found `to`. */
  siblings(ids: readonly number[], to: LocatorPair, now: Millis): void {
    const { host } = this.#o;
    const moved: Contacted[] = [];
    for (const id of ids) {
      const sibling = host.context(id);
      if (!sibling || !this.#mayUse(sibling, to, now)) continue;
      const same = host
        .pairs(sibling)
        .find(({ pair: p }) => p.peer === to.peer && exitOf(p.local) === exitOf(to.local));
      if (!same) continue;
      host.move(sibling, same.pair, 'sibling');
      moved.push(sibling);
    }
    this.#announce(moved, now);
  }

  /** Nobody uses the exit from now on. False: there is no other. */
  offExit(exit: string, now: Millis): boolean {
    const { host, exits } = this.#o;
    const others = [...host.contexts()].some((c) =>
      host
        .pairs(c)
        .map(({ pair }) => exitOf(pair.local))
        .some((other) => other !== exit && !exits.isDead(other)),
    );
    if (!others) {
      // There is nowhere to go: then every exit may be tried again.
      if (exits.forgive()) host.exitsChanged();
      return false;
    }
    host.count('exits-dead');
    exits.condemn(exit, now);
    host.exitsChanged();
    return true;
  }

  /** All of them go to where the site has another provider. False: none can. */
  offSite(members: readonly number[], avoid: Avoid, now: Millis): boolean {
    const { host, outcomes } = this.#o;
    host.count('sites-left');
    const moved: Contacted[] = [];
    for (const id of members) {
      const member = host.context(id);
      if (!member) continue;
      const to = this.refuge(member, now, avoid);
      if (to === undefined) continue;
      outcomes.failed(member.s.pair, now);
      host.move(member, to, avoid.exit === undefined ? 'site' : 'exit or site');
      moved.push(member);
    }
    this.#announce(moved, now);
    return moved.length > 0;
  }

  /**
   * They were moved without a word of their peers, who may still send over the old pairs and hear us well: a question over
   * the new one is a hint to them. As many as can be spared, of different peers.
   */
  #announce(contexts: Contacted[], now: Millis): void {
    const { host, outcomes, budget, random } = this.#o;
    for (let left = contexts.length; left > 0; left--) {
      if (!budget.takeSpare(now)) return;
      const at = Math.floor(random.uniform() * left);
      const chosen = contexts[at];
      const last = contexts[left - 1];
      if (!chosen || !last) return;
      contexts[at] = last;
      outcomes.asked(chosen.s.pair, now);
      host.ping(chosen, chosen.s.pair);
    }
  }

  /** A pair is used without asking only where the peer is known to be: it answered there, or is spoken to there now. */
  #mayUse(context: Contacted, { peer }: LocatorPair, now: Millis): boolean {
    return peer === context.s.pair.peer || this.#o.outcomes.hasReached(peer, now);
  }
}
