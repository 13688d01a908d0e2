import { samePair, type LocatorPair } from '../wire/address.js';
import type { Probe, ProbeState } from '../wire/shim6/message.js';
import { addMs, ms, type ContextTag, type Millis } from '../wire/units.js';
import { RULES, type ReapConstants, type ReapRules } from './constants.js';
import { Exploration, type Recovery } from './exploration.js';
import type { ReapOptions } from './options.js';
import { ProbeLog } from './reports.js';
import { KeepaliveTimer, SendTimer } from './timers.js';
import { NO_MEMORY, type PathMemory, type RankedPair } from './strategy/index.js';
import type { PathStrategy } from './strategy/types.js';

export type { Recovery } from './exploration.js';
export type { ReapListener, ReapOptions } from './options.js';

/**
 * RFC 5534 for one context: the three states and two timers of section 6 as deadlines. `payload*` times may lie a
 * little in the past: they are when the data path saw the packet.
 */
export class Reap {
  readonly #o: ReapOptions;
  #constants: ReapConstants;
  #strategy: PathStrategy;
  #memory: PathMemory;
  readonly #log: ProbeLog;
  #state: ProbeState = 'operational';
  #since: Millis;
  #peerTag: ContextTag;
  #pair: LocatorPair;
  #pairs: readonly RankedPair[];
  #keepaliveTimeout: number;
  readonly #send = new SendTimer();
  readonly #keepalive = new KeepaliveTimer();
  #isConfirmed = false;
  #probeNext: Millis | undefined;
  #exploration: Exploration | undefined;
  #lastRecovery: Recovery | undefined;
  readonly stats = { probesSent: 0, probesReceived: 0, keepalivesSent: 0, keepalivesReceived: 0 };

  constructor(options: ReapOptions) {
    this.#o = options;
    this.#constants = options.constants;
    this.#strategy = options.strategy;
    this.#memory = options.memory ?? NO_MEMORY;
    this.#log = new ProbeLog(options.random);
    this.#since = options.now;
    this.#peerTag = options.peerTag;
    this.#pair = options.pair;
    this.#pairs = options.pairs;
    this.#keepaliveTimeout = options.constants.keepaliveTimeout;
  }

