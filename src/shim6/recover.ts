import { pairKey, samePair, type Address, type LocatorPair } from '../wire/address.js';
import { findOption, type I2bis, type R1bis } from '../wire/shim6/index.js';
import { addMs, type ContextTag, type Millis } from '../wire/units.js';
import { fits, type Core, type Received } from './core.js';
import {
  isContacted,
  knowsOwnLocator,
  knowsPeerLocator,
  type Context,
  type I2bisSent,
} from './context.js';
import { accept, firstI1, identify, sendI1 } from './establish.js';

/** RFC 5533 §7.5, §7.17 to §7.20: one end has lost the context, the other has not. */

/** One R1bis per tag and this long: a peer in full flight sends thousands of packets before it reads the first. */
const R1BIS_INTERVAL = 100;
/** Slots of the limiter: state that strangers can make us keep is bounded, and none of it is theirs. */
const LIMITER_SLOTS = 1024;

/** How long a recovery that has heard the peer on another pair waits before it repeats the I2bis there. */
const R1BIS_SETTLE = 500;

export class R1bisLimiter {
  /** By slot; a host that never loses a context keeps nothing. */
  readonly #last = new Map<number, { readonly tag: ContextTag; readonly at: Millis }>();

  allows(tag: ContextTag, now: Millis): boolean {
    const slot = tag % LIMITER_SLOTS;
    const last = this.#last.get(slot);
    if (last !== undefined && last.tag === tag && now < addMs(last.at, R1BIS_INTERVAL)) {
      return false;
    }
    this.#last.set(slot, { tag, at: now });
    return true;
  }
}

/** §7.17: for payload or a message of types 64-127 that names a context we do not have. Creates no state. */
export function sendR1bis(
  core: Core,
  limiter: R1bisLimiter,
  packetTag: ContextTag,
  source: Address,
  destination: Address,
): void {
  if (!limiter.allows(packetTag, core.now) || !core.answers.spend(1, source, core.now)) {
    return core.drop('r1bis-limited');
  }
  const responderNonce = core.validators.nonce(core.now);
  const binding = { packetTag, source, destination };
  const validator = core.validators.forR1bis(binding, responderNonce, core.now);
  core.send(
    { local: destination, peer: source },
    {
      message: 'r1bis',
      packetContextTag: packetTag,
      responderNonce,
      options: [{ option: 'responderValidator', validator }],
    },
  );
}

/**
 * §7.18. Any pair of the two sets is accepted, not only the current one: while exploring, a peer that has lost the
 * context answers probes over whichever pair still works (docs/decisions/0005-r1bis-any-pair.md).
 */
export function onR1bis(core: Core, received: Received<R1bis>): void {
  const { message, source, destination } = received;
  const context = core.table
    .byPeerTag(message.packetContextTag)
    .find(
      (c) =>
        isContacted(c) && knowsPeerLocator(c.s.peer, source) && knowsOwnLocator(c, destination),
    );
  if (!context || !isContacted(context)) return core.drop('r1bis-no-context');
  const validator = findOption(message, 'responderValidator')?.validator;
  if (!validator) return core.drop('r1bis-no-validator');
  const recovery = {
    pair: { local: destination, peer: source },
    packetTag: message.packetContextTag,
    responderNonce: message.responderNonce,
    validator,
  };
  if (!fits(recovery.pair, i2bis(core, context, { initiatorNonce: 0, recovery }))) {
    return core.drop('r1bis-validator-too-long');
  }
  if (context.s.state === 'I2BIS-SENT') {
    // Not answered (§7.18); but the next I2bis goes where the peer was heard last, and soon if that is new.
    core.drop('r1bis-unexpected');
    const elsewhere = !samePair(context.s.recovery.pair, recovery.pair);
    const soon = addMs(core.now, R1BIS_SETTLE * (0.5 + core.random.uniform()));
    const retryAt = elsewhere && soon < context.s.retryAt ? soon : context.s.retryAt;
    core.table.transition(context, { ...context.s, recovery, retryAt });
    core.listener.rescheduled(context);
    return;
  }
  const repeatAt = core.retryAt(core.constants.i2bisTimeout, 0);
  const s: I2bisSent = {
    ...context.s,
    state: 'I2BIS-SENT',
    initiatorNonce: core.random.uint32(),
    recovery,
    named: false,
    retries: 0,
    retryAt: repeatAt,
    repeatAt,
  };
  core.table.transition(context, s);
  core.listener.event('recovering', context, { over: pairKey(recovery.pair) });
  sendI2bis(core, context, s);
}

