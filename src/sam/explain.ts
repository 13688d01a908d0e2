import type { Address } from '../wire/address.js';
import { formatPrefix, prefixContains, prefixOf, type Prefix } from '../wire/prefix.js';
import { addressToBits, bitsAt } from './bits.js';
import { FORMAT } from './constants.js';
import { decodeInfix } from './infix.js';
import { constantOf, decodeLocal } from './local.js';
import { resolve } from './mapping.js';
import type { SamFailure } from './result.js';

/** A run of bits of an address with its name. Bits are counted from 0 at the left. */
export interface AddressField {
  readonly name: string;
  readonly from: number;
  /** The last bit. */
  readonly to: number;
  /** Hexadecimal digits where the run is whole half-octets of the address, binary ones otherwise. */
  readonly value: string;
  readonly meaning: string;
}

export interface Explanation {
  /** All 128 bits, also of an address that is refused: as far as it makes sense, then `not understood`. */
  readonly fields: readonly AddressField[];
  readonly failure: SamFailure | undefined;
}

/** The fields of a SAM local address (§3.2.1, §3.2.2). Never throws. */
export function explainLocal(address: Address): Explanation {
  const out = new Fields(address);
  const parts = decodeLocal(address);
  const failure = parts.ok ? undefined : parts;
  const constant = constantOf(address);
  if (!constant.ok) return { fields: out.rest(), failure };
  const { length } = constant.constant;
  out.add('constant prefix', length, length === FORMAT.shortConstantLength ? 'the short one, fcf0::/12' : 'a /48 of RFC 4193'); // prettier-ignore
  const digits = out.number(61, 3);
  const room = FORMAT.subnetIndicatorAt - length;
  const subnetBits = Math.min(4 * digits, room);
  out.add('subnet infix', subnetBits, 'which subnet of the zone');
  out.add('unused', room - subnetBits, 'has to be zero');
  out.add('reserved', 1, 'has to be zero');
  out.add('subnet infix length', 3, counted(digits, 'half-octet'));
  const octets = out.number(64, 4);
  const infixBits = Math.min(8 * octets, 56);
  out.add('IID infix length', 4, counted(octets, 'octet'));
  out.add('SAM tag', 4, '1111: two bits for the future, u = 1, g = 1');
  out.add('unused', 56 - infixBits, 'has to be zero');
  out.add('IID infix', infixBits, 'which interface of the subnet');
  return { fields: out.all, failure };
}

/**
 * The fields of a global address under a zone's prefix (§3.2.3), `levels` infixes deep: each is that of a child in a zone,
 * whose own zone the next one is in. Never throws.
 */
export function explainGlobal(
  zone: Prefix,
  constant: Prefix,
  address: Address,
  levels = 1,
): Explanation {
  const out = new Fields(address);
  if (!prefixContains(zone, address)) {
    const found = resolve(zone, constant, address);
    return { fields: out.rest(), failure: found.ok ? undefined : found };
  }
  out.add('zone prefix', zone.length, formatPrefix(zone));
  for (let level = 1; level <= levels && out.at < 128; level++) {
    const of = levels === 1 ? '' : ` ${level}`;
    const at = out.at;
    const found = resolve(prefixOf(address, at), constant, address);
    if (found.ok && found.kind === 'itself') {
      if (at + FORMAT.infixHeader <= 128) header(out, of);
      out.add('rest', 128 - out.at, 'zero: the interface itself');
      break;
    }
    const infix = decodeInfix(address, at);
    if (!found.ok || !infix.ok) {
      const failure = found.ok ? (infix.ok ? undefined : infix) : found;
      if (at + FORMAT.infixHeader <= 128) header(out, of);
      return { fields: [...out.all, ...out.rest()], failure };
    }
    const { subnet, iid } = infix;
    header(out, of);
    const child = `child ${found.local}, who has ${formatPrefix(found.prefix)}`;
    const alone = iid.length === 0;
    out.add(`subnet infix${of}`, subnet.length, alone ? child : 'which subnet of the zone');
    out.add(`IID infix${of}`, iid.length, child);
  }
  out.add('rest', 128 - out.at, "the child's own");
  return { fields: out.all, failure: undefined };
}

/** The octet before the two infixes (figure 6), as far as it says what follows. */
function header(out: Fields, of: string): void {
  const unknown = out.number(out.at, 1) === 1;
  out.add(`format${of}`, 1, unknown ? '1: of the future, not known here' : '0: this format');
  if (unknown) return;
  out.add(`N1${of}`, 3, `${counted(out.number(out.at, 3), 'half-octet')} of subnet infix`);
  out.add(`N2${of}`, 4, `${counted(out.number(out.at, 4), 'octet')} of IID infix`);
}

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

/** Fields one after the other. */
class Fields {
  readonly all: AddressField[] = [];
  at = 0;
  readonly #bits: bigint;

  constructor(address: Address) {
    this.#bits = addressToBits(address);
  }

  number(from: number, length: number): number {
    return Number(bitsAt(this.#bits, from, length));
  }

  add(name: string, length: number, meaning: string): void {
    if (length <= 0) return;
    this.all.push(this.#field(name, length, meaning));
    this.at += length;
  }

  /** What is left, as one field. */
  rest(): AddressField[] {
    return this.at < 128 ? [this.#field('not understood', 128 - this.at, '')] : [];
  }

  #field(name: string, length: number, meaning: string): AddressField {
    const from = this.at;
    const value = bitsAt(this.#bits, from, length);
    const text =
      from % 4 === 0 && length % 4 === 0
        ? value.toString(16).padStart(length / 4, '0')
        : value.toString(2).padStart(length, '0');
    return { name, from, to: from + length - 1, value: text, meaning };
  }
}