  get state(): ProbeState {
    return this.#state;
  }
  get since(): Millis {
    return this.#since;
  }
  get pair(): LocatorPair {
    return this.#pair;
  }
  get pairs(): readonly RankedPair[] {
    return this.#pairs;
  }
  get log(): ProbeLog {
    return this.#log;
  }
  get lastRecovery(): Recovery | undefined {
    return this.#lastRecovery;
  }
  get keepaliveTimeout(): number {
    return this.#keepaliveTimeout;
  }
  get sendTimeout(): number {
    return this.#constants.sendTimeout;
  }
  get #rules(): ReapRules {
    return this.#constants.rules ?? RULES;
  }

  configure(constants: ReapConstants): void {
    this.#constants = constants;
  }
  adopt(strategy: PathStrategy, memory: PathMemory = NO_MEMORY): void {
    this.#strategy = strategy;
    this.#memory = memory;
  }
  setPeerTag(tag: ContextTag): void {
    this.#peerTag = tag;
  }
  /** The peer's Keepalive Timeout option, milliseconds (§5.3). */
  setKeepaliveTimeout(timeout: number): void {
    if (timeout === this.#keepaliveTimeout) return;
    this.#keepaliveTimeout = timeout;
    this.#keepalive.stop(); // the next payload starts it with the new value
  }
  /** A new set of pairs: the one place where the list that is explored is made (lessons 5 and 6 of LinShim6). */
  setPairs(pairs: readonly RankedPair[], now: Millis): void {
    const old = this.#pairs;
    this.#pairs = pairs;
    this.#log.keepOnly(pairs.map((p) => p.pair));
    if (!this.#exploration) return;
    // The order goes on where it was, or whoever is told the same again and again would never come to its end.
    this.#exploration.queue = this.#usable(this.#exploration.queue);
    // A pair that was not there before deserves better than the end of a long backoff.
    if (pairs.some((p) => !old.some((q) => samePair(p.pair, q.pair)))) {
      this.#exploration.queue = [];
      this.#exploration.paced = 0;
      this.#probeNext = now;
    }
  }
  /** Moves without probing: only where Shim6 itself has just heard the peer over `pair`. */
  adoptPair(pair: LocatorPair): void {
    this.#pair = pair;
  }
  /** Moves to a pair that others have found to work: nothing is waited for, and nothing explored, any more. */
  follow(pair: LocatorPair, why: string, now: Millis): void {
    this.#pair = pair;
    this.#send.stop();
    this.#keepalive.stop();
    this.#operational(why, now);
  }

  /** §6.2 */
  payloadSent(at: Millis): void {
    if (this.#state === 'exploring') return;
    if (this.#state === 'operational') this.#keepalive.stop();
    if (!this.#send.running) this.#startSend(at);
  }

  /** §6.1 */
  payloadReceived(at: Millis, now: Millis): void {
    this.#isConfirmed = false;
    if (this.#state === 'exploring') return this.#heardWhileExploring('payload', now);
    this.#send.stop();
    if (this.#state === 'operational')
      this.#keepalive.start(at, this.#keepaliveTimeout, this.#o.random);
  }

  /** The peer may wait for something of ours (§6.1), but what came was not payload. */
  owe(now: Millis): void {
    if (this.#state === 'operational')
      this.#keepalive.start(now, this.#keepaliveTimeout, this.#o.random);
  }

  /**
   * The peer has answered a question over the current pair: nothing has failed, its last packet was lost. Once only, until
   * payload or a Keepalive comes, for that answer may have come by another way than those do.
   */
  confirmed(): void {
    if (this.#state !== 'operational' || this.#isConfirmed) return;
    this.#isConfirmed = true;
    this.#send.stop();
  }

  /** §6.6 */
  keepaliveReceived(now: Millis): void {
    this.stats.keepalivesReceived++;
    this.#isConfirmed = false;
    if (this.#state === 'exploring') return this.#heardWhileExploring('keepalive', now);
    this.#send.stop();
  }

  /** §6.7 to §6.9. `arrival` is the pair the probe came over, from our side. */
  probeReceived(probe: Probe, arrival: LocatorPair, now: Millis): void {
    this.stats.probesReceived++;
    const settled = this.#state === 'operational' && this.#rules.choice !== 'first-heard';
    if (settled && this.#log.isOutdated(probe)) return this.#log.heardLate(probe, arrival, now);
    // Begins first: what it forgets are probes of an earlier exploration, not this one.
    if (probe.state === 'exploring' && this.#state === 'operational') this.#begin(undefined, now);
    const own = probe.sent[0];
    // The first report describes the probe itself; what the packet says of addresses is what counts.
    if (own) {
      const report = { ...own, source: arrival.peer, destination: arrival.local };
      this.#log.heard(report, now, this.#constants.maxReports);
    }
    if (probe.state === 'operational') this.#log.settle(probe.sent);
    // Who is Operational already has a pair that was found later than these reports say.
    const since = settled && probe.state === 'inboundOk' ? this.#since : undefined;
    const proven = this.#log.proven(probe.received, now, {
      first: (pair, rtt) => this.#o.listener.reported?.(pair, rtt),
      ...(since !== undefined && this.#rules.choice === 'best' ? { since } : {}),
    });
    if (probe.state !== 'operational') this.#keepalive.stop();
    if (probe.state === 'exploring') {
      this.#sweepAnew(now);
      this.#enter('inboundOk', 'peer-exploring', now);
      this.#startSend(now);
      // Where the peer says it heard us, it is sure to hear the answer (§4.3 leaves the choice to us).
      this.#sendProbe(now, this.#usable(proven)[0] ?? this.#nextPair(now));
    } else if (probe.state === 'inboundOk') {
      this.#choose(proven, now);
      this.#operational('peer-inbound-ok', now);
      this.#startSend(now);
      this.#sendProbe(now, this.#pair);
    } else {
      if (this.#state !== 'operational') this.#choose(proven, now);
      this.#operational('peer-operational', now);
      this.#send.stop();
      this.#keepalive.start(now, this.#keepaliveTimeout, this.#o.random);
    }
  }

  /**
   * Full exploration now, as if the send timer had run out: a locator of the current pair is gone, or a user asks.
   * `first` is probed before all others, if it may be: the way home to the primary pair.
   */
  explore(why: string, now: Millis, first?: LocatorPair): void {
    if (this.#state === 'exploring') return;
    if (this.#state === 'operational') this.#begin(undefined, now);
    if (first) this.#tryFirst(first, now);
    this.#explore(why, now);
  }

  /**
   * Unproven bad news (§8): whoever answers within one probe interval has not failed. Anybody can send it, so that it
   * counts once in a Send Timeout, and what comes of it probes the current pair, too.
   * @returns false: it does not count
   */
  hint(now: Millis): boolean {
    if (this.#state !== 'operational') return false;
    const soon = addMs(now, this.#constants.initialProbeTimeout);
    return this.#send.shorten(now, soon, this.sendTimeout);
  }

  deadline(): Millis | undefined {
    let first: number = this.#send.deadline ?? Infinity; // asked for after every packet: no arrays
    first = Math.min(first, this.#keepalive.deadline() ?? Infinity);
    first = Math.min(first, this.#probeNext ?? Infinity);
    return first === Infinity ? undefined : ms(first);
  }

  tick(now: Millis): void {
    if (this.#send.deadline !== undefined && this.#send.deadline <= now) this.#sendTimeout(now);
    if (this.#keepalive.takeDue(now, this.#keepaliveTimeout, this.#o.random)) this.#sendKeepalive();
    if (this.#probeNext !== undefined && this.#probeNext <= now) this.#retransmit(now);
  }

  /** §6.4 */
  #sendTimeout(now: Millis): void {
    const { started, hinted } = this.#send;
    const detection = started === undefined ? undefined : now - started;
    if (this.#state === 'operational') this.#begin(detection, now);
    if (hinted) this.#tryFirst(this.#pair, now);
    this.#explore('send-timeout', now);
    // Where the hint was false, the first is answered first, and nothing moves; where it was true, nothing is lost.
    if (hinted) this.#sendProbe(now, this.#nextPair(now));
  }

  #tryFirst(first: LocatorPair, now: Millis): void {
    if (!this.#exploration) return;
    const order = this.#order(now);
    const others = order.filter((p) => !samePair(p, first));
    this.#exploration.queue = [...this.#usable([first]), ...others];
  }

  #explore(why: string, now: Millis): void {
    this.#send.stop();
    this.#keepalive.stop();
    this.#enter('exploring', why, now);
    this.#unasked(now, false);
  }

  /** A probe that is no answer: only when the host may send one now. */
  #unasked(now: Millis, timed: boolean): void {
    const later = this.#o.listener.mayProbe?.(now);
    if (later === undefined) this.#sendProbe(now, this.#nextPair(now), timed);
    else this.#probeNext = later;
  }

  /** §6.5 */
  #retransmit(now: Millis): void {
    if (this.#state === 'inboundOk' && !this.#send.running) this.#startSend(now);
    this.#unasked(now, true);
  }

  #heardWhileExploring(why: string, now: Millis): void {
    this.#sweepAnew(now);
    this.#enter('inboundOk', why, now);
    this.#startSend(now);
    this.#sendProbe(now, this.#nextPair(now));
  }

  /** The peer is heard again: what was learnt of pairs in the silence may be over. */
  #sweepAnew(now: Millis): void {
    const e = this.#exploration;
    if (!e || this.#rules.pace !== 'sweep') return;
    if (e.sweepAnew(now, this.#state === 'inboundOk') && e.probesSent > 0) this.#pace(e, now);
  }

  #begin(detection: number | undefined, now: Millis): void {
    this.#log.forgetReceived();
    this.#exploration = new Exploration(now, this.#pair, detection);
  }

  #enter(state: ProbeState, why: string, now: Millis): void {
    if (state === this.#state) return;
    const from = this.#state;
    this.#state = state;
    this.#since = now;
    this.#o.listener.stateChanged(from, state, why);
  }

  #operational(why: string, now: Millis): void {
    const e = this.#exploration;
    this.#exploration = undefined;
    this.#probeNext = undefined;
    if (e) this.#lastRecovery = e.ended(this.#pair, now);
    this.#enter('operational', why, now);
  }

  /** §6.8: from what the peer says it received, of what we really sent. Where the current pair is among it, stay. */
  #choose(proven: readonly LocatorPair[], now: Millis): void {
    const usable = this.#usable(proven);
    const { choice } = this.#rules;
    if (choice === 'first-heard' && this.#state === 'operational') return;
    const to = choice === 'first-heard' ? usable.at(-1) : this.#best(usable, now);
    if (!to || samePair(to, this.#pair)) return;
    const from = this.#pair;
    this.#pair = to;
    this.#o.listener.pairChanged(from, to);
  }

  #best(usable: readonly LocatorPair[], now: Millis): LocatorPair | undefined {
    const current = usable.find((p) => samePair(p, this.#pair));
    if (current || this.#rules.choice !== 'best' || usable.length < 2) return current ?? usable[0];
    return this.#order(now).find((p) => usable.some((u) => samePair(u, p)));
  }

  #usable(proven: readonly LocatorPair[]): LocatorPair[] {
    return proven.filter((p) => this.#pairs.some((known) => samePair(known.pair, p)));
  }

  #order(now: Millis): readonly LocatorPair[] {
    const { random } = this.#o;
    const memory = this.#memory;
    return this.#strategy.order({ pairs: this.#pairs, current: this.#pair, random, memory, now });
  }

  /** The next pair of the exploration (§4.3); all through, then again in a new order. */
  #nextPair(now: Millis): LocatorPair {
    const e = this.#exploration;
    if (!e) return this.#pair;
    if (e.queue.length === 0) e.queue = [...this.#order(now)];
    return e.queue.shift() ?? this.#pair;
  }

  /** `timed`: the timer sends it, and not an event. The first of an exploration starts the timer in either case. */
  #sendProbe(now: Millis, pair: LocatorPair, timed = false): void {
    const { maxReports } = this.#constants;
    const e = this.#exploration;
    const report = this.#log.next(pair, now);
    this.stats.probesSent++;
    this.#o.listener.send(pair, {
      message: 'probe',
      receiverContextTag: this.#peerTag,
      state: this.#state,
      sent: this.#log.sentReports(report, maxReports),
      received: this.#log.receivedReports(maxReports),
      options: [],
    });
    if (!e) return;
    e.probesSent++;
    if (timed || e.probesSent === 1 || this.#rules.pace === 'every-probe') this.#pace(e, now);
  }

  /** Four at the initial interval, then doubling up to the maximum (§4.3, §7), each drawn anew around it. */
  #pace(e: Exploration, now: Millis): void {
    e.paced++;
    if (e.paced < this.#strategy.burst) return this.#sendProbe(now, this.#nextPair(now), true);
    const interval = e.interval({
      constants: this.#constants,
      random: this.#o.random,
      pairs: this.#pairs.length,
      heard: this.#state === 'inboundOk',
      rtt: this.#memory.of(this.#pair, now)?.rtt,
    });
    this.#probeNext = addMs(now, interval);
  }

  #sendKeepalive(): void {
    this.stats.keepalivesSent++;
    this.#o.listener.send(this.#pair, {
      message: 'keepalive',
      receiverContextTag: this.#peerTag,
      options: [],
    });
  }

  #startSend(at: Millis): void {
    const { sendTimeout, sendJitter } = this.#constants;
    this.#send.start(at, sendTimeout, sendJitter, this.#o.random);
  }
}