export const sendI2bis = (core: Core, context: Context, s: I2bisSent): void =>
  core.send(s.recovery.pair, i2bis(core, context, s), context);

function i2bis(
  core: Core,
  context: Context,
  { initiatorNonce, recovery }: Pick<I2bisSent, 'initiatorNonce' | 'recovery'>,
): I2bis {
  const { pair, packetTag, responderNonce, validator } = recovery;
  return {
    message: 'i2bis',
    initiatorContextTag: context.localTag,
    initiatorNonce,
    responderNonce,
    packetContextTag: packetTag,
    options: [
      { option: 'responderValidator', validator },
      ...core.identifying(context, pair),
      ...core.describing(context),
    ],
  };
}

/**
 * §7.19: repeat, then fall back to I1. Unless the peer has named CT(local) meanwhile: it has the context, and the R1bis
 * was forged (docs/decisions/0010-r1bis-disproved.md).
 */
export function retryI2bis(core: Core, context: Context, s: I2bisSent): void {
  if (s.named) return notLost(core, context, s);
  if (core.now < s.repeatAt) {
    // One more, because of an R1bis over another pair. Such ones do not count, or whoever forges them quickly enough
    // would end the recovery before the peer has had time to speak.
    core.table.transition(context, { ...s, retryAt: s.repeatAt });
    sendI2bis(core, context, s);
    return;
  }
  if (s.retries < core.constants.i2bisRetriesMax) {
    const retries = s.retries + 1;
    const repeatAt = core.retryAt(core.constants.i2bisTimeout, retries);
    const next = { ...s, retries, retryAt: repeatAt, repeatAt };
    core.table.transition(context, next);
    sendI2bis(core, context, next);
    return;
  }
  const next = firstI1(core, s.pair, pairsToAsk(context, s, core.constants.i1RetriesMax + 1));
  core.table.transition(context, next);
  core.listener.lostContact(context);
  sendI1(core, context, next);
}

/**
 * Over which pairs I1 is sent, one after the other: the one in use first, because whoever sent the R1bis chose the other,
 * which may be dead. Then each time the pair whose ends were tried least: few tries see every provider.
 */
function pairsToAsk(context: Context, s: I2bisSent, most: number): readonly LocatorPair[] {
  const asked = [s.pair, ...(samePair(s.pair, s.recovery.pair) ? [] : [s.recovery.pair])];
  const others = context.own.locators.flatMap((own) =>
    s.peer.locators.map((peer) => ({ local: own.address, peer: peer.address })),
  );
  const tries = (pair: LocatorPair): number =>
    asked.reduce((n, a) => n + Number(a.local === pair.local) + Number(a.peer === pair.peer), 0);
  while (asked.length < most) {
    const [first, ...rest] = others.filter((pair) => !asked.some((a) => samePair(a, pair)));
    if (first === undefined) break;
    asked.push(rest.reduce((best, pair) => (tries(pair) < tries(best) ? pair : best), first));
  }
  return asked;
}

function notLost(core: Core, context: Context, s: I2bisSent): void {
  const { peerTag, peer, pair, update } = s;
  core.count('recoveries-disproved');
  core.table.transition(context, { state: 'ESTABLISHED', peerTag, peer, pair, update });
}

/** §7.20 */
export function onI2bis(core: Core, received: Received<I2bis>): void {
  const { message, source, destination } = received;
  const validator = findOption(message, 'responderValidator')?.validator;
  if (!validator) return core.drop('i2bis-no-validator');
  const binding = { packetTag: message.packetContextTag, source, destination };
  if (!core.validators.checkI2bis(binding, message.responderNonce, validator, core.now)) {
    return core.drop('i2bis-validator');
  }
  const { ulids, instance } = identify(received);
  accept(core, received, ulids, instance);
}
