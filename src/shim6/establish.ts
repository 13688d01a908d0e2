import type { LocatorPair } from '../wire/address.js';
import { findOption, type I1, type I2, type I2bis, type R1, type R2 } from '../wire/shim6/index.js';
import { addMs } from '../wire/units.js';
import { fits, type Core, type Received } from './core.js';
import {
  isContacted,
  knowsOwnLocator,
  knowsPeerLocator,
  type Contacted,
  type Context,
  type I1Sent,
  type I2Sent,
  type PeerSet,
} from './context.js';
import {
  isStale,
  orUlid,
  readKeepaliveTimeout,
  readPeerSet,
  remember,
  ulidOnly,
} from './peer-list.js';

/** RFC 5533 §7.3, §7.4: the four-way exchange and everything that crosses it. */

/** Who a message is about, from our side: the ULID Pair option or the packet's addresses (§7.9). */
export function identify(received: Received<I1 | I2 | I2bis>): {
  ulids: LocatorPair;
  instance: number;
} {
  const pair = findOption(received.message, 'ulidPair');
  const fork = findOption(received.message, 'forkedInstanceIdentifier');
  return {
    ulids: {
      local: pair?.receiverUlid ?? received.destination,
      peer: pair?.senderUlid ?? received.source,
    },
    instance: fork?.forkedInstanceIdentifier ?? 0,
  };
}

/** §7.7 */
export function start(core: Core, ulids: LocatorPair, instance: number): Context | undefined {
  const base = core.newContext(ulids, instance, true);
  if (!base) return undefined;
  const context: Context = { ...base, s: firstI1(core, ulids, []) };
  core.table.add(context);
  core.listener.event('establishing', context, {});
  sendI1(core, context, context.s as I1Sent);
  return context;
}

export const firstI1 = (
  core: Core,
  pair: LocatorPair,
  candidates: readonly LocatorPair[],
): I1Sent => ({
  state: 'I1-SENT',
  initiatorNonce: core.random.uint32(),
  pair,
  retries: 0,
  retryAt: core.retryAt(core.constants.i1Timeout, 0),
  candidates,
});

export function sendI1(core: Core, context: Context, s: I1Sent): void {
  core.send(
    s.pair,
    {
      message: 'i1',
      initiatorContextTag: context.localTag,
      initiatorNonce: s.initiatorNonce,
      options: core.identifying(context, s.pair),
    },
    context,
  );
}

/** §7.8: repeat, or remember for a while that this peer does not answer. */
export function retryI1(core: Core, context: Context, s: I1Sent): void {
  if (s.retries >= core.constants.i1RetriesMax) {
    const until = addMs(core.now, core.constants.noR1HolddownTime);
    core.refusals.add({ state: 'E-FAILED', ulids: context.ulids, until });
    core.count('establishment-failures');
    core.listener.event('establishment-failed', context, { retries: s.retries });
    core.remove(context, 'establishment-failed');
    return;
  }
  const retries = s.retries + 1;
  const pair = s.candidates[retries % Math.max(1, s.candidates.length)] ?? s.pair;
  const next: I1Sent = {
    ...s,
    pair,
    retries,
    retryAt: core.retryAt(core.constants.i1Timeout, retries),
  };
  core.table.transition(context, next);
  sendI1(core, context, next);
}

/** §7.9. Creates no state. */
export function onI1(core: Core, received: Received<I1>): void {
  const { ulids, instance } = identify(received);
  const { message } = received;
  const context = core.table.byUlids(ulids, instance);
  if (!context && !core.mayBegin(ulids)) return;
  if (!core.answers.spend(1, received.source, core.now)) return core.drop('i1-limited');
  core.refusals.clear(ulids.peer);
  // Whoever is neither the ULID nor a known locator gets an R1: an R2 would tell it our tag.
  const known =
    received.source === ulids.peer ||
    (context !== undefined &&
      isContacted(context) &&
      knowsPeerLocator(context.s.peer, received.source));
  const answerAtOnce =
    context !== undefined &&
    known &&
    (context.s.state === 'ESTABLISHED' ? context.s.peerTag === message.initiatorContextTag : true);
  if (answerAtOnce) sendR2(core, context, received, message.initiatorNonce);
  else sendR1(core, received, ulids, instance);
}

