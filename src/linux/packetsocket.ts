import { MessageHeader } from './msghdr.js';
import { inNamespace, type NamespaceRef } from './netns.js';
import type { FdPoller } from './poller.js';
import {
  AF_PACKET,
  bind,
  close,
  EINTR,
  MSG_DONTWAIT,
  recvmsg,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  socket,
} from './syscalls.js';

/** Only who asks for everything hears what is sent, and what programs take away at the ingress. */
const ETH_P_ALL = 3;
const ETH_P_IPV6 = 0x86dd;
const PACKET_OUTGOING = 4;
/** Packets read per wake-up before other work gets a turn; the poller reports the rest again. */
const BATCH = 64;

export interface TapOptions {
  readonly poller: FdPoller;
  readonly namespace?: NamespaceRef;
  /** The interface that is listened to. */
  readonly ifindex: number;
  /** A whole IPv6 packet. `sent`: it leaves by the interface, otherwise it came in. */
  readonly onPacket: (packet: Uint8Array, sent: boolean) => void;
}

/** Hears every IPv6 packet of one interface. Super-packets come as one, checksums of packets from here may be unfinished. */
export class PacketTap {
  readonly #fd: number;
  readonly #poller: FdPoller;
  readonly #onPacket: TapOptions['onPacket'];
  readonly #buffer = new Uint8Array(65_536);
  readonly #receive = new MessageHeader(64);
  #closed = false;

  /** @throws SyscallError (EPERM without CAP_NET_RAW). */
  constructor(options: TapOptions) {
    this.#poller = options.poller;
    this.#onPacket = options.onPacket;
    // Without a protocol it hears nothing until it is bound to its interface.
    this.#fd = inNamespace(options.namespace, () =>
      socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, 0),
    );
    try {
      const address = Buffer.alloc(20); // struct sockaddr_ll
      address.writeUInt16LE(AF_PACKET, 0);
      address.writeUInt16BE(ETH_P_ALL, 2);
      address.writeInt32LE(options.ifindex, 4);
      bind(this.#fd, address);
      this.#poller.add(this.#fd, () => this.#drain());
    } catch (error) {
      close(this.#fd);
      throw error;
    }
  }

  #drain(): void {
    for (let n = 0; n < BATCH && !this.#closed; n++) {
      this.#receive.prepare(this.#buffer);
      const length = recvmsg(this.#fd, this.#receive.bytes, MSG_DONTWAIT);
      if (length === -EINTR) continue;
      if (length < 0) return;
      const { name } = this.#receive; // struct sockaddr_ll
      if ((((name[2] ?? 0) << 8) | (name[3] ?? 0)) !== ETH_P_IPV6) continue;
      this.#onPacket(this.#buffer.slice(0, length), name[10] === PACKET_OUTGOING);
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poller.remove(this.#fd);
    close(this.#fd);
  }
}
