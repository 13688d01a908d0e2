import { addressFromBytes, addressToBytes, type Address } from '../wire/address.js';
import { setU16, setU32, u16, u32, u8 } from '../wire/bytes.js';
import { foldChecksum, sumWords } from '../wire/checksum.js';
import { IPV6_HEADER, PROTOCOL } from '../wire/ipv6.js';

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
}

const UDP_HEADER = 8;
const TCP_HEADER = 20;
const WINDOW_UNIT = 1024;
const FLAG = { fin: 0x01, ack: 0x10 } as const;

function checksum(packet: Uint8Array, protocol: number): number {
  const length = packet.length - IPV6_HEADER;
  return foldChecksum(sumWords(packet, 8, packet.length, length + protocol));
}

function start(from: Omit<Datagram, 'payload'>, header: number, payload: Uint8Array): Uint8Array {
  const out = new Uint8Array(IPV6_HEADER + header + payload.length);
  out[0] = 0x60;
  setU16(out, 4, header + payload.length);
  out[6] = from.protocol;
  out[7] = 64;
  out.set(addressToBytes(from.source), 8);
  out.set(addressToBytes(from.destination), 24);
  setU16(out, IPV6_HEADER, from.sourcePort);
  setU16(out, IPV6_HEADER + 2, from.destinationPort);
  out.set(payload, IPV6_HEADER + header);
  return out;
}

export function buildUdp(datagram: Omit<Datagram, 'protocol'>): Uint8Array {
  const out = start({ ...datagram, protocol: PROTOCOL.udp }, UDP_HEADER, datagram.payload);
  setU16(out, IPV6_HEADER + 4, out.length - IPV6_HEADER);
  setU16(out, IPV6_HEADER + 6, checksum(out, PROTOCOL.udp) || 0xffff); // RFC 8200 §8.1
  return out;
}

export function buildTcp(segment: Omit<Segment, 'protocol'>): Uint8Array {
  const out = start({ ...segment, protocol: PROTOCOL.tcp }, TCP_HEADER, segment.payload);
  setU32(out, IPV6_HEADER + 4, segment.sequence);
  setU32(out, IPV6_HEADER + 8, segment.acknowledgement);
  out[IPV6_HEADER + 12] = (TCP_HEADER / 4) << 4;
  out[IPV6_HEADER + 13] = FLAG.ack | (segment.fin ? FLAG.fin : 0);
  setU16(out, IPV6_HEADER + 14, Math.min(0xffff, Math.floor(segment.window / WINDOW_UNIT)));
  setU16(out, IPV6_HEADER + 16, checksum(out, PROTOCOL.tcp));
  return out;
}

/** The UDP datagram or TCP segment in a whole packet without extension headers; undefined: another, or a bad checksum. */
export function parseTransport(packet: Uint8Array): Datagram | undefined {
  const protocol = u8(packet, 6);
  const header =
    protocol === PROTOCOL.udp ? UDP_HEADER : protocol === PROTOCOL.tcp ? TCP_HEADER : undefined;
  if (header === undefined || packet.length < IPV6_HEADER + header) return undefined;
  if (packet.length !== IPV6_HEADER + u16(packet, 4) || checksum(packet, protocol) !== 0) {
    return undefined;
  }
  return {
    protocol,
    source: addressFromBytes(packet, 8),
    destination: addressFromBytes(packet, 24),
    sourcePort: u16(packet, IPV6_HEADER),
    destinationPort: u16(packet, IPV6_HEADER + 2),
    payload: packet.subarray(IPV6_HEADER + header),
    ...(protocol === PROTOCOL.tcp ? tcpFields(packet) : {}),
  };
}

const tcpFields = (
  packet: Uint8Array,
): Pick<Segment, 'sequence' | 'acknowledgement' | 'window' | 'fin'> => ({
  sequence: u32(packet, IPV6_HEADER + 4),
  acknowledgement: u32(packet, IPV6_HEADER + 8),
  window: u16(packet, IPV6_HEADER + 14) * WINDOW_UNIT,
  fin: (u8(packet, IPV6_HEADER + 13) & FLAG.fin) !== 0,
});

export const isSegment = (datagram: Datagram): datagram is Segment =>
  datagram.protocol === PROTOCOL.tcp;
