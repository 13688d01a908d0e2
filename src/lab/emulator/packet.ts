import { pathId, type Uplink } from '../paths.js';

/** `struct virtio_net_hdr` without `num_buffers`: what IFF_VNET_HDR puts before every packet of a TUN. */
export const VNET_HEADER = 10;
const GSO_NONE = 0;
const IPV6_HEADER = 40;

export interface Classified {
  /** The one-way path's id; undefined when the addresses are not a pair of the lab. */
  readonly path: number | undefined;
  /** How many packets of the wire this is: more than one for a super-packet. */
  readonly segments: number;
  /** Octets on the wire, headers of all segments included. */
  readonly bytes: number;
}

const NOT_OURS: Classified = { path: undefined, segments: 1, bytes: 0 };

/**
 * Reads what the emulator must know of a frame from the TUN (virtio header, then IPv6 packet). Only the /64 prefixes
 * count: 2001:db8:a1::/64 to 2001:db8:b3::/64, in either direction.
 */
export function classify(frame: Uint8Array, length: number): Classified {
  const packet = length - VNET_HEADER;
  if (packet < IPV6_HEADER || (frame[VNET_HEADER] ?? 0) >> 4 !== 6) return NOT_OURS;
  const source = uplinkAt(frame, VNET_HEADER + 8);
  const destination = uplinkAt(frame, VNET_HEADER + 24);
  if (source < 0 || destination < 0 || source >> 4 === destination >> 4) return NOT_OURS;
  const from = source >> 4 === 0xa ? 'A' : 'B';
  const path = pathId(from, (source & 15) as Uplink, (destination & 15) as Uplink);
  const gsoType = frame[1] ?? GSO_NONE;
  const gsoSize = (frame[4] ?? 0) | ((frame[5] ?? 0) << 8); // in the machine's own order: little-endian everywhere we run
  if (gsoType === GSO_NONE || gsoSize === 0) return { path, segments: 1, bytes: packet };
  const headers = (frame[2] ?? 0) | ((frame[3] ?? 0) << 8);
  const segments = Math.max(1, Math.ceil((packet - headers) / gsoSize));
  return { path, segments, bytes: packet + (segments - 1) * headers };
}

/** 0xa1 to 0xb3 for an address under 2001:db8:a1::/64 to 2001:db8:b3::/64, else -1. */
function uplinkAt(frame: Uint8Array, at: number): number {
  const uplink = frame[at + 5] ?? 0;
  const host = uplink >> 4;
  const number = uplink & 15;
  const ours =
    frame[at] === 0x20 &&
    frame[at + 1] === 0x01 &&
    frame[at + 2] === 0x0d &&
    frame[at + 3] === 0xb8 &&
    frame[at + 4] === 0 &&
    frame[at + 6] === 0 &&
    frame[at + 7] === 0 &&
    (host === 0xa || host === 0xb) &&
    number >= 1 &&
    number <= 3;
  return ours ? uplink : -1;
}
