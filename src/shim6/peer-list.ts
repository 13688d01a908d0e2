import {
  ERROR_CODE,
  VERIFICATION_METHOD,
  findOption,
  type LocatorList,
  type LocatorPreferences,
  type Shim6Option,
} from '../wire/shim6/index.js';
import type { Core, Received } from './core.js';
import { DEFAULT_PREFERENCE, type Contacted, type Context, type PeerSet } from './context.js';
import type { ControlMessage } from '../wire/shim6/index.js';
import type { Address } from '../wire/address.js';

type Carrier = Extract<ControlMessage, { options: readonly Shim6Option[] }>;

/** Octets from the start of the option (its Type field) to what an Error points at. */
const LIST_METHODS = 4 + 4 + 1; // behind header, generation, count (RFC 5533 §5.15.2)
const PREFERENCES_GENERATION = 4; // RFC 5533 §10.4
const PREFERENCES_LENGTH = 2; // RFC 5533 §10.4

/**
 * Reads Ls(peer) out of a message: verifies the whole list, applies preferences to it, or refuses the message with
 * the Error the RFC asks for (RFC 5533 §7.2, §10.4). Nothing is changed here: all or nothing is the caller's commit.
 * @returns the new set, `current` when the message has neither option, or undefined when the message is refused
 */
export function readPeerSet(
  core: Core,
  received: Received<Carrier>,
  peerUlid: Address,
  current: PeerSet,
): PeerSet | undefined {
  const { message } = received;
  const list = findOption(message, 'locatorList');
  const preferences = findOption(message, 'locatorPreferences');
  const sent = findOption(message, 'cgaParameterDataStructure')?.parameters;
  const proof = {
    parameters: sent ?? current.parameters,
    signature: findOption(message, 'cgaSignature')?.signature,
  };
  const cost = core.verifier.cost(peerUlid, list, proof);
  if (!core.verification.spend(cost, received.source, core.now)) {
    core.drop('verification-budget'); // the peer repeats its message
    return undefined;
  }
  let set = current;
  if (list) {
    const verdict = core.verifier.verify(peerUlid, list, proof);
    if (!verdict.ok) {
      core.drop('locator-verification');
      core.count(`refused-${verdict.reason}`);
      if (verdict.index !== undefined) {
        const pointer = (list.offset ?? 0) + LIST_METHODS + verdict.index;
        core.sendError(received, ERROR_CODE.locatorVerification, pointer);
      }
      return undefined;
    }
    set = fromList(list, proof.parameters, current);
  } else if (sent) {
    const verdict = core.verifier.verifyParameters(peerUlid, sent);
    if (!verdict.ok) {
      core.drop('cga-parameters');
      core.count(`refused-${verdict.reason}`);
      return undefined;
    }
    set = { ...current, parameters: sent };
  }
  return preferences ? withPreferences(core, received, set, preferences) : set;
}

function fromList(list: LocatorList, parameters: Uint8Array | undefined, before: PeerSet): PeerSet {
  const signed = list.locators.some((l) => l.method === VERIFICATION_METHOD.cga);
  return {
    parameters,
    signedGeneration: signed ? list.generation : before.signedGeneration,
    generation: list.generation,
    // Doubles stay: preferences count positions.
    locators: list.locators.map((l) => ({
      address: l.address,
      method: l.method,
      verified: true,
      preference: DEFAULT_PREFERENCE,
    })),
  };
}

function withPreferences(
  core: Core,
  received: Received<Carrier>,
  set: PeerSet,
  preferences: LocatorPreferences & { readonly offset?: number },
): PeerSet | undefined {
  const start = preferences.offset ?? 0;
  if (preferences.generation !== set.generation) {
    core.drop('preferences-generation');
    core.sendError(received, ERROR_CODE.locatorListGeneration, start + PREFERENCES_GENERATION);
    return undefined;
  }
  if (preferences.elements.length !== set.locators.length) {
    core.drop('preferences-count');
    core.sendError(received, ERROR_CODE.locatorPreferencesCount, start + PREFERENCES_LENGTH);
    return undefined;
  }
  return {
    ...set,
    locators: set.locators.map((l, i) => {
      const e = preferences.elements[i];
      const preference = {
        flags: e?.flags ?? 0,
        priority: e?.priority ?? 0,
        weight: e?.weight ?? 0,
      };
      return { ...l, preference };
    }),
  };
}

/** What is known of a peer before it told its list: the ULID, which the application itself chose. */
export const ulidOnly = (peer: Address): PeerSet => ({
  generation: undefined,
  parameters: undefined,
  signedGeneration: undefined,
  locators: [{ address: peer, method: 0, verified: true, preference: DEFAULT_PREFERENCE }],
});

/** An empty list leaves the ULID as the one place to look for the peer (lesson 8: degenerate sizes). */
export const orUlid = (set: PeerSet, peer: Address): PeerSet =>
  set.locators.length > 0 ? set : { ...set, locators: ulidOnly(peer).locators };

/** RFC 5534 §5.3; zero would forbid keepalives and is ignored. */
export function readKeepaliveTimeout(context: Context, message: Carrier): void {
  const option = findOption(message, 'keepaliveTimeout');
  if (option && option.keepaliveTimeout > 0) {
    context.keepaliveTimeout = option.keepaliveTimeout * 1000;
  }
}

/** A generation this far behind the newest is an abandoned list that arrives late, not news. */
const STALE_WINDOW = 16;
const REMEMBERED_GENERATIONS = 8;

/**
 * A list that was overtaken: replaced before, or numbered just below the newest (RFC 5533 §5.15.2: generations count
 * up; docs/decisions/0007-generations.md).
 */
export function isStale(context: Contacted, set: PeerSet): boolean {
  const { generation } = set;
  const newest = context.s.peer.generation;
  if (isReplayed(context.s.peer, set)) return true;
  if (newest === undefined || generation === undefined || generation === newest) return false;
  if (context.pastGenerations.includes(generation)) return true;
  return (newest - generation) >>> 0 <= STALE_WINDOW;
}

/**
 * A signature says nothing of when it was made. Our own lists of one key count up with time, over restarts too, so that
 * of two signed lists the later one is known; a far older one would bring back addresses that somebody else has now.
 */
function isReplayed(known: PeerSet, set: PeerSet): boolean {
  const { signedGeneration: newest } = known;
  const { signedGeneration: offered } = set;
  if (newest === undefined || offered === undefined) return false;
  return (newest - offered) >>> 0 > 0 && (newest - offered) >>> 0 < 2 ** 31;
}

/** To be called before the peer's set is replaced by one of `generation`. */
export function remember(context: Contacted, generation: number | undefined): void {
  const old = context.s.peer.generation;
  if (old === undefined || old === generation) return;
  context.pastGenerations = [old, ...context.pastGenerations].slice(0, REMEMBERED_GENERATIONS);
}

const NOTHING = new Uint8Array(0);

export const samePeerSet = (a: PeerSet, b: PeerSet): boolean =>
  a.generation === b.generation &&
  Buffer.compare(a.parameters ?? NOTHING, b.parameters ?? NOTHING) === 0 &&
  a.locators.length === b.locators.length &&
  a.locators.every((l, i) => {
    const o = b.locators[i];
    return (
      o !== undefined &&
      l.address === o.address &&
      l.preference.flags === o.preference.flags &&
      l.preference.priority === o.preference.priority &&
      l.preference.weight === o.preference.weight
    );
  });
