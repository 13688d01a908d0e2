import { SamEngine } from '../../sam/engine.js';
import { ErrorBudget } from '../../sam/error-budget.js';
import {
  fromHost,
  fromProvider,
  fromZone,
  type DropReason,
  type Verdict,
} from '../../sam/forward.js';
import { isOurs, type SamTable } from '../../sam/table.js';
import type {
  GlobalAddress,
  ProviderPrefix,
  SamConfig,
  SamEffect,
  SamEvent,
  SamInterface,
} from '../../sam/types.js';
import { addressFromBytes, isMulticast, type Address } from '../../wire/address.js';
import { u8 } from '../../wire/bytes.js';
import { buildIcmpError, ICMPV6_TYPE, parseIcmpv6 } from '../../wire/icmpv6.js';
import { formatPrefix, prefixContains, prefixOf, type Prefix } from '../../wire/prefix.js';
import type { Millis } from '../../wire/units.js';
import type { Clock, Timer } from '../../daemon/clock.js';
import type { SeededRandom } from '../random.js';
import type { GlobalInternet } from './internet.js';
import type { Port, SamLink } from './link.js';

/** One zone of a node, with the links that its interfaces are on. */
export interface NodeZone {
  readonly name: string;
  readonly role: 'child' | 'gateway';
  readonly links: readonly {
    readonly link: SamLink;
    readonly subnet?: Prefix;
    readonly octets?: number;
    readonly infix?: bigint;
    readonly trusted?: boolean;
  }[];
}

export interface NodeOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly zones: readonly NodeZone[];
  readonly provable?: boolean;
  /** The first sequence number of a gateway. */
  readonly sequence?: number;
}

interface Place extends Port {
  readonly zone: string;
  readonly link: SamLink;
  readonly addresses: Set<Address>;
  readonly groups: Set<Address>;
}

/**
 * A host, router or gateway in memory: the engine, and packets moved by the same functions that the engine's table is
 * for. Local packets for other nodes are forwarded between the links of one zone, as a router of the zone would.
 */
export class SamNode {
  readonly name: string;
  readonly engine: SamEngine;
  readonly events: SamEvent[] = [];
  /** Global packets that came to this host, ICMPv6 errors among them. */
  readonly received: Uint8Array[] = [];
  readonly #clock: Clock;
  readonly #places: readonly Place[];
  readonly #errors = new ErrorBudget();
  readonly #drops = new Map<DropReason, number>();
  readonly #uplinks: { readonly prefix: Prefix; readonly send: (packet: Uint8Array) => void }[] =
    [];
  #config: SamConfig;
  #table: SamTable = { zones: [], providers: [] };
  #addresses: readonly GlobalAddress[] = [];
  #timer: Timer | undefined;
  #running = true;

  constructor(options: NodeOptions) {
    this.name = options.name;
    this.#clock = options.clock;
    const places: Place[] = [];
    const zones = options.zones.map((zone) => ({
      name: zone.name,
      role: zone.role,
      interfaces: zone.links.map(({ link, trusted, ...choice }): SamInterface => {
        const place = this.#place(places.length + 1, zone.name, link);
        places.push(place);
        link.attach(place);
        const { index, linkLocal } = place;
        const name = `${options.name}.${link.name}`;
        return { index, name, linkLocal, mtu: link.mtu, trusted: trusted ?? true, ...choice };
      }),
    }));
    this.#places = places;
    this.#config = {
      zones,
      providers: [],
      routerLifetime: 0,
      provable: options.provable ?? false,
      sequence: options.sequence ?? 1,
    };
    this.engine = new SamEngine(this.#config, options.random.fork(options.name));
    this.#act(this.engine.tick(this.#clock.now()));
  }

  get table(): SamTable {
    return this.#table;
  }
  get addresses(): readonly GlobalAddress[] {
    return this.#addresses;
  }
  /** Global prefixes delegated to this node, as text. */
  get prefixes(): string[] {
    return this.#addresses.map((a) => formatPrefix(a.delegated));
  }
  /** Local addresses, in the order of the interfaces. */
  get locals(): Address[] {
    return this.#places.flatMap((p) => [...p.addresses]);
  }
  /** Packets dropped, by reason. */
  get drops(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#drops);
  }

