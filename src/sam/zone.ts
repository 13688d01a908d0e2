import { isLinkLocal, type Address } from '../wire/address.js';
import { ALL_NODES } from '../wire/multicast.js';
import type { NdPacket } from '../wire/nd.js';
import type { Prefix } from '../wire/prefix.js';
import type { SamParameters } from '../wire/sam-option.js';
import type { Millis, RandomSource } from '../wire/units.js';
import { advertisements } from './advertiser.js';
import { SAM } from './constants.js';
import type { Held, Parameter, ZoneState } from './derive.js';
import { chooseOctets } from './infix-length.js';
import { Link } from './link.js';
import { decodeSubnet } from './local.js';
import { secondsLeft, ZoneParameters, type Known, type Learned } from './parameters.js';
import type { SamEffect, SamEvent, SamEventName, SamInterface, SamZone } from './types.js';

/** One zone that the node is in: its links, and what is known of its parent interfaces. */
export class Zone {
  config: SamZone;
  readonly parameters = new ZoneParameters();
  links: readonly Link[] = [];
  /** Interfaces for which no infix fits, as was said. */
  readonly #unfit = new Set<number>();

  constructor(config: SamZone) {
    this.config = config;
  }

  get name(): string {
    return this.config.name;
  }
  get isGateway(): boolean {
    return this.config.role === 'gateway';
  }

  /** Of the zone's local addresses, once that is known. */
  get constant(): Prefix | undefined {
    for (const { subnet } of this.config.interfaces) {
      const parts = subnet === undefined ? undefined : decodeSubnet(subnet.address);
      if (parts?.ok === true) return parts.constant;
    }
    return this.parameters.constant;
  }

  /** The address under which the zone knows us as a parent: that of the first interface that has one. */
  get parentLocal(): Address | undefined {
    return this.links.find((l) => l.local !== undefined)?.local;
  }

  /** Links of interfaces that are the same as before are kept, with their addresses. */
  setConfig(config: SamZone, random: RandomSource, now: Millis): SamEffect[] {
    const out: SamEffect[] = [];
    const router = config.role === 'gateway' || config.interfaces.some((i) => i.subnet);
    const kept = new Map(this.links.map((l) => [l.interface.index, l]));
    this.links = config.interfaces.map((wanted) => {
      const old = kept.get(wanted.index);
      if (
        old === undefined ||
        !sameInterface(old.interface, wanted) ||
        this.config.role !== config.role
      ) {
        // prettier-ignore
        if (old) out.push(...old.unconfigure());
        kept.delete(wanted.index);
        return new Link(wanted, router, random, now);
      }
      kept.delete(wanted.index);
      return old;
    });
    let lost = false;
    for (const [index, old] of kept) {
      out.push(...old.unconfigure());
      lost = this.parameters.forgetInterface(index) || lost;
      this.#unfit.delete(index);
    }
    // The next advertisement may be a minute away.
    if (lost) for (const link of this.links) link.askAgain(now);
    this.config = config;
    return out;
  }

  stop(): SamEffect[] {
    return this.links.flatMap((l) => l.unconfigure());
  }

  linkOf(index: number): Link | undefined {
    return this.links.find((l) => l.interface.index === index);
  }

  /** A Router Advertisement from a trusted link. */
  hear(
    link: Link,
    packet: NdPacket,
    known: Omit<Known, 'constant' | 'parents'>,
    now: Millis,
  ): Learned {
    // prettier-ignore
    const { header, message } = packet;
    const nothing: Learned = { events: [], refused: [] };
    if (message.message !== 'routerAdvertisement' || !isLinkLocal(header.source)) return nothing;
    const parents = this.links.map((l) => l.local).filter((l) => l !== undefined);
    link.hear(message.options, header.destination, now);
    const learned = message.options.flatMap((option) =>
      option.option === 'samParameters'
        ? [
            this.parameters.learn(
              option,
              link.interface.index,
              { ...known, parents, constant: this.constant },
              now,
            ),
          ]
        : [],
    );
    return {
      events: learned.flatMap((l) => l.events),
      refused: learned.flatMap((l) => l.refused),
    };
  }

