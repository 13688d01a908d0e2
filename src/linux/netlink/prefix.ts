import { UNSPECIFIED } from '../../wire/address.js';
import type { Prefix } from '../../wire/prefix.js';
import { AF_INET6 } from './constants.js';
import { decodeAttributes, needLength, readAddress, viewOf } from './message.js';

/** IF_PREFIX_ONLINK and IF_PREFIX_AUTOCONF of older kernels; newer ones copy the option's own octet (RFC 4861 §4.6.2). */
const ON_LINK = 0x01 | 0x80;
const AUTONOMOUS = 0x02 | 0x40;

/** A Prefix Information option of a Router Advertisement that the kernel accepted (RFC 4861 §4.6.2). */
export interface PrefixEvent {
  readonly index: number;
  readonly prefix: Prefix;
  readonly onLink: boolean;
  readonly autonomous: boolean;
  readonly preferredSeconds: number;
  readonly validSeconds: number;
}

/** Reads RTM_NEWPREFIX; undefined for another family. @throws WireError REHOME_E_NETLINK. */
export function decodePrefix(payload: Uint8Array): PrefixEvent | undefined {
  const view = needLength(payload, 12, 'prefix');
  if (view.getUint8(0) !== AF_INET6) return undefined;
  const attributes = decodeAttributes(payload, 12);
  const cache = attributes.get(2);
  const seconds = (at: number): number =>
    cache !== undefined && cache.length >= 8 ? viewOf(cache).getUint32(at, true) : 0;
  return {
    index: view.getInt32(4, true),
    prefix: { address: readAddress(attributes, 1) ?? UNSPECIFIED, length: view.getUint8(9) },
    onLink: (view.getUint8(10) & ON_LINK) !== 0,
    autonomous: (view.getUint8(10) & AUTONOMOUS) !== 0,
    preferredSeconds: seconds(0),
    validSeconds: seconds(4),
  };
}
