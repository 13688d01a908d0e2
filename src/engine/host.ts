import { noVerification, type LocatorVerifier } from '../identity/verifier.js';
import { isProtectedPeer, isWorthIt } from '../policy/trigger.js';
import { isContacted, type Contacted, type Context } from '../shim6/context.js';
import { due, earliest, type Shim6Listener } from '../shim6/core.js';
import { Shim6 } from '../shim6/shim6.js';
import { isUsableLocator, pairKey, type Address, type LocatorPair } from '../wire/address.js';
import { addMs, ms, type ContextTag, type Millis, type RandomSource } from '../wire/units.js';
import { full, keepaliveWish, noContext, noLocator, noPeer, ownLocator } from './describe.js';
import { Deadlines } from './deadlines.js';
import { Output } from './output.js';
import { Paths } from './paths.js';
import type {
  ContextId,
  ContextView,
  Effect,
  EngineConfig,
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
}

/** No context has this id: the host's own deadline. */
const HOST = 0;
/** Peers told of our locators at once, and the milliseconds to the next: 10,000 Update Requests in a tenth of a second. */
const TELL = { atOnce: 1_024, interval: 10 } as const;

/**
 * One host: RFC 5533, RFC 5534 and policy composed. Pure: see `HostEngineApi` for the contract. Each public method
 * collects effects while it runs and returns them in order.
 * @throws RehomeError REHOME_E_STRATEGY where the configuration names a strategy that there is not
 */
export class HostEngine implements HostEngineApi {
  #config: EngineConfig;
  readonly #out: Output;
  readonly #shim6: Shim6;
  readonly #paths: Paths;
  readonly #deadlines = new Deadlines();
  #locators: readonly LocalLocator[] = [];
  #tellAt: Millis | undefined;

