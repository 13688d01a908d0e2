import { exitOf } from '../policy/fate.js';
import { strategyOf, type PathStrategy } from '../reap/strategy/index.js';
import { isContacted, type Contacted, type Context } from '../shim6/context.js';
import type { Received } from '../shim6/core.js';
import type { Shim6 } from '../shim6/shim6.js';
import { pairKey, samePair, type LocatorPair } from '../wire/address.js';
import { buildControlPacket, type Keepalive, type Probe } from '../wire/shim6/index.js';
import type { Millis, RandomSource } from '../wire/units.js';
import { recoveryDetail } from './describe.js';
import { Lookout, type LookoutHost } from './lookout.js';
import type { Output } from './output.js';
import { rankFor, Reach } from './reach.js';
import type { ContextId, EngineConfig, LivenessSample, LocalLocator } from './types.js';

export interface PathsOptions {
  readonly config: EngineConfig;
  readonly random: RandomSource;
  readonly out: Output;
  readonly shim6: Shim6;
  /** Something about its deadlines may have changed. */
  readonly touch: (context: Context) => void;
  /** What `locators` says is not what it was. */
  readonly exitsChanged: () => void;
}

/**
 * Over which pair each context sends: REAP for each of them (RFC 5534), and where the strategy wants it, what they know
 * together (`Lookout`). The data path is told of every change.
 */
export class Paths {
  readonly #o: PathsOptions;
  readonly #reach = new Map<number, Reach>();
  #config: EngineConfig;
  #strategy: PathStrategy;
  #lookout: Lookout | undefined;
  #given: readonly LocalLocator[] = [];
  #locators: readonly LocalLocator[] = [];

  constructor(options: PathsOptions) {
    this.#o = options;
    this.#config = options.config;
    this.#strategy = strategyOf(options.config.strategy);
    this.#lookout = this.#newLookout();
  }

