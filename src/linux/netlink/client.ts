import { RehomeError } from '../../wire/errors.js';
import type { NamespaceRef } from '../netns.js';
import * as address from './address.js';
import * as label from './label.js';
import * as link from './link.js';
import * as neighbour from './neighbour.js';
import * as route from './route.js';
import * as rule from './rule.js';
import { formatPrefix } from '../../wire/prefix.js';
import { NetlinkError, NetlinkSocket } from './socket.js';
import type { NetlinkMessage } from './message.js';

const ENOENT = 2;
const ESRCH = 3;
const ENXIO = 6;
const ENODEV = 19;
const EADDRNOTAVAIL = 99;

const present = <T>(
  messages: readonly NetlinkMessage[],
  decode: (p: Uint8Array) => T | undefined,
): T[] => messages.map((m) => decode(m.payload)).filter((value) => value !== undefined);

/**
 * What `ip -6 link|address|route|rule|neighbour` does, without `ip`: synchronous, inside one namespace for good.
 * Every method throws NetlinkError (REHOME_E_SYSCALL, `errno`) when the kernel refuses, except that deleting what
 * is not there returns false.
 */
export class Rtnetlink {
  readonly #socket: NetlinkSocket;

  constructor(namespace?: NamespaceRef) {
    this.#socket = new NetlinkSocket(namespace);
  }

  links(): link.Link[] {
    return present(this.#socket.request(link.dumpLinks(), 'list links'), link.decodeLink);
  }

  /** Undefined: no such link. */
  link(which: string | number): link.Link | undefined {
    try {
      const replies = this.#socket.request(link.getLink(which), `get link ${which}`);
      return present(replies, link.decodeLink)[0];
    } catch (error) {
      if (error instanceof NetlinkError && error.errno === ENODEV) return undefined;
      throw error;
    }
  }

  /** The index of a link. @throws RehomeError REHOME_E_NO_LINK. */
  index(name: string): number {
    const found = this.link(name);
    if (found === undefined) {
      throw new RehomeError('REHOME_E_NO_LINK', `there is no network interface ${name}`, name);
    }
    return found.index;
  }

  createVeth(end: link.VethEnd, peer: link.VethEnd): void {
    this.#socket.request(link.createVeth(end, peer), `create veth ${end.name}/${peer.name}`);
  }

  createBridge(name: string): void {
    this.#socket.request(link.createBridge(name), `create bridge ${name}`);
  }

  setLink(which: string | number, settings: link.LinkSettings): void {
    const index = typeof which === 'number' ? which : this.index(which);
    this.#socket.request(link.setLink(index, settings), `set link ${which}`);
  }

  /** False: it was not there. */
  deleteLink(which: string | number): boolean {
    const index = typeof which === 'number' ? which : this.link(which)?.index;
    if (index === undefined) return false;
    return this.#remove(link.deleteLink(index), `delete link ${which}`);
  }

  addresses(): address.InterfaceAddress[] {
    return present(
      this.#socket.request(address.dumpAddresses(), 'list addresses'),
      address.decodeAddress,
    );
  }

  addAddress(a: address.NewAddress): void {
    this.#socket.request(address.addAddress(a), `add address ${a.address}/${a.prefixLength}`);
  }

  /** Adds the address or changes its lifetimes. */
  replaceAddress(a: address.NewAddress): void {
    this.#socket.request(address.replaceAddress(a), `set address ${a.address}/${a.prefixLength}`);
  }

  deleteAddress(a: Pick<address.NewAddress, 'address' | 'prefixLength' | 'index'>): boolean {
    return this.#remove(address.deleteAddress(a), `delete address ${a.address}`);
  }

  /** All IPv6 routes of all tables, the local table included. */
  routes(): route.Route[] {
    return present(this.#socket.request(route.dumpRoutes(), 'list routes'), route.decodeRoute);
  }

  /** The route a packet would take; undefined: none (the kernel says unreachable). */
  routeFor(query: Parameters<typeof route.getRoute>[0]): route.Route | undefined {
    try {
      const replies = this.#socket.request(route.getRoute(query), `route to ${query.destination}`);
      return replies.map((m) => route.decodeRoute(m.payload)).find((r) => r !== undefined);
    } catch (error) {
      if (error instanceof NetlinkError && UNROUTABLE.has(error.errno)) return undefined;
      throw error;
    }
  }

  addRoute(r: route.NewRoute): void {
    this.#socket.request(route.addRoute(r), `add route ${formatPrefix(r.destination)}`);
  }

  replaceRoute(r: route.NewRoute): void {
    this.#socket.request(route.replaceRoute(r), `set route ${formatPrefix(r.destination)}`);
  }

  deleteRoute(r: route.NewRoute): boolean {
    return this.#remove(route.deleteRoute(r), `delete route ${formatPrefix(r.destination)}`);
  }

  rules(): rule.Rule[] {
    return present(this.#socket.request(rule.dumpRules(), 'list rules'), rule.decodeRule);
  }

  addRule(r: rule.NewRule): void {
    this.#socket.request(rule.addRule(r), `add rule ${r.priority}`);
  }

  deleteRule(r: rule.NewRule): boolean {
    return this.#remove(rule.deleteRule(r), `delete rule ${r.priority}`);
  }

  labels(): label.AddressLabel[] {
    return present(this.#socket.request(label.dumpLabels(), 'list labels'), label.decodeLabel);
  }

  /** Adds the label or changes it. */
  setLabel(l: label.AddressLabel): void {
    this.#socket.request(label.setLabel(l), `label ${formatPrefix(l.prefix)}`);
  }

  deleteLabel(l: label.AddressLabel): boolean {
    return this.#remove(label.deleteLabel(l), `delete the label of ${formatPrefix(l.prefix)}`);
  }

  neighbours(): neighbour.Neighbour[] {
    return present(
      this.#socket.request(neighbour.dumpNeighbours(), 'list neighbours'),
      neighbour.decodeNeighbour,
    );
  }

  setNeighbour(n: Parameters<typeof neighbour.setNeighbour>[0]): void {
    this.#socket.request(neighbour.setNeighbour(n), `set neighbour ${n.address}`);
  }

  /** Asks whether a neighbour is there; what comes of it is a neighbour event. */
  askNeighbour(n: Parameters<typeof neighbour.askNeighbour>[0]): void {
    this.#socket.request(neighbour.askNeighbour(n), `ask neighbour ${n.address}`);
  }

  deleteNeighbour(n: Parameters<typeof neighbour.deleteNeighbour>[0]): boolean {
    return this.#remove(neighbour.deleteNeighbour(n), `delete neighbour ${n.address}`);
  }

  #remove(request: Parameters<NetlinkSocket['request']>[0], what: string): boolean {
    try {
      this.#socket.request(request, what);
      return true;
    } catch (error) {
      if (error instanceof NetlinkError && GONE.has(error.errno)) return false;
      throw error;
    }
  }

  close(): void {
    this.#socket.close();
  }
}

const GONE: ReadonlySet<number> = new Set([ENOENT, ESRCH, ENXIO, ENODEV, EADDRNOTAVAIL]);
/** ENETUNREACH, EHOSTUNREACH, EACCES (prohibit), EINVAL (blackhole), ESRCH. */
const UNROUTABLE: ReadonlySet<number> = new Set([101, 113, 13, 22, ESRCH]);
