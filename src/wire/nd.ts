import { addressFromBytes, addressToBytes, isMulticast, type Address } from './address.js';
import { concatBytes, inRange, setU16, setU32, u16, u32, u8 } from './bytes.js';
import { buildIcmpv6, ICMPV6_TYPE, parseIcmpv6 } from './icmpv6.js';
import type { Ipv6Header } from './ipv6.js';
import {
  preferenceBits,
  preferenceOf,
  readNdOptions,
  writeNdOptions,
  type NdOption,
  type RoutePreference,
} from './nd-options.js';
import { failure, type DecodeFailure } from './result.js';

export type { NdOption, RoutePreference } from './nd-options.js';

/** Neighbor Discovery messages (RFC 4861 §4). Times are milliseconds, the router lifetime is seconds. */

interface WithOptions {
  readonly options: readonly NdOption[];
}
export interface RouterSolicitation extends WithOptions {
  readonly message: 'routerSolicitation';
}
export interface RouterAdvertisement extends WithOptions {
  readonly message: 'routerAdvertisement';
  /** 0: unspecified by this router. */
  readonly curHopLimit: number;
  readonly managed: boolean;
  readonly otherConfig: boolean;
  readonly preference: RoutePreference;
  /** Seconds; 0: not a default router. */
  readonly routerLifetime: number;
  /** 0: unspecified by this router. */
  readonly reachableTime: number;
  /** 0: unspecified by this router. */
  readonly retransTimer: number;
}
export interface NeighborSolicitation extends WithOptions {
  readonly message: 'neighborSolicitation';
  readonly target: Address;
}
export interface NeighborAdvertisement extends WithOptions {
  readonly message: 'neighborAdvertisement';
  readonly target: Address;
  readonly router: boolean;
  readonly solicited: boolean;
  readonly override: boolean;
}
export type NdMessage =
  RouterSolicitation | RouterAdvertisement | NeighborSolicitation | NeighborAdvertisement;

/** Octets behind type, code and checksum before the options. */
const FIXED: Readonly<Record<NdMessage['message'], number>> = {
  routerSolicitation: 4,
  routerAdvertisement: 12,
  neighborSolicitation: 20,
  neighborAdvertisement: 20,
};
const NAMES = Object.keys(FIXED) as NdMessage['message'][];

export interface NdPacket {
  readonly ok: true;
  readonly header: Ipv6Header;
  readonly message: NdMessage;
}

/**
 * The Neighbor Discovery message in an IPv6 packet with the checks of RFC 4861 §6.1 and §7.1: hop limit 255, checksum,
 * code 0, lengths, no option of length zero, a target that is not multicast. Never throws.
 */
export function parseNd(packet: Uint8Array): NdPacket | DecodeFailure {
  const icmp = parseIcmpv6(packet);
  if (!icmp.ok) return icmp;
  const { header, body, offset } = icmp;
  const name = NAMES.find((n) => ICMPV6_TYPE[n] === icmp.type);
  if (name === undefined) return failure('REHOME_E_TYPE', offset, 'not-neighbor-discovery');
  if (header.hopLimit !== 255) return failure('REHOME_E_FIELD', 7, 'bad-hop-limit');
  if (icmp.code !== 0) return failure('REHOME_E_FIELD', offset + 1, 'bad-code');
  if (body.length < FIXED[name]) return failure('REHOME_E_LENGTH', offset + 4, 'bad-length');
  const options = readNdOptions(body, FIXED[name]);
  if (typeof options === 'number') {
    return failure('REHOME_E_OPTION', offset + 4 + options, 'bad-option');
  }
  const message = readFixed(name, body, options);
  if ('target' in message && isMulticast(message.target)) {
    return failure('REHOME_E_FIELD', offset + 8, 'bad-target');
  }
  return { ok: true, header, message };
}

function readFixed(
  name: NdMessage['message'],
  body: Uint8Array,
  options: readonly NdOption[],
): NdMessage {
  const flag = (at: number, bit: number): boolean => (u8(body, at) & bit) !== 0;
  switch (name) {
    case 'routerSolicitation':
      return { message: name, options };
    case 'routerAdvertisement':
      return {
        message: name,
        curHopLimit: u8(body, 0),
        managed: flag(1, 0x80),
        otherConfig: flag(1, 0x40),
        // A reserved preference counts as medium (RFC 4191 §2.2).
        preference: preferenceOf((u8(body, 1) >>> 3) & 3) ?? 'medium',
        routerLifetime: u16(body, 2),
        reachableTime: u32(body, 4),
        retransTimer: u32(body, 8),
        options,
      };
    case 'neighborSolicitation':
      return { message: name, target: addressFromBytes(body, 4), options };
    case 'neighborAdvertisement':
      return {
        message: name,
        target: addressFromBytes(body, 4),
        router: flag(0, 0x80),
        solicited: flag(0, 0x40),
        override: flag(0, 0x20),
        options,
      };
  }
}

/**
 * An IPv6 packet with a Neighbor Discovery message, hop limit 255.
 * @throws WireError REHOME_E_RANGE
 */
export const buildNd = (source: Address, destination: Address, message: NdMessage): Uint8Array =>
  buildIcmpv6({
    source,
    destination,
    type: ICMPV6_TYPE[message.message],
    body: concatBytes(writeFixed(message), writeNdOptions(message.options)),
    hopLimit: 255,
  });

function writeFixed(message: NdMessage): Uint8Array {
  const out = new Uint8Array(FIXED[message.message]);
  switch (message.message) {
    case 'routerSolicitation':
      break;
    case 'routerAdvertisement':
      out[0] = inRange('cur hop limit', message.curHopLimit, 255);
      out[1] =
        (message.managed ? 0x80 : 0) |
        (message.otherConfig ? 0x40 : 0) |
        (preferenceBits(message.preference) << 3);
      setU16(out, 2, inRange('router lifetime', message.routerLifetime, 0xffff));
      setU32(out, 4, inRange('reachable time', message.reachableTime, 0xffffffff));
      setU32(out, 8, inRange('retrans timer', message.retransTimer, 0xffffffff));
      break;
    case 'neighborAdvertisement':
      out[0] =
        (message.router ? 0x80 : 0) |
        (message.solicited ? 0x40 : 0) |
        (message.override ? 0x20 : 0);
      out.set(addressToBytes(message.target), 4);
      break;
    case 'neighborSolicitation':
      out.set(addressToBytes(message.target), 4);
  }
  return out;
}