  get #now(): Millis {
    return this.#o.out.now;
  }

  /** Ours, as they were given, but that what leaves by a dead exit is out of order. */
  get locators(): readonly LocalLocator[] {
    return this.#locators;
  }

  get(id: number): Reach | undefined {
    return this.#reach.get(id);
  }

  /** Of the host, not of a context; undefined: none. */
  get hostDeadline(): Millis | undefined {
    return this.#lookout?.hostDeadline;
  }

  setLocators(given: readonly LocalLocator[]): void {
    this.#given = given;
    const lookout = this.#lookout;
    this.#locators = given.map((l) =>
      lookout?.isDead(l.address) === true ? { ...l, operational: false } : l,
    );
  }

  configure(config: EngineConfig): void {
    const before = this.#config.strategy;
    this.#config = config;
    for (const { reap } of this.#reach.values()) reap.configure(config.reap);
    if (config.strategy === before) return;
    this.#strategy = strategyOf(config.strategy);
    this.#lookout = this.#newLookout();
    this.setLocators(this.#given);
    for (const context of this.#contexts()) {
      this.#reach.get(context.id)?.reap.adopt(this.#strategy, this.#lookout?.memory);
      this.#lookout?.added(context, this.#now);
    }
  }

  /** A context may be sent with now, or with other tags and locators than before. */
  contacted(context: Contacted): void {
    const reach = this.#reach.get(context.id);
    if (reach === undefined) {
      const made = this.#newReach(context);
      this.#reach.set(context.id, made);
      const { binding } = made;
      this.#o.out.push({ kind: 'install', context: context.id as ContextId, binding });
      this.#lookout?.added(context, this.#now);
      return;
    }
    const from = reach.reap.pair;
    reach.reap.setPeerTag(context.s.peerTag);
    reach.reap.adoptPair(context.s.pair);
    if (!samePair(from, context.s.pair)) this.#lookout?.moved(context, from, false, this.#now);
    this.refresh(context);
  }

  uninstall(context: Context): void {
    if (!this.#reach.delete(context.id)) return;
    this.#lookout?.removed(context.id);
    this.#o.out.push({ kind: 'remove', context: context.id as ContextId });
  }

  /** The one rebuild point for pairs and binding (lesson 5 of LinShim6). */
  refresh(context: Contacted): void {
    const reach = this.#reach.get(context.id);
    if (!reach) return;
    reach.reap.setPairs(rankFor(context, this.#locators, this.#o.random), this.#now);
    this.#bind(context, reach);
    this.#o.touch(context);
  }

  /** Where the current pair is no pair any more, another is taken that is known to work, or looked for. */
  leaveIfGone(context: Contacted): void {
    const reach = this.#reach.get(context.id);
    if (!reach || reach.reap.pairs.length === 0) return;
    if (reach.reap.pairs.some((p) => samePair(p.pair, context.s.pair))) return;
    const refuge = this.#lookout?.refuge(context, this.#now);
    if (refuge === undefined) reach.reap.explore('locator-gone', this.#now);
    else this.#follow(context, reach, refuge, 'locator-gone');
    this.#o.touch(context);
  }

  /** What the data path has counted; false: nothing new. */
  observe(context: Context, liveness: LivenessSample): boolean {
    const reach = this.#reach.get(context.id);
    if (!reach) return false;
    const received = liveness.receivedPackets - reach.receivedPackets;
    if (!reach.observe(liveness, this.#now)) return false;
    if (isContacted(context)) this.#lookout?.observed(context, liveness, received, this.#now);
    return true;
  }

  /** Control but Keepalive and Probe counts as payload (RFC 5534 §6.1, §6.2). */
  controlSent(context: Context): void {
    this.#reach.get(context.id)?.reap.payloadSent(this.#now);
  }
  controlReceived(context: Context): void {
    const reap = this.#reach.get(context.id)?.reap;
    if (context.keepaliveTimeout !== undefined) {
      reap?.setKeepaliveTimeout(context.keepaliveTimeout); // I2, I2bis, R2 or Update Request
    }
    reap?.payloadReceived(this.#now, this.#now);
    if (isContacted(context)) this.#lookout?.heard(context, this.#now);
  }

  received(
    context: Contacted,
    { message, source, destination }: Received<Keepalive | Probe>,
  ): void {
    const reach = this.#reach.get(context.id);
    if (!reach) return;
    const arrival = { local: destination, peer: source };
    // A probe is heard over any pair, and says nothing of the others.
    if (message.message === 'keepalive' || samePair(arrival, context.s.pair)) {
      this.#lookout?.heard(context, this.#now);
    }
    if (message.message === 'keepalive') return reach.reap.keepaliveReceived(this.#now);
    const { log } = reach.reap;
    const ignored = log.ignored;
    reach.reap.probeReceived(message, arrival, this.#now);
    this.#o.out.count('probe-reports-ignored', log.ignored - ignored);
  }

  pong(context: Contacted, pair: LocatorPair, rtt: number): void {
    this.#reach.get(context.id)?.reap.owe(this.#now);
    this.#lookout?.pong(context, pair, rtt, this.#now);
  }

  pinged(context: Contacted): void {
    this.#lookout?.pinged(context, this.#now);
  }

  /** Unproven bad news (RFC 5534 §8); false: it does not count. */
  hint(context: Context): boolean {
    if (isContacted(context) && this.#lookout?.hint(context, this.#now) === true) return true;
    return this.#reach.get(context.id)?.reap.hint(this.#now) === true;
  }

  deadline(context: Context): Millis | undefined {
    const reap = this.#reach.get(context.id)?.reap.deadline();
    const lookout = this.#lookout?.deadline(context.id);
    return reap === undefined || (lookout !== undefined && lookout < reap) ? lookout : reap;
  }

  tick(context: Context): void {
    this.#reach.get(context.id)?.reap.tick(this.#now);
    if (isContacted(context)) this.#lookout?.tick(context, this.#now);
  }

  hostTick(): void {
    this.#lookout?.hostTick(this.#now);
  }

  *#contexts(): Iterable<Contacted> {
    for (const context of this.#o.shim6.contexts()) if (isContacted(context)) yield context;
  }

  #newLookout(): Lookout | undefined {
    const strategy = this.#strategy;
    if (!strategy.watches) return undefined;
    return new Lookout({ host: this.#ground(), strategy, random: this.#o.random, now: this.#now });
  }

  #bind(context: Contacted, reach: Reach): void {
    const binding = reach.rebind(context);
    if (binding) {
      this.#o.out.push({ kind: 'update', context: context.id as ContextId, binding });
    }
  }

  #newReach(context: Contacted): Reach {
    const { out, random } = this.#o;
    return new Reach(context, {
      constants: this.#config.reap,
      strategy: this.#strategy,
      ...(this.#lookout === undefined ? {} : { memory: this.#lookout.memory }),
      random,
      peerTag: context.s.peerTag,
      pair: context.s.pair,
      pairs: rankFor(context, this.#locators, random),
      now: this.#now,
      listener: {
        send: (pair, message) => {
          out.count(`sent-${message.message}`);
          out.push({ kind: 'send', packet: buildControlPacket(pair.local, pair.peer, message) });
        },
        stateChanged: (from, to, why) => this.#stateChanged(context, from, to, why),
        pairChanged: (from, to) => {
          this.#moved(context, from, to, {});
          this.#lookout?.moved(context, from, true, this.#now);
        },
        reported: (pair, rtt) => this.#lookout?.reported(pair, rtt, this.#now),
        mayProbe: (now) => this.#lookout?.mayProbe(now),
      },
    });
  }

  #stateChanged(context: Contacted, from: string, to: Probe['state'], why: string): void {
    const { out } = this.#o;
    if (from === 'operational') out.event('failure-suspected', context, { why });
    const name = to === 'inboundOk' ? 'inbound-ok' : to;
    const last = to === 'operational' ? this.#reach.get(context.id)?.reap.lastRecovery : undefined;
    out.event(name, context, last ? { why, ...recoveryDetail(last) } : { why });
    this.#lookout?.explores(context, to !== 'operational', this.#now);
  }

  #follow(context: Contacted, reach: Reach, to: LocatorPair, why: string): void {
    const from = context.s.pair;
    reach.reap.follow(to, why, this.#now);
    this.#moved(context, from, to, { why });
    this.#lookout?.moved(context, from, false, this.#now);
    this.#o.touch(context);
  }

  #moved(
    context: Context,
    from: LocatorPair,
    to: LocatorPair,
    detail: Readonly<Record<string, string>>,
  ): void {
    const reach = this.#reach.get(context.id);
    if (!reach || !isContacted(context)) return;
    this.#o.shim6.setPair(context, to);
    this.#bind(context, reach);
    this.#o.out.event('path-changed', context, { from: pairKey(from), to: pairKey(to), ...detail });
  }

  #ground(): LookoutHost {
    const { shim6, out, touch, exitsChanged } = this.#o;
    return {
      context: (id) => {
        const context = shim6.context(id);
        return context !== undefined && isContacted(context) ? context : undefined;
      },
      contexts: () => this.#contexts(),
      pairs: (context) => this.#reach.get(context.id)?.reap.pairs ?? [],
      isOperational: (context) => this.#reach.get(context.id)?.reap.state === 'operational',
      ownLocator: (context, exit) =>
        context.own.locators.find(
          ({ address }) =>
            exitOf(address) === exit &&
            this.#given.some((l) => l.operational && l.address === address),
        )?.address,
      ping: (context, pair) => {
        shim6.ping(context, pair, this.#now);
      },
      confirmed: (context) => this.#reach.get(context.id)?.reap.confirmed(),
      explore: (context, why) => {
        this.#reach.get(context.id)?.reap.explore(why, this.#now);
        touch(context);
      },
      move: (context, to, why) => {
        const reach = this.#reach.get(context.id);
        if (reach && !samePair(context.s.pair, to)) this.#follow(context, reach, to, why);
      },
      exitsChanged,
      touch,
      count: (name) => out.count(name),
    };
  }
}
