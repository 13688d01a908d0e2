import { RehomeError } from '../../wire/errors.js';
import { check, SyscallError } from '../libc.js';
import { inNamespace, type NamespaceRef } from '../netns.js';
import {
  AF_NETLINK,
  bind,
  close,
  EAGAIN,
  EINTR,
  ENOBUFS,
  MSG_DONTWAIT,
  MSG_PEEK,
  MSG_TRUNC,
  poll,
  POLLIN,
  recv,
  sendto,
  setsockopt,
  SOCK_RAW,
  socket,
} from '../syscalls.js';
import {
  NLM_F_ACK,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
} from './constants.js';
import {
  decodeAttributes,
  decodeMessages,
  encodeMessage,
  readText,
  viewOf,
  type NetlinkMessage,
  type NetlinkRequest,
} from './message.js';

const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const TIMEOUT_MS = 5000;
const DUMP_ATTEMPTS = 10;

/** The kernel refused a request; the message carries its own explanation when it gave one. */
export class NetlinkError extends SyscallError {
  /** The kernel's extended acknowledgement text, if any. */
  readonly explanation: string | undefined;
  constructor(what: string, errno: number, explanation: string | undefined) {
    super(explanation === undefined ? what : `${what} (${explanation})`, errno);
    this.name = 'NetlinkError';
    this.explanation = explanation;
  }
}

/** An rtnetlink socket, bound, non-blocking, inside `namespace` for good. */
export function openNetlink(namespace: NamespaceRef): number {
  return inNamespace(namespace, () => {
    const fd = socket(AF_NETLINK, SOCK_RAW, 0);
    try {
      bind(fd, sockaddrNetlink());
      for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
        setsockopt(fd, SOL_NETLINK, option, 1);
      }
      setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20);
    } catch (error) {
      if (!(error instanceof SyscallError && error.errno === 1)) {
        close(fd);
        throw error;
      }
      // Without CAP_NET_ADMIN the buffer keeps its default size; reading still works.
    }
    return fd;
  });
}

const sockaddrNetlink = (): Uint8Array => {
  const out = new Uint8Array(12);
  out[0] = AF_NETLINK;
  return out;
};

/** One datagram of any size, or -errno. The returned bytes are a fresh copy. */
export function receiveDatagram(fd: number, scratch: Uint8Array): Uint8Array | number {
  const flags = MSG_DONTWAIT | MSG_TRUNC;
  const size = recv(fd, scratch.subarray(0, 0), flags | MSG_PEEK);
  if (size < 0) return size;
  const buffer = size > scratch.length ? new Uint8Array(size) : scratch;
  const length = recv(fd, buffer, flags);
  return length < 0 ? length : buffer.slice(0, length);
}

/**
 * Requests to rtnetlink, answered synchronously: the kernel does the work inside the send, so that the answer is
 * there when we look. Events have a socket of their own (NetlinkEvents).
 */
export class NetlinkSocket {
  readonly #fd: number;
  readonly #scratch = new Uint8Array(1 << 16);
  #sequence = 0;
  #closed = false;

  /** @throws SyscallError when the namespace is gone. */
  constructor(namespace?: NamespaceRef) {
    this.#fd = openNetlink(namespace);
  }

  /**
   * Sends one request and returns the messages that answer it (none for a mere acknowledgement).
   * A dump that the kernel interrupted (NLM_F_DUMP_INTR) is repeated.
   * @throws NetlinkError REHOME_E_SYSCALL with `errno` and the kernel's text; RehomeError REHOME_E_NETLINK when
   * no answer comes within 5 s or dumps keep being interrupted.
   */
  request(request: NetlinkRequest, what = `rtnetlink request ${request.type}`): NetlinkMessage[] {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      const replies = this.#once(request, what);
      if (replies !== undefined) return replies;
    }
    throw new RehomeError('REHOME_E_NETLINK', `${what}: the dump was interrupted every time`);
  }

  /** The replies, or undefined when a dump was interrupted or overran the buffer. */
  #once(request: NetlinkRequest, what: string): NetlinkMessage[] | undefined {
    if (this.#closed) throw new RehomeError('REHOME_E_CLOSED', 'the netlink socket is closed');
    this.#sequence = (this.#sequence + 1) >>> 0;
    const isDump = (request.flags & NLM_F_DUMP) === NLM_F_DUMP && isGet(request.type);
    const flags = request.flags | NLM_F_REQUEST | (isDump ? 0 : NLM_F_ACK);
    const bytes = encodeMessage({ ...request, flags, sequence: this.#sequence, port: 0 });
    check(what, sendto(this.#fd, bytes, 0, sockaddrNetlink()));
    return this.#collect(what);
  }

  #collect(what: string): NetlinkMessage[] | undefined {
    const replies: NetlinkMessage[] = [];
    let interrupted = false;
    const deadline = performance.now() + TIMEOUT_MS;
    for (;;) {
      const datagram = this.#receive(what, deadline);
      if (datagram === undefined) return undefined;
      for (const message of decodeMessages(datagram)) {
        if (message.sequence !== this.#sequence) continue; // the rest of a dump given up
        interrupted ||= (message.flags & NLM_F_DUMP_INTR) !== 0;
        if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
          throwOnError(message, what);
          return interrupted ? undefined : replies;
        }
        replies.push(message);
      }
    }
  }

  #receive(what: string, deadline: number): Uint8Array | undefined {
    for (;;) {
      const got = receiveDatagram(this.#fd, this.#scratch);
      if (typeof got !== 'number') return got;
      if (got === -ENOBUFS) return undefined;
      if (got !== -EAGAIN && got !== -EINTR) throw new SyscallError(what, -got);
      const left = deadline - performance.now();
      if (left <= 0) {
        throw new RehomeError('REHOME_E_NETLINK', `${what}: no answer in ${TIMEOUT_MS} ms`);
      }
      poll([{ fd: this.#fd, events: POLLIN }], left);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    close(this.#fd);
  }
}

/** RTM_GET* are 2 modulo 4; the same flag bits mean REPLACE and EXCL elsewhere. */
const isGet = (type: number): boolean => type % 4 === 2;

/** NLMSG_ERROR with 0 is an acknowledgement; NLMSG_DONE may carry an error of the dump, too. */
function throwOnError(message: NetlinkMessage, what: string): void {
  const { payload, flags } = message;
  const code = payload.length >= 4 ? viewOf(payload).getInt32(0, true) : 0;
  if (code >= 0) return;
  throw new NetlinkError(what, -code, explanationOf(message.type, payload, flags));
}

function explanationOf(type: number, payload: Uint8Array, flags: number): string | undefined {
  if ((flags & NLM_F_ACK_TLVS) === 0) return undefined;
  let offset = 4;
  if (type === NLMSG_ERROR && payload.length >= 20) {
    const original = viewOf(payload).getUint32(4, true);
    offset += (flags & NLM_F_CAPPED) !== 0 ? 16 : (original + 3) & ~3;
  }
  return readText(decodeAttributes(payload, offset), 1); // NLMSGERR_ATTR_MSG
}
