import { addressKey } from '../dataplane/memory/flows.js';
import { addressFromBytes, addressToBytes, type Address } from '../wire/address.js';
import { setU16, setU32, u16, u32, u8 } from '../wire/bytes.js';
import { foldChecksum, sumWords } from '../wire/checksum.js';
import { IPV6_HEADER, PROTOCOL } from '../wire/ipv6.js';
import type { Range } from './apps/ranges.js';

/**
 * What the simulator's transports put into IPv6 packets: real UDP and TCP headers with real checksums over the
 * pseudo-header of the ULIDs, so that a wrong ULID shows as a wrong checksum, as it would on a real host.
 */
export interface Datagram {
  readonly protocol: number;
  readonly source: Address;
  readonly destination: Address;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

/** The fields of a TCP header that the simulator's byte stream uses. Sequence numbers are octets from 0. */
export interface Segment extends Datagram {
  readonly sequence: number;
  readonly acknowledgement: number;
  /** Octets, rounded down to a multiple of 1024 on the wire. */
  readonly window: number;
  readonly fin: boolean;
  /** Selective acknowledgements (RFC 2018), the newest first; at most three. */
  readonly sack: readonly Range[];
}

/** Text of addresses that were seen: making it anew for each packet would be most of the work. */
const seen = new Map<string, Address>();
const REMEMBERED = 1 << 19;

/** The address at `at` as text. */
export function addressAt(packet: Uint8Array, at: number): Address {
  const key = addressKey(packet, at);
  let address = seen.get(key);
  if (address === undefined) {
    address = addressFromBytes(packet, at);
    if (seen.size >= REMEMBERED) seen.clear();
    seen.set(key, address);
  }
  return address;
}

const UDP_HEADER = 8;
const TCP_HEADER = 20;
const WINDOW_UNIT = 1024;
const MAX_SACK = 3;
const OPTION = { end: 0, nop: 1, sack: 5 } as const;
const FLAG = { fin: 0x01, ack: 0x10 } as const;

function checksum(packet: Uint8Array, protocol: number): number {
  const length = packet.length - IPV6_HEADER;
  return foldChecksum(sumWords(packet, 8, packet.length, length + protocol));
}

function start(protocol: number, from: Omit<Datagram, 'protocol'>, header: number): Uint8Array {
  const { payload } = from;
  const out = new Uint8Array(IPV6_HEADER + header + payload.length);
  out[0] = 0x60;
  setU16(out, 4, header + payload.length);
  out[6] = protocol;
  out[7] = 64;
  out.set(addressToBytes(from.source), 8);
  out.set(addressToBytes(from.destination), 24);
  setU16(out, IPV6_HEADER, from.sourcePort);
  setU16(out, IPV6_HEADER + 2, from.destinationPort);
  out.set(payload, IPV6_HEADER + header);
  return out;
}

export function buildUdp(datagram: Omit<Datagram, 'protocol'>): Uint8Array {
  const out = start(PROTOCOL.udp, datagram, UDP_HEADER);
  setU16(out, IPV6_HEADER + 4, out.length - IPV6_HEADER);
  setU16(out, IPV6_HEADER + 6, checksum(out, PROTOCOL.udp) || 0xffff); // RFC 8200 §8.1
  return out;
}

export function buildTcp(
  segment: Omit<Segment, 'protocol' | 'sack'> & Partial<Pick<Segment, 'sack'>>,
): Uint8Array {
  const sack = (segment.sack ?? []).slice(0, MAX_SACK);
  const header = TCP_HEADER + (sack.length === 0 ? 0 : 4 + 8 * sack.length);
  const out = start(PROTOCOL.tcp, segment, header);
  setU32(out, IPV6_HEADER + 4, segment.sequence);
  setU32(out, IPV6_HEADER + 8, segment.acknowledgement);
  out[IPV6_HEADER + 12] = (header / 4) << 4;
  out[IPV6_HEADER + 13] = FLAG.ack | (segment.fin ? FLAG.fin : 0);
  setU16(out, IPV6_HEADER + 14, Math.min(0xffff, Math.floor(segment.window / WINDOW_UNIT)));
  if (sack.length > 0) {
    const at = IPV6_HEADER + TCP_HEADER;
    out.set([OPTION.nop, OPTION.nop, OPTION.sack, 2 + 8 * sack.length], at);
    for (const [i, [from, to]] of sack.entries()) {
      setU32(out, at + 4 + 8 * i, from);
      setU32(out, at + 8 + 8 * i, to);
    }
  }
  setU16(out, IPV6_HEADER + 16, checksum(out, PROTOCOL.tcp));
  return out;
}

/** The UDP datagram or TCP segment in a whole packet without extension headers; undefined: another, or a bad checksum. */
export function parseTransport(packet: Uint8Array): Datagram | undefined {
  const protocol = u8(packet, 6);
  const header = headerLength(packet, protocol);
  if (header === undefined || packet.length < IPV6_HEADER + header) return undefined;
  if (packet.length !== IPV6_HEADER + u16(packet, 4) || checksum(packet, protocol) !== 0) {
    return undefined;
  }
  return {
    protocol,
    source: addressAt(packet, 8),
    destination: addressAt(packet, 24),
    sourcePort: u16(packet, IPV6_HEADER),
    destinationPort: u16(packet, IPV6_HEADER + 2),
    payload: packet.subarray(IPV6_HEADER + header),
    ...(protocol === PROTOCOL.tcp ? tcpFields(packet, header) : {}),
  };
}

function headerLength(packet: Uint8Array, protocol: number): number | undefined {
  if (protocol === PROTOCOL.udp) return UDP_HEADER;
  if (protocol !== PROTOCOL.tcp || packet.length < IPV6_HEADER + TCP_HEADER) return undefined;
  return Math.max(TCP_HEADER, (u8(packet, IPV6_HEADER + 12) >>> 4) * 4);
}

const tcpFields = (packet: Uint8Array, header: number): Omit<Segment, keyof Datagram> => ({
  sequence: u32(packet, IPV6_HEADER + 4),
  acknowledgement: u32(packet, IPV6_HEADER + 8),
  window: u16(packet, IPV6_HEADER + 14) * WINDOW_UNIT,
  fin: (u8(packet, IPV6_HEADER + 13) & FLAG.fin) !== 0,
  sack: sackOf(packet, IPV6_HEADER + TCP_HEADER, IPV6_HEADER + header),
});

function sackOf(packet: Uint8Array, from: number, end: number): Range[] {
  for (let at = from; at < end;) {
    const kind = u8(packet, at);
    if (kind === OPTION.end) break;
    const length = kind === OPTION.nop ? 1 : at + 1 < end ? u8(packet, at + 1) : 0;
    if (length === 0 || at + length > end) break;
    if (kind === OPTION.sack) {
      const count = Math.floor((length - 2) / 8);
      return Array.from({ length: count }, (_, i): Range => [
        u32(packet, at + 2 + 8 * i),
        u32(packet, at + 6 + 8 * i),
      ]);
    }
    at += length;
  }
  return [];
}

export const isSegment = (datagram: Datagram): datagram is Segment =>
  datagram.protocol === PROTOCOL.tcp;
