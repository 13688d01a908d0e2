import type { Address } from '../address.js';
import { buildIpv6, IPV6_HEADER } from '../ipv6.js';
import { MAX_CONTROL_PACKET, SHIM6_PROTOCOL } from './constants.js';
import { encodeControl } from './control.js';
import type { ControlMessage, Shim6Error } from './message.js';

/**
 * A whole IPv6 packet with a control message. Throws what `encodeControl` throws.
 */
export const buildControlPacket = (
  source: Address,
  destination: Address,
  message: ControlMessage,
  hopLimit = 64,
): Uint8Array =>
  buildIpv6({
    source,
    destination,
    nextHeader: SHIM6_PROTOCOL,
    hopLimit,
    payload: encodeControl(message),
  });

/** What of a packet in error fits: IPv6 header and the fixed 8 octets of the Error message take 48 of 1280. */
const MAX_PACKET_IN_ERROR = MAX_CONTROL_PACKET - IPV6_HEADER - 8;

/**
 * The Error message about a packet we received (RFC 5533 §5.14): as much of it as fits in 1280 octets, and the pointer
 * counted from the start of its IPv6 header.
 * @param shim6Offset where the packet's Shim6 header starts
 * @param pointer octets from that header to the trouble, as decoders give it
 */
export const errorFor = (
  packet: Uint8Array,
  shim6Offset: number,
  errorCode: number,
  pointer: number,
): Shim6Error => ({
  message: 'error',
  errorCode,
  pointer: Math.min(shim6Offset + pointer, 0xffff),
  packetInError: packet.slice(0, MAX_PACKET_IN_ERROR),
});
