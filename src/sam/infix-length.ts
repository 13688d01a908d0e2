import { FORMAT } from './constants.js';
import { infixLength } from './infix.js';

/** Octets of IID infix where nothing else is said: the draft's example (§4). */
const USUAL = 2;
/** HBA and CGA hash into the low 64 bits (RFC 3972 §3, RFC 5535 §3). */
export const PROVABLE_LENGTH = 64;

export interface InfixWish {
  /** Lengths of the zone's prefixes; what is too long for any child is left out of account. */
  readonly zoneLengths: readonly number[];
  /** Of subnet infix. */
  readonly subnetBits: number;
  /** Delegated prefixes of at most 64 bits are wanted. */
  readonly provable: boolean;
}

/**
 * How many octets of IID infix to take. Usually two, or as many as the longest prefix leaves room for. Where addresses
 * have to be provable, as many as still give a /64: the more, the fewer collisions. Undefined: no prefix has room for a
 * child.
 */
export function chooseOctets({ zoneLengths, subnetBits, provable }: InfixWish): number | undefined {
  const fits = (end: number): number[] =>
    zoneLengths
      .map((length) => Math.floor((end - length - infixLength(subnetBits, 0)) / 8))
      .filter((octets) => octets >= 1)
      .map((octets) => Math.min(octets, FORMAT.maxIidOctets));
  const below64 = provable ? fits(PROVABLE_LENGTH) : [];
  // Where one prefix has room and another has not, better some provable addresses than none.
  if (below64.length > 0) return Math.min(...below64);
  const all = fits(128);
  return all.length === 0 ? undefined : Math.min(USUAL, ...all);
}
