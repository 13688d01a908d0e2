import { SamDevice, type DeviceAddress } from '../../dataplane/sam/device.js';
import { SamPrograms } from '../../dataplane/sam/programs.js';
import type { ProviderLink } from '../../dataplane/sam/program-table.js';
import { Rtnetlink } from '../../linux/netlink/client.js';
import { NetlinkEvents } from '../../linux/netlink/events.js';
import type { FdPoller } from '../../linux/poller.js';
import {
  openDiscoverySocket,
  openIcmpErrorSocket,
  openIcmpSender,
  type RawSocket,
} from '../../linux/rawsocket.js';
import { SamEngine } from '../../sam/engine.js';
import { gatewayLocal, isOurs, type SamTable } from '../../sam/table.js';
import { decodeLocal } from '../../sam/local.js';
import type { GlobalAddress, ProviderPrefix, SamConfig, SamEffect } from '../../sam/types.js';
import { addressFromBytes, addressToBytes, type Address } from '../../wire/address.js';
import type { Prefix } from '../../wire/prefix.js';
import type { Millis, RandomSource } from '../../wire/units.js';
import type { Clock, Timer } from '../clock.js';
import type { SamDaemonConfig } from '../config/sam.js';
import { FOREVER_SECONDS, type SamHooks } from '../world.js';
import { SamAnswers } from './answers.js';
import { leasesOf, usableLeases, type Lease } from './leases.js';
import { linksNow, refuseLinks, refuseInterfaces, type LinksNow } from './links.js';

export interface SamServiceOptions extends SamHooks {
  readonly config: SamDaemonConfig;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly poller: FdPoller;
}

/** Changes of links and addresses are gathered for so long, milliseconds. */
const DEBOUNCE = 20;

/**
 * A SAM node on Linux: the engine, and what it wants done by netlink, raw sockets and the kernel programs. Everything it
 * did is undone by `close`, and after a kill by the next start.
 */
export class SamService {
  readonly #o: SamServiceOptions;
  readonly #netlink: Rtnetlink;
  readonly #device: SamDevice;
  readonly #programs: SamPrograms;
  readonly #discovery: RawSocket;
  readonly #sender: RawSocket;
  readonly #answers: SamAnswers;
  readonly #undo: (() => void)[] = [];
  readonly #attached = new Set<number>();
  #engine: SamEngine;
  #table: SamTable = { zones: [], providers: [] };
  #links: LinksNow = { zones: [], deviceMtu: 0, troubles: new Map() };
  #leases: readonly Lease[];
  #providers: readonly ProviderLink[] = [];
  #signature = '';
  #timer: Timer | undefined;
  #gather: NodeJS.Timeout | undefined;
  #closed = false;

