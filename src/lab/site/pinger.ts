import { setTimeout as sleep } from 'node:timers/promises';
import type { FdPoller } from '../../linux/poller.js';
import { openEchoSocket, type RawSocket } from '../../linux/rawsocket.js';
import type { Address } from '../../wire/address.js';
import { buildEcho, parseIcmpError, parseIcmpv6, readEcho } from '../../wire/icmpv6.js';
import { parseIpv6 } from '../../wire/ipv6.js';

/** What came of one echo request. */
export interface PingResult {
  /** Milliseconds; undefined: no answer. */
  readonly rttMs: number | undefined;
  /** `type/code` of an ICMPv6 error about it. */
  readonly error: string | undefined;
}

interface Waiting {
  readonly done: (result: PingResult) => void;
  readonly sentAt: number;
  readonly source: Address;
  readonly destination: Address;
}

/** Sends echo requests from any source of a node, as an application bound to it would. */
export class Pinger {
  readonly #socket: RawSocket;
  readonly #waiting = new Map<number, Waiting>();
  #sequence = 0;

  /** Of the last request. */
  get sequence(): number {
    return this.#sequence;
  }

  /** @param identifier tells its packets from those of others */
  constructor(
    poller: FdPoller,
    namespace: string,
    readonly identifier: number,
  ) {
    this.#socket = openEchoSocket({
      poller,
      namespace,
      onPacket: ({ packet }) => this.#heard(packet),
    });
  }

  /** One request, and what comes of it within `timeoutMs`. An error ends the wait. */
  async ping(source: Address, destination: Address, timeoutMs = 500): Promise<PingResult> {
    const sequence = (this.#sequence = (this.#sequence + 1) & 0xffff);
    const late = new AbortController();
    try {
      return await new Promise<PingResult>((done) => {
        this.#waiting.set(sequence, { done, sentAt: performance.now(), source, destination });
        const nothing: PingResult = { rttMs: undefined, error: undefined };
        const echo = { reply: false, identifier: this.identifier, sequence, data: DATA };
        if (this.#socket.send(buildEcho(source, destination, echo)) !== 0) done(nothing);
        void sleep(timeoutMs, undefined, { signal: late.signal }).then(
          () => done(nothing),
          () => undefined,
        );
      });
    } finally {
      late.abort();
      this.#waiting.delete(sequence);
    }
  }

  #heard(packet: Uint8Array): void {
    const message = parseIcmpv6(packet);
    if (!message.ok) return;
    const echo = readEcho(message);
    if (echo !== undefined) {
      const waiting = this.#waiting.get(echo.sequence);
      const ours = echo.reply && echo.identifier === this.identifier;
      const { source, destination } = message.header;
      if (!ours || waiting?.destination !== source || waiting.source !== destination) return;
      waiting.done({ rttMs: performance.now() - waiting.sentAt, error: undefined });
      return;
    }
    const error = parseIcmpError(packet);
    if (!error.ok) return;
    const about = parseIpv6(error.invokingPacket, { allowTruncated: true });
    if (!about.ok) return;
    for (const waiting of this.#waiting.values()) {
      const { source, destination } = about.header;
      if (waiting.source !== source || waiting.destination !== destination) continue;
      waiting.done({ rttMs: undefined, error: `${error.type}/${error.code}` });
    }
  }

  close(): void {
    this.#socket.close();
  }
}

const DATA = new TextEncoder().encode('rehome lab');
