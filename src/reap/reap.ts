import { samePair, type LocatorPair } from '../wire/address.js';
import type { Keepalive, Probe, ProbeState } from '../wire/shim6/message.js';
import { addMs, ms, type ContextTag, type Millis, type RandomSource } from '../wire/units.js';
import { RULES, type ReapConstants, type ReapRules } from './constants.js';
import { ProbeLog } from './reports.js';
import type { PathStrategy, RankedPair } from './strategy.js';

/** What REAP tells whoever composes it with a context. Synchronous; must not call back into the same object. */
export interface ReapListener {
  send(pair: LocatorPair, message: Keepalive | Probe): void;
  stateChanged(from: ProbeState, to: ProbeState, why: string): void;
  /** The pair to send payload over from now on: the peer has reported a probe of ours over it. */
  pairChanged(from: LocatorPair, to: LocatorPair): void;
}

export interface ReapOptions {
  readonly constants: ReapConstants;
  readonly strategy: PathStrategy;
  readonly random: RandomSource;
  readonly listener: ReapListener;
  readonly peerTag: ContextTag;
  readonly pair: LocatorPair;
  readonly pairs: readonly RankedPair[];
  readonly now: Millis;
}

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

interface Exploration {
  readonly startedAt: Millis;
  readonly detection: number | undefined;
  readonly from: LocatorPair;
  probesSent: number;
  /** Probes that slow the retransmission timer down (`ReapRules.pace`). */
  paced: number;
  queue: LocatorPair[];
}

/**
 * RFC 5534 for one context: the three states and two timers of section 6 as deadlines. `payload*` times may lie a
 * little in the past: they are when the data path saw the packet.
 */
export class Reap {
  readonly #o: ReapOptions;
  #constants: ReapConstants;
  readonly #log: ProbeLog;
  #state: ProbeState = 'operational';
  #since: Millis;
  #peerTag: ContextTag;
  #pair: LocatorPair;
  #pairs: readonly RankedPair[];
  #keepaliveTimeout: number;
  #sendStarted: Millis | undefined;
  #sendDeadline: Millis | undefined;
  #keepaliveEnd: Millis | undefined;
  #keepaliveNext: Millis | undefined;
  #probeNext: Millis | undefined;
  /** The send timer was shortened by a hint. */
  #hinted = false;
  #hintedAt: Millis | undefined;
  #exploration: Exploration | undefined;
  #lastRecovery: Recovery | undefined;
  readonly stats = { probesSent: 0, probesReceived: 0, keepalivesSent: 0, keepalivesReceived: 0 };

  constructor(options: ReapOptions) {
    this.#o = options;
    this.#constants = options.constants;
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
  get constants(): ReapConstants {
    return this.#constants;
  }
  get #rules(): ReapRules {
    return this.#constants.rules ?? RULES;
  }

