import { UNSPECIFIED, type Address } from '../../wire/address.js';
import type { Prefix } from '../../wire/prefix.js';
import {
  AF_INET6,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RTM_DELROUTE,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  RTPROT_REHOME,
} from './constants.js';
import {
  address as addressAttribute,
  concat,
  decodeAttributes,
  needLength,
  nested,
  readAddress,
  readNested,
  readU32,
  u32,
  viewOf,
  type NetlinkRequest,
} from './message.js';

export const TABLE_MAIN = 254;
export const TABLE_LOCAL = 255;

const RTA_DST = 1;
const RTA_SRC = 2;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
const RTA_MULTIPATH = 9;
const RTA_TABLE = 15;
const RTAX_MTU = 2;
const RTM_F_CLONED = 0x200;

const TYPES = [
  'unspecified',
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
] as const;
export type RouteType = (typeof TYPES)[number] | 'other';

export interface Nexthop {
  readonly gateway: Address | undefined;
  readonly index: number;
}

export interface Route {
  readonly type: RouteType;
  readonly destination: Prefix;
  /** `::/0` unless the route is source-specific. */
  readonly source: Prefix;
  readonly table: number;
  readonly gateway: Address | undefined;
  /** Output interface, 0: none. */
  readonly index: number;
  readonly preferredSource: Address | undefined;
  readonly metric: number;
  readonly mtu: number | undefined;
  /** rtm_protocol: 2 kernel, 3 boot, 4 static, 9 router advertisement, RTPROT_REHOME ours. */
  readonly protocol: number;
  /** All next hops of a multipath route; else one, from `gateway` and `index`. */
  readonly nexthops: readonly Nexthop[];
}

export interface NewRoute {
  readonly type?: 'unicast' | 'blackhole' | 'unreachable' | 'prohibit' | 'throw' | 'local';
  readonly destination: Prefix;
  readonly source?: Prefix;
  /** Default: main. May exceed 255. */
  readonly table?: number;
  readonly gateway?: Address;
  readonly index?: number;
  readonly preferredSource?: Address;
  /** Default: the kernel's 1024. */
  readonly metric?: number;
  readonly mtu?: number;
  /** Default RTPROT_REHOME. */
  readonly protocol?: number;
}

function header(route: Omit<NewRoute, 'destination'> & { destination?: Prefix }): Uint8Array {
  const table = route.table ?? TABLE_MAIN;
  const out = new Uint8Array(12);
  out[0] = AF_INET6;
  out[1] = route.destination?.length ?? 0;
  out[2] = route.source?.length ?? 0;
  out[4] = table > 255 ? 0 : table;
  out[5] = route.protocol ?? RTPROT_REHOME;
  out[7] = TYPES.indexOf(route.type ?? 'unicast');
  return out;
}

export const dumpRoutes = (): NetlinkRequest => ({
  type: RTM_GETROUTE,
  flags: NLM_F_DUMP,
  payload: Uint8Array.of(AF_INET6, ...new Uint8Array(11)),
});

function body(route: NewRoute): Uint8Array {
  const parts = [header(route), u32(RTA_TABLE, route.table ?? TABLE_MAIN)];
  if (route.destination.length > 0) {
    parts.push(addressAttribute(RTA_DST, route.destination.address));
  }
  if (route.source !== undefined && route.source.length > 0) {
    parts.push(addressAttribute(RTA_SRC, route.source.address));
  }
  if (route.gateway !== undefined) parts.push(addressAttribute(RTA_GATEWAY, route.gateway));
  if (route.index !== undefined) parts.push(u32(RTA_OIF, route.index));
  if (route.preferredSource !== undefined) {
    parts.push(addressAttribute(RTA_PREFSRC, route.preferredSource));
  }
  if (route.metric !== undefined) parts.push(u32(RTA_PRIORITY, route.metric));
  if (route.mtu !== undefined) parts.push(nested(RTA_METRICS, u32(RTAX_MTU, route.mtu)));
  return concat(...parts);
}

/** EEXIST when an equal route (destination, source, metric, table) is there. */
export const addRoute = (route: NewRoute): NetlinkRequest => ({
  type: RTM_NEWROUTE,
  flags: NLM_F_CREATE | NLM_F_EXCL,
  payload: body(route),
});

export const replaceRoute = (route: NewRoute): NetlinkRequest => ({
  type: RTM_NEWROUTE,
  flags: NLM_F_CREATE | NLM_F_REPLACE,
  payload: body(route),
});

/** ESRCH when no route matches. What is left out matches anything; the protocol always counts. */
export const deleteRoute = (route: NewRoute): NetlinkRequest => ({
  type: RTM_DELROUTE,
  flags: 0,
  payload: body(route),
});

/** Asks which route a packet would take (`ip route get`). */
export const getRoute = (query: {
  readonly destination: Address;
  readonly source?: Address;
  readonly index?: number;
}): NetlinkRequest => {
  const fixed = new Uint8Array(12);
  fixed[0] = AF_INET6;
  fixed[1] = 128;
  fixed[2] = query.source === undefined ? 0 : 128;
  return {
    type: RTM_GETROUTE,
    flags: 0,
    payload: concat(
      fixed,
      addressAttribute(RTA_DST, query.destination),
      ...(query.source === undefined ? [] : [addressAttribute(RTA_SRC, query.source)]),
      ...(query.index === undefined ? [] : [u32(RTA_OIF, query.index)]),
    ),
  };
};

function decodeNexthops(bytes: Uint8Array): Nexthop[] {
  const out: Nexthop[] = [];
  for (let at = 0; bytes.length - at >= 8;) {
    const view = viewOf(bytes.subarray(at));
    const length = view.getUint16(0, true);
    if (length < 8 || at + length > bytes.length) break;
    const attributes = decodeAttributes(bytes.subarray(at + 8, at + length));
    out.push({
      gateway: readAddress(attributes, RTA_GATEWAY),
      index: view.getInt32(4, true),
    });
    at += (length + 3) & ~3;
  }
  return out;
}

/**
 * Reads RTM_NEWROUTE or RTM_DELROUTE of IPv6; undefined for another family and for cache entries.
 * @throws WireError REHOME_E_NETLINK.
 */
export function decodeRoute(payload: Uint8Array): Route | undefined {
  const view = needLength(payload, 12, 'route');
  if (view.getUint8(0) !== AF_INET6) return undefined;
  if ((view.getUint32(8, true) & RTM_F_CLONED) !== 0) return undefined;
  const attributes = decodeAttributes(payload, 12);
  const prefix = (type: number, length: number): Prefix => ({
    address: readAddress(attributes, type) ?? UNSPECIFIED,
    length,
  });
  const multipath = attributes.get(RTA_MULTIPATH);
  const own = {
    gateway: readAddress(attributes, RTA_GATEWAY),
    index: readU32(attributes, RTA_OIF) ?? 0,
  };
  const nexthops = multipath === undefined ? [own] : decodeNexthops(multipath);
  return {
    type: TYPES[view.getUint8(7)] ?? 'other',
    destination: prefix(RTA_DST, view.getUint8(1)),
    source: prefix(RTA_SRC, view.getUint8(2)),
    table: readU32(attributes, RTA_TABLE) ?? view.getUint8(4),
    gateway: nexthops[0]?.gateway,
    index: nexthops[0]?.index ?? 0,
    preferredSource: readAddress(attributes, RTA_PREFSRC),
    metric: readU32(attributes, RTA_PRIORITY) ?? 0,
    mtu: readU32(readNested(attributes, RTA_METRICS), RTAX_MTU),
    protocol: view.getUint8(5),
    nexthops,
  };
}
