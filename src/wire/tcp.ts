import type { Address } from './address.js';
import { concatBytes, inRange, setU16, setU32, u16, u32, u8 } from './bytes.js';
import { upperLayerChecksum } from './checksum.js';
import { PROTOCOL } from './protocols.js';
import { failure, type DecodeFailure } from './result.js';

/** Bits of the flags octet (RFC 9293 §3.1). */
export const TCP_FLAG = {
  fin: 0x01,
  syn: 0x02,
  rst: 0x04,
  psh: 0x08,
  ack: 0x10,
  urg: 0x20,
  ece: 0x40,
  cwr: 0x80,
} as const;

export interface TcpSegment {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly flags: number;
  readonly window: number;
  readonly urgentPointer: number;
  /** Raw, a multiple of 4 octets. */
  readonly options: Uint8Array;
  readonly payload: Uint8Array;
}

/** The TCP header at the start of `bytes`, lengths checked, checksum not (see `transportChecksumOk`). Never throws. */
export function parseTcp(
  bytes: Uint8Array,
): { readonly ok: true; readonly segment: TcpSegment; readonly checksum: number } | DecodeFailure {
  if (bytes.length < 20) return failure('REHOME_E_TRUNCATED', bytes.length, 'truncated');
  const length = 4 * (u8(bytes, 12) >>> 4);
  if (length < 20 || length > bytes.length) return failure('REHOME_E_LENGTH', 12, 'bad-length');
  const segment: TcpSegment = {
    sourcePort: u16(bytes, 0),
    destinationPort: u16(bytes, 2),
    sequence: u32(bytes, 4),
    acknowledgement: u32(bytes, 8),
    flags: u8(bytes, 13),
    window: u16(bytes, 14),
    urgentPointer: u16(bytes, 18),
    options: bytes.slice(20, length),
    payload: bytes.slice(length),
  };
  return { ok: true, segment, checksum: u16(bytes, 16) };
}

/**
 * A TCP segment, checksum filled in for these addresses (those that the transport sees: the ULIDs).
 * @throws WireError REHOME_E_RANGE
 */
export function buildTcp(source: Address, destination: Address, segment: TcpSegment): Uint8Array {
  const out = concatBytes(new Uint8Array(20), segment.options, segment.payload);
  setU16(out, 0, inRange('source port', segment.sourcePort, 0xffff));
  setU16(out, 2, inRange('destination port', segment.destinationPort, 0xffff));
  setU32(out, 4, inRange('sequence', segment.sequence, 0xffffffff));
  setU32(out, 8, inRange('acknowledgement', segment.acknowledgement, 0xffffffff));
  out[12] = inRange('data offset', 5 + segment.options.length / 4, 15, 5) << 4;
  out[13] = inRange('flags', segment.flags, 255);
  setU16(out, 14, inRange('window', segment.window, 0xffff));
  setU16(out, 18, inRange('urgent pointer', segment.urgentPointer, 0xffff));
  setU16(out, 16, upperLayerChecksum(source, destination, PROTOCOL.tcp, out));
  return out;
}

/** Is the checksum in these upper-layer octets (TCP, UDP, ICMPv6) right for these addresses? */
export const transportChecksumOk = (
  source: Address,
  destination: Address,
  protocol: number,
  bytes: Uint8Array,
): boolean => upperLayerChecksum(source, destination, protocol, bytes) === 0;