  configure(constants: ReapConstants): void {
    this.#constants = constants;
  }
  setPeerTag(tag: ContextTag): void {
    this.#peerTag = tag;
  }
  /** The peer's Keepalive Timeout option, milliseconds (§5.3). */
  setKeepaliveTimeout(timeout: number): void {
    if (timeout === this.#keepaliveTimeout) return;
    this.#keepaliveTimeout = timeout;
    this.#stopKeepalive(); // the next payload starts it with the new value
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

  /** §6.2 */
  payloadSent(at: Millis): void {
    if (this.#state === 'exploring') return;
    if (this.#state === 'operational') this.#stopKeepalive();
    if (this.#sendDeadline === undefined) this.#startSend(at);
  }

  /** §6.1 */
  payloadReceived(at: Millis, now: Millis): void {
    if (this.#state === 'exploring') return this.#heardWhileExploring('payload', now);
    this.#stopSend();
    if (this.#state === 'operational') this.#startKeepalive(at);
  }

  /** §6.6 */
  keepaliveReceived(now: Millis): void {
    this.stats.keepalivesReceived++;
    if (this.#state === 'exploring') return this.#heardWhileExploring('keepalive', now);
    this.#stopSend();
  }

  /** §6.7 to §6.9. `arrival` is the pair the probe came over, from our side. */
  probeReceived(probe: Probe, arrival: LocatorPair, now: Millis): void {
    this.stats.probesReceived++;
    // Begins first: what it forgets are probes of an earlier exploration, not this one.
    if (probe.state === 'exploring' && this.#state === 'operational') this.#begin(undefined, now);
    const own = probe.sent[0];
    // The first report describes the probe itself; what the packet says of addresses is what counts.
    if (own) {
      const report = { ...own, source: arrival.peer, destination: arrival.local };
      this.#log.heard(report, now, this.#constants.maxReports);
    }
    const proven = this.#log.proven(probe.received, now);
    if (probe.state !== 'operational') this.#stopKeepalive();
    if (probe.state === 'exploring') {
      this.#enter('inboundOk', 'peer-exploring', now);
      this.#startSend(now);
      // Where the peer says it heard us, it is sure to hear the answer (§4.3 leaves the choice to us).
      this.#sendProbe(now, this.#usable(proven)[0] ?? this.#nextPair());
    } else if (probe.state === 'inboundOk') {
      this.#choose(proven);
      this.#operational('peer-inbound-ok', now);
      this.#startSend(now);
      this.#sendProbe(now, this.#pair);
    } else {
      if (this.#state !== 'operational') this.#choose(proven);
      this.#operational('peer-operational', now);
      this.#stopSend();
      this.#startKeepalive(now);
    }
  }

  /**
   * Full exploration now, as if the send timer had run out: a locator of the current pair is gone, or a user asks.
   * `first` is probed before all others, if it may be: the way home to the primary pair.
   */
  explore(why: string, now: Millis, first?: LocatorPair): void {
    if (this.#state === 'exploring') return;
    if (this.#state === 'operational') this.#begin(undefined, now);
    if (first) this.#tryFirst(first);
    this.#explore(why, now);
  }

  /**
   * Unproven bad news (§8): whoever answers within one probe interval has not failed. Anybody can send it, so that it
   * counts once in a Send Timeout, and what comes of it probes the current pair, too.
   * @returns false: it does not count
   */
  hint(now: Millis): boolean {
    if (this.#state !== 'operational' || this.#sendDeadline === undefined) return false;
    if (this.#hintedAt !== undefined && now < addMs(this.#hintedAt, this.sendTimeout)) return false;
    const soon = addMs(now, this.#constants.initialProbeTimeout);
    if (soon >= this.#sendDeadline) return false;
    this.#hintedAt = now;
    this.#sendDeadline = soon;
    this.#hinted = true;
    return true;
  }

  deadline(): Millis | undefined {
    let first = Infinity; // asked for after every packet: no arrays
    if (this.#sendDeadline !== undefined) first = this.#sendDeadline;
    if (this.#keepaliveEnd !== undefined) first = Math.min(first, this.#keepaliveEnd);
    if (this.#keepaliveNext !== undefined) first = Math.min(first, this.#keepaliveNext);
    if (this.#probeNext !== undefined) first = Math.min(first, this.#probeNext);
    return first === Infinity ? undefined : ms(first);
  }

  tick(now: Millis): void {
    if (this.#sendDeadline !== undefined && this.#sendDeadline <= now) this.#sendTimeout(now);
    if (this.#keepaliveEnd !== undefined && this.#keepaliveEnd <= now) {
      this.#stopKeepalive();
      this.#sendKeepalive(); // one last (§6.3)
    } else if (this.#keepaliveNext !== undefined && this.#keepaliveNext <= now) {
      this.#keepaliveNext = addMs(now, this.#keepaliveInterval());
      this.#sendKeepalive();
    }
    if (this.#probeNext !== undefined && this.#probeNext <= now) this.#retransmit(now);
  }

  /** §6.4 */
  #sendTimeout(now: Millis): void {
    const detection = this.#sendStarted === undefined ? undefined : now - this.#sendStarted;
    const hinted = this.#hinted;
    if (this.#state === 'operational') this.#begin(detection, now);
    if (hinted) this.#tryFirst(this.#pair);
    this.#explore('send-timeout', now);
    // Where the hint was false, the first is answered first, and nothing moves; where it was true, nothing is lost.
    if (hinted) this.#sendProbe(now, this.#nextPair());
  }

  #tryFirst(first: LocatorPair): void {
    if (!this.#exploration) return;
    const order = this.#o.strategy.order(this.#pairs, this.#pair, this.#o.random);
    const others = order.filter((p) => !samePair(p, first));
    this.#exploration.queue = [...this.#usable([first]), ...others];
  }

  #explore(why: string, now: Millis): void {
    this.#stopSend();
    this.#stopKeepalive();
    this.#enter('exploring', why, now);
    this.#sendProbe(now, this.#nextPair());
  }

  /** §6.5 */
  #retransmit(now: Millis): void {
    if (this.#state === 'inboundOk' && this.#sendDeadline === undefined) this.#startSend(now);
    this.#sendProbe(now, this.#nextPair(), true);
  }

  #heardWhileExploring(why: string, now: Millis): void {
    this.#enter('inboundOk', why, now);
    this.#startSend(now);
    this.#sendProbe(now, this.#nextPair());
  }

  #begin(detection: number | undefined, now: Millis): void {
    this.#log.forgetReceived();
    this.#exploration = {
      startedAt: now,
      detection,
      from: this.#pair,
      probesSent: 0,
      paced: 0,
      queue: [],
    };
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
    if (e) {
      const { startedAt, detection, probesSent, from } = e;
      this.#lastRecovery = { startedAt, endedAt: now, detection, probesSent, from, to: this.#pair };
    }
    this.#enter('operational', why, now);
  }

  /** §6.8: from what the peer says it received, of what we really sent. Where the current pair is among it, stay. */
  #choose(proven: readonly LocatorPair[]): void {
    const usable = this.#usable(proven);
    const first = this.#rules.choice === 'first-heard';
    if (first && this.#state === 'operational') return;
    const to = first ? usable.at(-1) : (usable.find((p) => samePair(p, this.#pair)) ?? usable[0]);
    if (!to || samePair(to, this.#pair)) return;
    const from = this.#pair;
    this.#pair = to;
    this.#o.listener.pairChanged(from, to);
  }

  #usable(proven: readonly LocatorPair[]): LocatorPair[] {
    return proven.filter((p) => this.#pairs.some((known) => samePair(known.pair, p)));
  }

  /** The next pair of the exploration (§4.3); all through, then again in a new order. */
  #nextPair(): LocatorPair {
    const e = this.#exploration;
    if (!e) return this.#pair;
    if (e.queue.length === 0) {
      e.queue = [...this.#o.strategy.order(this.#pairs, this.#pair, this.#o.random)];
    }
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
    if (e.paced < this.#rules.burst) return this.#sendProbe(now, this.#nextPair(), true);
    this.#probeNext = addMs(now, this.#interval(e.paced));
  }

  #interval(paced: number): number {
    const { initialProbeTimeout, initialProbes, maxProbeTimeout, probeJitter } = this.#constants;
    const doublings = Math.max(0, paced - initialProbes + 1);
    const nominal = Math.min(maxProbeTimeout, initialProbeTimeout * 2 ** doublings);
    return nominal * (1 + probeJitter * (2 * this.#o.random.uniform() - 1));
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
    this.#hinted = false;
    this.#sendStarted = at;
    const { sendTimeout, sendJitter } = this.#constants;
    this.#sendDeadline = addMs(at, sendTimeout * (1 + sendJitter * this.#o.random.uniform()));
  }
  #stopSend(): void {
    this.#hinted = false;
    this.#sendStarted = undefined;
    this.#sendDeadline = undefined;
  }
  #startKeepalive(at: Millis): void {
    if (this.#keepaliveEnd !== undefined) return;
    this.#keepaliveEnd = addMs(at, this.#keepaliveTimeout);
    this.#keepaliveNext = addMs(at, this.#keepaliveInterval());
  }
  #stopKeepalive(): void {
    this.#keepaliveEnd = undefined;
    this.#keepaliveNext = undefined;
  }
  /** One third to one half of the timeout (§4.1), drawn so that hosts do not fall into step. */
  #keepaliveInterval(): number {
    return this.#keepaliveTimeout * (1 / 3 + this.#o.random.uniform() / 6);
  }
}