  constructor(options: HostEngineOptions) {
    this.#config = options.config;
    this.#out = new Output(options.now);
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
    this.#paths = new Paths({
      config: options.config,
      random: options.random,
      out: this.#out,
      shim6: this.#shim6,
      touch: (context) => this.#touch(context),
      exitsChanged: () => this.#locatorsChanged(),
    });
  }

  receive(packet: Uint8Array, now: Millis): Effect[] {
    return this.#run(now, () => this.#shim6.receive(packet, now));
  }

  icmp(packet: Uint8Array, now: Millis): Effect[] {
    return this.#run(now, () => {
      const verdict = this.#shim6.icmp(packet, now);
      if (verdict.kind !== 'trouble') return;
      if (!this.#paths.hint(verdict.context)) this.#out.count('icmp-hints-ignored');
      this.#touch(verdict.context);
    });
  }

  setLocalLocators(locators: readonly LocalLocator[], now: Millis): Effect[] {
    return this.#run(now, () => {
      this.#locators = locators.filter((l) => isUsableLocator(l.address));
      this.#locatorsChanged();
    });
  }

  observe(id: ContextId, liveness: LivenessSample, now: Millis): Effect[] {
    return this.#run(now, () => {
      const context = this.#shim6.context(id);
      if (!context || !this.#paths.observe(context, liveness)) return;
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
        this.#paths.get(context.id)?.reap.explore('asked', now, context.ulids);
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
      this.#paths.configure(config);
      if (changed) this.#shim6.setOwnLocators(this.#paths.locators.map(ownLocator), now, true);
      this.#shim6.configure({ constants, keepaliveTimeout: wish, maxContexts });
      for (const context of this.#shim6.contexts()) this.#touch(context);
    });
  }

  tick(now: Millis): Effect[] {
    return this.#run(now, () => {
      for (const id of this.#deadlines.takeDue(now)) {
        if (id === HOST) this.#hostTick(now);
        const context = this.#shim6.context(id);
        if (!context) continue;
        this.#paths.tick(context);
        this.#shim6.tick(context, now);
        this.#touch(context);
      }
    });
  }

  nextDeadline(): Millis | undefined {
    return this.#deadlines.next();
  }

  contexts(): readonly ContextView[] {
    return [...this.#shim6.contexts()].map((c) => contextView(c, this.#paths.get(c.id)?.reap));
  }

  localLocators(): readonly LocalLocator[] {
    return this.#paths.locators;
  }

  refusals(): ReturnType<HostEngineApi['refusals']> {
    return this.#shim6.refusals();
  }

  counters(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#shim6.counters(), ...this.#out.counts].sort());
  }

  #run(now: Millis, work: () => void): Effect[] {
    const effects = this.#out.run(now, work);
    this.#deadlines.set(HOST, earliest(this.#paths.hostDeadline, this.#tellAt));
    return effects;
  }

  #hostTick(now: Millis): void {
    this.#paths.hostTick();
    if (due(this.#tellAt, now)) this.#tell();
  }

  #wants(flow: FlowObservation): boolean {
    const { protect, leave, trigger } = this.#config;
    return (
      isUsableLocator(flow.peer) &&
      this.#locators.some((l) => l.address === flow.local) &&
      isProtectedPeer(flow.peer, protect, leave) &&
      isWorthIt(flow, trigger) &&
      this.#shim6.stateOf(flow, 0, this.#out.now).state === 'IDLE'
    );
  }

  #establish(ulids: LocatorPair, instance: number): boolean {
    const pair = { local: ulids.local, peer: ulids.peer };
    if (this.#shim6.byUlids(pair, instance)) return true;
    const context = this.#shim6.establish(pair, instance, this.#out.now);
    if (context) this.#touch(context);
    return context !== undefined;
  }

  /**
   * Moves first and tells then: what goes over a dead pair is lost. A locator out of order is told as BROKEN, not left
   * out: its index stays.
   */
  #locatorsChanged(): void {
    this.#paths.setLocators(this.#locators);
    for (const context of [...this.#shim6.contexts()]) this.#settle(context);
    this.#shim6.setOwnLocators(this.#paths.locators.map(ownLocator), this.#out.now);
    this.#tell();
  }

  #tell(): void {
    for (const context of this.#shim6.tellNext(TELL.atOnce, this.#out.now)) this.#settle(context);
    this.#tellAt = this.#shim6.hasMoreToTell ? addMs(this.#out.now, TELL.interval) : undefined;
  }

  #settle(context: Context): void {
    if (isContacted(context)) {
      this.#paths.refresh(context);
      this.#paths.leaveIfGone(context);
    }
    this.#touch(context);
  }

  #touch(context: Context): void {
    if (this.#shim6.context(context.id) === undefined)
      return this.#deadlines.set(context.id, undefined);
    const deadline = earliest(this.#shim6.deadline(context), this.#paths.deadline(context));
    this.#deadlines.set(context.id, deadline);
  }

  #listener(): Shim6Listener {
    return {
      send: (packet) => this.#out.push({ kind: 'send', packet }),
      controlSent: (context) => {
        this.#paths.controlSent(context);
        this.#touch(context);
      },
      controlReceived: (context) => {
        this.#paths.controlReceived(context);
        this.#touch(context);
      },
      contacted: (context, how) => this.#contacted(context, how),
      lostContact: (context) => {
        this.#paths.uninstall(context);
        this.#touch(context);
      },
      removed: (context, reason) => {
        this.#paths.uninstall(context);
        this.#deadlines.set(context.id, undefined);
        this.#out.event('removed', context, { reason });
      },
      rescheduled: (context) => this.#touch(context),
      reap: (context, received) => {
        this.#paths.received(context, received);
        this.#touch(context);
      },
      pong: (context, pair, rtt) => {
        this.#paths.pong(context, pair, rtt);
        this.#touch(context);
      },
      pinged: (context) => {
        this.#paths.pinged(context);
        this.#touch(context);
      },
      peerLocatorsChanged: (context) => this.#settle(context),
      event: (name, context, detail) => this.#out.event(name, context, detail),
    };
  }

  #contacted(context: Contacted, how: 'established' | 'recovered' | 'changed'): void {
    this.#paths.contacted(context);
    if (how !== 'changed') {
      this.#out.event(how, context, {
        over: pairKey(context.s.pair),
        initiator: context.initiator,
      });
    }
    this.#touch(context);
  }
}
