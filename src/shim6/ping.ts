import type { LocatorPair } from '../wire/address.js';
import type { UpdateAcknowledgement } from '../wire/shim6/index.js';
import type { Millis } from '../wire/units.js';
import type { Contacted } from './context.js';
import type { Core, Received } from './core.js';

/** Pings that may still be answered, or answered again; the oldest is forgotten first. */
const OUTSTANDING = 4_096;

interface Ping {
  readonly context: number;
  readonly pair: LocatorPair;
  readonly at: Millis;
  answered: boolean;
}

/**
 * Does this pair work? A ping is an Update Request that brings nothing new: every implementation of RFC 5533 §10.4 answers
 * it, and it changes nothing at the peer. A Probe would say of our state what is not so (RFC 5534 §6.1). The nonce is
 * proof that the answer is from whoever has the locator (docs/decisions/0013-pings.md).
 */
export class Pings {
  readonly #outstanding = new Map<number, Ping>();

  send(core: Core, context: Contacted, pair: LocatorPair): void {
    let requestNonce = core.random.uint32();
    while (this.#outstanding.has(requestNonce) || requestNonce === context.s.update?.nonce) {
      requestNonce = core.random.uint32();
    }
    this.#outstanding.set(requestNonce, {
      context: context.id,
      pair,
      at: core.now,
      answered: false,
    });
    if (this.#outstanding.size > OUTSTANDING) {
      const oldest = this.#outstanding.keys().next();
      if (!oldest.done) this.#outstanding.delete(oldest.value);
    }
    core.count('pings-sent');
    // Not counted as sent by REAP: nobody owes an answer to a question over a pair that may be dead.
    core.send(pair, {
      message: 'updateRequest',
      receiverContextTag: context.s.peerTag,
      requestNonce,
      options: [],
    });
  }

  /**
   * The pair that was asked about and the milliseconds it took; `again`: the answer over the other pair, which is no news
   * of any; undefined: no answer to a ping.
   */
  answered(
    core: Core,
    context: Contacted,
    { message }: Received<UpdateAcknowledgement>,
  ): { readonly pair: LocatorPair; readonly rtt: number } | 'again' | undefined {
    const ping = this.#outstanding.get(message.requestNonce);
    if (ping?.context !== context.id) return undefined;
    if (ping.answered) return 'again';
    ping.answered = true;
    core.count('pings-answered');
    return { pair: ping.pair, rtt: core.now - ping.at };
  }
}
