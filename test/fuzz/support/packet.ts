import { readFileSync } from 'node:fs';
import type { SeededRandom } from '../../../src/sim/random.js';
import { parseAddress } from '../../../src/wire/address.js';
import { concatBytes, roundUp8, setU16, u16, u8 } from '../../../src/wire/bytes.js';
import { foldChecksum, internetChecksum, sumWords } from '../../../src/wire/checksum.js';
import { buildIcmpError } from '../../../src/wire/icmpv6.js';
import { buildIpv6, IPV6_HEADER, PROTOCOL } from '../../../src/wire/ipv6.js';
import { ipv6OfFrame } from '../../../src/wire/link.js';
import { readCapture } from '../../../src/wire/pcap.js';
import { vectorBytes, vectorNames } from '../../wire/vectors.js';
import type { Unit } from '../harness/target.js';

/** IPv6 packets as inputs: where their parts are, and how they are put right after a mutation. */

export const SOURCE = parseAddress('2001:db8:1::a');
export const DESTINATION = parseAddress('2001:db8:2::b');

/** Shim6 octets as a packet, as they are. */
export const shim6Packet = (payload: Uint8Array): Uint8Array =>
  buildIpv6({ source: SOURCE, destination: DESTINATION, nextHeader: PROTOCOL.shim6, payload });

/** The vectors of Shim6, each as a packet. */
export const shim6Packets = (): Uint8Array[] =>
  vectorNames('shim6').map((name) => shim6Packet(vectorBytes(`shim6/${name}`)));

export const ndPackets = (): Uint8Array[] => vectorNames('nd').map((n) => vectorBytes(`nd/${n}`));

/** What a Linux kernel really sent: TCP, UDP, ICMPv6, fragments. */
export function capturedPackets(): Uint8Array[] {
  const file = readFileSync(new URL('../../vectors/captures/linux-veth.pcap', import.meta.url));
  return [...readCapture(new Uint8Array(file))].flatMap((item) => {
    const found = item.kind === 'packet' ? ipv6OfFrame(item.linkType, item.frame) : undefined;
    return found?.ok === true ? [found.packet.slice()] : [];
  });
}

/** ICMPv6 errors about Shim6 packets, and packets with extension headers before Shim6. */
export function wrappedPackets(): Uint8Array[] {
  const inner = shim6Packets().slice(0, 8);
  const errors = inner.map((invokingPacket, i) =>
    buildIcmpError({
      source: DESTINATION,
      destination: SOURCE,
      type: 1 + (i % 4),
      code: i % 3,
      parameter: 1280,
      invokingPacket,
    }),
  );
  const padding = [1, 4, 0, 0, 0, 0]; // PadN
  const hop = (protocol: number): Uint8Array => Uint8Array.of(protocol, 0, ...padding);
  const behind = (nextHeader: number, headers: readonly Uint8Array[], packet: Uint8Array) =>
    buildIpv6({
      source: SOURCE,
      destination: DESTINATION,
      nextHeader,
      payload: concatBytes(...headers, packet.subarray(IPV6_HEADER)),
    });
  const wrapped = inner.map((packet, i) =>
    i % 2 === 0
      ? behind(PROTOCOL.hopByHop, [hop(PROTOCOL.destinationOptions), hop(PROTOCOL.shim6)], packet)
      : behind(
          PROTOCOL.routing,
          [
            Uint8Array.of(PROTOCOL.fragment, 0, 4, 0, 0, 0, 0, 0),
            Uint8Array.of(PROTOCOL.shim6, 0, 0, 1, 0, 0, 0, 9),
          ],
          packet,
        ),
  );
  return [...errors, ...wrapped];
}

// -- parts ------------------------------------------------------------------------------------------------------

interface Upper {
  readonly protocol: number;
  readonly offset: number;
  readonly extensions: readonly Unit[];
}

const OPTION_HEADERS = new Set<number>([
  PROTOCOL.hopByHop,
  PROTOCOL.routing,
  PROTOCOL.destinationOptions,
]);

/** The upper layer, found without the code under test. */
function upperOf(packet: Uint8Array): Upper {
  const extensions: Unit[] = [];
  let [protocol, offset] = [u8(packet, 6), IPV6_HEADER];
  while (offset + 8 <= packet.length && extensions.length < 40) {
    const payloadHeader = protocol === PROTOCOL.shim6 && u8(packet, offset + 2) >= 0x80;
    const length = OPTION_HEADERS.has(protocol)
      ? 8 * (u8(packet, offset + 1) + 1)
      : protocol === PROTOCOL.fragment || payloadHeader
        ? 8
        : 0;
    if (length === 0 || offset + length > packet.length) break;
    extensions.push({ from: offset, to: offset + length });
    protocol = u8(packet, offset);
    offset += length;
  }
  return { protocol, offset, extensions };
}

