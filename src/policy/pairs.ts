import { samePair, type Address, type LocatorPair } from '../wire/address.js';
import { LOCATOR_FLAG } from '../wire/shim6/constants.js';
import type { RankedPair } from '../reap/strategy/index.js';
import type { PeerLocator, Preference } from '../shim6/context.js';
import type { RandomSource } from '../wire/units.js';
import { isPossiblePair, pairMerit } from './address-selection.js';

/** One of our addresses as far as choosing pairs needs it. */
export interface LocalCandidate {
  readonly address: Address;
  readonly deprecated: boolean;
  readonly operational: boolean;
  readonly priority: number;
  readonly weight: number;
  readonly transient: boolean;
}

/** Preferences are stated intent, RFC 6724 is a default: the former decides first (RFC 5534 §4.3). */
const PRIORITY_STEP = 1_000;

/**
 * Every pair that may be sent over, ranked (RFC 5534 §4.3): possible by RFC 6724; our address operational; the peer's
 * verified and not BROKEN. Where nothing is left, what is BROKEN is tried after all: the mark may be old.
 */
export function rankPairs(
  local: readonly LocalCandidate[],
  peer: readonly PeerLocator[],
  random: RandomSource,
): readonly RankedPair[] {
  const usable = peer.filter((p) => p.verified);
  const whole = usable.filter((p) => (p.preference.flags & LOCATOR_FLAG.broken) === 0);
  const sources = local.filter((l) => l.operational);
  const first = combine(sources, whole, random);
  return first.length > 0 ? first : combine(sources, usable, random);
}

function combine(
  local: readonly LocalCandidate[],
  peer: readonly PeerLocator[],
  random: RandomSource,
): RankedPair[] {
  const out: RankedPair[] = [];
  const localOrder = weightOrder(local, random);
  const peerOrder = weightOrder(
    peer.map((p) => p.preference),
    random,
  );
  for (const [i, source] of local.entries()) {
    for (const [j, destination] of peer.entries()) {
      const pair: LocatorPair = { local: source.address, peer: destination.address };
      if (!isPossiblePair(pair.local, pair.peer)) continue;
      if (out.some((o) => samePair(o.pair, pair))) continue;
      const priority = destination.preference.priority + source.priority;
      const transient = isTransient(destination.preference) || source.transient ? 0.5 : 0;
      const merit = pairMerit({ source, destination: pair.peer });
      const share = (localOrder[i] ?? 0) + (peerOrder[j] ?? 0);
      out.push({ pair, rank: (priority + transient) * PRIORITY_STEP + merit + share });
    }
  }
  return out;
}

const isTransient = (p: Preference): boolean => (p.flags & LOCATOR_FLAG.transient) !== 0;

/**
 * RFC 2782 within one priority: drawn without replacement in proportion to weight, as fractions of a rank. All equal
 * when no weight is stated, so that the strategy's own order decides.
 */
function weightOrder(
  items: readonly { readonly weight: number }[],
  random: RandomSource,
): readonly number[] {
  const order = new Array<number>(items.length).fill(0);
  if (items.every((x) => x.weight === items[0]?.weight)) return order;
  const left = items.map((item, index) => ({ index, weight: item.weight }));
  for (let place = 0; left.length > 0; place++) {
    const total = left.reduce((sum, x) => sum + x.weight, 0);
    let at = random.uniform() * total;
    let chosen = left.findIndex((x) => (at -= x.weight) < 0);
    if (chosen < 0) chosen = 0;
    const [x] = left.splice(chosen, 1);
    if (x) order[x.index] = place / items.length / 4;
  }
  return order;
}
