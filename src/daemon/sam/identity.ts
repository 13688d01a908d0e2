import { PROVABLE_LENGTH } from '../../sam/infix-length.js';
import { prefixOf } from '../../wire/prefix.js';
import type { ConfiguredPrefix } from '../identity/prefixes.js';
import type { OpenedSam } from '../world.js';

/**
 * Of each delegated prefix that leaves 64 bits for a hash, the /64 in which HBA and CGA addresses are made (RFC 3972 §3, RFC
 * 5535 §3). All of a delegated prefix is a host's own, so any of its /64s would do: the first.
 */
export const provablePrefixes = (
  sam: Pick<OpenedSam, 'addresses' | 'device'>,
): ConfiguredPrefix[] =>
  sam
    .addresses()
    .filter((a) => a.provable && a.local !== undefined)
    .map(({ delegated, preferredUntil, validUntil }) => ({
      prefix: prefixOf(delegated.address, PROVABLE_LENGTH),
      ifindex: sam.device.index,
      interfaceName: sam.device.name,
      ...(preferredUntil === undefined ? {} : { preferredUntil }),
      ...(validUntil === undefined ? {} : { validUntil }),
    }));
