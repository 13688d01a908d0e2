import { Reap, type ReapOptions } from '../reap/reap.js';
import { rankPairs } from '../policy/pairs.js';
import type { RankedPair } from '../reap/strategy/index.js';
import { toldLocators, type Contacted } from '../shim6/context.js';
import { samePair, type Address } from '../wire/address.js';
import { ms, type Millis, type RandomSource } from '../wire/units.js';
import type { Binding, LivenessSample, LocalLocator } from './types.js';

/** What a data path is told of a context. */
export const bindingOf = (c: Contacted): Binding => ({
  ulids: c.ulids,
  forkedInstanceIdentifier: c.forkedInstanceIdentifier,
  localTag: c.localTag,
  peerTag: c.s.peerTag,
  pair: c.s.pair,
  peerLocators: [...new Set(c.s.peer.locators.map((l) => l.address))],
});

const sameBinding = (a: Binding, b: Binding): boolean =>
  a.peerTag === b.peerTag &&
  samePair(a.pair, b.pair) &&
  a.peerLocators.length === b.peerLocators.length &&
  a.peerLocators.every((l, i) => l === b.peerLocators[i]);

/**
 * The pairs of one context: between what this peer accepts from us as a source and what it told us. Before the newest
 * set is acknowledged, its new locators are used only where nothing else is left.
 */
export function rankFor(
  context: Contacted,
  locators: readonly LocalLocator[],
  random: RandomSource,
): readonly RankedPair[] {
  const { told, accepted } = toldLocators(context);
  const from = (sources: ReadonlySet<Address>): readonly RankedPair[] => {
    const own = locators.filter((l) => sources.has(l.address));
    return rankPairs(own, context.s.peer.locators, random);
  };
  const safe = from(accepted);
  return safe.length > 0 ? safe : from(told);
}

/** REAP's side of one context, with what the data path was told and what it told us last. */
export class Reach {
  readonly reap: Reap;
  #binding: Binding;
  #sentPackets = 0;
  #receivedPackets = 0;
  #observedAt: Millis;

  constructor(context: Contacted, options: ReapOptions) {
    this.reap = new Reap(options);
    this.#binding = bindingOf(context);
    this.#observedAt = options.now;
  }

  get binding(): Binding {
    return this.#binding;
  }

  /** As the data path counted them when it was last looked at. */
  get receivedPackets(): number {
    return this.#receivedPackets;
  }

  /** The new binding, or undefined when nothing in it has changed. */
  rebind(context: Contacted): Binding | undefined {
    const binding = bindingOf(context);
    if (sameBinding(binding, this.#binding)) return undefined;
    this.#binding = binding;
    return binding;
  }

  /**
   * Turns what the data path counted into the payload events of RFC 5534 §6.1 and §6.2, in their order. False: nothing
   * was counted since the last look.
   */
  observe(l: LivenessSample, now: Millis): boolean {
    const sent = l.sentPackets > this.#sentPackets;
    const received = l.receivedPackets > this.#receivedPackets;
    const since = this.#observedAt;
    this.#sentPackets = l.sentPackets;
    this.#receivedPackets = l.receivedPackets;
    this.#observedAt = now;
    // A run of unanswered packets that began before the last look is old news: what is counted now came after it, and
    // the last packet is the one whose time is known.
    const first = (start: Millis | undefined, last: Millis | undefined): Millis =>
      start !== undefined && start > since ? start : ms(Math.min(now, last ?? now));
    const { reap } = this;
    if (l.unansweredSince !== undefined) {
      if (received) reap.payloadReceived(first(undefined, l.lastReceived), now);
      if (sent) reap.payloadSent(first(l.unansweredSince, l.lastSent));
    } else {
      if (sent) reap.payloadSent(first(undefined, l.lastSent));
      if (received) reap.payloadReceived(first(l.owedSince, l.lastReceived), now);
    }
    return sent || received;
  }
}
