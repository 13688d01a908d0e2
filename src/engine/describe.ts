import { RFC5534 } from '../reap/constants.js';
import type { Recovery } from '../reap/reap.js';
import type { OwnLocator } from '../shim6/context.js';
import { LOCATOR_FLAG } from '../wire/shim6/constants.js';
import type { Address } from '../wire/address.js';
import { RehomeError } from '../wire/errors.js';
import { formatTag, type ContextTag } from '../wire/units.js';
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

export const noLocator = (address: Address): RehomeError =>
  new RehomeError(
    'REHOME_E_NO_LOCATOR',
    `${address} is not an address of this host: choose one of \`rehome locators\``,
    address,
  );

export const noPeer = (address: Address): RehomeError =>
  new RehomeError(
    'REHOME_E_PEER',
    `${address} cannot be a peer: name a unicast address of another host, not a link-local one`,
    address,
  );

export const full = (contexts: number): RehomeError =>
  new RehomeError(
    'REHOME_E_LIMIT',
    `all ${contexts} contexts are in use: raise max_contexts`,
    contexts,
  );

export const noContext = (localTag: ContextTag): RehomeError => {
  const tag = formatTag(localTag);
  return new RehomeError('REHOME_E_NO_CONTEXT', `no context with tag ${tag}`, tag);
};
