import type { ContextView, Effect } from '../../../../src/engine/types.js';
import {
  isMulticast,
  isUnspecified,
  samePair,
  type LocatorPair,
} from '../../../../src/wire/address.js';
import { parseIpv6 } from '../../../../src/wire/ipv6.js';
import {
  decodeControl,
  encodeControl,
  type ControlMessage,
} from '../../../../src/wire/shim6/index.js';
import { note } from '../../harness/coverage.js';
import { must } from '../../harness/target.js';
import { mustEqual, sameOctets, show } from '../equal.js';
import type { FuzzHost } from './host.js';
import { belongs, type People } from './people.js';

/** What must hold after every call of an engine, whatever was done to it. */

/** A control packet, read. */
export interface Heard {
  readonly packet: Uint8Array;
  readonly arrival: LocatorPair;
  readonly message: ControlMessage;
}

export function read(packet: Uint8Array): Heard | undefined {
  const ip = parseIpv6(packet);
  if (!ip.ok || ip.header.nextHeader !== 140) return undefined;
  const decoded = decodeControl(packet.subarray(40, ip.end));
  if (!decoded.ok) return undefined;
  const { source, destination } = ip.header;
  return { packet, arrival: { local: destination, peer: source }, message: decoded.message };
}

const MAX_CONTROL = 1280;

/** What an engine sends is a packet that it would accept itself, from an address of its own, to somebody. */
export function checkSent(host: FuzzHost, packet: Uint8Array): Heard {
  const ip = parseIpv6(packet);
  must(
    ip.ok && ip.end === packet.length && packet.length <= MAX_CONTROL,
    'a packet of at most 1280 octets is sent',
  );
  const { source, destination } = ip.header;
  must(host.addresses.includes(source), () => `${source} is an address of ${host.name}`);
  must(
    !isMulticast(destination) && !isUnspecified(destination),
    () => `${destination} is somebody to send to`,
  );
  const heard = read(packet);
  must(heard !== undefined, () => `what is sent can be read: ${show(packet)}`);
  must(
    sameOctets(encodeControl(heard.message), packet.subarray(40)),
    'what is sent is written the same way again',
  );
  return heard;
}

/** The data path was told of every context that has contact, as it is now, and of no other. */
export function checkBindings(host: FuzzHost, effects: readonly Effect[]): void {
  const { bindings } = host;
  for (const effect of effects) {
    if (effect.kind === 'install') {
      must(!bindings.has(effect.context), 'a context is installed once');
      bindings.set(effect.context, effect.binding);
    } else if (effect.kind === 'update') {
      must(bindings.has(effect.context), 'what is updated was installed');
      bindings.set(effect.context, effect.binding);
    } else if (effect.kind === 'remove') {
      must(bindings.delete(effect.context), 'what is removed was installed');
    } else if (effect.kind === 'event') {
      must(show(effect.event).length > 0, 'an event can be written down');
    }
  }
  const contacted = host.views.filter((v) => v.peerTag !== undefined);
  must(
    contacted.length === bindings.size,
    () => `${bindings.size} bindings for ${contacted.length} contexts with contact`,
  );
  for (const view of contacted) {
    const binding = bindings.get(view.id);
    must(binding !== undefined, 'a context with contact is installed');
    const same =
      samePair(binding.ulids, view.ulids) &&
      samePair(binding.pair, view.pair) &&
      binding.localTag === view.localTag &&
      binding.peerTag === view.peerTag &&
      binding.peerLocators.join() === [...new Set(view.peerLocators.map((l) => l.address))].join();
    must(same, () => `the data path knows ${show(binding)} of ${show(view)}`);
  }
}

