import type { Clock, Timer } from '../../daemon/clock.js';
import { addressFromBytes, addressToBytes, type Address } from '../../wire/address.js';
import { setU32, u32 } from '../../wire/bytes.js';
import { PROTOCOL } from '../../wire/ipv6.js';
import { addMs, type Millis } from '../../wire/units.js';
import type { SimHost } from '../host.js';
import { buildUdp, type Datagram } from '../packets.js';

/** What every test datagram says of itself: number, then the ULIDs its sender used, so that no mix-up stays hidden. */
const HEADER = 4 + 16 + 16;

export interface DatagramFlow {
  readonly from: SimHost;
  readonly to: SimHost;
  readonly source: Address;
  readonly destination: Address;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export interface SenderOptions extends DatagramFlow {
  readonly clock: Clock;
  /** Milliseconds between packets. */
  readonly interval: number;
  /** Octets of padding behind the numbered header. Default 0. */
  readonly padding?: number;
}

/** Sends a numbered UDP packet every `interval` while it runs: a stream, a request every second, or bursts. */
export class DatagramSender {
  readonly #options: SenderOptions;
  #timer: Timer | undefined;
  sent = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  get flow(): DatagramFlow {
    return this.#options;
  }

  /** The first packet leaves at once. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.sendOne();
    this.#again();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Active only between the two times: idle before, idle after. */
  between(from: Millis, to: Millis): void {
    const { clock } = this.#options;
    clock.at(from, () => this.start());
    clock.at(to, () => this.stop());
  }

  sendOne(): void {
    const { from, source, destination, sourcePort, destinationPort } = this.#options;
    const payload = new Uint8Array(HEADER + (this.#options.padding ?? 0));
    setU32(payload, 0, this.sent++);
    payload.set(addressToBytes(source), 4);
    payload.set(addressToBytes(destination), 20);
    from.send(buildUdp({ source, destination, sourcePort, destinationPort, payload }));
  }

  #again(): void {
    const { clock, interval } = this.#options;
    this.#timer = clock.at(addMs(clock.now(), interval), () => {
      this.sendOne();
      this.#again();
    });
  }
}

/** Takes what a `DatagramSender` sends, and checks that it came with the ULIDs it left with. */
export class DatagramReceiver {
  readonly #seen = new Set<number>();
  readonly #clock: Clock;
  readonly #flow: DatagramFlow;
  received = 0;
  duplicates = 0;
  /** Packets delivered with other ULIDs than they were sent with, or to another flow's socket. */
  misdelivered = 0;
  firstAt: Millis | undefined;
  lastAt: Millis | undefined;
  longestGap = 0;

  constructor(clock: Clock, flow: DatagramFlow) {
    this.#clock = clock;
    this.#flow = flow;
    flow.to.listen(PROTOCOL.udp, flow.destinationPort, (datagram) => this.#take(datagram));
  }

  /** Distinct packets. */
  get distinct(): number {
    return this.#seen.size;
  }

  #take(datagram: Datagram): void {
    if (!this.#rightful(datagram)) {
      this.misdelivered++;
      return;
    }
    const now = this.#clock.now();
    const number = u32(datagram.payload, 0);
    this.received++;
    if (this.#seen.has(number)) this.duplicates++;
    this.#seen.add(number);
    if (this.lastAt !== undefined) this.longestGap = Math.max(this.longestGap, now - this.lastAt);
    this.firstAt ??= now;
    this.lastAt = now;
  }

  #rightful(datagram: Datagram): boolean {
    const { payload } = datagram;
    return (
      payload.length >= HEADER &&
      datagram.source === this.#flow.source &&
      datagram.destination === this.#flow.destination &&
      datagram.sourcePort === this.#flow.sourcePort &&
      addressFromBytes(payload, 4) === datagram.source &&
      addressFromBytes(payload, 20) === datagram.destination
    );
  }
}

export interface DatagramStream {
  readonly sender: DatagramSender;
  readonly receiver: DatagramReceiver;
}

/** One direction of a stream. */
export function datagramStream(options: SenderOptions): DatagramStream {
  return {
    sender: new DatagramSender(options),
    receiver: new DatagramReceiver(options.clock, options),
  };
}

/** The same both ways: what the paper used to make failures noticeable, one packet each second (seed 001, §5.3). */
export function requestStream(options: SenderOptions): {
  readonly forward: DatagramStream;
  readonly backward: DatagramStream;
} {
  const back: SenderOptions = {
    ...options,
    from: options.to,
    to: options.from,
    source: options.destination,
    destination: options.source,
    sourcePort: options.destinationPort,
    destinationPort: options.sourcePort,
  };
  return { forward: datagramStream(options), backward: datagramStream(back) };
}
