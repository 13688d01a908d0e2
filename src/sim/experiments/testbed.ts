import type { EngineConfig, EngineEvent } from '../../engine/types.js';
import type { Address } from '../../wire/address.js';
import { RehomeError } from '../../wire/errors.js';
import { addMs, type Millis } from '../../wire/units.js';
import type { SimHost } from '../host.js';
import type { HostName, PathRef } from '../report.js';
import { linkSettings, trafficSpec } from '../scenario/resolve.js';
import type { Scenario, TrafficFields } from '../scenario/schema.js';
import { makeTraffic, type Traffic } from '../traffic/index.js';
import { World } from '../world.js';
import { ExplorationWatch } from './watch.js';

export interface TestbedOptions {
  readonly scenario: Pick<Scenario, 'network'>;
  readonly config: EngineConfig;
  readonly seed: string;
  readonly onEvent?: (host: HostName, event: EngineEvent) => void;
}

/** Hosts A and B with a few providers each and one context between them: seed 001, figure 3. */
export class Testbed {
  readonly world: World;
  readonly a: SimHost;
  readonly b: SimHost;
  /** Every one-way path, A's first, by source and then destination. */
  readonly paths: readonly PathRef[];
  readonly watch: ExplorationWatch;

  constructor({ scenario, config, seed, onEvent }: TestbedOptions) {
    this.watch = new ExplorationWatch(['A', 'B']);
    this.world = new World({
      seed,
      paths: linkSettings(scenario.network),
      onEvent: (host, event) => {
        this.watch.heard(host.name, event);
        onEvent?.(host.name as HostName, event);
      },
    });
    const { providers } = scenario.network;
    this.a = this.world.addHost('A', providers, config);
    this.b = this.world.addHost('B', providers, config);
    this.paths = [...oneWay('A', this.a, this.b), ...oneWay('B', this.b, this.a)];
  }

  get ulids(): { readonly local: Address; readonly peer: Address } {
    return { local: first(this.a), peer: first(this.b) };
  }

  /** Makes the context and waits until both ends have it. */
  establish(): void {
    this.a.driver?.establish(this.ulids);
    const { clock } = this.world;
    const done = clock.runWhile(addMs(clock.now(), 60_000), () =>
      [this.a, this.b].every((host) => host.engine?.contexts()[0]?.state === 'ESTABLISHED'),
    );
    if (done) return;
    throw new RehomeError(
      'REHOME_E_SCENARIO',
      'the hosts did not establish a context within a minute: is the loss of [network] too high?',
      this.world.random.seed,
    );
  }

  /** A's flow to B, not yet begun. */
  flow(fields: TrafficFields, port = 1_000): Traffic {
    const { local: source, peer: destination } = this.ulids;
    return makeTraffic(trafficSpec(fields), {
      clock: this.world.clock,
      random: this.world.random.fork(`traffic/${port}`),
      from: this.a,
      to: this.b,
      source,
      destination,
      port,
    });
  }

  /** The one-way paths that payload takes now. */
  inUse(): { readonly AtoB: PathRef; readonly BtoA: PathRef } {
    return { AtoB: this.#used('A'), BtoA: this.#used('B') };
  }

  stop(paths: readonly PathRef[]): void {
    this.#each(paths, { up: false });
  }
  restore(paths: readonly PathRef[] = this.paths): void {
    this.#each(paths, { up: true });
  }

  /** Probes sent so far by both. */
  probes(): number {
    return [this.a, this.b].reduce((n, h) => n + (h.engine?.counters()['sent-probe'] ?? 0), 0);
  }

  /** Pings sent so far by both. */
  pings(): number {
    return [this.a, this.b].reduce((n, h) => n + (h.engine?.counters()['pings-sent'] ?? 0), 0);
  }

  /** Waits until both are Operational again after `watch.begin`; false: not by `until`. */
  awaitRecovery(until: Millis): boolean {
    return this.world.clock.runWhile(until, () => this.watch.allBack);
  }

  /** `a1>b2`. */
  nameOf({ source, destination }: Pick<PathRef, 'source' | 'destination'>): string {
    return `${this.#locatorName(source)}>${this.#locatorName(destination)}`;
  }

  #locatorName(address: string): string {
    for (const [letter, host] of [
      ['a', this.a],
      ['b', this.b],
    ] as const) {
      const at = (host.locators as readonly string[]).indexOf(address);
      if (at >= 0) return `${letter}${at + 1}`;
    }
    return address;
  }

  #used(name: HostName): PathRef {
    const host = name === 'A' ? this.a : this.b;
    const { local, peer } = this.ulids;
    const ulids = name === 'A' ? { local, peer } : { local: peer, peer: local };
    const pair = host.engine?.contexts()[0]?.pair ?? ulids;
    return { from: name, source: pair.local, destination: pair.peer };
  }

  #each(paths: readonly PathRef[], change: { readonly up: boolean }): void {
    for (const { source, destination } of paths) {
      this.world.network.configure(source as Address, destination as Address, change);
    }
  }
}

function first(host: SimHost): Address {
  const [address] = host.locators;
  if (address === undefined) throw new RangeError(`host ${host.name} has no locator`);
  return address;
}

const oneWay = (from: HostName, sources: SimHost, destinations: SimHost): PathRef[] =>
  sources.locators.flatMap((source) =>
    destinations.locators.map((destination) => ({ from, source, destination })),
  );
