import { exitOf, Fate, siteOf, type Turn } from '../policy/fate.js';
import { PathOutcomes } from '../policy/path-memory.js';
import { PROBE_BUDGET, ProbeBudget } from '../policy/probe-budget.js';
import type { PathMemory, PathStrategy, RankedPair } from '../reap/strategy/index.js';
import type { Contacted } from '../shim6/context.js';
import { due } from '../shim6/core.js';
import { samePair, type Address, type LocatorPair } from '../wire/address.js';
import { addMs, type Millis, type RandomSource } from '../wire/units.js';
import { Exits } from './exits.js';
import { Measuring } from './measuring.js';
import { Moves } from './moves.js';
import type { LivenessSample } from './types.js';
import { questions, Vigil, VIGIL, type Inquiry } from './vigil.js';

/** What the lookout wants done, and needs to know. */
export interface LookoutHost {
  /** Contexts that may be sent with. */
  context(id: number): Contacted | undefined;
  contexts(): Iterable<Contacted>;
  /** What may be sent over now. */
  pairs(context: Contacted): readonly RankedPair[];
  isOperational(context: Contacted): boolean;
  /** One of our addresses over that exit, which this peer was told of; undefined: there is none. */
  ownLocator(context: Contacted, exit: string): Address | undefined;
  ping(context: Contacted, pair: LocatorPair): void;
  /** A ping over its current pair was answered. */
  confirmed(context: Contacted): void;
  explore(context: Contacted, why: string): void;
  move(context: Contacted, to: LocatorPair, why: string): void;
  /** Which exits are dead has changed. */
  exitsChanged(): void;
  touch(context: Contacted): void;
  count(name: string): void;
}

export interface LookoutOptions {
  readonly host: LookoutHost;
  readonly strategy: PathStrategy;
  readonly random: RandomSource;
  readonly now: Millis;
}

/**
 * Notices failures before the send timer does, and lets contexts learn from each other. A silence that is longer than
 * usual is looked into with pings; only when they too stay unanswered, it is a failure. Where many fall silent, three
 * ask for all. What was measured before says where to go.
 */
export class Lookout {
  readonly #host: LookoutHost;
  readonly #strategy: PathStrategy;
  readonly #random: RandomSource;
  readonly #fate = new Fate();
  readonly #outcomes = new PathOutcomes(this.#fate);
  readonly #budget: ProbeBudget;
  readonly #exits: Exits;
  readonly #moves: Moves;
  readonly #measuring: Measuring | undefined;
  readonly #vigils = new Map<number, Vigil>();

