import { isUsableLocator, type Address } from '../wire/address.js';
import { prefixContains } from '../wire/prefix.js';
import { addMs, ms, type Millis } from '../wire/units.js';
import { monotonicMs } from './clock.js';
import { FOREVER, type InterfaceAddress } from './netlink/address.js';
import { Rtnetlink } from './netlink/client.js';
import { RTPROT_REHOME } from './netlink/constants.js';
import { NetlinkEvents, type NetlinkEvent } from './netlink/events.js';
import { isLinkUp, type Link } from './netlink/link.js';
import type { Neighbour } from './netlink/neighbour.js';
import type { PrefixEvent } from './netlink/prefix.js';
import type { Route } from './netlink/route.js';
import type { NamespaceRef } from './netns.js';
import type { FdPoller } from './poller.js';

/**
 * `unreachable`: a default route for this address and interface is there, and Neighbor Unreachability Detection has
 * given up every router on it (RFC 4861 §7.3). `none`: no such route.
 */
export type RouterState = 'reachable' | 'unreachable' | 'none';

/** One of our own addresses, as RFC 5534 §3.1 and §3.2 ask about it. */
export interface OwnAddress {
  readonly address: Address;
  readonly prefixLength: number;
  readonly index: number;
  readonly interface: string;
  /** Monotonic; Infinity: no end. */
  readonly preferredUntil: Millis;
  readonly validUntil: Millis;
  /** `valid`, still being checked for duplicates, or found to be one. */
  readonly dad: 'valid' | 'tentative' | 'failed';
  readonly deprecated: boolean;
  readonly temporary: boolean;
  readonly linkUp: boolean;
  readonly router: RouterState;
  /** IFA_PROTO; RTPROT_REHOME marks an address that rehome itself added. */
  readonly protocol: number;
}

export interface AddressMonitorOptions {
  readonly poller: FdPoller;
  readonly namespace?: NamespaceRef;
  /** Interfaces to leave out, e.g. our own shim device. */
  readonly ignore?: (interfaceName: string) => boolean;
  /** The whole list, whenever something in it has changed. */
  readonly onChange: (addresses: readonly OwnAddress[]) => void;
  /** Every Prefix Information option that the kernel accepts from a Router Advertisement. */
  readonly onPrefix?: (advertised: PrefixEvent, interfaceName: string) => void;
  /** How long changes are gathered, milliseconds. Default 5. */
  readonly debounce?: number;
}

interface Known {
  readonly value: InterfaceAddress;
  readonly preferredUntil: Millis;
  readonly validUntil: Millis;
}

const keyOf = (index: number, address: Address): string => `${index} ${address}`;
/** The kernel tells lifetimes in whole seconds: a smaller difference is none. */
const LIFETIME_SLACK = 2000;
const GIVEN_UP = 'failed';

const until = (seconds: number, now: Millis): Millis =>
  seconds === FOREVER ? ms(Infinity) : addMs(now, seconds * 1000);

/**
 * The current set of this host's global unicast addresses: which exist, which are usable, and whether their link
 * and router work. It lives on events; after lost events it reads everything anew.
 */
export class AddressMonitor {
  readonly #options: AddressMonitorOptions;
  readonly #netlink: Rtnetlink;
  readonly #events: NetlinkEvents;
  readonly #links = new Map<number, Link>();
  readonly #addresses = new Map<string, Known>();
  #defaults: Route[] = [];
  /** Routers given up. An entry the kernel forgets stays here until the router is heard again. */
  readonly #dead = new Set<string>();
  #last: readonly OwnAddress[] = [];
  #timer: NodeJS.Timeout | undefined;
  #routesStale = false;

