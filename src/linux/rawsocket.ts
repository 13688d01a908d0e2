import { SyscallError } from './libc.js';
import { MessageHeader, sockaddrIn6 } from './msghdr.js';
import { inNamespace, type NamespaceRef } from './netns.js';
import type { FdPoller } from './poller.js';
import {
  AF_INET6,
  close,
  EAGAIN,
  EINTR,
  EINVAL,
  MSG_DONTWAIT,
  MSG_TRUNC,
  recvmsg,
  sendmsg,
  setsockopt,
  SOCK_NONBLOCK,
  SOCK_RAW,
  socket,
} from './syscalls.js';

const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const RECEIVE_BUFFER = 4 << 20;
const SOL_IPV6 = 41;
const SOL_ICMPV6 = 58;
const IPV6_ADD_MEMBERSHIP = 20;
const IPV6_DROP_MEMBERSHIP = 21;
const IPV6_HDRINCL = 36;
const IPV6_RECVPKTINFO = 49;
const IPV6_PKTINFO = 50;
const IPV6_RECVHOPLIMIT = 51;
const IPV6_HOPLIMIT = 52;
const IPV6_RECVTCLASS = 66;
const IPV6_TCLASS = 67;
const IPV6_FREEBIND = 78;
const ICMPV6_FILTER = 1;
const HEADER = 40;
/** Packets read per wake-up before other work gets a turn; the poller reports the rest again. */
const BATCH = 64;

/** Something that arrived, made whole again. */
export interface RawPacket {
  /** IPv6 header, rebuilt (flow label 0, extension headers in front left out), and the payload. */
  readonly packet: Uint8Array;
  /** The interface it came in by. */
  readonly index: number;
}

export interface RawSocketOptions {
  readonly poller: FdPoller;
  readonly namespace?: NamespaceRef;
  readonly onPacket: (packet: RawPacket) => void;
}

/**
 * A raw IPv6 socket of one protocol. It receives every packet of that protocol for this host, a copy beside any
 * other socket's, and sends whole IPv6 packets from any source.
 *
 * Routing follows the packet's own source: every send names it in IPV6_PKTINFO, and IPV6_FREEBIND lets it be
 * an address this host does not (or no longer) have. So `ip rule from S` and `D from S` routes are honoured with
 * one socket for all locators.
 *
 * While a socket for protocol 140 is open, and has room, the kernel does not answer that protocol with Parameter Problem.
 */
export class RawSocket {
  readonly #fd: number;
  readonly #poller: FdPoller;
  readonly #protocol: number;
  readonly #onPacket: (packet: RawPacket) => void;
  readonly #buffer = new Uint8Array(65_536);
  readonly #receive = new MessageHeader(256);
  readonly #send = new MessageHeader(40);
  #closed = false;

