import { samePair } from '../wire/address.js';
import { LOCATOR_FLAG, VERIFICATION_METHOD } from '../wire/shim6/constants.js';
import { isContacted, type Context, type Preference } from '../shim6/context.js';
import type { Reap } from '../reap/reap.js';
import type { ContextId, ContextView, LocatorView, PairView, ReapView } from './types.js';

/** Snapshots for people and programs; nothing in here changes anything. */

/** Probes of ours without a report before a pair is called silent. */
const SILENT_AFTER = 2;

export function contextView(context: Context, reap: Reap | undefined): ContextView {
  const s = context.s;
  const contact = isContacted(context) ? context.s : undefined;
  const pair = contact?.pair ?? context.ulids;
  return {
    id: context.id as ContextId,
    state: s.state,
    ulids: context.ulids,
    forkedInstanceIdentifier: context.forkedInstanceIdentifier,
    localTag: context.localTag,
    peerTag: contact?.peerTag,
    pair,
    shimmed: contact !== undefined && !samePair(pair, context.ulids),
    localLocators: context.own.locators.map((l, i) =>
      locatorView(l.address, l.preference, context.own.proof.methods[i] ?? 0, true),
    ),
    peerLocators: (contact?.peer.locators ?? []).map((l) =>
      locatorView(l.address, l.preference, l.method, l.verified),
    ),
    reap: reap && reapView(reap),
    createdAt: context.createdAt,
    establishedAt: context.establishedAt,
    lastActivity: context.lastActivity,
    initiator: context.initiator,
  };
}

const locatorView = (
  address: LocatorView['address'],
  preference: Preference,
  method: number,
  verified: boolean,
): LocatorView => ({
  address,
  method,
  verified: verified && method !== VERIFICATION_METHOD.none,
  broken: (preference.flags & LOCATOR_FLAG.broken) !== 0,
  transient: (preference.flags & LOCATOR_FLAG.transient) !== 0,
  priority: preference.priority,
  weight: preference.weight,
});

function reapView(reap: Reap): ReapView {
  const last = reap.lastRecovery;
  return {
    state: reap.state,
    since: reap.since,
    keepaliveTimeout: reap.keepaliveTimeout,
    sendTimeout: reap.sendTimeout,
    ...reap.stats,
    pairs: [...reap.pairs].sort((a, b) => a.rank - b.rank).map(({ pair }) => pairView(reap, pair)),
    lastRecovery: last && {
      startedAt: last.startedAt,
      endedAt: last.endedAt,
      detection: last.detection,
      exploration: last.endedAt - last.startedAt,
      probesSent: last.probesSent,
      from: last.from,
      to: last.to,
    },
  };
}

function pairView(reap: Reap, pair: PairView['pair']): PairView {
  const k = reap.log.knowledge(pair);
  const works = k.lastWorked !== undefined && k.unanswered < SILENT_AFTER;
  return {
    pair,
    current: samePair(pair, reap.pair),
    outbound: works ? 'works' : k.unanswered >= SILENT_AFTER ? 'silent' : 'unknown',
    inbound: k.lastHeard === undefined ? 'unknown' : 'works',
    lastProbed: k.lastProbed,
    lastWorked: k.lastWorked,
    rtt: k.rtt,
  };
}
