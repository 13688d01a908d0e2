import type { Address } from '../wire/address.js';
import { prefixContains, type Prefix } from '../wire/prefix.js';

/** Which flows deserve a context (RFC 5533 §4: establishment is deferred until a session is worth it). */

/** DNS is over before a context would be (and asks the same server every second). */
export const DNS_PORT = 53;

/** Any one of the limits is enough; undefined: no such limit. */
export interface TriggerRules {
  readonly packets: number | undefined;
  readonly bytes: number | undefined;
  readonly seconds: number | undefined;
  /** Peers' ports that are protected at once, at the first packet. */
  readonly ports: readonly number[];
  /** Never protected; DNS is not either way. */
  readonly neverPorts: readonly number[];
  /** Only flows whose first packet we sent. */
  readonly outboundOnly: boolean;
}

export interface Flow {
  readonly peer: Address;
  readonly packets: number;
  readonly bytes: number;
  readonly firstSeen: number;
  readonly lastSeen: number;
  readonly outbound: boolean;
  readonly peerPort: number;
}

/** `leave` wins over `protect`; an empty `protect` means everyone. */
export const isProtectedPeer = (
  peer: Address,
  protect: readonly Prefix[],
  leave: readonly Prefix[],
): boolean =>
  !leave.some((p) => prefixContains(p, peer)) &&
  (protect.length === 0 || protect.some((p) => prefixContains(p, peer)));

/** Is it time? Any one limit is enough. */
export function isWorthIt(flow: Flow, rules: TriggerRules): boolean {
  if (rules.outboundOnly && !flow.outbound) return false;
  if (flow.peerPort === DNS_PORT || rules.neverPorts.includes(flow.peerPort)) return false;
  if (rules.ports.includes(flow.peerPort)) return true;
  const seconds = (flow.lastSeen - flow.firstSeen) / 1000;
  return (
    (rules.packets !== undefined && flow.packets >= rules.packets) ||
    (rules.bytes !== undefined && flow.bytes >= rules.bytes) ||
    (rules.seconds !== undefined && seconds >= rules.seconds)
  );
}