/** §7.10 */
function sendR1(core: Core, received: Received<I1>, ulids: LocatorPair, instance: number): void {
  const responderNonce = core.validators.nonce(core.now);
  const validator = core.validators.forR1(
    {
      initiatorTag: received.message.initiatorContextTag,
      senderUlid: ulids.peer,
      receiverUlid: ulids.local,
      source: received.source,
      destination: received.destination,
      forkedInstanceIdentifier: instance,
    },
    responderNonce,
    core.now,
  );
  core.send(
    { local: received.destination, peer: received.source },
    {
      message: 'r1',
      initiatorNonce: received.message.initiatorNonce,
      responderNonce,
      options: [{ option: 'responderValidator', validator }],
    },
  );
}

/** §7.11 */
export function onR1(core: Core, received: Received<R1>): void {
  const { message, source, destination } = received;
  const context = core.table
    .byInitiatorNonce(message.initiatorNonce)
    .find((c) => answers(c, received));
  if (!context) return core.drop('r1-no-context');
  if (context.s.state !== 'I1-SENT') return core.drop('r1-unexpected');
  const validator = findOption(message, 'responderValidator')?.validator;
  if (!validator) return core.drop('r1-no-validator');
  const s: I2Sent = {
    state: 'I2-SENT',
    initiatorNonce: core.random.uint32(),
    responderNonce: message.responderNonce,
    validator,
    pair: { local: destination, peer: source },
    retries: 0,
    retryAt: core.retryAt(core.constants.i2Timeout, 0),
    i1Retries: context.s.retries,
    candidates: context.s.candidates,
  };
  if (!fits(s.pair, i2(core, context, s))) return core.drop('r1-validator-too-long');
  core.table.transition(context, s);
  sendI2(core, context, s);
}

/** §12.4: R1 and R2 belong to the context whose locator pair the packet has. */
function answers(c: Context, received: Received): boolean {
  const { source, destination } = received;
  if (isContacted(c)) {
    return (
      (knowsPeerLocator(c.s.peer, source) || source === c.ulids.peer) &&
      (knowsOwnLocator(c, destination) || destination === c.ulids.local)
    );
  }
  if (c.s.state !== 'I1-SENT' && c.s.state !== 'I2-SENT') return false;
  const sent = [c.s.pair, ...c.s.candidates];
  return sent.some((pair) => pair.peer === source && pair.local === destination);
}

export const sendI2 = (core: Core, context: Context, s: I2Sent): void =>
  core.send(s.pair, i2(core, context, s), context);

const i2 = (core: Core, context: Context, s: I2Sent): I2 => ({
  message: 'i2',
  initiatorContextTag: context.localTag,
  initiatorNonce: s.initiatorNonce,
  responderNonce: s.responderNonce,
  options: [
    { option: 'responderValidator', validator: s.validator },
    ...core.identifying(context, s.pair),
    ...core.describing(context),
  ],
});

/** §7.12: repeat, then fall back to I1, whose count goes on. */
export function retryI2(core: Core, context: Context, s: I2Sent): void {
  if (s.retries >= core.constants.i2RetriesMax) {
    retryI1(core, context, {
      state: 'I1-SENT',
      initiatorNonce: core.random.uint32(),
      pair: s.pair,
      retries: s.i1Retries,
      retryAt: core.now,
      candidates: s.candidates,
    });
    return;
  }
  const retries = s.retries + 1;
  const next = { ...s, retries, retryAt: core.retryAt(core.constants.i2Timeout, retries) };
  core.table.transition(context, next);
  sendI2(core, context, next);
}

/** §7.13. The cheapest check first; no state before the validator is ours. */
export function onI2(core: Core, received: Received<I2>): void {
  const { message, source, destination } = received;
  const { ulids, instance } = identify(received);
  const validator = findOption(message, 'responderValidator')?.validator;
  if (!validator) return core.drop('i2-no-validator');
  const binding = {
    initiatorTag: message.initiatorContextTag,
    senderUlid: ulids.peer,
    receiverUlid: ulids.local,
    source,
    destination,
    forkedInstanceIdentifier: instance,
  };
  if (!core.validators.checkI2(binding, message.responderNonce, validator, core.now)) {
    return core.drop('i2-validator');
  }
  accept(core, received, ulids, instance);
}

