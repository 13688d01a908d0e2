import { exitOf, Fate, siteOf } from '../policy/fate.js';
import { PathOutcomes } from '../policy/path-memory.js';
import { PROBE_BUDGET, ProbeBudget } from '../policy/probe-budget.js';
import type { PathMemory, PathStrategy, RankedPair } from '../reap/strategy/index.js';
import type { Contacted } from '../shim6/context.js';
import { samePair, type Address, type LocatorPair } from '../wire/address.js';
import { addMs, type Millis, type RandomSource } from '../wire/units.js';
import { Exits } from './exits.js';
import { Measuring } from './measuring.js';
import type { LivenessSample } from './types.js';
import { Vigil, VIGIL, type Inquiry } from './vigil.js';

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
  readonly #measuring: Measuring | undefined;
  readonly #vigils = new Map<number, Vigil>();

  constructor({ host, strategy, random, now }: LookoutOptions) {
    this.#host = host;
    this.#strategy = strategy;
    this.#random = random;
    this.#budget = new ProbeBudget(PROBE_BUDGET, now);
    this.#exits = new Exits();
    if (strategy.measures) {
      this.#measuring = new Measuring({
        host,
        outcomes: this.#outcomes,
        budget: this.#budget,
        random,
      });
    }
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
    vigil.pings.add(rtt);
    this.#host.confirmed(context);
    if (vigil.inquiry) vigil.doubted();
    this.heard(context, now);
  }

  /** A probe of ours over `pair` was reported for the first time. */
  reported(pair: LocatorPair, rtt: number, now: Millis): void {
    this.#budget.answered(now);
    this.#outcomes.worked(pair, now, rtt);
  }

  /** REAP has begun to look for another pair, or has ended to. */
  explores(context: Contacted, begins: boolean, now: Millis): void {
    if (begins) return this.#fate.inTrouble(context.id);
    this.#fate.calm(context.id);
    this.#measuring?.soon(this.#vigils.get(context.id), now);
  }

  /** Bad news that anybody may have sent (RFC 5534 §8): a reason to ask, no more. False: it was none. */
  hint(context: Contacted, now: Millis): boolean {
    const vigil = this.#vigils.get(context.id);
    if (!vigil?.answersPings || vigil.inquiry || !this.#host.isOperational(context)) return false;
    this.#suspect(context, vigil, now);
    return true;
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
    for (const id of siblings) {
      const sibling = this.#host.context(id);
      if (!sibling || !this.#mayUse(sibling, to, now)) continue;
      if (this.#host.pairs(sibling).some((p) => samePair(p.pair, to))) {
        this.#host.move(sibling, to, 'sibling');
      }
    }
  }

  /** Where to go at once when the current pair is no more; undefined: only probes can tell. */
  refuge(context: Contacted, now: Millis, avoid: Avoid = {}): LocatorPair | undefined {
    if (!this.#strategy.shares) return undefined;
    const pairs = this.#host
      .pairs(context)
      .filter(({ pair }) => !this.isDead(pair.local) && this.#mayUse(context, pair, now));
    const rank = ({ pair }: RankedPair): number =>
      (exitOf(pair.local) === avoid.exit ? 1 : 0) + (siteOf(pair.peer) === avoid.site ? 1 : 0);
    const least = Math.min(...pairs.map(rank));
    const best = pairs.filter((p) => rank(p) === least && !samePair(p.pair, context.s.pair));
    if (least >= wishes(avoid) && wishes(avoid) > 0) return undefined;
    return this.#order(context, best, now)[0];
  }

  tick(context: Contacted, now: Millis): void {
    const vigil = this.#vigils.get(context.id);
    if (!vigil) return;
    if (vigil.inquiry) {
      if (vigil.inquiry.next <= now) this.#inquire(context, vigil, now);
    } else if (this.#isSuspicious(vigil, now)) {
      if (this.#host.isOperational(context)) this.#suspect(context, vigil, now);
      else vigil.heard(now); // REAP is at it
    }
    this.#measuring?.tick(context, vigil, now);
  }

  hostTick(now: Millis): void {
    for (const id of this.#fate.takeQuiet(now)) {
      const context = this.#host.context(id);
      const vigil = this.#vigils.get(id);
      if (!context || !vigil?.answersPings || vigil.inquiry) continue;
      if (this.#host.isOperational(context)) this.#suspect(context, vigil, now, true);
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

  #isSuspicious(vigil: Vigil, now: Millis): boolean {
    const at = vigil.suspiciousAt();
    return at !== undefined && at <= now;
  }

  #answered(context: Contacted, vigil: Vigil, packets: number, now: Millis): void {
    this.#fate.heard(context.id, packets, now);
    if (!vigil.inquiry) return;
    vigil.inquiry = undefined;
    this.#host.count('suspicions-false');
    this.#host.touch(context);
  }

  #suspect(context: Contacted, vigil: Vigil, now: Millis, brief = false): void {
    const leads = this.#fate.suspect(context.id, brief);
    this.#host.count('suspicions');
    vigil.inquiry = {
      began: now,
      asked: 0,
      lastAsked: now,
      next: leads ? now : addMs(now, VIGIL.follow),
      repeated: false,
      brief,
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
      this.#suspect(context, vigil, now); // those that asked for it found nothing: its turn, if there is room
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
    this.#fate.failed(context.id, inquiry.lastAsked);
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
    this.#fate.calm(context.id);
    this.#host.explore(context, 'no-answer');
  }

  /** Whether the blame lies on something shared; then everybody who shares it has been moved. */
  #judge(context: Contacted, vigil: Vigil, now: Millis): boolean {
    if (!this.#strategy.shares) return false;
    const blame = this.#fate.blame(context.id);
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
    if (blame.of === 'exit') return this.#condemnExit(exitOf(local), now);
    const avoid = { site: siteOf(peer), ...(blame.of === 'both' ? { exit: exitOf(local) } : {}) };
    return this.#leaveSite(blame.members, avoid, now);
  }

  #condemnExit(exit: string, now: Millis): boolean {
    const others = [...this.#host.contexts()].some((c) =>
      this.#host.pairs(c).some((p) => exitOf(p.pair.local) !== exit && !this.isDead(p.pair.local)),
    );
    if (!others) {
      // There is nowhere to go: then every exit may be tried again.
      if (this.#exits.forgive()) this.#host.exitsChanged();
      return false;
    }
    this.#host.count('exits-dead');
    this.#exits.condemn(exit, now);
    this.#host.exitsChanged();
    return true;
  }

  /** All of them go to where the site has another provider. False: this one cannot. */
  #leaveSite(members: readonly number[], avoid: Avoid, now: Millis): boolean {
    this.#host.count('sites-left');
    let left = false;
    for (const id of members) {
      const member = this.#host.context(id);
      const vigil = this.#vigils.get(id);
      if (!member || !vigil) continue;
      const to = this.refuge(member, now, avoid);
      if (to === undefined) continue;
      left = true;
      this.#outcomes.failed(member.s.pair, now);
      this.#host.move(member, to, avoid.exit === undefined ? 'site' : 'exit or site');
    }
    return left;
  }

  /** A pair is used without asking only where the peer is known to be: it answered there, or is spoken to there now. */
  #mayUse(context: Contacted, { peer }: LocatorPair, now: Millis): boolean {
    return peer === context.s.pair.peer || this.#outcomes.hasReached(peer, now);
  }

  #ping(context: Contacted, pair: LocatorPair, now: Millis): void {
    this.#outcomes.asked(pair, now);
    this.#host.ping(context, pair);
  }

  #order(context: Contacted, pairs: readonly RankedPair[], now: Millis): readonly LocatorPair[] {
    return this.#strategy.order({
      pairs,
      current: context.s.pair,
      random: this.#random,
      memory: this.#outcomes,
      now,
    });
  }
}

const questions = ({ brief }: Inquiry): number => (brief ? 1 : VIGIL.questions);

/** What a pair should not share with the one that failed, as keys of `exitOf` and `siteOf`. */
export interface Avoid {
  readonly exit?: string;
  readonly site?: string;
}
const wishes = (avoid: Avoid): number =>
  (avoid.exit === undefined ? 0 : 1) + (avoid.site === undefined ? 0 : 1);