  constructor({ host, strategy, random, now }: LookoutOptions) {
    this.#host = host;
    this.#strategy = strategy;
    this.#random = random;
    this.#budget = new ProbeBudget(PROBE_BUDGET, now);
    this.#exits = new Exits();
    const parts = { host, outcomes: this.#outcomes, budget: this.#budget, random };
    this.#moves = new Moves({ ...parts, strategy, exits: this.#exits });
    if (strategy.measures) this.#measuring = new Measuring(parts);
  }

  get memory(): PathMemory {
    return this.#outcomes;
  }

  isDead(local: Address): boolean {
    return this.#exits.isDead(exitOf(local));
  }

  /** When a probe may be sent; undefined: now, and it is counted. */
  mayProbe(now: Millis): Millis | undefined {
    return this.#budget.take(now) ? undefined : this.#budget.nextAt(now);
  }

  added(context: Contacted, now: Millis): void {
    const vigil = new Vigil(now);
    this.#measuring?.begins(vigil, now);
    this.#vigils.set(context.id, vigil);
    this.#fate.place(context.id, context.s.pair, now);
  }

  removed(id: number): void {
    this.#vigils.delete(id);
    this.#fate.remove(id);
  }

  deadline(id: number): Millis | undefined {
    return this.#vigils.get(id)?.deadline();
  }

  /** Of the host and not of a context. */
  get hostDeadline(): Millis | undefined {
    const check = this.#exits.nextCheck;
    const quiet = this.#fate.quietAt;
    return check === undefined || (quiet !== undefined && quiet < check) ? quiet : check;
  }

  /** What the data path has counted; `received` packets of it are news. */
  observed(context: Contacted, liveness: LivenessSample, received: number, now: Millis): void {
    const vigil = this.#vigils.get(context.id);
    if (!vigil) return;
    vigil.observed(liveness, received > 0, now);
    this.#measuring?.used(vigil, now);
    if (received > 0) this.#answered(context, vigil, received, now);
  }

  /** A message of the peer arrived that is for this context. */
  heard(context: Contacted, now: Millis): void {
    const vigil = this.#vigils.get(context.id);
    if (!vigil) return;
    vigil.heard(now);
    this.#answered(context, vigil, 1, now);
  }

  /** A ping was answered. */
  pong(context: Contacted, pair: LocatorPair, rtt: number, now: Millis): void {
    this.#budget.answered(now);
    this.#outcomes.worked(pair, now, rtt);
    if (this.#exits.revived(exitOf(pair.local), addMs(now, -rtt))) this.#host.exitsChanged();
    const vigil = this.#vigils.get(context.id);
    if (!vigil) return;
    vigil.answersPings = true;
    if (!samePair(pair, context.s.pair)) return;
    vigil.pinged(rtt, now);
    this.#host.confirmed(context);
    vigil.heard(now);
    this.#fate.proved(context.id, addMs(now, -rtt));
    this.#answered(context, vigil, 1, now, true);
  }

  /** A probe of ours over `pair` was reported for the first time. */
  reported(pair: LocatorPair, rtt: number, now: Millis): void {
    this.#budget.answered(now);
    this.#outcomes.worked(pair, now, rtt);
  }

  /** REAP has begun to look for another pair, or has ended to. */
  explores(context: Contacted, begins: boolean, now: Millis): void {
    const vigil = this.#vigils.get(context.id);
    if (begins) {
      if (vigil) vigil.inquiry = undefined; // REAP is at it
      return this.#fate.inTrouble(context.id);
    }
    this.#fate.calm(context.id);
    this.#measuring?.soon(vigil, now);
  }

  /** Bad news that anybody may have sent (RFC 5534 §8): a reason to ask, no more. False: it was none. */
  hint(context: Contacted, now: Millis): boolean {
    const vigil = this.#vigils.get(context.id);
    if (!vigil?.answersPings || vigil.inquiry || !this.#host.isOperational(context)) return false;
    this.#suspect(context, vigil, now, 'first', true);
    return true;
  }

  /**
   * The peer asks over a pair that we do not send over. It may be measuring; or it has moved, hears nothing of us, and we
   * hear it well: then only a question of our own shows that our pair is dead.
   */
  pinged(context: Contacted, now: Millis): void {
    const vigil = this.#vigils.get(context.id);
    if (vigil === undefined || vigil.isFresh(now)) return;
    const { inquiry } = vigil;
    if (inquiry === undefined) this.hint(context, now);
    else if (inquiry.hinted) return;
    else if (inquiry.waitsFor === 'leaders') this.#suspect(context, vigil, now, 'first', true);
    else inquiry.hinted = true;
  }

  /** The context sends over another pair from now on. `proven`: the peer has said that it works. */
  moved(context: Contacted, from: LocatorPair, proven: boolean, now: Millis): void {
    const to = context.s.pair;
    const siblings = proven && this.#strategy.shares ? this.#fate.siblings(context.id) : [];
    this.#fate.place(context.id, to, now);
    const vigil = this.#vigils.get(context.id);
    vigil?.moved(now);
    this.#measuring?.soon(vigil, now);
    if (proven) this.#outcomes.failed(from, now);
    this.#moves.siblings(siblings, to, now);
  }

  /** Where to go at once when the current pair is no more; undefined: only probes can tell. */
  refuge(context: Contacted, now: Millis): LocatorPair | undefined {
    return this.#moves.refuge(context, now);
  }

  tick(context: Contacted, now: Millis): void {
    const vigil = this.#vigils.get(context.id);
    if (!vigil) return;
    if (vigil.inquiry) {
      if (vigil.inquiry.next <= now) this.#inquire(context, vigil, now);
    } else if (due(vigil.suspiciousAt(), now)) {
      if (this.#host.isOperational(context)) this.#suspect(context, vigil, now);
      else vigil.heard(now); // REAP is at it
    }
    this.#measuring?.tick(context, vigil, now);
  }

  hostTick(now: Millis): void {
    for (const id of this.#fate.takeQuiet(now)) {
      const context = this.#host.context(id);
      const vigil = this.#vigils.get(id);
      if (!context || !vigil?.answersPings || !this.#host.isOperational(context)) continue;
      const asks = vigil.inquiry !== undefined && vigil.inquiry.waitsFor !== 'leaders';
      if (!asks) this.#suspect(context, vigil, now, 'for all');
    }
    const exit = this.#exits.takeDue(now);
    if (exit === undefined) return;
    const candidates: [Contacted, LocatorPair][] = [];
    for (const context of this.#host.contexts()) {
      const local = this.#host.ownLocator(context, exit);
      if (local === undefined) continue;
      candidates.push([context, { local, peer: context.s.pair.peer }]);
      if (candidates.length >= 64) break;
    }
    const chosen = candidates[Math.floor(this.#random.uniform() * candidates.length)];
    if (chosen && this.#budget.take(now)) this.#ping(chosen[0], chosen[1], now);
  }

  /** `proof`: an answer over the current pair. Who is told that it is not heard may well hear the other itself. */
  #answered(context: Contacted, vigil: Vigil, packets: number, now: Millis, proof = false): void {
    if (vigil.inquiry?.hinted && !proof) return;
    this.#fate.heard(context.id, packets, now);
    if (!vigil.inquiry) return;
    // Somebody else's word says nothing of how long our answers take.
    if (!vigil.inquiry.hinted) vigil.doubted();
    vigil.inquiry = undefined;
    this.#host.count('suspicions-false');
    this.#host.touch(context);
  }

  #suspect(
    context: Contacted,
    vigil: Vigil,
    now: Millis,
    turn: Turn = 'first',
    hinted = vigil.inquiry?.hinted ?? false,
  ): void {
    const leads = this.#fate.suspect(context.id, turn);
    if (!vigil.inquiry) this.#host.count('suspicions');
    vigil.inquiry = {
      asked: 0,
      lastAsked: now,
      next: leads ? now : addMs(now, VIGIL.follow),
      repeated: false,
      brief: turn === 'for all',
      hinted,
      waitsFor: leads ? 'answer' : 'leaders',
    };
    if (this.#judge(context, vigil, now)) return;
    if (leads) this.#inquire(context, vigil, now);
    this.#host.touch(context);
  }

  /** The inquiry's next step is due. */
  #inquire(context: Contacted, vigil: Vigil, now: Millis): void {
    const inquiry = vigil.inquiry;
    if (!inquiry) return;
    if (inquiry.waitsFor === 'leaders') {
      // those that asked for it found nothing
      this.#suspect(context, vigil, now, 'again');
      return;
    }
    const alone = inquiry.waitsFor === 'others';
    if (alone && !inquiry.brief) return this.#fail(context, vigil);
    if (alone) this.#askOn(inquiry);
    if (inquiry.asked < questions(inquiry)) return this.#ask(context, vigil, now);
    const late = now - inquiry.next > VIGIL.late;
    if (late && !inquiry.repeated) {
      inquiry.repeated = true;
      inquiry.asked = questions(inquiry) - 1;
      return this.#ask(context, vigil, now);
    }
    this.#fate.failed(context.id, inquiry.lastAsked, inquiry.hinted);
    this.#outcomes.failed(context.s.pair, now);
    if (this.#judge(context, vigil, now)) return;
    if (!inquiry.brief) return this.#fail(context, vigil);
    this.#askOn(inquiry);
    this.#ask(context, vigil, now);
  }

  /** Nobody else is silent: then it takes as many questions as for any other. */
  #askOn(inquiry: Inquiry): void {
    inquiry.brief = false;
    inquiry.waitsFor = 'answer';
  }

  #ask(context: Contacted, vigil: Vigil, now: Millis): void {
    const inquiry = vigil.inquiry;
    if (!inquiry) return;
    if (!this.#budget.take(now)) {
      inquiry.next = this.#budget.nextAt(now);
      return;
    }
    inquiry.asked++;
    inquiry.lastAsked = now;
    const last = inquiry.asked >= questions(inquiry);
    inquiry.next = addMs(now, last ? vigil.verdict(inquiry.brief) : vigil.spacing);
    this.#ping(context, context.s.pair, now);
  }

  /** It fails alone. */
  #fail(context: Contacted, vigil: Vigil): void {
    vigil.inquiry = undefined;
    this.#host.explore(context, 'no-answer');
  }

  /** Whether the blame lies on something shared; then everybody who shares it has been moved. */
  #judge(context: Contacted, vigil: Vigil, now: Millis): boolean {
    if (!this.#strategy.shares) return false;
    const blame = this.#fate.blame(context.id, now);
    if (blame.of === 'pair') return false;
    const { inquiry } = vigil;
    if (blame.of === 'open') {
      if (inquiry?.waitsFor !== 'answer' || inquiry.asked < questions(inquiry)) return false;
      inquiry.waitsFor = 'others';
      inquiry.next = addMs(now, VIGIL.open);
      this.#host.touch(context);
      return true;
    }
    const { local, peer } = context.s.pair;
    if (blame.of === 'exit') return this.#moves.offExit(exitOf(local), now);
    const avoid = { site: siteOf(peer), ...(blame.of === 'both' ? { exit: exitOf(local) } : {}) };
    return this.#moves.offSite(blame.members, avoid, now);
  }

  #ping(context: Contacted, pair: LocatorPair, now: Millis): void {
    this.#outcomes.asked(pair, now);
    this.#host.ping(context, pair);
  }
}
