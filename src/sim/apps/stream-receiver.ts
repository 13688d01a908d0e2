import type { Timer } from '../../daemon/clock.js';
import { PROTOCOL } from '../../wire/ipv6.js';
import { addMs } from '../../wire/units.js';
import { buildTcp, isSegment, type Datagram } from '../packets.js';
import { Ranges, type Range } from './ranges.js';
import { WINDOW, type StreamOptions } from './stream.js';

const EMPTY = new Uint8Array(0);
/** A lone segment waits that long for company before it is acknowledged (TCP_DELACK_MIN). */
const DELAYED_ACK = 40;

/**
 * The receiving half: puts segments in order, checks every octet, acknowledges every second segment at once, a lone one
 * a little later, and whatever is out of order at once.
 */
export class StreamReceiver {
  readonly #options: StreamOptions;
  readonly #window: number;
  readonly #early = new Map<number, Uint8Array>();
  readonly #ranges = new Ranges();
  /** What to tell of `#ranges`: the one that grew last comes first (RFC 2018 §4). */
  #newest: Range | undefined;
  #earlyOctets = 0;
  #owed: Timer | undefined;
  /** Octets delivered in order to the application. */
  received = 0;
  /** Of these, how many were the right ones. */
  verified = 0;
  onBytes: (octets: number) => void = () => undefined;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#window = options.window ?? WINDOW;
    options.to.listen(PROTOCOL.tcp, options.destinationPort, (datagram) => this.#take(datagram));
  }

  /** Gives the port back. */
  close(): void {
    this.#owed?.cancel();
    this.#options.to.listen(PROTOCOL.tcp, this.#options.destinationPort, undefined);
  }

  #take(datagram: Datagram): void {
    if (!isSegment(datagram) || datagram.source !== this.#options.source) return;
    const { sequence, payload } = datagram;
    const inOrder = sequence === this.received && this.#early.size === 0;
    if (sequence > this.received) this.#keep(sequence, payload);
    else if (sequence + payload.length > this.received) {
      this.#deliver(payload.subarray(this.received - sequence));
      this.#drain();
    }
    if (inOrder && this.#owed === undefined) {
      const { clock } = this.#options;
      this.#owed = clock.at(addMs(clock.now(), DELAYED_ACK), () => this.#acknowledge());
    } else this.#acknowledge();
  }

  #keep(sequence: number, payload: Uint8Array): void {
    if (this.#early.has(sequence) || this.#earlyOctets + payload.length > this.#window) return;
    this.#early.set(sequence, payload);
    this.#earlyOctets += payload.length;
    this.#newest = this.#ranges.add(sequence, sequence + payload.length);
  }

  #drain(): void {
    for (;;) {
      const payload = this.#early.get(this.received);
      if (payload === undefined) break;
      this.#forget(this.received, payload);
      this.#deliver(payload);
    }
    for (const [sequence, payload] of this.#early) {
      if (sequence < this.received) this.#forget(sequence, payload);
    }
    this.#ranges.dropBelow(this.received);
  }

  #forget(sequence: number, payload: Uint8Array): void {
    this.#early.delete(sequence);
    this.#earlyOctets -= payload.length;
  }

  #deliver(payload: Uint8Array): void {
    this.verified += this.#options.bytes.matching(payload, this.received);
    this.received += payload.length;
    this.onBytes(payload.length);
  }

  #acknowledge(): void {
    this.#owed?.cancel();
    this.#owed = undefined;
    const { to, source, destination, sourcePort, destinationPort } = this.#options;
    to.send(
      buildTcp({
        source: destination,
        destination: source,
        sourcePort: destinationPort,
        destinationPort: sourcePort,
        sequence: 0,
        acknowledgement: this.received,
        window: this.#window - this.#earlyOctets,
        fin: false,
        payload: EMPTY,
        sack: this.#sack(),
      }),
    );
  }

  #sack(): Range[] {
    const newest = this.#newest;
    const all = this.#ranges.list;
    if (newest === undefined || all.length < 2) return [...all];
    const first = all.filter((range) => range[0] <= newest[0] && newest[0] < range[1]);
    return [...first, ...all.filter((range) => range !== first[0])];
  }
}