/** Tags and ULIDs are unique, REAP and Shim6 agree on the pair, and lists are as long as they may be. */
export function checkViews(host: FuzzHost): void {
  const { views } = host;
  const tags = new Set(views.map((v) => v.localTag));
  const keys = new Set(
    views.map((v) => `${v.ulids.local} ${v.ulids.peer} ${v.forkedInstanceIdentifier}`),
  );
  must(tags.size === views.length && keys.size === views.length, 'tags and ULIDs are unique');
  for (const v of views) {
    must(v.localLocators.length <= 16 && v.peerLocators.length <= 127, 'lists are bounded');
    const current = v.reap?.pairs.filter((p) => p.current) ?? [];
    must(current.length <= 1, 'one pair is the current one');
    must(
      (v.reap?.pairs.length ?? 0) <= v.localLocators.length * v.peerLocators.length,
      'pairs are between known locators',
    );
    must(
      v.lastActivity <= host.now && v.createdAt <= host.now,
      'nothing has happened in the future',
    );
  }
}

/** Proofs: no locator is believed that is not its ULID's, and payload goes to none either. */
export function checkProofs(host: FuzzHost, people: People): void {
  if (people.identities === undefined) return;
  for (const v of host.views) {
    for (const { address } of v.peerLocators) {
      must(
        belongs(people, v.ulids.peer, address),
        () => `${address} is believed to be ${v.ulids.peer}`,
      );
    }
    must(
      belongs(people, v.ulids.peer, v.pair.peer),
      () => `payload for ${v.ulids.peer} goes to ${v.pair.peer}`,
    );
  }
}

/** Messages whose own pair may become the one that payload is sent over (RFC 5533 §7.13, §7.16). */
const EXCHANGE = new Set<ControlMessage['message']>(['i2', 'i2bis', 'r2']);

/**
 * Where payload goes changes only to the ULIDs, to the pair that an exchange was just made over, or to one that the
 * peer has just reported a probe of ours over.
 */
export function checkMoves(
  host: FuzzHost,
  before: readonly ContextView[],
  heard: Heard | undefined,
): void {
  for (const after of host.views) {
    const old = before.find((v) => v.id === after.id);
    if (after.peerTag === undefined) continue;
    const hadContact = old?.peerTag !== undefined;
    if (hadContact && samePair(old.pair, after.pair)) continue;
    if (samePair(after.pair, after.ulids)) continue;
    if (heard && EXCHANGE.has(heard.message.message) && samePair(after.pair, heard.arrival))
      continue;
    const proven =
      heard?.message.message === 'probe' &&
      heard.message.received.some(
        (r) =>
          r.source === after.pair.local &&
          r.destination === after.pair.peer &&
          host.probes.get(r.nonce) === `${r.source} ${r.destination}`,
      );
    must(proven, () => `payload moved to ${show(after.pair)}, which no probe of ours has proven`);
    must(
      after.localLocators.some((l) => l.address === after.pair.local) &&
        after.peerLocators.some((l) => l.address === after.pair.peer),
      () => `payload moved to ${show(after.pair)}, which is not between known locators`,
    );
  }
}

/**
 * Update, Keepalive and Probe count between locators of the context only, whoever knows its tag (RFC 5533 §12.4). One
 * that comes from elsewhere changes nothing.
 */
export function checkForeign(
  host: FuzzHost,
  before: readonly ContextView[],
  heard: Heard | undefined,
): void {
  if (!heard || !('receiverContextTag' in heard.message)) return;
  const { receiverContextTag } = heard.message;
  const old = before.find((v) => v.localTag === receiverContextTag && v.peerTag !== undefined);
  if (!old || old.peerLocators.some((l) => l.address === heard.arrival.peer)) return;
  const now = host.views.find((v) => v.id === old.id);
  mustEqual(now, old, `a context after a ${heard.message.message} from a foreign locator`);
}

/** A state that an engine is in is news for the fuzzer as much as a line of code. */
export function noteStates(host: FuzzHost, what: string): void {
  for (const v of host.views) {
    note(`${what} ${v.state} ${v.reap?.state ?? ''} ${v.shimmed}`);
  }
}
