import { samePair, type LocatorPair } from '../wire/address.js';
import { LOCATOR_FLAG } from '../wire/shim6/constants.js';
import type { UpdateAcknowledgement, UpdateRequest } from '../wire/shim6/index.js';
import type { Core, Received } from './core.js';
import { isContacted, type Contacted, type Context, type OwnSet } from './context.js';
import {
  isStale,
  orUlid,
  readKeepaliveTimeout,
  readPeerSet,
  remember,
  samePeerSet,
} from './peer-list.js';

/** RFC 5533 §10: telling the peer of new locators and preferences. */

/**
 * Gives one context our new set. What was not acknowledged is abandoned: the new request carries everything
 * (§10.3). Preferences only: the list goes along, with a new generation, so that a lost message loses nothing.
 */
export function tellOwnSet(core: Core, context: Context, own: OwnSet): void {
  const previous = context.own;
  context.own = own;
  if (!isContacted(context)) return; // the next I2 or R2 tells it
  const acknowledged = context.s.update?.previous ?? previous;
  core.table.transition(context, {
    ...context.s,
    update: {
      nonce: core.random.uint32(),
      previous: acknowledged,
      retries: 0,
      retryAt: core.retryAt(core.constants.updateTimeout, 0),
    },
  });
  core.listener.event('locators-updated', context, { locators: own.locators.length });
  sendUpdate(core, context);
}

function sendUpdate(core: Core, context: Contacted): void {
  const update = context.s.update;
  if (!update) return;
  core.send(
    context.s.pair,
    {
      message: 'updateRequest',
      receiverContextTag: context.s.peerTag,
      requestNonce: update.nonce,
      options: core.describing(context),
    },
    context,
  );
}

/** §10.2: for ever, ever slower; the context's own end is the only end. */
export function retryUpdate(core: Core, context: Contacted): void {
  const update = context.s.update;
  if (!update) return;
  const retries = update.retries + 1;
  const { updateTimeout, maxUpdateTimeout } = core.constants;
  const retryAt = core.retryAt(updateTimeout, retries, maxUpdateTimeout);
  core.table.transition(context, { ...context.s, update: { ...update, retries, retryAt } });
  sendUpdate(core, context);
}

/** §10.4; tag and addresses have been checked, the state allows it. */
export function onUpdateRequest(
  core: Core,
  context: Contacted,
  received: Received<UpdateRequest>,
): void {
  const old = context.s.peer;
  const read = readPeerSet(core, received, context.ulids.peer, old);
  if (!read) return;
  // A repetition brings nothing new, and must not disturb an exploration that is under way.
  const peer = samePeerSet(read, old) ? old : read;
  readKeepaliveTimeout(context, received.message);
  // Over which pair a ping comes says nothing of the pair that payload takes.
  const isPing = received.message.options.length === 0;
  if (!isPing) core.listener.controlReceived(context);
  else if (!samePair(context.s.pair, { local: received.destination, peer: received.source })) {
    core.listener.pinged(context);
  }
  if (isStale(context, peer)) {
    core.drop('update-stale');
    return;
  }
  if (peer !== old) {
    remember(context, peer.generation);
    core.table.transition(context, { ...context.s, peer: orUlid(peer, context.ulids.peer) });
    core.resolveConfusion(context);
  }
  for (const pair of acknowledgementPairs(context, received)) {
    core.send(
      pair,
      {
        message: 'updateAcknowledgement',
        receiverContextTag: context.s.peerTag,
        requestNonce: received.message.requestNonce,
        options: [],
      },
      isPing ? undefined : context,
    );
  }
  if (peer !== old) {
    core.listener.event('peer-locators-updated', context, { locators: peer.locators.length });
    core.listener.peerLocatorsChanged(context);
  }
}

/**
 * The pair REAP found to work from here to there: where paths work one way only, the one the request came over need not
 * work backwards, and the request would be repeated for ever. Unless the peer has just given that locator up. A request
 * that brings nothing is a question about the pair (`ping.ts`), answered over that pair as well: ours may be what is dead.
 */
function acknowledgementPairs(
  { s: { pair, peer } }: Contacted,
  { message, source, destination }: Received<UpdateRequest>,
): readonly LocatorPair[] {
  const back = { local: destination, peer: source };
  if (samePair(pair, back)) return [pair];
  const locator = peer.locators.find((l) => l.address === pair.peer);
  if (!locator || (locator.preference.flags & LOCATOR_FLAG.broken) !== 0) return [back];
  return message.options.length === 0 ? [pair, back] : [pair];
}

/** §10.5 */
export function onUpdateAcknowledgement(
  core: Core,
  context: Contacted,
  received: Received<UpdateAcknowledgement>,
): void {
  const pong = core.pings.answered(core, context, received);
  if (pong === 'again') return;
  if (pong) return core.listener.pong(context, pong.pair, pong.rtt);
  core.listener.controlReceived(context);
  const update = context.s.update;
  if (!update || update.nonce !== received.message.requestNonce) {
    return core.drop('update-acknowledgement-unexpected');
  }
  core.table.transition(context, { ...context.s, update: undefined });
  core.listener.contacted(context, 'changed');
}
