import { isLinkUp, type Link } from '../../linux/netlink/link.js';
import type { ProviderPrefix } from '../../sam/types.js';
import { addMs, ms, type Millis } from '../../wire/units.js';
import type { SamDaemonConfig, SamProviderConfig } from '../config/sam.js';

/** What a provider gives, with the times at which it ends. */
export interface Lease {
  readonly given: SamProviderConfig;
  readonly prefix: ProviderPrefix;
}

/**
 * What the providers give, in their order. Lifetimes of what is given as it was go on; others begin `now`.
 * @param before the leases so far
 */
export const leasesOf = (
  given: SamDaemonConfig['providers'],
  before: readonly Lease[],
  now: Millis,
): Lease[] =>
  given.map((g) => {
    const { prefix, preferred, valid } = g;
    const old = before.find((l) => JSON.stringify(lifetimes(l.given)) === JSON.stringify(lifetimes(g))); // prettier-ignore
    if (old !== undefined) return { given: g, prefix: old.prefix };
    return {
      given: g,
      prefix: {
        prefix,
        ...(preferred === undefined ? {} : { preferredUntil: addMs(now, preferred) }),
        ...(valid === undefined ? {} : { validUntil: addMs(now, valid) }),
      },
    };
  });

const lifetimes = ({ prefix, preferred, valid }: SamProviderConfig): unknown[] => [
  prefix,
  preferred,
  valid,
];

/**
 * The same, as it can be used now. While a provider's link is down its prefix is deprecated, not taken back: what is new
 * chooses another one, what has begun waits, or moves with Shim6 (RFC 8475 §3.1 does so for classic prefixes).
 */
export const usableLeases = (
  leases: readonly Lease[],
  links: readonly Link[],
  now: Millis,
): readonly ProviderPrefix[] =>
  leases.map(({ given, prefix }) => {
    const link = links.find((l) => l.name === given.interface);
    if (link !== undefined && isLinkUp(link)) return prefix;
    return { ...prefix, preferredUntil: ms(Math.min(prefix.preferredUntil ?? now, now)) };
  });
