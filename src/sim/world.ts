import type { EngineConfig, EngineEvent } from '../engine/types.js';
import { PROFILE_STRATEGIES, REAP_PROFILES, type ReapProfileName } from '../reap/constants.js';
import { RFC5533 } from '../shim6/constants.js';
import { parseAddress, type Address } from '../wire/address.js';
import { VirtualClock } from './clock.js';
import { SimHost, type SimHostOptions } from './host.js';
import { Network, type PathSettings } from './network.js';
import { simIdentity } from './identity.js';
import { SeededRandom } from './random.js';

/** The configuration of a simulated host: the daemon's defaults, no peer left out. */
export const simConfig = (
  profile: ReapProfileName = 'rfc',
  overrides: Partial<EngineConfig> = {},
): EngineConfig => ({
  profile,
  shim6: RFC5533,
  reap: REAP_PROFILES[profile],
  strategy: PROFILE_STRATEGIES[profile],
  trigger: {
    packets: 50,
    bytes: undefined,
    seconds: 5,
    ports: [],
    neverPorts: [53],
    outboundOnly: true,
  },
  protect: [],
  leave: [],
  security: 'none',
  deliverAllIcmp: false,
  maxContexts: 10_000,
  ...overrides,
});

/**
 * The address of host number `host` (from 1, below 2^24) at provider number `provider` (from 1, below 256), documentation
 * prefix.
 */
export const simAddress = (host: number, provider: number): Address => {
  const low = (host & 0xffff).toString(16);
  const high = ((host >>> 16) * 256 + provider).toString(16);
  return parseAddress(`2001:db8:${low}:${high}::${low}`);
};

export interface WorldOptions {
  readonly seed: string | number;
  readonly paths?: Partial<PathSettings>;
  readonly onEvent?: (host: SimHost, event: EngineEvent) => void;
  /** Default: throw, which ends the run. */
  readonly onError?: (host: SimHost, error: unknown, during: string) => void;
}

/** Virtual time, a network and hosts on it. Everything in it follows from the seed. */
export class World {
  readonly clock = new VirtualClock();
  readonly random: SeededRandom;
  readonly network: Network;
  readonly hosts: SimHost[] = [];
  readonly #options: WorldOptions;
  readonly #eventTaps = new Set<(host: SimHost, event: EngineEvent) => void>();

  constructor(options: WorldOptions) {
    this.#options = options;
    this.random = new SeededRandom(options.seed);
    this.network = new Network(this.clock, this.random.fork('network'), options.paths);
  }

  /**
   * A host with as many providers as `locators` says, or in the subnets of these very addresses: what `security` of its
   * configuration proves is made anew in them.
   */
  addHost(
    name: string,
    locators: number | readonly Address[],
    config: EngineConfig,
    more: Partial<Pick<SimHostOptions, 'intervals' | 'mtu' | 'rehome' | 'exits'>> = {},
  ): SimHost {
    const number = this.hosts.length + 1;
    const addresses =
      typeof locators === 'number'
        ? Array.from({ length: locators }, (_, i) => simAddress(number, i + 1))
        : locators;
    const random = this.random.fork(name);
    const identity = simIdentity(config.security, addresses, random.fork('identity'));
    const host = new SimHost({
      name,
      clock: this.clock,
      network: this.network,
      random,
      config,
      locators: identity.addresses,
      verifier: identity.verifier,
      onEvent: (from, event) => {
        this.#options.onEvent?.(from, event);
        for (const tap of this.#eventTaps) tap(from, event);
      },
      onError: (from, error, during) => this.#failed(from, error, during),
      ...more,
    });
    this.hosts.push(host);
    return host;
  }

  /** Told of every engine event of every host. Returns its removal. */
  tapEvents(tap: (host: SimHost, event: EngineEvent) => void): () => void {
    this.#eventTaps.add(tap);
    return () => void this.#eventTaps.delete(tap);
  }

  #failed(host: SimHost, error: unknown, during: string): void {
    if (this.#options.onError === undefined) {
      throw new Error(`${host.name}, seed ${this.random.seed}: ${during} failed`, { cause: error });
    }
    this.#options.onError(host, error, during);
  }
}
