import { noVerification, type LocatorVerifier } from '../identity/verifier.js';
import { isProtectedPeer, isWorthIt } from '../policy/trigger.js';
import { shuffle, type PathStrategy } from '../reap/strategy.js';
import { isContacted, type Contacted, type Context } from '../shim6/context.js';
import { earliest, type Received, type Shim6Listener } from '../shim6/core.js';
import { Shim6 } from '../shim6/shim6.js';
import { isUsableLocator, pairKey, type Address, type LocatorPair } from '../wire/address.js';
import { buildControlPacket, type Keepalive, type Probe } from '../wire/shim6/index.js';
import { ms, type ContextTag, type Millis, type RandomSource } from '../wire/units.js';
import {
  full,
  keepaliveWish,
  noContext,
  noLocator,
  noPeer,
  ownLocator,
  recoveryDetail,
} from './describe.js';
import { rankFor, Reach } from './reach.js';
import { Deadlines } from './deadlines.js';
import type {
  ContextId,
  ContextView,
  Effect,
  EngineConfig,
  EngineEvent,
  EngineEventName,
  FlowObservation,
  HostEngineApi,
  LivenessSample,
  LocalLocator,
} from './types.js';
import { contextView } from './views.js';

export interface HostEngineOptions {
  readonly config: EngineConfig;
  readonly random: RandomSource;
  readonly now: Millis;
  /** Default: nothing is verified. */
  readonly verifier?: LocatorVerifier;
  /** The generation of the first list of each ULID, 32 bits. Default: random. Seconds since 1970 count up over restarts. */
  readonly firstGeneration?: number;
  readonly strategy?: PathStrategy;
}

/**
 * One host: RFC 5533, RFC 5534 and policy composed. Pure: see `HostEngineApi` for the contract. Each public method
 * collects effects while it runs and returns them in order.
 */
export class HostEngine implements HostEngineApi {
  #config: EngineConfig;
  readonly #random: RandomSource;
  readonly #strategy: PathStrategy;
  readonly #shim6: Shim6;
  readonly #reach = new Map<number, Reach>();
  readonly #deadlines = new Deadlines();
  readonly #counts = new Map<string, number>();
  #locators: readonly LocalLocator[] = [];
  #effects: Effect[] = [];
  #now: Millis;