/** The common end of §7.13 and §7.20: record what the initiator says of itself, answer R2. */
export function accept(
  core: Core,
  received: Received<I2 | I2bis>,
  ulids: LocatorPair,
  instance: number,
): void {
  const { message, source, destination } = received;
  const existing = core.table.byUlids(ulids, instance);
  if (!existing && !core.mayBegin(ulids)) return;
  const known = existing && isContacted(existing) ? existing.s.peer : ulidOnly(ulids.peer);
  const read = readPeerSet(core, received, ulids.peer, known);
  if (!read) return;
  const peer = orUlid(read, ulids.peer);
  // Also where there is no context yet: payload goes back over this pair, and a true list that was copied from a peer
  // must not take it to whoever sent the copy.
  if (!knowsPeerLocator(known, source) && !knowsPeerLocator(peer, source)) {
    return core.drop('i2-foreign-source');
  }
  core.refusals.clear(ulids.peer);
  const contact = { peerTag: message.initiatorContextTag, peer };
  let context: Context;
  if (existing) {
    context = existing;
    update(core, existing, contact, { local: destination, peer: source });
  } else {
    const base = core.newContext(ulids, instance, false);
    if (!base) return;
    const pair = { local: destination, peer: source };
    const s = { state: 'ESTABLISHED', ...contact, pair, update: undefined } as const;
    context = { ...base, establishedAt: core.now, s };
    core.admit(context);
  }
  readKeepaliveTimeout(context, message);
  if (isContacted(context)) {
    core.resolveConfusion(context);
    core.listener.contacted(context, existing ? 'changed' : 'established');
  }
  core.listener.controlReceived(context);
  sendR2(core, context, received, message.initiatorNonce);
}

/** An I2 or I2bis for a context that we have: which state is kept is §7.13's choice. */
function update(
  core: Core,
  context: Context,
  contact: { peerTag: Contacted['s']['peerTag']; peer: PeerSet },
  arrival: LocatorPair,
): void {
  const s = context.s;
  if (isContacted(context)) {
    if (context.s.peerTag !== contact.peerTag) context.pastGenerations = [];
    // The same initiator's I2, duplicated and late: what it lists was replaced by an update since.
    else if (isStale(context, contact.peer)) return core.drop('i2-stale-locators');
    else remember(context, contact.peer.generation);
    // A locator that the peer no longer lists cannot stay its current one.
    const pair = knowsPeerLocator(contact.peer, context.s.pair.peer) ? context.s.pair : arrival;
    core.table.transition(context, { ...context.s, ...contact, pair });
  } else if (s.state === 'I1-SENT') {
    core.table.transition(context, {
      state: 'ESTABLISHED',
      ...contact,
      pair: arrival,
      update: undefined,
    });
    context.establishedAt = core.now;
  }
  // I2-SENT stays as it is: our own R2 is on its way and brings the same.
}

/** §7.14. Never repeated: the peer repeats its question. */
export function sendR2(
  core: Core,
  context: Context,
  received: Received<I1 | I2 | I2bis>,
  initiatorNonce: number,
): void {
  core.send(
    { local: received.destination, peer: received.source },
    {
      message: 'r2',
      responderContextTag: context.localTag,
      initiatorNonce,
      options: core.describing(context),
    },
    context,
  );
}

/** §7.16 */
export function onR2(core: Core, received: Received<R2>): void {
  const { message, source, destination } = received;
  const context = core.table
    .byInitiatorNonce(message.initiatorNonce)
    .find((c) => answers(c, received));
  if (!context) return core.drop('r2-no-context');
  const s = context.s;
  if (s.state === 'ESTABLISHED') return core.drop('r2-unexpected');
  const current = s.state === 'I2BIS-SENT' ? s.peer : ulidOnly(context.ulids.peer);
  const read = readPeerSet(core, received, context.ulids.peer, current);
  if (!read) return;
  const recovered = s.state === 'I2BIS-SENT' || context.establishedAt !== undefined;
  core.table.transition(context, {
    state: 'ESTABLISHED',
    peerTag: message.responderContextTag,
    peer: orUlid(read, context.ulids.peer),
    pair: s.state === 'I2BIS-SENT' ? s.pair : { local: destination, peer: source },
    update: s.state === 'I2BIS-SENT' ? s.update : undefined,
  });
  context.establishedAt ??= core.now;
  readKeepaliveTimeout(context, message);
  if (isContacted(context)) {
    core.resolveConfusion(context);
    core.listener.contacted(context, recovered ? 'recovered' : 'established');
  }
  core.listener.controlReceived(context);
}
