import { addressFromBytes, addressToBytes, parseAddress, type Address } from './address.js';

/** RFC 4291 §2.7.1, link-local scope. */
export const ALL_NODES: Address = parseAddress('ff02::1');
export const ALL_ROUTERS: Address = parseAddress('ff02::2');

const SOLICITED = addressToBytes(parseAddress('ff02::1:ff00:0'));

/** The group in which an address is asked for: its last 24 bits (RFC 4291 §2.7.1). */
export function solicitedNode(address: Address): Address {
  const out = new Uint8Array(SOLICITED);
  out.set(addressToBytes(address).subarray(13), 13);
  return addressFromBytes(out);
}
