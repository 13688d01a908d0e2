import { ControlError } from '../control/errors.js';
import type { ContextView } from '../engine/types.js';
import { parseAddress, type Address } from '../wire/address.js';
import { RehomeError } from '../wire/errors.js';
import { formatTag } from '../wire/units.js';

const tagOf = (context: ContextView): string =>
  context.localTag === undefined ? '' : formatTag(context.localTag);

/**
 * The context whose local tag is, or alone begins with, `text`.
 * @throws ControlError REHOME_E_NO_CONTEXT, REHOME_E_AMBIGUOUS.
 */
export function resolveTag(text: string, contexts: readonly ContextView[]): ContextView {
  const wanted = text.toLowerCase().replace(/^0x/, '');
  const found = contexts.filter((c) => tagOf(c) !== '' && tagOf(c).startsWith(wanted));
  const [only] = found;
  if (only === undefined || wanted === '')
    throw new ControlError(
      'REHOME_E_NO_CONTEXT',
      `no context has a tag that begins with ${JSON.stringify(text)}`,
    );
  if (found.length > 1)
    throw new ControlError(
      'REHOME_E_AMBIGUOUS',
      `${found.length} contexts have a tag that begins with ${text}: ${found.slice(0, 5).map(tagOf).join(', ')}`,
      'write more digits of the tag',
    );
  return only;
}

/** A peer as a person named it. */
export interface ResolvedPeer {
  /** A ULID or locator of the peer. */
  readonly address: Address;
  readonly contexts: readonly ContextView[];
}

const addressesOf = (context: ContextView): Address[] => [
  context.ulids.peer,
  ...context.peerLocators.map((l) => l.address),
];

/**
 * The contexts with a peer named by a ULID, any of its locators, a short name, or the unique beginning of either.
 * Contexts that share a peer locator are with the same peer.
 * @throws ControlError REHOME_E_NO_PEER, REHOME_E_AMBIGUOUS.
 */
export function resolvePeer(
  text: string,
  contexts: readonly ContextView[],
  nameOf: (address: Address) => string | undefined,
): ResolvedPeer {
  const exact = tryAddress(text);
  const lower = text.toLowerCase();
  const matches = (a: Address): boolean =>
    exact === undefined ? a.startsWith(lower) || nameOf(a) === text : a === exact;
  const found = contexts.filter((c) => addressesOf(c).some(matches));
  const address = found.flatMap(addressesOf).find(matches);
  if (address === undefined)
    throw new ControlError('REHOME_E_NO_PEER', `no context with a peer ${JSON.stringify(text)}`);
  const peers = groupByPeer(found);
  if (peers.length > 1 && exact === undefined) {
    const ulids = peers.map((group) => group[0]?.ulids.peer ?? '');
    throw new ControlError(
      'REHOME_E_AMBIGUOUS',
      `${peers.length} peers have an address that begins with ${text}: ${ulids.slice(0, 5).join(', ')}`,
      'write more of the address',
    );
  }
  return { address, contexts: found };
}

function tryAddress(text: string): Address | undefined {
  try {
    return parseAddress(text);
  } catch (error) {
    if (error instanceof RehomeError) return undefined;
    throw error;
  }
}

function groupByPeer(contexts: readonly ContextView[]): ContextView[][] {
  let groups: { addresses: Set<Address>; members: ContextView[] }[] = [];
  for (const context of contexts) {
    const merged = { addresses: new Set(addressesOf(context)), members: [context] };
    const apart: typeof groups = [];
    for (const group of groups) {
      if (![...group.addresses].some((a) => merged.addresses.has(a))) apart.push(group);
      else {
        for (const a of group.addresses) merged.addresses.add(a);
        merged.members.unshift(...group.members);
      }
    }
    groups = [...apart, merged];
  }
  return groups.map((g) => g.members);
}
