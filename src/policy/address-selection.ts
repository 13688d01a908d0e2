import { addressToBytes, isLinkLocal, isUsableLocator, type Address } from '../wire/address.js';
import { parsePrefix, prefixContains, type Prefix } from '../wire/prefix.js';

/** RFC 6724: which source goes with which destination, and which pairs make no sense at all. */

interface PolicyEntry {
  readonly prefix: Prefix;
  readonly precedence: number;
  readonly label: number;
}
const entry = (prefix: string, precedence: number, label: number): PolicyEntry => ({
  prefix: parsePrefix(prefix),
  precedence,
  label,
});

/** RFC 6724 §2.1, longest prefix first. */
export const DEFAULT_POLICY: readonly PolicyEntry[] = [
  entry('::1/128', 50, 0),
  entry('::ffff:0:0/96', 35, 4),
  entry('::/96', 1, 3),
  entry('2001::/32', 5, 5),
  entry('2002::/16', 30, 2),
  entry('3ffe::/16', 1, 12),
  entry('fec0::/10', 1, 11),
  entry('fc00::/7', 3, 13),
  entry('::/0', 40, 1),
];

const policyOf = (a: Address): PolicyEntry =>
  DEFAULT_POLICY.find((e) => prefixContains(e.prefix, a)) ?? entry('::/0', 40, 1);

export const labelOf = (a: Address): number => policyOf(a).label;
export const precedenceOf = (a: Address): number => policyOf(a).precedence;

const SCOPE = { linkLocal: 2, site: 5, global: 14 } as const;

/** RFC 6724 §3.1, unicast only. */
export function scopeOf(a: Address): number {
  if (isLinkLocal(a)) return SCOPE.linkLocal;
  const b = addressToBytes(a);
  return b[0] === 0xfe && ((b[1] ?? 0) & 0xc0) === 0xc0 ? SCOPE.site : SCOPE.global;
}

/** What a source address is worth, beyond its bits. */
export interface Candidate {
  readonly address: Address;
  readonly deprecated: boolean;
}

/** May `source` talk to `destination`? Unusable or of another scope: no (RFC 5534 §4.3 prunes these). */
export const isPossiblePair = (source: Address, destination: Address): boolean =>
  isUsableLocator(source) &&
  isUsableLocator(destination) &&
  scopeOf(source) === scopeOf(destination);

/**
 * What a pair is worth by the rules that concern a pair of addresses: source rules 3 (deprecated), 6 (label) and
 * destination rules 5 (label) and 6 (precedence). Longest match (source rule 8, destination rule 9) is left out: it says
 * how prefixes were numbered, not how paths work (docs/decisions/0006-pair-order.md). Lower is better.
 */
export function pairMerit(pair: {
  readonly source: Candidate;
  readonly destination: Address;
}): number {
  const { source, destination } = pair;
  const labelsDiffer = labelOf(source.address) === labelOf(destination) ? 0 : 1;
  return (source.deprecated ? 200 : 0) + labelsDiffer * 100 + (50 - precedenceOf(destination));
}
