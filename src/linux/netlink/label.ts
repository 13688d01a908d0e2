import { UNSPECIFIED } from '../../wire/address.js';
import type { Prefix } from '../../wire/prefix.js';
import {
  AF_INET6,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_REPLACE,
  RTM_DELADDRLABEL,
  RTM_GETADDRLABEL,
  RTM_NEWADDRLABEL,
} from './constants.js';
import {
  address as addressAttribute,
  concat,
  decodeAttributes,
  needLength,
  readAddress,
  readU32,
  u32,
  viewOf,
  type NetlinkRequest,
} from './message.js';

const IFAL_ADDRESS = 1;
const IFAL_LABEL = 2;

/** An entry of the kernel's address label table (`ip addrlabel`): the labels of RFC 6724 §2.1. */
export interface AddressLabel {
  readonly prefix: Prefix;
  readonly label: number;
  /** 0: for every interface. */
  readonly index: number;
}

function header(prefixLength: number, index: number): Uint8Array {
  const out = new Uint8Array(12);
  out[0] = AF_INET6;
  out[2] = prefixLength;
  viewOf(out).setUint32(4, index, true);
  return out;
}

const body = ({ prefix, label, index }: AddressLabel): Uint8Array =>
  concat(
    header(prefix.length, index),
    addressAttribute(IFAL_ADDRESS, prefix.address),
    u32(IFAL_LABEL, label),
  );

export const dumpLabels = (): NetlinkRequest => ({
  type: RTM_GETADDRLABEL,
  flags: NLM_F_DUMP,
  payload: header(0, 0),
});

/** Adds or changes. */
export const setLabel = (label: AddressLabel): NetlinkRequest => ({
  type: RTM_NEWADDRLABEL,
  flags: NLM_F_CREATE | NLM_F_REPLACE,
  payload: body(label),
});

/** The kernel answers ESRCH when it is not there. */
export const deleteLabel = (label: AddressLabel): NetlinkRequest => ({
  type: RTM_DELADDRLABEL,
  flags: 0,
  payload: body(label),
});

/** Reads RTM_NEWADDRLABEL; undefined for another family. @throws WireError REHOME_E_NETLINK. */
export function decodeLabel(payload: Uint8Array): AddressLabel | undefined {
  const view = needLength(payload, 12, 'address label');
  if (view.getUint8(0) !== AF_INET6) return undefined;
  const attributes = decodeAttributes(payload, 12);
  return {
    prefix: {
      address: readAddress(attributes, IFAL_ADDRESS) ?? UNSPECIFIED,
      length: view.getUint8(2),
    },
    label: readU32(attributes, IFAL_LABEL) ?? 0,
    index: view.getUint32(4, true),
  };
}
