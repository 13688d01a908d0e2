import type { EngineConfig, EngineEvent } from '../../src/engine/types.js';
import type { SimHost } from '../../src/sim/host.js';
import type { PathSettings } from '../../src/sim/network.js';
import { Site } from '../../src/sim/site.js';
import { makeTraffic, type TrafficSpec } from '../../src/sim/traffic/index.js';
import { simConfig, World } from '../../src/sim/world.js';
import type { Address } from '../../src/wire/address.js';
import { PROTOCOL } from '../../src/wire/ipv6.js';
import { MESSAGE_TYPE } from '../../src/wire/shim6/constants.js';

export interface FastWorldOptions {
  readonly seed: string;
  /** Peers, each in a site of its own. Default: 4. */
  readonly peers?: number;
  readonly peerProviders?: number;
  readonly contextsPerPeer?: number;
  readonly config?: EngineConfig;
  readonly peerConfig?: EngineConfig;
  readonly paths?: Partial<PathSettings>;
  readonly traffic?: TrafficSpec;
  readonly notices?: boolean;
}

/** One host behind a site with two exits, and contexts with peers elsewhere, all busy. */
export class FastWorld {
  readonly world: World;
  readonly site = new Site('site', 2);
  readonly host: SimHost;
  readonly peers: readonly SimHost[];
  /** Of all hosts, from the beginning. */
  readonly events: { readonly host: string; readonly event: EngineEvent }[] = [];

  constructor(o: FastWorldOptions) {
    const { seed, peers = 4, peerProviders = 2, config = simConfig('fast') } = o;
    this.world = new World({
      seed,
      paths: { delay: 10, ...o.paths },
      onEvent: (host, event) => void this.events.push({ host: host.name, event }),
    });
    for (const exit of this.site.exits) exit.notices = o.notices ?? false;
    this.host = this.world.addHost('H', 2, config, { exits: this.site.exits });
    this.peers = Array.from({ length: peers }, (_, i) =>
      this.world.addHost(`P${i + 1}`, peerProviders, o.peerConfig ?? config),
    );
    const traffic = o.traffic ?? { model: 'cbr', interval: 20, size: 100 };
    for (const [i, peer] of this.peers.entries()) {
      this.world.clock.after(i * 3, () => this.#talk(peer, traffic, i));
    }
  }

  get now(): number {
    return this.world.clock.now();
  }

  pass(duration: number): void {
    this.world.clock.run(duration);
  }

  /** An exit of the site, by its number from 0. */
  cutExit(number: number, up = false): void {
    this.site.exits[number]?.change({ up });
  }

  locator(number: number): Address {
    return this.host.locators[number] as Address;
  }

  /** How many contexts send over which of our locators, by its number. */
  spread(hosts: readonly SimHost[] = [this.host]): number[] {
    return this.host.locators.map((locator) =>
      hosts.reduce(
        (n, { engine }) =>
          n +
          (engine?.contexts() ?? []).filter(({ pair }) => [pair.local, pair.peer].includes(locator))
            .length,
        0,
      ),
    );
  }

  count(name: string, hosts: readonly SimHost[] = [this.host, ...this.peers]): number {
    return hosts.reduce((n, { engine }) => n + (engine?.counters()[name] ?? 0), 0);
  }

  /** Names of events since then, of everybody. */
  named(name: EngineEvent['name'], since: number): readonly EngineEvent[] {
    return this.events.flatMap(({ event }) =>
      event.name === name && event.at >= since ? event : [],
    );
  }

  #talk(to: SimHost, spec: TrafficSpec, number: number): void {
    const [source, destination] = [this.locator(0), to.locators[0] as Address];
    this.host.driver?.establish({ local: source, peer: destination });
    makeTraffic(spec, {
      clock: this.world.clock,
      random: this.world.random.fork(`traffic ${number}`),
      from: this.host,
      to,
      source,
      destination,
      port: 2_000 + 2 * number,
    }).start();
  }
}

/** Pings on the wire: Update Requests without options. */
export const isPing = (packet: Uint8Array): boolean =>
  packet[6] === PROTOCOL.shim6 &&
  packet[42] === MESSAGE_TYPE.updateRequest &&
  packet.length === 40 + 16;