/** Octets before the options of each Shim6 message (RFC 5533 §5, RFC 5534 §5). */
const OPTIONS_AT: Readonly<Record<number, number>> = { 3: 24, 6: 32 };
const PROBE = 67;
const ERROR = 68;

/** Options, or probe reports and options, of the Shim6 message at `at`. */
export function shim6Units(octets: Uint8Array, at: number): Unit[] {
  const type = u8(octets, at + 2);
  if (type >= 0x80 || type === ERROR) return [];
  let from = at + (OPTIONS_AT[type] ?? 16);
  const units: Unit[] = [];
  if (type === PROBE) {
    const reports = (u8(octets, at + 12) & 15) + (u8(octets, at + 12) >>> 4);
    for (let i = 0; i < reports && from + 40 <= octets.length; i++, from += 40) {
      units.push({ from, to: from + 40 });
    }
  }
  while (from + 8 <= octets.length && units.length < 200) {
    const to = Math.min(octets.length, from + roundUp8(4 + u16(octets, from + 2)));
    units.push({ from, to });
    from = to;
  }
  return units;
}

/** Types of Neighbor Discovery, and octets before their options (RFC 4861 §4). */
const ND_OPTIONS_AT: Readonly<Record<number, number>> = { 133: 8, 134: 16, 135: 24, 136: 24 };

function ndUnits(packet: Uint8Array, at: number): Unit[] {
  const fixed = ND_OPTIONS_AT[u8(packet, at)];
  const units: Unit[] = [];
  for (let from = at + (fixed ?? packet.length); from + 8 <= packet.length;) {
    const to = Math.min(packet.length, from + Math.max(8, 8 * u8(packet, from + 1)));
    units.push({ from, to });
    from = to;
  }
  return units;
}

/** Extension headers, options and reports. */
export function packetUnits(packet: Uint8Array): readonly Unit[] {
  const { protocol, offset, extensions } = upperOf(packet);
  const inner =
    protocol === PROTOCOL.shim6
      ? shim6Units(packet, offset)
      : protocol === PROTOCOL.icmpv6
        ? ndUnits(packet, offset)
        : [];
  return [...extensions, ...inner];
}

// -- repair -----------------------------------------------------------------------------------------------------

/** Version and payload length, the length of the Shim6 header, checksums. Now and then one of them is left wrong. */
export function repairPacket(packet: Uint8Array, random: SeededRandom): Uint8Array {
  if (packet.length < IPV6_HEADER) return packet;
  const out = packet.slice();
  out[0] = 0x60 | (u8(out, 0) & 15);
  setU16(out, 4, out.length - IPV6_HEADER - (random.below(16) === 0 ? random.below(16) : 0));
  const { protocol, offset } = upperOf(out);
  if (protocol === PROTOCOL.shim6) repairShim6(out, offset, random);
  else if (protocol === PROTOCOL.icmpv6) repairUpper(out, protocol, offset, 2);
  else if (protocol === PROTOCOL.udp) {
    if (offset + 8 <= out.length) setU16(out, offset + 4, out.length - offset);
    repairUpper(out, protocol, offset, 6);
  } else if (protocol === PROTOCOL.tcp) repairUpper(out, protocol, offset, 16);
  return out;
}

/** Hdr Ext Len up to the end, mostly, and the checksum over as much as it says. */
export function repairShim6(out: Uint8Array, at: number, random: SeededRandom): void {
  if (at + 8 > out.length || u8(out, at + 2) >= 0x80) return;
  const room = Math.min(256, (out.length - at) >> 3);
  if (random.below(8) > 0 || u8(out, at + 1) + 1 > room) out[at + 1] = room - 1;
  if (u8(out, at + 2) === PROBE && random.below(4) > 0) countReports(out, at);
  setU16(out, at + 4, 0);
  setU16(out, at + 4, internetChecksum(out, at, at + 8 * (u8(out, at + 1) + 1)));
}

/** As many reports as there is room for, no more. */
function countReports(out: Uint8Array, at: number): void {
  const most = Math.floor((out.length - at - 16) / 40);
  const counts = u8(out, at + 12);
  const sent = Math.min(Math.max(1, counts & 15), most);
  const received = Math.min(counts >>> 4, Math.max(0, most - sent));
  out[at + 12] = (received << 4) | Math.max(0, sent);
}

function repairUpper(out: Uint8Array, protocol: number, offset: number, field: number): void {
  if (offset + field + 2 > out.length) return;
  setU16(out, offset + field, 0);
  const length = out.length - offset;
  const sum = sumWords(out, 8, 40) + (length >>> 16) + (length & 0xffff) + protocol;
  setU16(out, offset + field, foldChecksum(sumWords(out, offset, out.length, sum)));
}
