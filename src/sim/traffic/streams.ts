import type { Timer } from '../../daemon/clock.js';
import { addMs } from '../../wire/units.js';
import { ByteSource } from '../apps/byte-source.js';
import { StreamReceiver } from '../apps/stream-receiver.js';
import { StreamSender } from '../apps/stream-sender.js';
import type { SeededRandom } from '../random.js';
import { Arrivals } from './arrivals.js';
import type { Traffic, TrafficEnds, TrafficSpec } from './types.js';

/** A TCP transfer with the two ports from `port` on. */
function connect(ends: TrafficEnds, bytes: ByteSource, port: number, forward: Arrivals) {
  const options = { ...ends, sourcePort: port, destinationPort: port + 1, bytes };
  const sender = new StreamSender(options);
  const receiver = new StreamReceiver(options);
  receiver.onBytes = (octets) => forward.note(octets, ends.clock.now());
  return { sender, receiver };
}

export interface BulkTraffic extends Traffic {
  readonly sender: StreamSender;
  readonly receiver: StreamReceiver;
}

export function bulkTraffic(ends: TrafficEnds): BulkTraffic {
  const forward = new Arrivals();
  const { sender, receiver } = connect(ends, new ByteSource('bulk'), ends.port, forward);
  return {
    sender,
    receiver,
    forward,
    backward: new Arrivals(),
    start: () => sender.start(),
    stop: () => sender.finish(),
  };
}

/** A size in octets with mean `mean` and a tail that falls as its `alpha`-th power (Pareto), at least one octet. */
export function paretoSize(random: SeededRandom, mean: number, alpha: number): number {
  const smallest = (mean * (alpha - 1)) / alpha;
  return Math.max(1, Math.round(smallest / (1 - random.uniform()) ** (1 / alpha)));
}

export interface MixTraffic extends Traffic {
  /** Octets of every transfer that was begun, and how long those took that are over, in milliseconds. */
  readonly sizes: readonly number[];
  readonly durations: readonly number[];
}

/** Ports of transfers that are over are used again, so that this many can run at once. */
const PORTS = 20_000;

/** Transfers of all sizes, most of them short and most octets in a few (the usual shape of traffic). */
export function mixTraffic(
  ends: TrafficEnds,
  spec: TrafficSpec & { readonly model: 'mix' },
): MixTraffic {
  const { clock, random } = ends;
  const forward = new Arrivals();
  const bytes = new ByteSource('mix');
  const sizes: number[] = [];
  const durations: number[] = [];
  const free: number[] = [];
  const running = new Set<StreamSender>();
  let fresh = 0;
  let timer: Timer | undefined;

  const begin = (): void => {
    arm();
    const slot = free.pop() ?? fresh++;
    if (slot >= PORTS / 2) {
      fresh--;
      return; // everything is stuck: who would begin one more?
    }
    const size = paretoSize(random, spec.meanSize, spec.alpha);
    const startedAt = clock.now();
    const { sender, receiver } = connect(ends, bytes, ends.port + 2 * slot, forward);
    sizes.push(size);
    running.add(sender);
    sender.onDone = () => {
      durations.push(clock.now() - startedAt);
      sender.close();
      receiver.close();
      running.delete(sender);
      free.push(slot);
    };
    sender.start(size);
  };
  const arm = (): void => {
    const wait = (-1_000 * Math.log(1 - random.uniform())) / spec.arrivals;
    timer = clock.at(addMs(clock.now(), wait), begin);
  };
  return {
    forward,
    backward: new Arrivals(),
    sizes,
    durations,
    start: arm,
    stop: () => {
      timer?.cancel();
      for (const sender of running) sender.close();
    },
  };
}
