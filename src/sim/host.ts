import { HostDriver, type DriverIntervals } from '../daemon/driver.js';
import type { Clock } from '../daemon/clock.js';
import { MemoryDataPath } from '../dataplane/memory.js';
import { HostEngine } from '../engine/host.js';
import type { EngineConfig, EngineEvent, HostEngineApi, LocalLocator } from '../engine/types.js';
import type { LocatorVerifier } from '../identity/verifier.js';
import type { Address } from '../wire/address.js';
import type { RandomSource } from '../wire/units.js';
import type { Endpoint, Network } from './network.js';
import { addressAt, parseTransport, type Datagram } from './packets.js';
import type { Exit } from './site.js';

export interface SimHostOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly network: Network;
  readonly random: RandomSource;
  readonly config: EngineConfig;
  /** One address per provider; the first is what applications use unless they say otherwise. */
  readonly locators: readonly Address[];
  readonly onEvent?: (host: SimHost, event: EngineEvent) => void;
  readonly onError: (host: SimHost, error: unknown, during: string) => void;
  readonly intervals?: Partial<DriverIntervals>;
  readonly mtu?: number;
  /** The site's exit routers, one for each locator; undefined: the providers are the host's own. */
  readonly exits?: readonly Exit[];
  /** False: a plain host without rehome, which answers nothing of protocol 140. */
  readonly rehome?: boolean;
  /** Default: nothing is verified. */
  readonly verifier?: LocatorVerifier;
}

/** One life of the daemon. */
interface Daemon {
  readonly engine: HostEngineApi;
  readonly dataPath: MemoryDataPath;
  readonly driver: HostDriver;
}

/** A locator as address management would report one that works. */
export const plainLocator = (address: Address, ifindex: number): LocalLocator => ({
  address,
  ifindex,
  interfaceName: `eth${ifindex}`,
  deprecated: false,
  operational: true,
  priority: 0,
  weight: 0,
  transient: false,
});

/**
 * A host in virtual time: the engine, the memory data path and the driver of a real one, and transports that outlive
 * the daemon. `crash` is `kill -9` of the daemon: its state is gone, the applications' is not.
 */
export class SimHost implements Endpoint {
  readonly name: string;
  readonly #options: SimHostOptions;
  #locators: readonly Address[] = [];
  #local = new Set<Address>();
  #daemon: Daemon | undefined;
  readonly #sockets = new Map<string, (datagram: Datagram) => void>();
  /** Packets that no application took, by reason. */
  readonly dropped = {
    'bad-transport': 0,
    'no-socket': 0,
    'not-local': 0,
    'source-not-local': 0,
    'no-daemon': 0,
  };

  constructor(options: SimHostOptions) {
    this.#options = options;
    this.name = options.name;
    this.#attach(options.locators);
    this.restart();
  }

  get locators(): readonly Address[] {
    return this.#locators;
  }

  /** Undefined while crashed. */
  get engine(): HostEngineApi | undefined {
    return this.#daemon?.engine;
  }
  get driver(): HostDriver | undefined {
    return this.#daemon?.driver;
  }
  get dataPath(): MemoryDataPath | undefined {
    return this.#daemon?.dataPath;
  }

  /** Loses every context, here and in the data path, without a word to anybody. */
  crash(): void {
    this.#daemon?.driver.stop();
    this.#daemon?.dataPath.close();
    this.#daemon = undefined;
  }

  /** A fresh daemon that knows the locators and nothing else. */
  restart(): void {
    if (this.#daemon !== undefined || this.#options.rehome === false) return;
    const { clock, config, random, mtu, intervals, verifier } = this.#options;
    const engine = new HostEngine({
      config,
      random,
      now: clock.now(),
      ...(verifier === undefined ? {} : { verifier }),
    });
    const dataPath = new MemoryDataPath({
      now: () => clock.now(),
      toNetwork: (packet) => this.#transmit(packet),
      toApplication: (packet) => this.#accept(packet),
      ...(mtu === undefined ? {} : { mtu }),
    });
    dataPath.setAddresses(this.#locators);
    const driver = new HostDriver({
      engine,
      dataPath,
      clock,
      onEvent: (event) => this.#options.onEvent?.(this, event),
      onError: (error, during) => this.#options.onError(this, error, during),
      eventsKept: 64,
      ...(intervals === undefined ? {} : { intervals }),
    });
    this.#daemon = { engine, dataPath, driver };
    driver.start();
    driver.setLocalLocators(this.#locators.map((address, i) => plainLocator(address, i + 1)));
  }

  /** Renumbering: from now on these are the host's addresses, and the network delivers to no other. */
  setLocators(locators: readonly Address[], describe = plainLocator): void {
    this.#attach(locators);
    this.#daemon?.dataPath.setAddresses(locators);
    this.#daemon?.driver.setLocalLocators(locators.map((address, i) => describe(address, i + 1)));
  }

  deliver(packet: Uint8Array): void {
    const destination = addressAt(packet, 24);
    const daemon = this.#daemon;
    if (!this.#local.has(destination) && daemon?.dataPath.isLocal(destination) !== true) {
      this.dropped['not-local']++;
    } else if (daemon !== undefined) {
      daemon.dataPath.fromNetwork(packet);
    } else {
      this.#accept(packet);
    }
  }

  /** An application's packet, with ULIDs in its header. */
  send(packet: Uint8Array): void {
    if (this.#daemon === undefined) this.#transmit(packet);
    else this.#daemon.dataPath.fromApplication(packet);
  }

  /** One handler per protocol and port; undefined closes it. */
  listen(
    protocol: number,
    port: number,
    handler: ((datagram: Datagram) => void) | undefined,
  ): void {
    const key = `${protocol}:${port}`;
    if (handler === undefined) this.#sockets.delete(key);
    else this.#sockets.set(key, handler);
  }

  #attach(locators: readonly Address[]): void {
    for (const address of this.#locators) this.#options.network.detach(address);
    this.#locators = [...locators];
    this.#local = new Set(locators);
    const { network, exits } = this.#options;
    for (const [i, address] of locators.entries()) network.attach(address, this, exits?.[i]);
  }

  /** No provider takes a packet whose source is not of its prefix (RFC 2827). */
  #transmit(packet: Uint8Array): void {
    if (this.#local.has(addressAt(packet, 8))) this.#options.network.send(packet);
    else this.dropped['source-not-local']++;
  }

  #accept(packet: Uint8Array): void {
    const datagram = parseTransport(packet);
    if (datagram === undefined) {
      this.dropped[this.#daemon === undefined ? 'no-daemon' : 'bad-transport']++;
      return;
    }
    const handler = this.#sockets.get(`${datagram.protocol}:${datagram.destinationPort}`);
    if (handler === undefined) this.dropped['no-socket']++;
    else handler(datagram);
  }
}
