import type { Address } from '../wire/address.js';
import { solicitedNode } from '../wire/multicast.js';
import type { Prefix } from '../wire/prefix.js';
import { bitsAt, addressToBits, type BitField } from './bits.js';
import { decodeIid, localIn } from './local.js';

/** `length` bits from the left of a field. */
export const headOf = (field: BitField, length: number): BitField => ({
  value: field.value >> BigInt(field.length - length),
  length,
});

/** §3.3: two infixes collide when one is a prefix of the other. */
export function infixesCollide(a: BitField, b: BitField): boolean {
  const length = Math.min(a.length, b.length);
  return headOf(a, length).value === headOf(b, length).value;
}

/** The IID infix of an address that could collide with ours under `subnet`; undefined: no SAM address, or another subnet. */
export function rivalInfix(subnet: Prefix, address: Address): BitField | undefined {
  if (bitsAt(addressToBits(subnet.address) ^ addressToBits(address), 0, 64) !== 0n)
    return undefined;
  const found = decodeIid(address);
  return found.ok ? found.iid : undefined;
}

/**
 * The groups in which holders of colliding infixes meet: the solicited-node groups of the addresses of every octet-prefix
 * of the infix, from the empty one to the infix itself. Of two colliding infixes the shorter one is among the prefixes of
 * the longer, and so is its group.
 */
export function groupsOf(subnet: Prefix, infix: BitField): Address[] {
  const groups = new Set<Address>();
  for (let length = 0; length <= infix.length; length += 8) {
    groups.add(solicitedNode(localIn(subnet, headOf(infix, length))));
  }
  return [...groups];
}