  /** A provider's prefix, and the wire to it. */
  connect(internet: GlobalInternet, prefix: Prefix): void {
    const send = internet.attach(prefix, (packet) => {
      if (this.#running) this.#carryOut(fromProvider(this.#table, packet));
    });
    this.#uplinks.push({ prefix, send });
    this.setProviders([...this.#config.providers, { prefix }]);
  }

  setProviders(providers: readonly ProviderPrefix[]): void {
    this.#config = { ...this.#config, providers };
    this.#act(this.engine.setProviders(providers, this.#clock.now()));
  }

  /** A global packet of an application on this node. */
  send(packet: Uint8Array): void {
    if (this.#running) this.#carryOut(fromHost(this.#table, packet));
  }

  /** A packet, as if it had come in over the interface (counted from 1): what a forger on the link can do. */
  deliver(index: number, packet: Uint8Array): void {
    const place = this.#places[index - 1];
    if (place) this.#receive(place, packet);
  }

  /** Shut down as it should be. */
  stop(): void {
    this.#act(this.engine.stop(this.#clock.now()));
    this.die();
  }

  /** From now on it is as if the cable of every interface were cut. */
  die(): void {
    this.#running = false;
    this.#timer?.cancel();
  }

  #place(index: number, zone: string, link: SamLink): Place {
    const linkLocal = link.newLinkLocal();
    const addresses = new Set<Address>();
    const place: Place = {
      index,
      zone,
      link,
      linkLocal,
      addresses,
      groups: new Set<Address>(),
      leadsTo: (destination) => this.#nextPlace(place, destination) !== undefined,
      receive: (packet) => this.#receive(place, packet),
    };
    return place;
  }

  #receive(place: Place, packet: Uint8Array): void {
    if (!this.#running) return;
    const icmp = parseIcmpv6(packet);
    if (icmp.ok && icmp.type >= 133 && icmp.type <= 136) {
      return this.#act(this.engine.receive(place.index, packet, this.#clock.now()));
    }
    const verdict = fromZone(this.#table, place.zone, packet);
    if (verdict.verdict === 'pass') this.#forwardLocal(place, packet);
    else this.#carryOut(verdict);
  }

  #carryOut(verdict: Verdict): void {
    switch (verdict.verdict) {
      case 'deliver':
        this.received.push(verdict.packet);
        return;
      case 'send': {
        const place = this.#places.find((p) => p.index === verdict.interface);
        if (place) this.#sendLocal(place, verdict.packet);
        return;
      }
      case 'provider': {
        const source = addressFromBytes(verdict.packet, 8);
        this.#uplinks.find((u) => prefixContains(u.prefix, source))?.send(verdict.packet);
        return;
      }
      case 'drop':
        this.#drops.set(verdict.reason, (this.#drops.get(verdict.reason) ?? 0) + 1);
        if (verdict.reply && this.#errors.take(this.#clock.now())) this.#carryOut(verdict.reply);
        return;
      case 'pass':
        return;
    }
  }

  /** On its way through the zone: ordinary IPv6 forwarding (RFC 8200 §3), the outer hop limit counts. */
  #forwardLocal(place: Place, packet: Uint8Array): void {
    const destination = addressFromBytes(packet, 24);
    const zone = this.#table.zones.find((z) => z.name === place.zone);
    if (isMulticast(destination) || (zone && isOurs(zone, destination))) return;
    const next = this.#nextPlace(place, destination);
    if (next === undefined) return;
    const [own] = next.addresses;
    const error = (type: number, code: number, parameter = 0): void => {
      const source = addressFromBytes(packet, 8);
      if (own === undefined) return;
      const reply = buildIcmpError({ source: own, destination: source, type, code, parameter, invokingPacket: packet }); // prettier-ignore
      this.#sendLocal(place, reply);
    };
    if (u8(packet, 7) <= 1) return error(ICMPV6_TYPE.timeExceeded, 0);
    if (packet.length > next.link.mtu) return error(ICMPV6_TYPE.packetTooBig, 0, next.link.mtu);
    const out = packet.slice();
    out[7] = u8(packet, 7) - 1;
    if (!next.link.send(next, out)) error(ICMPV6_TYPE.destinationUnreachable, 3);
  }

  #sendLocal(place: Place, packet: Uint8Array): void {
    place.link.send(place, packet);
  }

  /** Another interface in the same zone, on the subnet of a local address. */
  #nextPlace(from: Place, destination: Address): Place | undefined {
    if (!this.#running) return undefined;
    const subnet = prefixOf(destination, 64).address;
    return this.#places.find(
      (p) =>
        p !== from &&
        p.zone === from.zone &&
        p.link !== from.link &&
        [...p.addresses].some((a) => prefixOf(a, 64).address === subnet),
    );
  }

  #act(effects: readonly SamEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'join':
          this.#places[effect.interface - 1]?.groups.add(effect.group);
          break;
        case 'leave':
          this.#places[effect.interface - 1]?.groups.delete(effect.group);
          break;
        case 'assign':
          this.#places[effect.interface - 1]?.addresses.add(effect.address);
          break;
        case 'unassign':
          this.#places[effect.interface - 1]?.addresses.delete(effect.address);
          break;
        case 'send': {
          const place = this.#places[effect.interface - 1];
          if (place) this.#sendLocal(place, effect.packet);
          break;
        }
        case 'table':
          this.#table = effect.table;
          break;
        case 'addresses':
          this.#addresses = effect.addresses;
          break;
        case 'event':
          this.events.push(effect.event);
      }
    }
    this.#schedule();
  }

  #schedule(): void {
    this.#timer?.cancel();
    const when: Millis | undefined = this.engine.nextDeadline();
    this.#timer =
      when === undefined || !this.#running
        ? undefined
        : this.#clock.at(when, () => this.#act(this.engine.tick(this.#clock.now())));
  }
}
