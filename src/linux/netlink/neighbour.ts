import { UNSPECIFIED, type Address } from '../../wire/address.js';
import {
  AF_INET6,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_REPLACE,
  RTM_DELNEIGH,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
} from './constants.js';
import {
  address as addressAttribute,
  attribute,
  concat,
  decodeAttributes,
  needLength,
  readAddress,
  viewOf,
  type NetlinkRequest,
} from './message.js';

const NDA_DST = 1;
const NDA_LLADDR = 2;
const NTF_ROUTER = 0x80;
const NTF_USE = 0x01;

/** NUD states; `failed`: Neighbor Unreachability Detection gave up (RFC 4861 §7.3). */
const STATES = {
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noarp: 0x40,
  permanent: 0x80,
} as const;
export type NeighbourState = keyof typeof STATES;

export interface Neighbour {
  readonly address: Address;
  readonly index: number;
  readonly state: NeighbourState | 'none';
  readonly mac: Uint8Array | undefined;
  readonly router: boolean;
}

function header(index: number, state: number): Uint8Array {
  const out = new Uint8Array(12);
  out[0] = AF_INET6;
  viewOf(out).setInt32(4, index, true);
  viewOf(out).setUint16(8, state, true);
  return out;
}

export const dumpNeighbours = (): NetlinkRequest => ({
  type: RTM_GETNEIGH,
  flags: NLM_F_DUMP,
  payload: header(0, 0),
});

/** Adds or changes an entry; permanent unless told. */
export const setNeighbour = (n: {
  readonly address: Address;
  readonly index: number;
  readonly mac: Uint8Array;
  readonly state?: NeighbourState;
}): NetlinkRequest => ({
  type: RTM_NEWNEIGH,
  flags: NLM_F_CREATE | NLM_F_REPLACE,
  payload: concat(
    header(n.index, STATES[n.state ?? 'permanent']),
    addressAttribute(NDA_DST, n.address),
    attribute(NDA_LLADDR, n.mac),
  ),
});

/**
 * Makes the kernel ask whether a neighbour is there (RFC 4861 §7.2, §7.3). `known`: with a solicitation to the address
 * that it has; else as if a packet were waiting for it.
 */
export const askNeighbour = (n: {
  readonly address: Address;
  readonly index: number;
  readonly known: boolean;
}): NetlinkRequest => {
  const fixed = header(n.index, n.known ? STATES.probe : 0);
  fixed[10] = n.known ? 0 : NTF_USE;
  return {
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    payload: concat(fixed, addressAttribute(NDA_DST, n.address)),
  };
};

export const deleteNeighbour = (n: {
  readonly address: Address;
  readonly index: number;
}): NetlinkRequest => ({
  type: RTM_DELNEIGH,
  flags: 0,
  payload: concat(header(n.index, 0), addressAttribute(NDA_DST, n.address)),
});

/** Reads RTM_NEWNEIGH or RTM_DELNEIGH of IPv6; undefined for another family. @throws WireError REHOME_E_NETLINK. */
export function decodeNeighbour(payload: Uint8Array): Neighbour | undefined {
  const view = needLength(payload, 12, 'neighbour');
  if (view.getUint8(0) !== AF_INET6) return undefined;
  const attributes = decodeAttributes(payload, 12);
  const state = view.getUint16(8, true);
  const names = Object.keys(STATES) as NeighbourState[];
  return {
    address: readAddress(attributes, NDA_DST) ?? UNSPECIFIED,
    index: view.getInt32(4, true),
    state: names.find((name) => (state & STATES[name]) !== 0) ?? 'none',
    mac: attributes.get(NDA_LLADDR),
    router: (view.getUint8(10) & NTF_ROUTER) !== 0,
  };
}
