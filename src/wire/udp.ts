import type { Address } from './address.js';
import { concatBytes, inRange, setU16, u16 } from './bytes.js';
import { upperLayerChecksum } from './checksum.js';
import { PROTOCOL } from './protocols.js';
import { failure, type DecodeFailure } from './result.js';

export interface UdpDatagram {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

/**
 * The UDP datagram at the start of `bytes`. Its Length may be shorter than what is there; the checksum isn't verified
 * (see `udpChecksumOk`). Never throws.
 */
export function parseUdp(
  bytes: Uint8Array,
):
  { readonly ok: true; readonly datagram: UdpDatagram; readonly checksum: number } | DecodeFailure {
  if (bytes.length < 8) return failure('REHOME_E_TRUNCATED', bytes.length, 'truncated');
  const length = u16(bytes, 4);
  if (length < 8 || length > bytes.length) return failure('REHOME_E_LENGTH', 4, 'bad-length');
  const datagram: UdpDatagram = {
    sourcePort: u16(bytes, 0),
    destinationPort: u16(bytes, 2),
    payload: bytes.slice(8, length),
  };
  return { ok: true, datagram, checksum: u16(bytes, 6) };
}

/**
 * A UDP datagram, checksum filled in for these addresses.
 * @throws WireError REHOME_E_RANGE
 */
export function buildUdp(source: Address, destination: Address, datagram: UdpDatagram): Uint8Array {
  const out = concatBytes(new Uint8Array(8), datagram.payload);
  setU16(out, 0, inRange('source port', datagram.sourcePort, 0xffff));
  setU16(out, 2, inRange('destination port', datagram.destinationPort, 0xffff));
  setU16(out, 4, inRange('length', out.length, 0xffff));
  // Zero would mean "no checksum", which IPv6 doesn't allow (RFC 8200 §8.1).
  setU16(out, 6, upperLayerChecksum(source, destination, PROTOCOL.udp, out) || 0xffff);
  return out;
}

/** Over the octets that Length announces; a checksum of zero is wrong over IPv6 (RFC 8200 §8.1). */
export function udpChecksumOk(source: Address, destination: Address, bytes: Uint8Array): boolean {
  const parsed = parseUdp(bytes);
  if (!parsed.ok || parsed.checksum === 0) return false;
  const datagram = bytes.subarray(0, u16(bytes, 4));
  return upperLayerChecksum(source, destination, PROTOCOL.udp, datagram) === 0;
}
