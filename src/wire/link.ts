import { u16, u32, u8 } from './bytes.js';

/** Link types of captures (https://www.tcpdump.org/linktypes.html) that can hold IPv6. */
export const LINKTYPE = {
  null: 0,
  ethernet: 1,
  raw: 101,
  loop: 108,
  linuxSll: 113,
  ipv6: 229,
  linuxSll2: 276,
} as const;

const ETHERTYPE_IPV6 = 0x86dd;
const VLAN_TAGS = new Set([0x8100, 0x88a8, 0x9100]);
/** AF_INET6 of Linux, NetBSD/OpenBSD, FreeBSD, macOS: the captures of a host carry its own number. */
const AF_INET6 = new Set([10, 24, 28, 30]);
/** Old files use the DLT number of the system they were written on for raw IP. */
const RAW = new Set<number>([LINKTYPE.raw, LINKTYPE.ipv6, 12, 14]);

/** Where the IPv6 packet starts in a captured frame, or why there is none (kebab-case). */
export type LinkResult =
  | { readonly ok: true; readonly packet: Uint8Array }
  | { readonly ok: false; readonly reason: 'not-ipv6' | 'truncated' | 'unknown-link-type' };

/** Takes the link layer off a captured frame. Never throws. */
export function ipv6OfFrame(linkType: number, frame: Uint8Array): LinkResult {
  if (RAW.has(linkType)) return raw(frame, 0);
  switch (linkType) {
    case LINKTYPE.ethernet:
      return ethernet(frame);
    case LINKTYPE.linuxSll:
      return byEthertype(frame, 14, 16);
    case LINKTYPE.linuxSll2:
      return byEthertype(frame, 0, 20);
    case LINKTYPE.null: {
      // in the byte order of the host that captured
      const family = u32(frame, 0);
      const swapped = (u8(frame, 1) << 8) | u8(frame, 0);
      return AF_INET6.has(family) || AF_INET6.has(swapped) ? raw(frame, 4) : short(frame, 4);
    }
    case LINKTYPE.loop:
      return AF_INET6.has(u32(frame, 0)) ? raw(frame, 4) : short(frame, 4);
    default:
      return { ok: false, reason: 'unknown-link-type' };
  }
}

/** Not IPv6, or cut before one could know. */
const short = (frame: Uint8Array, needed: number): LinkResult => ({
  ok: false,
  reason: frame.length < needed ? 'truncated' : 'not-ipv6',
});

function raw(frame: Uint8Array, at: number): LinkResult {
  if (frame.length <= at || u8(frame, at) >>> 4 !== 6) return short(frame, at + 1);
  return { ok: true, packet: frame.subarray(at) };
}

function byEthertype(frame: Uint8Array, typeAt: number, payloadAt: number): LinkResult {
  const isIpv6 = frame.length >= typeAt + 2 && u16(frame, typeAt) === ETHERTYPE_IPV6;
  return isIpv6 ? raw(frame, payloadAt) : short(frame, payloadAt);
}

function ethernet(frame: Uint8Array): LinkResult {
  let at = 12;
  while (VLAN_TAGS.has(u16(frame, at))) at += 4;
  return byEthertype(frame, at, at + 2);
}
