import { RFC5534 } from '../reap/constants.js';
import type { Recovery } from '../reap/reap.js';
import type { OwnLocator } from '../shim6/context.js';
import { LOCATOR_FLAG } from '../wire/shim6/constants.js';
import type { EngineConfig, EngineEvent, LocalLocator } from './types.js';

/** RFC 5534 §5.3: told only when it is not what the peer assumes anyway. */
export const keepaliveWish = (config: EngineConfig): number | undefined =>
  config.reap.sendTimeout === RFC5534.sendTimeout ? undefined : config.reap.sendTimeout;

/** What a peer is told of an address. One that is out of order is told as BROKEN, not left out: it may come back. */
export const ownLocator = (l: LocalLocator): OwnLocator => ({
  address: l.address,
  preference: {
    flags: (l.operational ? 0 : LOCATOR_FLAG.broken) | (l.transient ? LOCATOR_FLAG.transient : 0),
    priority: l.priority,
    weight: l.weight,
  },
});

/** Milliseconds and counts of a finished exploration, for its event. */
export const recoveryDetail = (last: Recovery): NonNullable<EngineEvent['detail']> => ({
  explorationMs: last.endedAt - last.startedAt,
  probesSent: last.probesSent,
  ...(last.detection === undefined ? {} : { detectionMs: last.detection }),
});