  /** Gives every link that can have one a local address to look for (§3.3). `held`: what a gateway has to delegate. */
  configureLinks(held: readonly Held[], provable: boolean, now: Millis): SamEffect[] {
    const out: SamEffect[] = [];
    const entries = this.parameters.live();
    const lengths = [...entries, ...held].map((e) => e.prefix.length);
    for (const link of this.links) {
      const subnet = link.subnet(entries, now);
      // A zone is recognised by its parameters; a gateway makes it one.
      if (subnet === undefined || (lengths.length === 0 && !this.isGateway)) continue;
      const parts = decodeSubnet(subnet.address);
      const subnetBits = parts.ok ? parts.subnet.length : 0;
      const octets =
        link.interface.octets ??
        chooseOctets({
          // A gateway may have to choose before it knows any prefix.
          zoneLengths: lengths.length === 0 ? [0] : lengths,
          subnetBits,
          provable: provable && lengths.length > 0,
        });
      // Without any infix it would be the gateway's (§3.2.3).
      const fits = octets !== undefined && octets + subnetBits > 0;
      const { index } = link.interface;
      if (fits) out.push(...link.configure(subnet, octets, now));
      else if (!this.#unfit.has(index)) {
        out.push(this.event('no-infix-fits', now, { subnet: subnet.address }, index));
      }
      if (fits) this.#unfit.delete(index);
      else this.#unfit.add(index);
    }
    return out;
  }

  /** What is in force in the zone, with what we are parent for. */
  state(own: readonly Parameter[]): ZoneState {
    const interfaces = this.links.flatMap(({ local, interface: i }) =>
      local === undefined ? [] : [{ index: i.index, local, mtu: i.mtu }],
    );
    const parameters = [...own, ...this.parameters.live()];
    return { name: this.name, constant: this.constant, parameters, interfaces };
  }

  /** The advertisements that are due. `own`: what we say as a gateway. */
  advertise(own: readonly SamParameters[], routerLifetime: number, now: Millis): SamEffect[] {
    return this.links.flatMap(({ advertiser, interface: link }) => {
      if (advertiser?.isDue(now) !== true) return [];
      const all = [...own, ...this.#relayed(link.index, now)];
      if (all.length === 0) {
        advertiser.stop();
        return [];
      }
      return advertiser
        .due(now)
        .flatMap((to) => advertisements(link, all, routerLifetime, to))
        .map((packet) => ({ kind: 'send' as const, interface: link.index, packet }));
    });
  }

  /** What was learned on other links of the zone, one router further on. Never back to where it came from. */
  #relayed(index: number, now: Millis): SamParameters[] {
    const groups = new Map<string, SamParameters>();
    for (const entry of this.parameters.all()) {
      const { parent, prefix, sequence, hopCount } = entry;
      if (entry.interface === index || hopCount >= SAM.maxHopCount) continue;
      const validLifetime = entry.withdrawn ? 0 : secondsLeft(entry.validUntil, now, true);
      if (validLifetime === 0 && !entry.withdrawn) continue;
      const preferred = entry.withdrawn ? 0 : secondsLeft(entry.preferredUntil, now, true);
      const preferredLifetime = Math.min(validLifetime, preferred);
      const key = `${parent} ${sequence} ${hopCount}`;
      const before = groups.get(key)?.prefixes ?? [];
      groups.set(key, {
        option: 'samParameters',
        hopCount: hopCount + 1,
        sequence,
        parent,
        prefixes: [...before, { prefix, validLifetime, preferredLifetime }],
      });
    }
    return [...groups.values()];
  }

  /** A last word on every link where we advertise. */
  farewell(own: readonly SamParameters[]): SamEffect[] {
    if (own.length === 0) return [];
    return this.links
      .filter((l) => l.advertiser !== undefined)
      .flatMap(({ interface: link }) =>
        advertisements(link, own, 0, ALL_NODES).map((packet) => ({
          kind: 'send' as const,
          interface: link.index,
          packet,
        })),
      );
  }

  changed(now: Millis): void {
    for (const link of this.links) link.advertiser?.changed(now);
  }

  event(
    name: SamEventName,
    at: Millis,
    detail: NonNullable<SamEvent['detail']> = {},
    index?: number,
  ): SamEffect {
    const where = index === undefined ? {} : { interface: index };
    return { kind: 'event', event: { at, name, zone: this.name, ...where, detail } };
  }
}

const sameInterface = (a: SamInterface, b: SamInterface): boolean => describe(a) === describe(b);
const describe = (i: SamInterface): string =>
  JSON.stringify({
    ...i,
    infix: i.infix?.toString(),
    remembered: undefined,
    linkLayer: i.linkLayer?.join(),
  });
