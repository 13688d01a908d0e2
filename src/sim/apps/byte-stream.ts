import type { Clock, Timer } from '../../daemon/clock.js';
import { PROTOCOL } from '../../wire/ipv6.js';
import { addMs, type Millis } from '../../wire/units.js';
import { buildTcp, isSegment, type Datagram } from '../packets.js';
import type { ByteSource } from './byte-source.js';
import type { DatagramFlow } from './datagrams.js';

export interface StreamOptions extends DatagramFlow {
  readonly clock: Clock;
  readonly bytes: ByteSource;
  /** Octets of payload per segment. Default 1400. */
  readonly segment?: number;
  /** Octets the receiver lets be on the way. Default 1 MiB. */
  readonly window?: number;
}

const SEGMENT = 1_400;
const WINDOW = 1 << 20;
const INITIAL_WINDOW = 10; // segments, RFC 6928
const INITIAL_RTO = 1_000; // RFC 6298 §2
const MIN_RTO = 200; // as Linux has it
const MAX_RTO = 120_000;

const EMPTY = new Uint8Array(0);

/**
 * The sending half of a small TCP: cumulative acknowledgements, slow start and congestion avoidance, fast retransmit
 * (RFC 5681, RFC 6582), a retransmission timer that doubles (RFC 6298). No handshake: ports are open at both ends.
 */
export class StreamSender {
  readonly #options: StreamOptions;
  readonly #segment: number;
  #limit = Infinity;
  #unacknowledged = 0;
  #next = 0;
  /** The farthest octet ever sent. */
  #farthest = 0;
  #congestionWindow: number;
  #threshold = Infinity;
  #peerWindow = WINDOW;
  #duplicates = 0;
  /** In fast recovery until this octet is acknowledged. */
  #recoverUntil: number | undefined;
  #smoothed: number | undefined;
  #variance = 0;
  #fastest = Infinity;
  #rto = INITIAL_RTO;
  /** The octet whose acknowledgement gives a round trip time, and when it left (Karn: never a retransmitted one). */
  #timed: { readonly end: number; readonly at: Millis } | undefined;
  #timer: Timer | undefined;
  #started = false;
  retransmissions = 0;
  timeouts = 0;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#segment = options.segment ?? SEGMENT;
    this.#congestionWindow = INITIAL_WINDOW * this.#segment;
    options.from.listen(PROTOCOL.tcp, options.sourcePort, (datagram) => this.#take(datagram));
  }

  /** Octets that went out at least once. */
  get sent(): number {
    return this.#farthest;
  }
  get acknowledged(): number {
    return this.#unacknowledged;
  }
  get done(): boolean {
    return this.#unacknowledged >= this.#limit;
  }

  /** Sends `limit` octets, or for ever until `finish`. */
  start(limit = Infinity): void {
    this.#started = true;
    this.#limit = limit;
    this.#push();
  }

  /** The application stops writing: what was sent so far is all. */
  finish(): void {
    this.#limit = Math.min(this.#limit, this.#farthest);
  }

