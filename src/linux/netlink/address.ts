import { UNSPECIFIED, type Address } from '../../wire/address.js';
import {
  AF_INET6,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_NEWADDR,
  RTPROT_REHOME,
} from './constants.js';
import {
  address as addressAttribute,
  attribute,
  concat,
  decodeAttributes,
  needLength,
  readAddress,
  readU32,
  readU8,
  u32,
  u8,
  viewOf,
  type NetlinkRequest,
} from './message.js';

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_CACHEINFO = 6;
const IFA_FLAGS = 8;
const IFA_PROTO = 11;

const F_TEMPORARY = 0x01;
const F_NODAD = 0x02;
const F_OPTIMISTIC = 0x04;
const F_DADFAILED = 0x08;
const F_DEPRECATED = 0x20;
const F_TENTATIVE = 0x40;
const F_PERMANENT = 0x80;
const F_NOPREFIXROUTE = 0x200;

/** A lifetime without end, in the kernel's words and in RFC 4861's. */
export const FOREVER = 0xffffffff;

const SCOPES: Readonly<Record<number, InterfaceAddress['scope']>> = {
  0: 'global',
  200: 'site',
  253: 'link',
  254: 'host',
};

export interface InterfaceAddress {
  readonly address: Address;
  readonly prefixLength: number;
  readonly index: number;
  readonly scope: 'global' | 'site' | 'link' | 'host' | 'unknown';
  /** Seconds left when the message was made; FOREVER: no end. */
  readonly preferredSeconds: number;
  readonly validSeconds: number;
  /** Duplicate Address Detection is under way; with `optimistic` it may be used already (RFC 4429). */
  readonly tentative: boolean;
  readonly optimistic: boolean;
  readonly dadFailed: boolean;
  readonly deprecated: boolean;
  readonly permanent: boolean;
  readonly temporary: boolean;
  readonly noDad: boolean;
  readonly noPrefixRoute: boolean;
  /** IFA_PROTO: 1-3 the kernel itself, RTPROT_REHOME ours, 0 not told (kernels before 5.18 never tell). */
  readonly protocol: number;
}

export interface NewAddress {
  readonly address: Address;
  readonly prefixLength: number;
  readonly index: number;
  /** Default FOREVER. 0 makes the address deprecated from the start. */
  readonly preferredSeconds?: number;
  /** Default FOREVER. */
  readonly validSeconds?: number;
  readonly noDad?: boolean;
  readonly noPrefixRoute?: boolean;
  /** Default RTPROT_REHOME. */
  readonly protocol?: number;
}

function header(prefixLength: number, index: number, flags = 0): Uint8Array {
  const out = new Uint8Array(8);
  out[0] = AF_INET6;
  out[1] = prefixLength;
  out[2] = flags & 0xff;
  viewOf(out).setUint32(4, index, true);
  return out;
}

export const dumpAddresses = (): NetlinkRequest => ({
  type: RTM_GETADDR,
  flags: NLM_F_DUMP,
  payload: header(0, 0),
});

function body(a: NewAddress): Uint8Array {
  const flags = (a.noDad ? F_NODAD : 0) | (a.noPrefixRoute ? F_NOPREFIXROUTE : 0);
  const cacheInfo = new Uint8Array(16);
  viewOf(cacheInfo).setUint32(0, a.preferredSeconds ?? FOREVER, true);
  viewOf(cacheInfo).setUint32(4, a.validSeconds ?? FOREVER, true);
  return concat(
    header(a.prefixLength, a.index, flags),
    addressAttribute(IFA_LOCAL, a.address),
    attribute(IFA_CACHEINFO, cacheInfo),
    u32(IFA_FLAGS, flags),
    u8(IFA_PROTO, a.protocol ?? RTPROT_REHOME),
  );
}

/** Adds; the kernel answers EEXIST when the interface has it. */
export const addAddress = (a: NewAddress): NetlinkRequest => ({
  type: RTM_NEWADDR,
  flags: NLM_F_CREATE | NLM_F_EXCL,
  payload: body(a),
});

/** Adds or changes lifetimes and flags. */
export const replaceAddress = (a: NewAddress): NetlinkRequest => ({
  type: RTM_NEWADDR,
  flags: NLM_F_CREATE | NLM_F_REPLACE,
  payload: body(a),
});

export const deleteAddress = (
  a: Pick<NewAddress, 'address' | 'prefixLength' | 'index'>,
): NetlinkRequest => ({
  type: RTM_DELADDR,
  flags: 0,
  payload: concat(header(a.prefixLength, a.index), addressAttribute(IFA_LOCAL, a.address)),
});

/** Reads RTM_NEWADDR or RTM_DELADDR of IPv6; undefined for another family. @throws WireError REHOME_E_NETLINK. */
export function decodeAddress(payload: Uint8Array): InterfaceAddress | undefined {
  const view = needLength(payload, 8, 'address');
  if (view.getUint8(0) !== AF_INET6) return undefined;
  const attributes = decodeAttributes(payload, 8);
  const flags = readU32(attributes, IFA_FLAGS) ?? view.getUint8(2);
  const cache = attributes.get(IFA_CACHEINFO);
  const seconds = (at: number): number =>
    cache !== undefined && cache.length >= 16 ? viewOf(cache).getUint32(at, true) : FOREVER;
  return {
    // On a point-to-point address IFA_ADDRESS is the peer's and IFA_LOCAL ours.
    address:
      readAddress(attributes, IFA_LOCAL) ?? readAddress(attributes, IFA_ADDRESS) ?? UNSPECIFIED,
    prefixLength: view.getUint8(1),
    index: view.getUint32(4, true),
    scope: SCOPES[view.getUint8(3)] ?? 'unknown',
    preferredSeconds: seconds(0),
    validSeconds: seconds(4),
    tentative: (flags & F_TENTATIVE) !== 0,
    optimistic: (flags & F_OPTIMISTIC) !== 0,
    dadFailed: (flags & F_DADFAILED) !== 0,
    deprecated: (flags & F_DEPRECATED) !== 0,
    permanent: (flags & F_PERMANENT) !== 0,
    temporary: (flags & F_TEMPORARY) !== 0,
    noDad: (flags & F_NODAD) !== 0,
    noPrefixRoute: (flags & F_NOPREFIXROUTE) !== 0,
    protocol: readU8(attributes, IFA_PROTO) ?? 0,
  };
}
