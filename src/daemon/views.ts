import type {
  ContextJson,
  LocatorJson,
  PathJson,
  RecoveryJson,
  SessionJson,
} from '../control/schema.js';
import type { ContextView, LocatorView, PairView, RecoveryView } from '../engine/types.js';
import type { Address } from '../wire/address.js';
import { formatTag, type ContextTag, type Millis } from '../wire/units.js';
import type { EventLog } from './event-log.js';

/** Engine time as wall time, and what else a view needs from around it. */
export interface ViewTools {
  readonly wall: (at: Millis) => string;
  readonly nameOf: (address: Address) => string | undefined;
  readonly events: EventLog;
}

const tagText = (tag: ContextTag | undefined): string | null =>
  tag === undefined ? null : formatTag(tag);

const maybe = (tools: ViewTools, at: Millis | undefined): string | null =>
  at === undefined ? null : tools.wall(at);

/** What a person wants to know of a context, in one word. */
export function healthOf(context: ContextView): SessionJson['health'] {
  switch (context.state) {
    case 'ESTABLISHED':
    case 'I2BIS-SENT':
      if (context.reap !== undefined && context.reap.state !== 'operational') return 'exploring';
      return context.shimmed ? 'rehomed' : 'protected';
    case 'I1-SENT':
    case 'I2-SENT':
      return 'establishing';
    default:
      return 'unprotected';
  }
}

export function sessionJson(context: ContextView, tools: ViewTools): SessionJson {
  const tag = tagText(context.localTag);
  return {
    tag,
    ulids: context.ulids,
    forkedInstanceIdentifier: context.forkedInstanceIdentifier,
    state: context.state,
    health: healthOf(context),
    pair: context.pair,
    shimmed: context.shimmed,
    since: maybe(tools, context.reap?.since ?? context.establishedAt ?? context.createdAt),
    lastRecovery: recoveryJson(context.reap?.lastRecovery, tools),
    lastEvent: tools.events.lastOf(tag),
  };
}

export function contextJson(context: ContextView, tools: ViewTools): ContextJson {
  const { reap } = context;
  const tag = tagText(context.localTag);
  return {
    tag,
    peerTag: tagText(context.peerTag),
    state: context.state,
    health: healthOf(context),
    ulids: context.ulids,
    forkedInstanceIdentifier: context.forkedInstanceIdentifier,
    pair: context.pair,
    shimmed: context.shimmed,
    initiator: context.initiator,
    createdAt: tools.wall(context.createdAt),
    establishedAt: maybe(tools, context.establishedAt),
    lastActivity: tools.wall(context.lastActivity),
    localLocators: context.localLocators.map((l) => locatorJson(l, tools)),
    peerLocators: context.peerLocators.map((l) => locatorJson(l, tools)),
    reap:
      reap === undefined
        ? null
        : {
            state: reap.state,
            since: tools.wall(reap.since),
            sendTimeoutMs: reap.sendTimeout,
            keepaliveTimeoutMs: reap.keepaliveTimeout,
            probesSent: reap.probesSent,
            probesReceived: reap.probesReceived,
            keepalivesSent: reap.keepalivesSent,
            keepalivesReceived: reap.keepalivesReceived,
            lastRecovery: recoveryJson(reap.lastRecovery, tools),
          },
    lastEvent: tools.events.lastOf(tag),
  };
}

export const locatorJson = (locator: LocatorView, tools: ViewTools): LocatorJson => ({
  address: locator.address,
  name: tools.nameOf(locator.address) ?? null,
  method: locator.method,
  verified: locator.verified,
  broken: locator.broken,
  transient: locator.transient,
  priority: locator.priority,
  weight: locator.weight,
});

export const pathJson = (view: PairView, tools: ViewTools): PathJson => ({
  pair: view.pair,
  current: view.current,
  outbound: view.outbound,
  inbound: view.inbound,
  lastProbed: maybe(tools, view.lastProbed),
  lastWorked: maybe(tools, view.lastWorked),
  rttMs: view.rtt ?? null,
});

function recoveryJson(view: RecoveryView | undefined, tools: ViewTools): RecoveryJson | null {
  if (view === undefined) return null;
  return {
    startedAt: tools.wall(view.startedAt),
    endedAt: tools.wall(view.endedAt),
    detectionMs: view.detection ?? null,
    explorationMs: view.exploration,
    probesSent: view.probesSent,
    from: view.from,
    to: view.to,
  };
}