  constructor(options: HostEngineOptions) {
    this.#config = options.config;
    this.#random = options.random;
    this.#strategy = options.strategy ?? shuffle;
    this.#now = options.now;
    this.#shim6 = new Shim6({
      constants: options.config.shim6,
      keepaliveTimeout: keepaliveWish(options.config),
      maxContexts: options.config.maxContexts,
      random: options.random,
      verifier: options.verifier ?? noVerification,
      firstGeneration: options.firstGeneration,
      admits: (peer) => isProtectedPeer(peer, [], this.#config.leave),
      listener: this.#listener(),
      now: options.now,
    });
  }

  receive(packet: Uint8Array, now: Millis): Effect[] {
    return this.#run(now, () => this.#shim6.receive(packet, now));
  }

  icmp(packet: Uint8Array, now: Millis): Effect[] {
    return this.#run(now, () => {
      const verdict = this.#shim6.icmp(packet, now);
      if (verdict.kind !== 'trouble') return;
      const counts = this.#reach.get(verdict.context.id)?.reap.hint(now);
      if (counts !== true) this.#count('icmp-hints-ignored');
      this.#touch(verdict.context);
    });
  }

  setLocalLocators(locators: readonly LocalLocator[], now: Millis): Effect[] {
    return this.#run(now, () => {
      this.#locators = locators.filter((l) => isUsableLocator(l.address));
      this.#tellLocators(false);
      for (const context of [...this.#shim6.contexts()]) {
        if (!isContacted(context)) continue;
        this.#refresh(context);
        this.#exploreIfPairGone(context);
      }
    });
  }

  observe(id: ContextId, liveness: LivenessSample, now: Millis): Effect[] {
    return this.#run(now, () => {
      const context = this.#shim6.context(id);
      const reach = this.#reach.get(id);
      if (!context || !reach?.observe(liveness, now)) return;
      this.#shim6.used(context);
      const { lastSent = 0, lastReceived = 0 } = liveness;
      context.lastActivity = ms(Math.max(context.lastActivity, lastSent, lastReceived));
      this.#touch(context);
    });
  }

  offerFlows(flows: readonly FlowObservation[], now: Millis): Effect[] {
    return this.#run(now, () => {
      for (const flow of flows) if (this.#wants(flow)) this.#establish(flow, 0);
    });
  }

  establish(ulids: LocatorPair, now: Millis, forkedInstanceIdentifier = 0): Effect[] {
    return this.#run(now, () => {
      const isOurs = (a: Address): boolean => this.#locators.some((l) => l.address === a);
      if (!isOurs(ulids.local)) throw noLocator(ulids.local);
      if (!isUsableLocator(ulids.peer) || isOurs(ulids.peer)) throw noPeer(ulids.peer);
      if (!this.#establish(ulids, forkedInstanceIdentifier)) throw full(this.#config.maxContexts);
    });
  }

  explore(peer: Address, now: Millis): Effect[] {
    return this.#run(now, () => {
      for (const context of this.#shim6.withPeer(peer)) {
        this.#reach.get(context.id)?.reap.explore('asked', now, context.ulids);
        this.#touch(context);
      }
    });
  }

  forget(localTag: ContextTag, now: Millis): Effect[] {
    return this.#run(now, () => {
      const context = this.#shim6.byLocalTag(localTag);
      if (!context) throw noContext(localTag);
      this.#shim6.remove(context, 'forgotten', now);
    });
  }

  inUse(pairs: readonly LocatorPair[], now: Millis): Effect[] {
    return this.#run(now, () => {
      for (const pair of pairs) {
        const context = this.#shim6.byUlids(pair);
        if (!context) continue;
        context.lastActivity = now;
        this.#touch(context);
      }
    });
  }

  invalidateUlid(ulid: Address, now: Millis): Effect[] {
    return this.#run(now, () => {
      for (const context of [...this.#shim6.contexts()]) {
        if (context.ulids.local === ulid) this.#shim6.remove(context, 'ulid-invalid', now);
      }
    });
  }

  configure(config: EngineConfig, now: Millis): Effect[] {
    return this.#run(now, () => {
      const wish = keepaliveWish(config);
      const changed = wish !== keepaliveWish(this.#config);
      this.#config = config;
      const { shim6: constants, maxContexts } = config;
      // Whoever was told another value must be told the default too, once.
      const keepaliveTimeout = changed ? config.reap.sendTimeout : wish;
      this.#shim6.configure({ constants, keepaliveTimeout, maxContexts });
      for (const { reap } of this.#reach.values()) reap.configure(config.reap);
      if (changed) this.#tellLocators(true);
      this.#shim6.configure({ constants, keepaliveTimeout: wish, maxContexts });
      for (const context of this.#shim6.contexts()) this.#touch(context);
    });
  }

  tick(now: Millis): Effect[] {
    return this.#run(now, () => {
      for (const id of this.#deadlines.takeDue(now)) {
        const context = this.#shim6.context(id);
        if (!context) continue;
        this.#reach.get(id)?.reap.tick(now);
        this.#shim6.tick(context, now);
        this.#touch(context);
      }
    });
  }

  nextDeadline(): Millis | undefined {
    return this.#deadlines.next();
  }

  contexts(): readonly ContextView[] {
    return [...this.#shim6.contexts()].map((c) => contextView(c, this.#reach.get(c.id)?.reap));
  }

  localLocators(): readonly LocalLocator[] {
    return this.#locators;
  }

  refusals(): ReturnType<HostEngineApi['refusals']> {
    return this.#shim6.refusals();
  }

  counters(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#shim6.counters(), ...this.#counts].sort());
  }

  #run(now: Millis, work: () => void): Effect[] {
    this.#now = now;
    this.#effects = [];
    work();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #wants(flow: FlowObservation): boolean {
    const { protect, leave, trigger } = this.#config;
    return (
      isUsableLocator(flow.peer) &&
      this.#locators.some((l) => l.address === flow.local) &&
      isProtectedPeer(flow.peer, protect, leave) &&
      isWorthIt(flow, trigger) &&
      this.#shim6.stateOf(flow, 0, this.#now).state === 'IDLE'
    );
  }

  #establish(ulids: LocatorPair, instance: number): boolean {
    const pair = { local: ulids.local, peer: ulids.peer };
    if (this.#shim6.byUlids(pair, instance)) return true;
    const context = this.#shim6.establish(pair, instance, this.#now);
    if (context) this.#touch(context);
    return context !== undefined;
  }

  /** Tells peers of our locators; a locator out of order is told as BROKEN, not left out: its index stays. */
  #tellLocators(always: boolean): void {
    this.#shim6.setOwnLocators(this.#locators.map(ownLocator), this.#now, always);
    for (const context of this.#shim6.contexts()) this.#touch(context);
  }

  /** The one rebuild point for pairs and binding (lesson 5 of LinShim6). */
  #refresh(context: Contacted): void {
    const reach = this.#reach.get(context.id);
    if (!reach) return;
    reach.reap.setPairs(rankFor(context, this.#locators, this.#random), this.#now);
    this.#bind(context, reach);
    this.#touch(context);
  }

  #exploreIfPairGone(context: Contacted): void {
    const reach = this.#reach.get(context.id);
    if (!reach || reach.reap.pairs.length === 0) return;
    const current = pairKey(context.s.pair);
    if (reach.reap.pairs.some((p) => pairKey(p.pair) === current)) return;
    reach.reap.explore('locator-gone', this.#now);
    this.#touch(context);
  }

  #bind(context: Contacted, reach: Reach): void {
    const binding = reach.rebind(context);
    if (!binding) return;
    this.#effects.push({ kind: 'update', context: context.id as ContextId, binding });
  }

  #touch(context: Context): void {
    if (this.#shim6.context(context.id) === undefined)
      return this.#deadlines.set(context.id, undefined);
    const reap = this.#reach.get(context.id)?.reap.deadline();
    this.#deadlines.set(context.id, earliest(this.#shim6.deadline(context), reap));
  }

  #listener(): Shim6Listener {
    return {
      send: (packet) => void this.#effects.push({ kind: 'send', packet }),
      controlSent: (context) => {
        this.#reach.get(context.id)?.reap.payloadSent(this.#now);
        this.#touch(context);
      },
      controlReceived: (context) => {
        const reap = this.#reach.get(context.id)?.reap;
        if (context.keepaliveTimeout !== undefined) {
          reap?.setKeepaliveTimeout(context.keepaliveTimeout); // I2, I2bis, R2 or Update Request
        }
        reap?.payloadReceived(this.#now, this.#now);
        this.#touch(context);
      },
      contacted: (context, how) => this.#contacted(context, how),
      lostContact: (context) => {
        this.#uninstall(context);
        this.#touch(context);
      },
      removed: (context, reason) => {
        this.#uninstall(context);
        this.#deadlines.set(context.id, undefined);
        this.#event('removed', context, { reason });
      },
      rescheduled: (context) => this.#touch(context),
      reap: (context, received) => this.#onReap(context, received),
      peerLocatorsChanged: (context) => {
        this.#refresh(context);
        this.#exploreIfPairGone(context);
      },
      event: (name, context, detail) => this.#event(name, context, detail),
    };
  }

  #contacted(context: Contacted, how: 'established' | 'recovered' | 'changed'): void {
    let reach = this.#reach.get(context.id);
    if (!reach) {
      reach = this.#newReach(context);
      this.#reach.set(context.id, reach);
      const { binding } = reach;
      this.#effects.push({ kind: 'install', context: context.id as ContextId, binding });
    } else {
      reach.reap.setPeerTag(context.s.peerTag);
      reach.reap.adoptPair(context.s.pair);
      this.#refresh(context);
    }
    if (how !== 'changed') {
      this.#event(how, context, { over: pairKey(context.s.pair), initiator: context.initiator });
    }
    this.#touch(context);
  }

  #newReach(context: Contacted): Reach {
    return new Reach(context, {
      constants: this.#config.reap,
      strategy: this.#strategy,
      random: this.#random,
      peerTag: context.s.peerTag,
      pair: context.s.pair,
      pairs: rankFor(context, this.#locators, this.#random),
      now: this.#now,
      listener: {
        send: (pair, message) => {
          this.#count(`sent-${message.message}`);
          const packet = buildControlPacket(pair.local, pair.peer, message);
          this.#effects.push({ kind: 'send', packet });
        },
        stateChanged: (from, to, why) => this.#reapState(context, from, to, why),
        pairChanged: (from, to) => this.#pairChanged(context, from, to),
      },
    });
  }

  #reapState(context: Context, from: string, to: Probe['state'], why: string): void {
    if (from === 'operational') this.#event('failure-suspected', context, { why });
    const name = to === 'inboundOk' ? 'inbound-ok' : to;
    const last = to === 'operational' ? this.#reach.get(context.id)?.reap.lastRecovery : undefined;
    this.#event(name, context, last ? { why, ...recoveryDetail(last) } : { why });
  }

  #pairChanged(context: Context, from: LocatorPair, to: LocatorPair): void {
    const reach = this.#reach.get(context.id);
    if (!reach || !isContacted(context)) return;
    this.#shim6.setPair(context, to);
    this.#bind(context, reach);
    this.#event('path-changed', context, { from: pairKey(from), to: pairKey(to) });
  }

  #onReap(context: Contacted, received: Received<Keepalive | Probe>): void {
    const reach = this.#reach.get(context.id);
    if (!reach) return;
    const { message, source, destination } = received;
    if (message.message === 'keepalive') reach.reap.keepaliveReceived(this.#now);
    else {
      const { log } = reach.reap;
      const ignored = log.ignored;
      reach.reap.probeReceived(message, { local: destination, peer: source }, this.#now);
      this.#count('probe-reports-ignored', log.ignored - ignored);
    }
    this.#touch(context);
  }

  #uninstall(context: Context): void {
    if (!this.#reach.delete(context.id)) return;
    this.#effects.push({ kind: 'remove', context: context.id as ContextId });
  }

  #count(name: string, by = 1): void {
    if (by > 0) this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  #event(
    name: EngineEventName,
    context: Context | undefined,
    detail: NonNullable<EngineEvent['detail']>,
  ): void {
    const about = context && {
      context: context.id as ContextId,
      ulids: context.ulids,
      localTag: context.localTag,
    };
    this.#effects.push({ kind: 'event', event: { at: this.#now, name, ...about, detail } });
  }
}