  /** Reads the state at once. @throws SyscallError. */
  constructor(options: AddressMonitorOptions) {
    this.#options = options;
    this.#netlink = new Rtnetlink(options.namespace);
    // Subscribed first and read second: what happens in between is applied twice, never missed.
    this.#events = new NetlinkEvents(
      options.poller,
      ['link', 'address6', 'route6', 'neighbour', 'prefix6'],
      (event) => this.#onEvent(event),
      options.namespace,
    );
    this.#readAll();
    this.#last = this.#compute();
  }

  /** The list as of now. */
  addresses(): readonly OwnAddress[] {
    return this.#compute();
  }

  #readAll(): void {
    const now = monotonicMs();
    this.#links.clear();
    this.#addresses.clear();
    this.#dead.clear();
    for (const link of this.#netlink.links()) this.#links.set(link.index, link);
    for (const address of this.#netlink.addresses()) this.#learn(address, now);
    for (const neighbour of this.#netlink.neighbours()) this.#hear(neighbour);
    this.#readRoutes();
  }

  #readRoutes(): void {
    this.#routesStale = false;
    this.#defaults = this.#netlink
      .routes()
      .filter((r) => r.destination.length === 0 && r.type === 'unicast');
    const routers = new Set(
      this.#defaults.flatMap((r) =>
        r.nexthops.flatMap((hop) => (hop.gateway ? [keyOf(hop.index, hop.gateway)] : [])),
      ),
    );
    for (const key of this.#dead) if (!routers.has(key)) this.#dead.delete(key);
  }

  #learn(value: InterfaceAddress, now: Millis): void {
    if (value.scope === 'link' || value.scope === 'host' || !isUsableLocator(value.address)) return;
    this.#addresses.set(keyOf(value.index, value.address), {
      value,
      preferredUntil: until(value.preferredSeconds, now),
      validUntil: until(value.validSeconds, now),
    });
  }

  #hear(neighbour: Neighbour): void {
    const key = keyOf(neighbour.index, neighbour.address);
    if (neighbour.state === GIVEN_UP) this.#dead.add(key);
    else if (neighbour.state !== 'incomplete' && neighbour.state !== 'none') this.#dead.delete(key);
  }

  #onEvent(event: NetlinkEvent): void {
    switch (event.kind) {
      case 'resync':
        this.#readAll();
        break;
      case 'link':
        if (event.removed) this.#links.delete(event.value.index);
        else this.#links.set(event.value.index, event.value);
        break;
      case 'address':
        if (event.removed) this.#addresses.delete(keyOf(event.value.index, event.value.address));
        else this.#learn(event.value, monotonicMs());
        break;
      case 'neighbour':
        if (!event.removed) this.#hear(event.value);
        break;
      case 'route':
        // Our own routes, one per context, are not about routers.
        if (event.value.destination.length !== 0 || event.value.protocol === RTPROT_REHOME) return;
        this.#routesStale = true;
        break;
      case 'prefix': {
        const link = this.#links.get(event.value.index);
        if (link !== undefined && this.#options.ignore?.(link.name) !== true)
          this.#options.onPrefix?.(event.value, link.name);
        return;
      }
      default:
        return;
    }
    this.#timer ??= setTimeout(() => this.#settle(), this.#options.debounce ?? 5);
  }

  #settle(): void {
    this.#timer = undefined;
    if (this.#routesStale) this.#readRoutes();
    const now = this.#compute();
    if (sameList(this.#last, now)) return;
    this.#last = now;
    this.#options.onChange(now);
  }

  #compute(): OwnAddress[] {
    const out: OwnAddress[] = [];
    for (const { value, preferredUntil, validUntil } of this.#addresses.values()) {
      const link = this.#links.get(value.index);
      if (link === undefined || this.#options.ignore?.(link.name)) continue;
      out.push({
        address: value.address,
        prefixLength: value.prefixLength,
        index: value.index,
        interface: link.name,
        preferredUntil,
        validUntil,
        dad: value.dadFailed
          ? 'failed'
          : value.tentative && !value.optimistic
            ? 'tentative'
            : 'valid',
        deprecated: value.deprecated,
        temporary: value.temporary,
        linkUp: isLinkUp(link),
        router: this.#routerState(value),
        protocol: value.protocol,
      });
    }
    return out.sort((a, b) => a.index - b.index || (a.address < b.address ? -1 : 1));
  }

  #routerState(value: InterfaceAddress): RouterState {
    let state: RouterState = 'none';
    for (const route of this.#defaults) {
      if (!prefixContains(route.source, value.address)) continue;
      for (const hop of route.nexthops) {
        if (hop.index !== value.index) continue;
        const dead = hop.gateway !== undefined && this.#dead.has(keyOf(hop.index, hop.gateway));
        if (!dead) return 'reachable';
        state = 'unreachable';
      }
    }
    return state;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#events.close();
    this.#netlink.close();
  }
}

const near = (a: Millis, b: Millis): boolean => a === b || Math.abs(a - b) < LIFETIME_SLACK;

const sameList = (a: readonly OwnAddress[], b: readonly OwnAddress[]): boolean =>
  a.length === b.length &&
  a.every((x, i) => {
    const y = b[i];
    return (
      y !== undefined &&
      x.address === y.address &&
      x.index === y.index &&
      x.interface === y.interface &&
      x.prefixLength === y.prefixLength &&
      x.dad === y.dad &&
      x.deprecated === y.deprecated &&
      x.linkUp === y.linkUp &&
      x.router === y.router &&
      x.protocol === y.protocol &&
      near(x.preferredUntil, y.preferredUntil) &&
      near(x.validUntil, y.validUntil)
    );
  });
