import type { Timer } from '../../daemon/clock.js';
import { PROTOCOL } from '../../wire/ipv6.js';
import { addMs, type Millis } from '../../wire/units.js';
import { buildTcp, isSegment, type Datagram, type Segment } from '../packets.js';
import { Ranges } from './ranges.js';
import { RtoEstimator } from './rto.js';
import { SEGMENT, WINDOW, type StreamOptions } from './stream.js';

const INITIAL_WINDOW = 10; // segments, RFC 6928
const DUPLICATES = 3;

/**
 * The sending half of a small TCP: slow start and congestion avoidance (RFC 5681), recovery with selective
 * acknowledgements (RFC 6675), a tail loss probe, then a retransmission timer that doubles, both as Linux times them.
 */
export class StreamSender {
  readonly #options: StreamOptions;
  readonly #segment: number;
  readonly #rto = new RtoEstimator();
  /** What the receiver has beyond the cumulative acknowledgement. */
  readonly #sacked = new Ranges();
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
  /** In fast recovery: holes below this octet have been sent again. */
  #resentTo = 0;
  /** After a timeout: until this octet is acknowledged, the window is not halved again. */
  #lossUntil: number | undefined;
  /** A tail loss probe is out; no second one until this octet is acknowledged. */
  #probedUntil: number | undefined;
  /** The octet whose acknowledgement gives a round trip time, and when it left (Karn: never a retransmitted one). */
  #timed: { readonly end: number; readonly at: Millis } | undefined;
  #timer: Timer | undefined;
  #started = false;
  retransmissions = 0;
  timeouts = 0;
  tailProbes = 0;
  onDone: () => void = () => undefined;

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

  /** Gives the port back; nothing is sent any more. */
  close(): void {
    this.#started = false;
    this.#cancel();
    this.#options.from.listen(PROTOCOL.tcp, this.#options.sourcePort, undefined);
  }

