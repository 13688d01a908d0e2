import {
  AF_INET6,
  AF_UNSPEC,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
  RTM_SETLINK,
} from './constants.js';
import {
  attribute,
  concat,
  decodeAttributes,
  needLength,
  nested,
  readNested,
  readText,
  readU32,
  readU8,
  text,
  u32,
  u8,
  viewOf,
  type NetlinkRequest,
} from './message.js';

export const IFF_UP = 0x1;
export const IFF_LOOPBACK = 0x8;
export const IFF_RUNNING = 0x40;
export const IFF_NOARP = 0x80;
export const IFF_LOWER_UP = 0x10000;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_OPERSTATE = 16;
const IFLA_LINKINFO = 18;
const IFLA_AF_SPEC = 26;
const IFLA_NET_NS_FD = 28;
const IFLA_EXT_MASK = 29;
const IFLA_CARRIER = 33;
const INFO_KIND = 1;
const INFO_DATA = 2;
const VETH_INFO_PEER = 1;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const RTEXT_FILTER_SKIP_STATS = 8;

/** RFC 2863 states, in the kernel's numbering. */
const OPERSTATES = [
  'unknown',
  'not-present',
  'down',
  'lower-layer-down',
  'testing',
  'dormant',
  'up',
] as const;
export type OperState = (typeof OPERSTATES)[number];

export interface Link {
  readonly index: number;
  readonly name: string;
  /** IFF_* bits. */
  readonly flags: number;
  /** Administratively up. */
  readonly up: boolean;
  readonly operState: OperState;
  readonly carrier: boolean;
  readonly mtu: number;
  /** Link-layer address, six octets on Ethernet. */
  readonly mac: Uint8Array;
  /** `veth`, `tun`, ...; undefined for hardware and loopback. */
  readonly kind: string | undefined;
  /** IFLA_LINK: the veth peer's index in its own namespace. */
  readonly peerIndex: number | undefined;
}

/** Can carry packets now. A driver without operstate says `unknown`, then carrier counts. */
export const isLinkUp = (link: Link): boolean =>
  link.up &&
  (link.operState === 'up' || (link.operState === 'unknown' && (link.flags & IFF_RUNNING) !== 0));

export interface LinkSettings {
  readonly up?: boolean;
  readonly noArp?: boolean;
  readonly mtu?: number;
  readonly mac?: Uint8Array;
  readonly name?: string;
  /** `none`: no link-local address of its own, hence no router solicitation either. */
  readonly addressGeneration?: 'none' | 'eui64';
  /** Makes the link a port of this bridge; 0: of none. */
  readonly master?: number;
  /** Moves the link into the namespace of this open descriptor. */
  readonly namespaceFd?: number;
}

function header(index: number, flags = 0, change = 0): Uint8Array {
  const out = new Uint8Array(16);
  const view = viewOf(out);
  out[0] = AF_UNSPEC;
  view.setInt32(4, index, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, change, true);
  return out;
}

function settingsBody(index: number, settings: LinkSettings): Uint8Array {
  let flags = 0;
  let change = 0;
  if (settings.up !== undefined) {
    change |= IFF_UP;
    if (settings.up) flags |= IFF_UP;
  }
  if (settings.noArp !== undefined) {
    change |= IFF_NOARP;
    if (settings.noArp) flags |= IFF_NOARP;
  }
  const parts = [header(index, flags, change)];
  if (settings.name !== undefined) parts.push(text(IFLA_IFNAME, settings.name));
  if (settings.mtu !== undefined) parts.push(u32(IFLA_MTU, settings.mtu));
  if (settings.mac !== undefined) parts.push(attribute(IFLA_ADDRESS, settings.mac));
  if (settings.master !== undefined) parts.push(u32(IFLA_MASTER, settings.master));
  if (settings.namespaceFd !== undefined) parts.push(u32(IFLA_NET_NS_FD, settings.namespaceFd));
  if (settings.addressGeneration !== undefined) {
    const mode = u8(IFLA_INET6_ADDR_GEN_MODE, settings.addressGeneration === 'none' ? 1 : 0);
    parts.push(nested(IFLA_AF_SPEC, nested(AF_INET6, mode)));
  }
  return concat(...parts);
}

export const dumpLinks = (): NetlinkRequest => ({
  type: RTM_GETLINK,
  flags: NLM_F_DUMP,
  payload: concat(header(0), u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)),
});

/** By name or index. */
export const getLink = (which: string | number): NetlinkRequest => ({
  type: RTM_GETLINK,
  flags: 0,
  payload: concat(
    header(typeof which === 'number' ? which : 0),
    ...(typeof which === 'string' ? [text(IFLA_IFNAME, which)] : []),
  ),
});

export const setLink = (index: number, settings: LinkSettings): NetlinkRequest => ({
  type: RTM_SETLINK,
  flags: 0,
  payload: settingsBody(index, settings),
});

/**
 * One end of a veth pair to be. Address generation is set afterwards: the kernel refuses it on a link without
 * IPv6 yet (EAFNOSUPPORT).
 */
export type VethEnd = Omit<LinkSettings, 'addressGeneration'> & { readonly name: string };

/** A veth pair; each end has its settings, `namespaceFd` included. */
export const createVeth = (end: VethEnd, peer: VethEnd): NetlinkRequest => ({
  type: RTM_NEWLINK,
  flags: NLM_F_CREATE | NLM_F_EXCL,
  payload: concat(
    settingsBody(0, end),
    nested(
      IFLA_LINKINFO,
      text(INFO_KIND, 'veth'),
      nested(INFO_DATA, attribute(VETH_INFO_PEER, settingsBody(0, peer))),
    ),
  ),
});

/** A bridge without ports, which learns and forwards at once (no spanning tree). */
export const createBridge = (name: string): NetlinkRequest => ({
  type: RTM_NEWLINK,
  flags: NLM_F_CREATE | NLM_F_EXCL,
  payload: concat(settingsBody(0, { name }), nested(IFLA_LINKINFO, text(INFO_KIND, 'bridge'))),
});

export const deleteLink = (index: number): NetlinkRequest => ({
  type: RTM_DELLINK,
  flags: 0,
  payload: header(index),
});

/** Reads RTM_NEWLINK or RTM_DELLINK. @throws WireError REHOME_E_NETLINK. */
export function decodeLink(payload: Uint8Array): Link {
  const view = needLength(payload, 16, 'link');
  const attributes = decodeAttributes(payload, 16);
  const flags = view.getUint32(8, true);
  const info = readNested(attributes, IFLA_LINKINFO);
  return {
    index: view.getInt32(4, true),
    name: readText(attributes, IFLA_IFNAME) ?? '',
    flags,
    up: (flags & IFF_UP) !== 0,
    operState: OPERSTATES[readU8(attributes, IFLA_OPERSTATE) ?? 0] ?? 'unknown',
    carrier: (readU8(attributes, IFLA_CARRIER) ?? (flags & IFF_LOWER_UP ? 1 : 0)) !== 0,
    mtu: readU32(attributes, IFLA_MTU) ?? 0,
    mac: attributes.get(IFLA_ADDRESS) ?? new Uint8Array(),
    kind: readText(info, INFO_KIND),
    peerIndex: readU32(attributes, IFLA_LINK),
  };
}
