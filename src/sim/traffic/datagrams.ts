import type { Timer } from '../../daemon/clock.js';
import { setU32, u32 } from '../../wire/bytes.js';
import { PROTOCOL } from '../../wire/ipv6.js';
import { addMs } from '../../wire/units.js';
import { buildUdp } from '../packets.js';
import { Arrivals } from './arrivals.js';
import type { Traffic, TrafficEnds, TrafficSpec } from './types.js';

const NUMBER = 4;

/** Which host sends, with which ports, and where its packets are counted. */
interface Direction {
  readonly ends: TrafficEnds;
  readonly back: boolean;
  readonly size: number;
}

/** One UDP packet of a direction, built once: it may be sent any number of times. */
function packetOf({ ends, back, size }: Direction, number = 0): Uint8Array {
  const payload = new Uint8Array(Math.max(NUMBER, size));
  setU32(payload, 0, number);
  return buildUdp({
    source: back ? ends.destination : ends.source,
    destination: back ? ends.source : ends.destination,
    sourcePort: back ? ends.port + 1 : ends.port,
    destinationPort: back ? ends.port : ends.port + 1,
    payload,
  });
}

/** Calls `action` every `interval`, the first time at a random moment of it, so that flows do not march in step. */
class Beat {
  readonly #ends: TrafficEnds;
  readonly #interval: number;
  readonly #action: () => void;
  #timer: Timer | undefined;

  constructor(ends: TrafficEnds, interval: number, action: () => void) {
    this.#ends = ends;
    this.#interval = interval;
    this.#action = action;
  }

  start(): void {
    this.#arm(this.#ends.random.uniform() * this.#interval);
  }
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
  #arm(delay: number): void {
    const { clock } = this.#ends;
    this.#timer = clock.at(addMs(clock.now(), delay), () => {
      this.#arm(this.#interval);
      this.#action();
    });
  }
}

const listen = (ends: TrafficEnds, at: 'client' | 'server', got: (octets: Uint8Array) => void) => {
  const host = at === 'server' ? ends.to : ends.from;
  const port = at === 'server' ? ends.port + 1 : ends.port;
  host.listen(PROTOCOL.udp, port, ({ payload }) => got(payload));
};

/** `cbr` and `one-way`. */
export function steadyTraffic(
  ends: TrafficEnds,
  spec: TrafficSpec & { readonly model: 'cbr' | 'one-way' },
): Traffic {
  const [forward, backward] = [new Arrivals(), new Arrivals()];
  const { clock, from, to } = ends;
  const out = packetOf({ ends, back: false, size: spec.size });
  const beats = [new Beat(ends, spec.interval, () => from.send(out))];
  listen(ends, 'server', ({ length }) => forward.note(length, clock.now()));
  if (spec.model === 'cbr') {
    const back = packetOf({ ends, back: true, size: spec.size });
    beats.push(new Beat(ends, spec.interval, () => to.send(back)));
    listen(ends, 'client', ({ length }) => backward.note(length, clock.now()));
  }
  return {
    forward,
    backward,
    start: () => beats.forEach((beat) => beat.start()),
    stop: () => beats.forEach((beat) => beat.stop()),
  };
}

const FIRST_RETRY = 1_000;

/** A question, its answer, a pause; a question without an answer is repeated after 1, 2, 4 ... seconds. */
export function askingTraffic(
  ends: TrafficEnds,
  spec: TrafficSpec & { readonly model: 'request-response' },
): Traffic {
  const [forward, backward] = [new Arrivals(), new Arrivals()];
  const { clock, from, to } = ends;
  let asked = 0;
  let timer: Timer | undefined;
  const later = (delay: number, action: () => void): void => {
    timer?.cancel();
    timer = clock.at(addMs(clock.now(), delay), action);
  };
  const ask = (wait = FIRST_RETRY): void => {
    later(wait, () => ask(2 * wait));
    from.send(packetOf({ ends, back: false, size: spec.request }, asked));
  };
  listen(ends, 'server', (payload) => {
    forward.note(payload.length, clock.now());
    to.send(packetOf({ ends, back: true, size: spec.response }, u32(payload, 0)));
  });
  listen(ends, 'client', (payload) => {
    backward.note(payload.length, clock.now());
    if (u32(payload, 0) !== asked || timer === undefined) return; // an answer that came twice
    asked++;
    later(spec.think, ask);
  });
  return {
    forward,
    backward,
    start: () => later(ends.random.uniform() * spec.think, ask),
    stop: () => {
      timer?.cancel();
      timer = undefined;
    },
  };
}

/** Keystrokes, each echoed at once; then a pause in which nothing is sent at all. */
export function shellTraffic(
  ends: TrafficEnds,
  spec: TrafficSpec & { readonly model: 'idle-then-active' },
): Traffic {
  const [forward, backward] = [new Arrivals(), new Arrivals()];
  const { clock, from, to } = ends;
  const key = packetOf({ ends, back: false, size: 64 });
  const echo = packetOf({ ends, back: true, size: 64 });
  listen(ends, 'server', ({ length }) => {
    forward.note(length, clock.now());
    to.send(echo);
  });
  listen(ends, 'client', ({ length }) => backward.note(length, clock.now()));
  const keys = new Beat(ends, spec.interval, () => from.send(key));
  let phase: Timer | undefined;
  const active = (): void => {
    keys.start();
    phase = clock.at(addMs(clock.now(), spec.active), () => {
      keys.stop();
      phase = clock.at(addMs(clock.now(), spec.idle), active);
    });
  };
  return {
    forward,
    backward,
    start: active,
    stop: () => {
      keys.stop();
      phase?.cancel();
    },
  };
}
