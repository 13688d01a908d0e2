import { isLinkUp, type Link } from '../../linux/netlink/link.js';
import type { ProviderPrefix } from '../../sam/types.js';
import { addMs, ms, type Millis } from '../../wire/units.js';
import type { SamDaemonConfig } from '../config/sam.js';

/** What the providers give, with lifetimes counted from `now`; one for each, in their order. */
export const leasesOf = (given: SamDaemonConfig['providers'], now: Millis): ProviderPrefix[] =>
  given.map(({ prefix, preferred, valid }) => ({
    prefix,
    ...(preferred === undefined ? {} : { preferredUntil: addMs(now, preferred) }),
    ...(valid === undefined ? {} : { validUntil: addMs(now, valid) }),
  }));

/**
 * The same, as it can be used now. While a provider's link is down its prefix is deprecated, not taken back: what is new
 * chooses another one, what has begun waits, or moves with Shim6 (RFC 8475 §3.1 does so for classic prefixes).
 */
export const usableLeases = (
  leases: readonly ProviderPrefix[],
  given: SamDaemonConfig['providers'],
  links: readonly Link[],
  now: Millis,
): readonly ProviderPrefix[] =>
  leases.map((lease, i) => {
    const link = links.find((l) => l.name === given[i]?.interface);
    if (link !== undefined && isLinkUp(link)) return lease;
    return { ...lease, preferredUntil: ms(Math.min(lease.preferredUntil ?? now, now)) };
  });