  #push(): void {
    if (!this.#started) return;
    const window = Math.min(this.#congestionWindow, this.#peerWindow);
    while (this.#next < this.#limit) {
      const length = Math.min(this.#segment, this.#limit - this.#next);
      if (this.#next + length - this.#unacknowledged > window) break;
      this.#emit(this.#next, length);
      this.#next += length;
    }
    if (this.#next > this.#unacknowledged) this.#armIfIdle();
  }

  #emit(offset: number, length: number): void {
    const { from, bytes, clock } = this.#options;
    if (offset < this.#farthest) {
      this.retransmissions++;
      if (this.#timed !== undefined && offset < this.#timed.end) this.#timed = undefined;
    } else {
      this.#timed ??= { end: offset + length, at: clock.now() };
    }
    this.#farthest = Math.max(this.#farthest, offset + length);
    from.send(
      buildTcp({
        ...this.#options,
        sequence: offset,
        acknowledgement: 0,
        window: WINDOW,
        fin: false,
        payload: bytes.read(offset, length),
      }),
    );
  }

  #take(datagram: Datagram): void {
    if (!isSegment(datagram)) return;
    this.#peerWindow = datagram.window;
    const acknowledged = datagram.acknowledgement;
    if (acknowledged > this.#farthest) return;
    if (acknowledged > this.#unacknowledged) this.#advance(acknowledged);
    else if (acknowledged === this.#unacknowledged && this.#next > acknowledged) this.#duplicate();
    this.#push();
  }

  #advance(acknowledged: number): void {
    const octets = acknowledged - this.#unacknowledged;
    this.#unacknowledged = acknowledged;
    this.#next = Math.max(this.#next, acknowledged);
    this.#duplicates = 0;
    this.#measure(acknowledged);
    if (this.#recoverUntil !== undefined && acknowledged < this.#recoverUntil) {
      this.#emit(acknowledged, Math.min(this.#segment, this.#farthest - acknowledged)); // RFC 6582 §3.2
    } else if (this.#recoverUntil !== undefined) {
      this.#recoverUntil = undefined;
      this.#congestionWindow = this.#threshold;
    } else if (this.#congestionWindow < this.#threshold) {
      this.#congestionWindow += Math.min(octets, this.#segment);
    } else {
      this.#congestionWindow += (this.#segment * this.#segment) / this.#congestionWindow;
    }
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#next > acknowledged) this.#armIfIdle();
  }

  #duplicate(): void {
    this.#duplicates++;
    if (this.#recoverUntil !== undefined) {
      this.#congestionWindow += this.#segment;
    } else if (this.#duplicates === 3) {
      this.#halve();
      this.#recoverUntil = this.#farthest;
      this.#congestionWindow = this.#threshold + 3 * this.#segment;
      this.#emit(this.#unacknowledged, this.#resend());
    }
  }

  #resend(): number {
    return Math.min(this.#segment, this.#farthest - this.#unacknowledged);
  }

  #halve(): void {
    const flight = this.#next - this.#unacknowledged;
    this.#threshold = Math.max(flight / 2, 2 * this.#segment);
  }

  #measure(acknowledged: number): void {
    if (this.#timed === undefined || acknowledged < this.#timed.end) return;
    const rtt = this.#options.clock.now() - this.#timed.at;
    this.#timed = undefined;
    this.#fastest = Math.min(this.#fastest, rtt);
    // A queue builds up: leave slow start before it overflows, as HyStart does (RFC 9406).
    if (rtt > 1.5 * this.#fastest + 4) {
      this.#threshold = Math.min(this.#threshold, this.#congestionWindow);
    }
    if (this.#smoothed === undefined) {
      this.#smoothed = rtt;
      this.#variance = rtt / 2;
    } else {
      this.#variance = 0.75 * this.#variance + 0.25 * Math.abs(this.#smoothed - rtt);
      this.#smoothed = 0.875 * this.#smoothed + 0.125 * rtt;
    }
    const rto = this.#smoothed + Math.max(MIN_RTO, 4 * this.#variance);
    this.#rto = Math.min(MAX_RTO, rto);
  }

  #armIfIdle(): void {
    if (this.#timer !== undefined) return;
    const { clock } = this.#options;
    this.#timer = clock.at(addMs(clock.now(), this.#rto), () => this.#timeout());
  }

  /** Everything not acknowledged goes again, from the start of the window. */
  #timeout(): void {
    this.#timer = undefined;
    if (this.#unacknowledged >= this.#next) return;
    this.timeouts++;
    this.#halve();
    this.#rto = Math.min(MAX_RTO, 2 * this.#rto);
    this.#congestionWindow = this.#segment;
    this.#recoverUntil = undefined;
    this.#duplicates = 0;
    this.#timed = undefined;
    this.#next = this.#unacknowledged;
    this.#push();
  }
}

/** The receiving half: puts segments in order, checks every octet, acknowledges every segment. */
export class StreamReceiver {
  readonly #options: StreamOptions;
  readonly #window: number;
  readonly #early = new Map<number, Uint8Array>();
  #earlyOctets = 0;
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

  #take(datagram: Datagram): void {
    if (!isSegment(datagram) || datagram.source !== this.#options.source) return;
    const { sequence, payload } = datagram;
    if (sequence > this.received) this.#keep(sequence, payload);
    else if (sequence + payload.length > this.received) {
      this.#deliver(payload.subarray(this.received - sequence));
      this.#drain();
    }
    this.#acknowledge();
  }

  #keep(sequence: number, payload: Uint8Array): void {
    if (this.#early.has(sequence) || this.#earlyOctets + payload.length > this.#window) return;
    this.#early.set(sequence, payload);
    this.#earlyOctets += payload.length;
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
      }),
    );
  }
}
