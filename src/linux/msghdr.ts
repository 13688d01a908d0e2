import { addressOf } from './syscalls.js';

const NAME_LENGTH = 28;

const view = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * A `struct msghdr` with one data buffer, a sockaddr_in6 and room for control messages, for sendmsg and recvmsg
 * on 64-bit Linux. It keeps its buffers referenced: the kernel sees them only as numbers, the garbage collector
 * not at all.
 */
export class MessageHeader {
  readonly bytes = new Uint8Array(56);
  readonly name = new Uint8Array(NAME_LENGTH);
  readonly control: Uint8Array;
  readonly #iovec = new Uint8Array(16);
  readonly #view = view(this.bytes);
  #data: Uint8Array = new Uint8Array();

  constructor(controlLength: number) {
    this.control = new Uint8Array(controlLength);
    this.#view.setBigUint64(0, addressOf(this.name), true);
    this.#view.setBigUint64(16, addressOf(this.#iovec), true);
    this.#view.setBigUint64(24, 1n, true);
    this.#view.setBigUint64(32, addressOf(this.control), true);
  }

  /** Makes ready for one call: lengths are in-out for the kernel. */
  prepare(data: Uint8Array, controlLength = this.control.length): void {
    this.#view.setUint32(8, NAME_LENGTH, true);
    this.#view.setBigUint64(40, BigInt(controlLength), true);
    this.#view.setInt32(48, 0, true);
    if (this.#data !== data) {
      this.#data = data;
      view(this.#iovec).setBigUint64(0, addressOf(data), true);
    }
    view(this.#iovec).setBigUint64(8, BigInt(data.length), true);
  }

  /** MSG_TRUNC and the like, after a receive. */
  get flags(): number {
    return this.#view.getInt32(48, true);
  }

  /** The control messages after a receive, or those of `bytes`. */
  *controls(): Generator<{ level: number; type: number; data: Uint8Array }> {
    const length = Number(this.#view.getBigUint64(40, true));
    const v = view(this.control);
    for (let at = 0; length - at >= 16;) {
      const size = Number(v.getBigUint64(at, true));
      if (size < 16 || at + size > length) return;
      yield {
        level: v.getInt32(at + 8, true),
        type: v.getInt32(at + 12, true),
        data: this.control.subarray(at + 16, at + size),
      };
      at += (size + 7) & ~7;
    }
  }
}

/** A sockaddr_in6 for a raw or bound socket: address octets, port, and the interface of a link-local address. */
export function sockaddrIn6(address: Uint8Array, port = 0, scope = 0): Uint8Array {
  const out = new Uint8Array(NAME_LENGTH);
  out[0] = 10; // AF_INET6
  out[2] = port >>> 8;
  out[3] = port & 0xff;
  out.set(address, 8);
  view(out).setUint32(24, scope, true);
  return out;
}
