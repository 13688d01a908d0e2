import { buildUdp, parseTransport } from '../../src/sim/packets.js';
import type { GlobalInternet } from '../../src/sim/sam/internet.js';
import type { SamNode } from '../../src/sim/sam/node.js';
import { parseAddress, type Address } from '../../src/wire/address.js';
import { u8 } from '../../src/wire/bytes.js';
import { parseIcmpError } from '../../src/wire/icmpv6.js';
import { parseIpv6 } from '../../src/wire/ipv6.js';
import { prefixOf } from '../../src/wire/prefix.js';

/** A UDP datagram with a real checksum, which only matches while the addresses are what they were. */
export function udp(
  source: string,
  destination: string,
  options: { hopLimit?: number; size?: number; text?: string } = {},
): Uint8Array {
  // prettier-ignore
  const payload =
    options.size === undefined
      ? new TextEncoder().encode(options.text ?? 'hello')
      : new Uint8Array(options.size - 48).fill(0x5a);
  const packet = buildUdp({
    source: parseAddress(source),
    destination: parseAddress(destination),
    sourcePort: 4000,
    destinationPort: 5000,
    payload,
  });
  if (options.hopLimit !== undefined) packet[7] = options.hopLimit;
  return packet;
}

/** `source > destination hopLimit`, when the datagram came through unharmed; otherwise what it is. */
export function line(packet: Uint8Array): string {
  const parsed = parseTransport(packet);
  const ip = parseIpv6(packet);
  if (!ip.ok) return ip.reason;
  const { source, destination, hopLimit } = ip.header;
  const icmp = parseIcmpError(packet);
  const what = icmp.ok ? ` icmp ${icmp.type}/${icmp.code}` : parsed === undefined ? ' damaged' : '';
  return `${source} > ${destination} ${hopLimit}${what}`;
}

/** Everything but the fields that routers may change: equal at both ends of a transparent network. */
export function immutable(packet: Uint8Array): string {
  const out = packet.slice();
  out[7] = 0;
  out[0] = u8(out, 0) & 0xf0;
  out[1] = u8(out, 1) & 0x0f;
  return Buffer.from(out).toString('hex');
}

/** A host of the Internet without SAM: answers every datagram. */
export class PlainHost {
  readonly address: Address;
  readonly received: Uint8Array[] = [];
  readonly send: (packet: Uint8Array) => void;

  constructor(internet: GlobalInternet, address: string) {
    this.address = parseAddress(address);
    this.send = internet.attach(prefixOf(this.address, 64), (packet) => {
      this.received.push(packet);
      const datagram = parseTransport(packet);
      if (datagram) this.send(udp(datagram.destination, datagram.source));
    });
  }
}

/** What came to a node since the last call. */
export function taken(node: SamNode | PlainHost): string[] {
  return node.received.splice(0).map(line);
}