  /** Octets on the way, as far as we can know. */
  get #flight(): number {
    const all = this.#next - this.#unacknowledged;
    if (this.#recoverUntil === undefined) return all - this.#sacked.octets;
    // Unless they were sent again, holes below what has arrived are lost.
    const known = Math.max(this.#sacked.end, this.#unacknowledged);
    const resent = Math.min(this.#resentTo, known) - this.#unacknowledged;
    const arrived = this.#sacked.within(this.#unacknowledged, this.#unacknowledged + resent);
    return this.#next - known + Math.max(0, resent) - arrived;
  }

  #push(): void {
    if (!this.#started) return;
    let sent = false;
    while (this.#flight + this.#segment <= this.#congestionWindow) {
      if (!this.#resendHole() && !this.#sendNew()) break;
      sent = true;
    }
    if (sent && (this.#timer === undefined || this.#mayProbe())) this.#arm();
  }

  #resendHole(): boolean {
    if (this.#recoverUntil === undefined) return false;
    const hole = this.#sacked.hole(Math.max(this.#resentTo, this.#unacknowledged));
    if (hole === undefined) return false;
    const length = Math.min(this.#segment, hole[1] - hole[0]);
    this.#emit(hole[0], length);
    this.#resentTo = hole[0] + length;
    return true;
  }

  #sendNew(): boolean {
    const from = this.#sacked.skip(this.#next); // after a timeout: not what has arrived
    const length = Math.min(this.#segment, this.#limit - from);
    if (length <= 0 || from + length - this.#unacknowledged > this.#peerWindow) return false;
    this.#emit(from, length);
    this.#next = from + length;
    return true;
  }

  #emit(offset: number, length: number): void {
    const { from, bytes, clock, source, destination, sourcePort, destinationPort } = this.#options;
    if (offset < this.#farthest) {
      this.retransmissions++;
      if (this.#timed !== undefined && offset < this.#timed.end) this.#timed = undefined;
    } else {
      this.#timed ??= { end: offset + length, at: clock.now() };
    }
    this.#farthest = Math.max(this.#farthest, offset + length);
    from.send(
      buildTcp({
        source,
        destination,
        sourcePort,
        destinationPort,
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
    this.#hearSack(datagram);
    if (acknowledged > this.#unacknowledged) this.#advance(acknowledged);
    else if (acknowledged === this.#unacknowledged && this.#next > acknowledged) this.#duplicate();
    this.#push();
    if (this.done && this.#started) {
      this.#started = false;
      this.onDone();
    }
  }

  #hearSack({ acknowledgement, sack }: Segment): void {
    for (const [from, to] of sack) {
      if (from >= acknowledgement && to > from && to <= this.#farthest) this.#sacked.add(from, to);
    }
    this.#sacked.dropBelow(acknowledgement);
  }

  #advance(acknowledged: number): void {
    const octets = acknowledged - this.#unacknowledged;
    this.#unacknowledged = acknowledged;
    this.#next = Math.max(this.#next, acknowledged);
    this.#duplicates = 0;
    this.#rto.progress();
    this.#measure(acknowledged);
    if (acknowledged >= (this.#lossUntil ?? Infinity)) this.#lossUntil = undefined;
    if (acknowledged >= (this.#probedUntil ?? Infinity)) this.#probedUntil = undefined;
    if (this.#recoverUntil === undefined)
      this.#grow(Math.min(octets, 2 * this.#segment)); // RFC 3465
    else if (acknowledged >= this.#recoverUntil) {
      this.#recoverUntil = undefined;
      this.#congestionWindow = this.#threshold;
    }
    this.#arm();
  }

  #grow(octets: number): void {
    this.#congestionWindow +=
      this.#congestionWindow < this.#threshold
        ? octets
        : (this.#segment * octets) / this.#congestionWindow;
  }

  #duplicate(): void {
    this.#duplicates++;
    if (this.#recoverUntil !== undefined || this.#lossUntil !== undefined) return;
    const ahead = this.#sacked.end - this.#unacknowledged;
    if (this.#duplicates < DUPLICATES && ahead <= DUPLICATES * this.#segment) return;
    this.#halve();
    this.#recoverUntil = this.#farthest;
    this.#congestionWindow = this.#threshold;
    const first = Math.min(this.#segment, this.#farthest - this.#unacknowledged);
    this.#emit(this.#unacknowledged, first);
    this.#resentTo = this.#unacknowledged + first;
    this.#arm();
  }

  #halve(): void {
    this.#threshold = Math.max((this.#next - this.#unacknowledged) / 2, 2 * this.#segment);
  }

  #measure(acknowledged: number): void {
    if (this.#timed === undefined || acknowledged < this.#timed.end) return;
    const rtt = this.#options.clock.now() - this.#timed.at;
    this.#timed = undefined;
    this.#rto.sample(rtt);
    // A queue builds up: leave slow start before it overflows, as HyStart does (RFC 9406).
    if (rtt > 1.5 * this.#rto.fastest + 4) {
      this.#threshold = Math.min(this.#threshold, this.#congestionWindow);
    }
  }

  /** A tail loss probe comes before a timeout, never after one and never during fast recovery (RFC 8985 §7.2). */
  #mayProbe(): boolean {
    return (
      this.#recoverUntil === undefined &&
      this.#lossUntil === undefined &&
      this.#probedUntil === undefined
    );
  }

  /** Starts the timer that is due for what is out, anew. */
  #arm(): void {
    this.#cancel();
    const flight = this.#next - this.#unacknowledged;
    if (flight <= 0) return;
    const probe = this.#mayProbe()
      ? this.#rto.probeTimeout(Math.ceil(flight / this.#segment))
      : undefined;
    if (probe === undefined) this.#after(this.#rto.rto, () => this.#timeout());
    else this.#after(probe, () => this.#tailProbe());
  }

  #after(delay: number, action: () => void): void {
    const { clock } = this.#options;
    this.#timer = clock.at(addMs(clock.now(), delay), () => {
      this.#timer = undefined;
      action();
    });
  }

  #cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Something new where the peer's window has room, else the last segment again; then the full timeout. */
  #tailProbe(): void {
    if (this.#unacknowledged >= this.#next) return;
    this.tailProbes++;
    if (!this.#sendNew()) {
      const last = Math.max(this.#unacknowledged, this.#next - this.#segment);
      this.#emit(last, this.#next - last);
    }
    this.#probedUntil = this.#farthest;
    this.#arm();
  }

  /** Everything not acknowledged goes again, from the start of the window. */
  #timeout(): void {
    if (this.#unacknowledged >= this.#next) return;
    this.timeouts++;
    if (this.#lossUntil === undefined) this.#halve();
    this.#lossUntil = this.#farthest;
    this.#rto.ranOut();
    this.#congestionWindow = this.#segment;
    this.#recoverUntil = undefined;
    this.#probedUntil = undefined;
    this.#duplicates = 0;
    this.#timed = undefined;
    this.#next = this.#unacknowledged;
    this.#push();
  }
}
