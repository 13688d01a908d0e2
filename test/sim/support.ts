import type { SimHost } from '../../src/sim/host.js';
import type { PathSettings } from '../../src/sim/network.js';
import { SeededRandom } from '../../src/sim/random.js';
import type { TrafficEnds } from '../../src/sim/traffic/types.js';
import { simConfig, World } from '../../src/sim/world.js';
import type { Address } from '../../src/wire/address.js';

/** Two hosts without rehome, one address each, and a path between them: what transports do, and nothing else. */
export function plainPair(paths: Partial<PathSettings> = { delay: 10 }, seed = 'plain') {
  const world = new World({ seed, paths });
  const config = simConfig('paper');
  const a = world.addHost('A', 1, config, { rehome: false });
  const b = world.addHost('B', 1, config, { rehome: false });
  return { world, a, b, ends: endsOf(world, a, b) };
}

/** A flow from the first address of one host to the first of the other. */
export const endsOf = (world: World, from: SimHost, to: SimHost, port = 5_000): TrafficEnds => ({
  clock: world.clock,
  random: new SeededRandom('traffic'),
  from,
  to,
  source: from.locators[0] as Address,
  destination: to.locators[0] as Address,
  port,
});

/** Virtual times at which packets left that `wanted` recognises. */
export function sendTimes(world: World, wanted: (packet: Uint8Array) => boolean): number[] {
  const times: number[] = [];
  world.network.tap((packet) => {
    if (wanted(packet)) times.push(world.clock.now());
  });
  return times;
}