  /**
   * Starts in the current network namespace. All or nothing.
   * @throws RehomeError REHOME_E_NO_LINK, REHOME_E_SAM_..., REHOME_E_DEVICE_TAKEN, REHOME_E_SYSCALL
   */
  constructor(options: SamServiceOptions) {
    this.#o = options;
    this.#leases = leasesOf(options.config.providers, [], options.clock.now());
    try {
      this.#netlink = this.#keep(new Rtnetlink());
      refuseLinks(options.config, this.#netlink.links());
      this.#links = this.#readLinks();
      this.#device = this.#keep(
        new SamDevice(this.#netlink, options.config.device, this.#links.deviceMtu),
      );
      this.#programs = this.#keep(new SamPrograms(this.#device.ifindex));
      this.#programs.attachDevice();
      this.#programs.setThroughDevice(false);
      this.#sender = this.#keep(openIcmpSender({ poller: options.poller }));
      this.#answers = new SamAnswers((packet, ifindex) => this.#sender.send(packet, ifindex) === 0);
      this.#programs.listen(options.poller, (event) =>
        this.#guarded('kernel event', () =>
          this.#answers.handle(event, this.#table, this.#o.clock.now()),
        ),
      );
      this.#discovery = this.#keep(
        openDiscoverySocket({
          poller: options.poller,
          onPacket: ({ packet, index }) => this.#heard(packet, index),
        }),
      );
      this.#keep(
        openIcmpErrorSocket({
          poller: options.poller,
          onPacket: ({ packet }) => this.#ownError(packet),
        }),
      );
      this.#keep(
        new NetlinkEvents(options.poller, ['link', 'address6'], () => this.#changedSoon()),
      );
      this.#engine = new SamEngine(this.#engineConfig(), options.random);
      this.#begin();
    } catch (error) {
      this.#undoAll();
      throw error;
    }
  }

  #begin(): void {
    this.#attachLinks();
    this.#attachProviders();
    this.#signature = this.#signatureOf(this.#links);
    // Effects are carried out one by one: what fails here is a failed start.
    this.#act(this.#engine.tick(this.#o.clock.now()));
    this.#schedule();
    // What has changed between the first look and the subscription was told to nobody.
    this.#changedSoon();
  }

  /** Whether a program of Shim6 is to see what arrives for this host. */
  setWatched(watched: boolean): void {
    if (!this.#closed) this.#programs.setThroughDevice(watched);
  }

  /**
   * What providers give from now on: a renumbering, if it is not what it was. Lifetimes of what is new begin now.
   * @throws RehomeError REHOME_E_NO_LINK, REHOME_E_SAM_NOT_ETHERNET because of an interface that is new; nothing has changed then
   */
  setProviders(providers: SamDaemonConfig['providers']): void {
    const known = new Set(this.#leases.map((l) => l.given.interface));
    const names = providers.map((p) => p.interface).filter((name) => !known.has(name));
    refuseInterfaces(names, this.#netlink.links());
    this.#leases = leasesOf(providers, this.#leases, this.#o.clock.now());
    this.#linksChanged();
  }

  get table(): SamTable {
    return this.#table;
  }
  get engine(): SamEngine {
    return this.#engine;
  }
  get deviceIndex(): number {
    return this.#device.ifindex;
  }
  /** Interfaces of zones that cannot be used now, and why. */
  get troubles(): LinksNow['troubles'] {
    return this.#links.troubles;
  }
  /** Elements in the maps of the kernel programs. */
  get programState(): number {
    return this.#programs.size;
  }
  /** Of the kernel programs, of what they left to us, and of the engine, by name. */
  counters(): Record<string, number> {
    return sum([this.#programs.counters(), this.#answers.counters(), this.#engine.counters()]);
  }

  #keep<T extends { close(): void }>(part: T): T {
    this.#undo.push(() => part.close());
    return part;
  }

  #readLinks(): LinksNow {
    const { config } = this.#o;
    const { memory } = this.#o;
    return linksNow(config, this.#netlink.links(), this.#netlink.addresses(), (n) => memory.of(n));
  }

  #engineConfig(): SamConfig {
    const { config, provable } = this.#o;
    return {
      zones: this.#links.zones,
      providers: this.#givenPrefixes(),
      routerLifetime: config.routerLifetime,
      provable,
      sequence: Math.floor(Date.now() / 1_000),
    };
  }

  #givenPrefixes(): readonly ProviderPrefix[] {
    return usableLeases(this.#leases, this.#netlink.links(), this.#o.clock.now());
  }

  #providerLinks(): ProviderLink[] {
    const links = this.#netlink.links();
    return this.#leases.flatMap(({ given }) => {
      const link = links.find((l) => l.name === given.interface);
      return link === undefined ? [] : [{ prefix: given.prefix, ifindex: link.index }];
    });
  }

  #attachLinks(): void {
    const wanted = new Set(this.#links.zones.flatMap((z) => z.interfaces.map((i) => i.index)));
    for (const index of this.#attached)
      if (!wanted.has(index)) this.#programs.detach('zone', index);
    for (const index of wanted) this.#programs.attach('zone', index);
    this.#attached.clear();
    for (const index of wanted) this.#attached.add(index);
  }

  #attachProviders(): void {
    const next = this.#providerLinks();
    const wanted = new Set(next.map((p) => p.ifindex));
    for (const { ifindex } of this.#providers) {
      if (!wanted.has(ifindex)) this.#programs.detach('provider', ifindex);
    }
    for (const ifindex of wanted) this.#programs.attach('provider', ifindex);
    this.#providers = next;
  }

  /** Differs when there is something to do. */
  #signatureOf(links: LinksNow): string {
    const usable = this.#givenPrefixes().map((p, i) => p === this.#leases[i]?.prefix);
    return signatureOf(links, this.#leases, this.#providerLinks(), usable);
  }

  #changedSoon(): void {
    this.#gather ??= setTimeout(() => {
      this.#gather = undefined;
      this.#guarded('links', () => this.#linksChanged());
    }, DEBOUNCE);
  }

  /** An interface has come, gone, or got its link-local address; or providers give something else. */
  #linksChanged(): void {
    if (this.#closed) return;
    const next = this.#readLinks();
    this.#links = next;
    const signature = this.#signatureOf(next);
    if (signature === this.#signature) return;
    this.#signature = signature;
    this.#device.setMtu(next.deviceMtu);
    this.#attachLinks();
    this.#attachProviders();
    this.#programs.setTable(this.#table, this.#providers);
    this.#act(this.#engine.configure(this.#engineConfig(), this.#o.clock.now()));
    this.#schedule();
  }

  #heard(packet: Uint8Array, index: number): void {
    if (this.#closed || !this.#attached.has(index)) return;
    this.#guarded('neighbor discovery', () => {
      this.#act(this.#engine.receive(index, packet, this.#o.clock.now()));
      this.#schedule();
    });
  }

  /** What our own kernel says of an outer packet, for example that nobody answers for its destination. */
  #ownError(packet: Uint8Array): void {
    const destination = addressFromBytes(packet, 24);
    const zone = this.#table.zones.findIndex((z) => isOurs(z, destination));
    if (zone < 0 || this.#closed) return;
    const event = { kind: 'error', reason: undefined, zone, ifindex: 0, packet } as const;
    this.#guarded('error of our own', () =>
      this.#answers.handle(event, this.#table, this.#o.clock.now()),
    );
  }

  #schedule(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const when: Millis | undefined = this.#engine.nextDeadline();
    if (when === undefined || this.#closed) return;
    this.#timer = this.#o.clock.at(when, () =>
      this.#guarded('timer', () => {
        this.#act(this.#engine.tick(this.#o.clock.now()));
        this.#schedule();
      }),
    );
  }

  /** One effect that fails (an interface that has just gone) must not keep the others from being carried out. */
  #act(effects: readonly SamEffect[]): void {
    for (const effect of effects) this.#guarded(effect.kind, () => this.#carryOut(effect));
  }

  #carryOut(effect: SamEffect): void {
    switch (effect.kind) {
      case 'join':
        return this.#discovery.join(addressToBytes(effect.group), effect.interface);
      case 'leave':
        return this.#discovery.leave(addressToBytes(effect.group), effect.interface);
      case 'send':
        this.#discovery.send(effect.packet, effect.interface);
        return;
      case 'assign':
        this.#device.assign(effect.interface, effect.address);
        return this.#remember(effect.interface, effect.address);
      case 'unassign':
        this.#device.unassign(effect.interface, effect.address);
        return;
      case 'addresses':
        return this.#setAddresses(effect.addresses);
      case 'table':
        this.#programs.setTable(effect.table, this.#providers);
        this.#table = effect.table;
        return this.#setRoutes();
      case 'event':
        return this.#o.onEvent(effect.event);
    }
  }

  #remember(index: number, local: Address): void {
    const { name } = this.#links.zones.flatMap((z) => z.interfaces).find((i) => i.index === index) ?? {}; // prettier-ignore
    const parts = decodeLocal(local);
    if (name !== undefined && parts.ok) this.#o.memory.keep(name, parts.iid);
  }

  #setAddresses(addresses: readonly GlobalAddress[]): void {
    const now = this.#o.clock.now();
    const seconds = (until: Millis | undefined): number =>
      until === undefined ? FOREVER_SECONDS : Math.max(0, Math.ceil((until - now) / 1_000));
    const wanted = addresses.map((a): DeviceAddress => ({
      address: a.address,
      validSeconds: Math.max(1, seconds(a.validUntil)),
      preferredSeconds: seconds(a.preferredUntil),
    }));
    this.#device.setAddresses(wanted);
    this.#setRoutes();
  }

  #setRoutes(): void {
    const gateways = this.#table.zones.filter((zone) =>
      zone.prefixes.some((p) => gatewayLocal(zone, p) !== undefined),
    );
    const ours = new Set(
      gateways.flatMap((z) =>
        z.prefixes.filter((p) => gatewayLocal(z, p) !== undefined).map((p) => p.prefix.address),
      ),
    );
    const sources = this.#engine
      .addresses()
      .filter((a) => a.local !== undefined && !ours.has(a.zonePrefix.address))
      .map((a) => a.delegated);
    const below = [
      ...gateways.flatMap((z) => z.prefixes.map((p) => p.prefix)),
      ...this.#table.providers,
    ];
    this.#device.setRoutes({ below: unique(below), sources: unique(sources) });
  }

  #guarded(during: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#o.onError(error, `sam: ${during}`);
    }
  }

  #undoAll(): void {
    for (const undo of this.#undo.splice(0).reverse()) {
      try {
        undo();
      } catch (error) {
        this.#o.onError(error, 'stopping sam');
      }
    }
  }

  /** Tells the children, and takes back everything. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#timer?.cancel();
    if (this.#gather !== undefined) clearTimeout(this.#gather);
    this.#act(this.#engine.stop(this.#o.clock.now()));
    this.#closed = true;
    this.#undoAll();
  }
}

const unique = (prefixes: readonly Prefix[]): Prefix[] => [
  ...new Map(prefixes.map((p) => [`${p.address}/${p.length}`, p])).values(),
];

const signatureOf = (
  { zones, deviceMtu }: LinksNow,
  leases: readonly Lease[],
  providers: readonly ProviderLink[],
  usable: readonly boolean[],
): string =>
  JSON.stringify([zones, deviceMtu, leases, providers, usable], (key, value: unknown) => {
    if (key === 'remembered') return undefined;
    return typeof value === 'bigint' ? value.toString() : value;
  });

function sum(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const out: Record<string, number> = {};
  for (const counters of all) {
    for (const [name, n] of Object.entries(counters)) out[name] = (out[name] ?? 0) + n;
  }
  return out;
}
