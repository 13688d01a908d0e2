import { Rtnetlink } from './netlink/client.js';
import { inNamespace, writeSysctl, type NamespaceRef } from './netns.js';
import { check, int, ptr } from './libc.js';
import { addressOf, close, ioctl, O_NONBLOCK, O_RDWR, open, read, sys, write } from './syscalls.js';

const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const TUN_F_CSUM = 0x01;
const TUN_F_TSO6 = 0x04;
const TUN_F_TSO_ECN = 0x08;

export const VNET_HEADER_LENGTH = 10;
export const VNET_NEEDS_CSUM = 1;
export const VNET_DATA_VALID = 2;
export const VNET_GSO_NONE = 0;
export const VNET_GSO_TCPV6 = 4;

/** struct virtio_net_hdr: what the kernel left for the other side to do. */
export interface VnetHeader {
  /** VNET_NEEDS_CSUM, VNET_DATA_VALID. */
  readonly flags: number;
  readonly gsoType: number;
  /** Octets of all headers of a super-packet. */
  readonly headerLength: number;
  /** Payload octets per segment. */
  readonly gsoSize: number;
  /** Where the checksum starts to be computed, and where behind that it is stored. */
  readonly checksumStart: number;
  readonly checksumOffset: number;
}

export const PLAIN_VNET_HEADER: VnetHeader = {
  flags: 0,
  gsoType: VNET_GSO_NONE,
  headerLength: 0,
  gsoSize: 0,
  checksumStart: 0,
  checksumOffset: 0,
};

/** Writes the 10 octets at the start of `out`. */
export function encodeVnetHeader(header: VnetHeader, out: Uint8Array): void {
  const v = new DataView(out.buffer, out.byteOffset, VNET_HEADER_LENGTH);
  v.setUint8(0, header.flags);
  v.setUint8(1, header.gsoType);
  v.setUint16(2, header.headerLength, true);
  v.setUint16(4, header.gsoSize, true);
  v.setUint16(6, header.checksumStart, true);
  v.setUint16(8, header.checksumOffset, true);
}

/** Reads the 10 octets at the start of `bytes`, which the caller knows to be there. */
export function decodeVnetHeader(bytes: Uint8Array): VnetHeader {
  const v = new DataView(bytes.buffer, bytes.byteOffset, VNET_HEADER_LENGTH);
  return {
    flags: v.getUint8(0),
    gsoType: v.getUint8(1),
    headerLength: v.getUint16(2, true),
    gsoSize: v.getUint16(4, true),
    checksumStart: v.getUint16(6, true),
    checksumOffset: v.getUint16(8, true),
  };
}

/**
 * Makes a TUN in the calling thread's namespace; closing the descriptor removes it. With `vnetHeader` every packet has a
 * virtio_net_hdr in front, and unfinished checksums and TCP trains over IPv6 are handed over as they are.
 * @throws SyscallError
 */
export function openTun(name: string, vnetHeader: boolean): number {
  const fd = open('/dev/net/tun', O_RDWR | O_NONBLOCK);
  try {
    const request = Buffer.alloc(40); // struct ifreq
    request.write(name.slice(0, 15));
    request.writeUInt16LE(IFF_TUN | IFF_NO_PI | (vnetHeader ? IFF_VNET_HDR : 0), 16);
    ioctl(fd, TUNSETIFF, request);
    if (vnetHeader) ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO6 | TUN_F_TSO_ECN);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

export interface TunOptions {
  readonly name: string;
  readonly namespace?: NamespaceRef;
  /** Default 1500. */
  readonly mtu?: number;
  /**
   * Every packet carries a virtio_net_hdr in front, and the kernel hands over super-packets of up to 64 KB with
   * unfinished checksums. Default false.
   */
  readonly vnetHeader?: boolean;
}

/**
 * A TUN device, up, that neither solicits routers nor gives itself a link-local address. It goes with its
 * descriptor (`close`, or the end of the process).
 */
export class TunDevice {
  /** Non-blocking; for FdPoller or `poll`. */
  readonly fd: number;
  readonly name: string;
  readonly index: number;
  #closed = false;

  /** @throws SyscallError (EBUSY: the name is taken; ENOENT: no /dev/net/tun; EPERM without CAP_NET_ADMIN). */
  constructor(options: TunOptions) {
    this.name = options.name;
    this.fd = inNamespace(options.namespace, () =>
      openTun(options.name, options.vnetHeader === true),
    );
    try {
      this.index = this.#configure(options);
    } catch (error) {
      close(this.fd);
      throw error;
    }
  }

  #configure(options: TunOptions): number {
    const netlink = new Rtnetlink(options.namespace);
    try {
      const index = netlink.index(this.name);
      writeSysctl(options.namespace, `net/ipv6/conf/${this.name}/accept_ra`, 0);
      netlink.setLink(index, { addressGeneration: 'none' });
      netlink.setLink(index, { mtu: options.mtu ?? 1500, up: true });
      return index;
    } finally {
      netlink.close();
    }
  }

  /** One packet into `buffer` (with its virtio_net_hdr, when asked for): its length, or -errno (EAGAIN: none). */
  read(buffer: Uint8Array): number {
    return read(this.fd, buffer);
  }

  /** One packet to the kernel, as if it came in by the device: octets, or -errno (EIO: the device is down). */
  write(packet: Uint8Array): number {
    return write(this.fd, packet);
  }

  /** One packet from pieces, without copying them together. @returns octets, or -errno. */
  writeParts(parts: readonly Uint8Array[]): number {
    const iovec = new Uint8Array(16 * parts.length);
    const v = new DataView(iovec.buffer);
    parts.forEach((part, i) => {
      v.setBigUint64(16 * i, addressOf(part), true);
      v.setBigUint64(16 * i + 8, BigInt(part.length), true);
    });
    return sys('writev', int(this.fd), ptr(iovec), int(parts.length));
  }

  /** The device disappears. Take the descriptor out of pollers first. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    check(`close ${this.name}`, close(this.fd));
  }
}