  /** @throws SyscallError (EPERM without CAP_NET_RAW). */
  constructor(protocol: number, options: RawSocketOptions, setup?: (fd: number) => void) {
    this.#protocol = protocol;
    this.#poller = options.poller;
    this.#onPacket = options.onPacket;
    this.#fd = inNamespace(options.namespace, () =>
      socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK, protocol),
    );
    this.#preparePacketInfo();
    try {
      for (const option of [IPV6_HDRINCL, IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS]) {
        setsockopt(this.#fd, SOL_IPV6, option, 1);
      }
      setsockopt(this.#fd, SOL_IPV6, IPV6_FREEBIND, 1);
      setup?.(this.#fd);
      this.#poller.add(this.#fd, () => this.#drain());
    } catch (error) {
      close(this.#fd);
      throw error;
    }
  }

  #preparePacketInfo(): void {
    const v = new DataView(this.#send.control.buffer);
    v.setBigUint64(0, 36n, true); // cmsghdr and in6_pktinfo
    v.setInt32(8, SOL_IPV6, true);
    v.setInt32(12, IPV6_PKTINFO, true);
  }

  /**
   * Sends a whole IPv6 packet exactly as it is, by the interface `index` or (0) as routing from its source says.
   * @returns 0, or -errno: EMSGSIZE over the MTU, ENETUNREACH without a route, EINVAL for what is no IPv6 packet.
   */
  send(packet: Uint8Array, index = 0): number {
    if (this.#closed) return -EINVAL;
    if (packet.length < HEADER || (packet[0] ?? 0) >>> 4 !== 6) return -EINVAL;
    this.#send.control.set(packet.subarray(8, 24), 16);
    new DataView(this.#send.control.buffer).setInt32(32, index, true);
    const linkLocal = packet[24] === 0xfe && ((packet[25] ?? 0) & 0xc0) === 0x80;
    this.#send.name.set(sockaddrIn6(packet.subarray(24, 40), 0, linkLocal ? index : 0));
    this.#send.prepare(packet);
    const result = sendmsg(this.#fd, this.#send.bytes, MSG_DONTWAIT);
    return result < 0 ? result : 0;
  }

  #drain(): void {
    for (let n = 0; n < BATCH && !this.#closed; n++) {
      this.#receive.prepare(this.#buffer);
      const length = recvmsg(this.#fd, this.#receive.bytes, MSG_DONTWAIT);
      if (length === -EAGAIN) return;
      // Any other error belongs to an earlier send (an ICMPv6 error come back) and is now collected.
      if (length < 0 && length !== -EINTR) continue;
      if (length < 0 || (this.#receive.flags & MSG_TRUNC) !== 0) continue;
      this.#deliver(length);
    }
  }

  #deliver(length: number): void {
    const packet = new Uint8Array(HEADER + length);
    let index = 0;
    packet[0] = 0x60;
    packet[4] = length >>> 8;
    packet[5] = length & 0xff;
    packet[6] = this.#protocol;
    packet.set(this.#receive.name.subarray(8, 24), 8);
    packet.set(this.#buffer.subarray(0, length), HEADER);
    for (const { level, type, data } of this.#receive.controls()) {
      if (level !== SOL_IPV6) continue;
      if (type === IPV6_PKTINFO) {
        packet.set(data.subarray(0, 16), 24);
        index = (data[16] ?? 0) | ((data[17] ?? 0) << 8) | ((data[18] ?? 0) << 16);
      } else if (type === IPV6_HOPLIMIT) {
        packet[7] = data[0] ?? 0;
      } else if (type === IPV6_TCLASS) {
        packet[0] = 0x60 | ((data[0] ?? 0) >>> 4);
        packet[1] = ((data[0] ?? 0) & 0x0f) << 4;
      }
    }
    this.#onPacket({ packet, index });
  }

  /** Joins a multicast group on an interface. @throws SyscallError. */
  join(group: Uint8Array, index: number): void {
    setsockopt(this.#fd, SOL_IPV6, IPV6_ADD_MEMBERSHIP, membership(group, index));
  }

  /** Leaves it again; the interface may be gone. */
  leave(group: Uint8Array, index: number): void {
    try {
      setsockopt(this.#fd, SOL_IPV6, IPV6_DROP_MEMBERSHIP, membership(group, index));
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
    }
  }

  /** Idempotent. No packet is delivered afterwards. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poller.remove(this.#fd);
    close(this.#fd);
  }
}

/** struct ipv6_mreq */
function membership(group: Uint8Array, index: number): Uint8Array {
  const out = new Uint8Array(20);
  out.set(group);
  new DataView(out.buffer).setInt32(16, index, true);
  return out;
}

/** IPv6 protocol of Shim6 and REAP (RFC 5533 §15). */
export const SHIM6_PROTOCOL = 140;

/**
 * Room for what the data path lets through at once, and for a daemon that is busy elsewhere: the kernel answers what
 * finds no room with Parameter Problem, as if no socket were there (seen on Linux 6.18).
 * @throws SyscallError (EPERM without CAP_NET_RAW and CAP_NET_ADMIN)
 */
export const openShim6Socket = (options: RawSocketOptions): RawSocket =>
  new RawSocket(SHIM6_PROTOCOL, options, (fd) =>
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER),
  );

/** ICMPv6 errors (types 1 to 4 of RFC 4443) and nothing else; the kernel has verified their checksum. */
export const openIcmpErrorSocket = (options: RawSocketOptions): RawSocket =>
  new RawSocket(SOL_ICMPV6, options, (fd) => {
    const filter = new Uint8Array(32).fill(0xff); // a set bit blocks its type (RFC 3542 §3.2)
    filter[0] = 0xff & ~0b11110;
    setsockopt(fd, SOL_ICMPV6, ICMPV6_FILTER, filter);
  });

/** An ICMPv6 socket that sends whole packets and hears none. */
export const openIcmpSender = (options: Omit<RawSocketOptions, 'onPacket'>): RawSocket =>
  new RawSocket(SOL_ICMPV6, { ...options, onPacket: () => undefined }, (fd) =>
    setsockopt(fd, SOL_ICMPV6, ICMPV6_FILTER, new Uint8Array(32).fill(0xff)),
  );

/** Echo Replies and errors (RFC 4443 §3, §4.2). */
export const openEchoSocket = (options: RawSocketOptions): RawSocket =>
  new RawSocket(SOL_ICMPV6, options, (fd) => {
    const filter = new Uint8Array(32).fill(0xff);
    filter[0] = 0xff & ~0b11110;
    filter[16] = 0xff & ~0b00000010; // 129
    setsockopt(fd, SOL_ICMPV6, ICMPV6_FILTER, filter);
  });

/** Router and Neighbor Solicitations and Advertisements (RFC 4861 §4), with every group that the host has joined. */
export const openDiscoverySocket = (options: RawSocketOptions): RawSocket =>
  new RawSocket(SOL_ICMPV6, options, (fd) => {
    const filter = new Uint8Array(32).fill(0xff);
    filter[16] = 0xff & ~0b11100000; // types 128 to 135: lets 133, 134, 135 pass
    filter[17] = 0xff & ~0b00000001; // 136
    setsockopt(fd, SOL_ICMPV6, ICMPV6_FILTER, filter);
  });
