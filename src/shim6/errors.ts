import type { LocatorPair } from '../wire/address.js';
import {
  decodeControl,
  decodePayloadHeader,
  isPayloadHeader,
  type ControlMessage,
  type Shim6Error,
} from '../wire/shim6/index.js';
import { parseIpv6, shim6Offset } from '../wire/ipv6.js';
import { addMs } from '../wire/units.js';
import { parseIcmpError } from '../wire/icmpv6.js';
import type { Core, Received } from './core.js';
import { isContacted, type Contacted, type Context } from './context.js';

/** Shim6 Error messages and ICMPv6 errors about what we sent (RFC 5533 §8, §12.4). Hints, never proofs. */

/** The packet in error: what we sent, from where to where, as far as it came back. */
interface Returned {
  readonly pair: LocatorPair;
  readonly packet: Uint8Array;
  readonly offset: number | undefined;
}

function returned(packet: Uint8Array): Returned | undefined {
  const ip = parseIpv6(packet, { allowTruncated: true });
  if (!ip.ok) return undefined;
  const pair = { local: ip.header.source, peer: ip.header.destination };
  return { pair, packet, offset: shim6Offset(packet) };
}

/** §12.4: by CT(peer) of the packet in error and the pair it was sent over. */
function ownerOf(core: Core, r: Returned): Context | undefined {
  if (r.offset === undefined) {
    // Without header the addresses are the ULIDs (§8, figure 8).
    return core.table.byUlids(r.pair, 0);
  }
  const bytes = r.packet.subarray(r.offset);
  const tag = isPayloadHeader(bytes) ? payloadTag(bytes) : controlTag(core, bytes);
  if (tag === undefined) return undefined;
  return core.table
    .byPeerTag(tag)
    .find((c) => c.own.locators.some((l) => l.address === r.pair.local));
}

function payloadTag(bytes: Uint8Array): Contacted['s']['peerTag'] | undefined {
  const header = decodePayloadHeader(bytes);
  return header.ok ? header.header.receiverContextTag : undefined;
}

function controlTag(core: Core, bytes: Uint8Array): Contacted['s']['peerTag'] | undefined {
  const decoded = decodeControl(bytes);
  if (!decoded.ok) return undefined;
  core.count('errors-about-control');
  return 'receiverContextTag' in decoded.message ? decoded.message.receiverContextTag : undefined;
}

/** §5.14: told to people; the retransmissions that the RFC prescribes go on. */
export function onError(core: Core, received: Received<Shim6Error>): void {
  const { errorCode, pointer, packetInError } = received.message;
  const r = returned(packetInError);
  const context = r && ownerOf(core, r);
  if (!r || !context) return core.drop('error-no-context');
  if (isContacted(context) && !context.s.peer.locators.some((l) => l.address === received.source)) {
    return core.drop('error-foreign-source');
  }
  core.listener.event('error-received', context, { errorCode, pointer });
}

/** What an ICMPv6 error means for us. */
export type IcmpVerdict =
  /** Not about a context. */
  | { readonly kind: 'none' }
  /** The peer does not know protocol 140; the context is gone. */
  | { readonly kind: 'no-support' }
  /** A packet of this context was not delivered: reason to look, not to move (RFC 5534 §3.3). */
  | { readonly kind: 'trouble'; readonly context: Contacted; readonly pair: LocatorPair };

const DESTINATION_UNREACHABLE = 1;
const TIME_EXCEEDED = 3;
const PARAMETER_PROBLEM = 4;
const PORT_UNREACHABLE = 4;
const UNRECOGNIZED_NEXT_HEADER = 1;

export function onIcmp(core: Core, packet: Uint8Array): IcmpVerdict {
  const none = { kind: 'none' } as const;
  const icmp = parseIcmpError(packet);
  if (!icmp.ok) {
    core.drop('icmp-malformed');
    return none;
  }
  const r = returned(icmp.invokingPacket);
  if (!r) return none;
  if (icmp.type === PARAMETER_PROBLEM && icmp.code === UNRECOGNIZED_NEXT_HEADER) {
    return noSupport(core, r) ? { kind: 'no-support' } : none;
  }
  const solvable =
    icmp.type === TIME_EXCEEDED ||
    icmp.type === PARAMETER_PROBLEM ||
    (icmp.type === DESTINATION_UNREACHABLE && icmp.code !== PORT_UNREACHABLE);
  if (!solvable) return none;
  const context = ownerOf(core, r);
  if (!context || !isContacted(context)) return none;
  core.count('icmp-hints');
  return { kind: 'trouble', context, pair: r.pair };
}

/** §7.8: only the answer to an I1 that we just sent counts. */
function noSupport(core: Core, r: Returned): boolean {
  if (r.offset === undefined) return false;
  const decoded = decodeControl(r.packet.subarray(r.offset));
  const message: ControlMessage | undefined = decoded.ok ? decoded.message : undefined;
  if (message?.message !== 'i1') return false;
  const context = core.table.byLocalTag(message.initiatorContextTag);
  if (!context || context.s.state !== 'I1-SENT') return false;
  if (context.s.initiatorNonce !== message.initiatorNonce) return false;
  const until = addMs(core.now, core.constants.icmpHolddownTime);
  core.refusals.add({ state: 'NO-SUPPORT', ulids: context.ulids, until });
  core.count('no-support');
  core.listener.event('no-support', context, { untilMs: core.constants.icmpHolddownTime });
  core.remove(context, 'no-support');
  return true;
}
