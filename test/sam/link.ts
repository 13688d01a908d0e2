import {
  Autoconfiguration,
  type AutoconfigurationOptions,
} from '../../src/sam/autoconfiguration.js';
import type { SamEffect, SamInterface } from '../../src/sam/types.js';
import { SeededRandom } from '../../src/sim/random.js';
import { VirtualClock } from '../../src/sim/clock.js';
import { isMulticast, parseAddress, type Address } from '../../src/wire/address.js';
import { ALL_NODES } from '../../src/wire/multicast.js';
import { parseNd } from '../../src/wire/nd.js';
import { parsePrefix } from '../../src/wire/prefix.js';
import { ms, type Millis } from '../../src/wire/units.js';

export const SUBNET = parsePrefix('fcf9:0:0:1::/64');

/** How a link treats each packet for each receiver. */
export interface LinkSettings {
  readonly loss: number;
  readonly duplicate: number;
  /** Milliseconds, drawn evenly: packets overtake each other. */
  readonly maxDelay: number;
}

/** One interface that configures itself. */
export class Station {
  readonly link: TestLink;
  readonly interface: SamInterface;
  readonly machine: Autoconfiguration;
  readonly groups = new Set<Address>([ALL_NODES]);
  readonly assigned: { readonly at: Millis; readonly address: Address }[] = [];
  readonly effects: SamEffect[] = [];

  constructor(link: TestLink, index: number, options: Partial<AutoconfigurationOptions>) {
    this.link = link;
    this.interface = {
      index,
      name: `if${index}`,
      linkLocal: parseAddress(`fe80::${index.toString(16)}`),
      mtu: 1500,
      trusted: true,
    };
    this.machine = new Autoconfiguration({
      interface: this.interface,
      subnet: SUBNET,
      octets: 2,
      router: false,
      delay: true,
      random: link.random.fork(`station ${index}`),
      now: link.clock.now(),
      ...options,
    });
    this.act([]);
  }

  /** Carries effects out, and everything that is due at once. */
  act(effects: readonly SamEffect[]): void {
    const now = this.link.clock.now();
    for (const effect of [...effects, ...this.machine.tick(now)]) {
      this.effects.push(effect);
      if (effect.kind === 'join') this.groups.add(effect.group);
      if (effect.kind === 'leave') this.groups.delete(effect.group);
      if (effect.kind === 'assign') this.assigned.push({ at: now, address: effect.address });
      if (effect.kind === 'send') this.link.send(this, effect.packet);
    }
    const due = this.machine.deadline();
    if (due !== undefined)
      this.link.clock.at(due, () => this.machine.deadline() === due && this.act([]));
  }

  count(name: string): number {
    return this.effects.filter((e) => e.kind === 'event' && e.event.name === name).length;
  }
}

/** A link with multicast groups; what is sent to a group reaches its members only, our own stations looped back or not. */
export class TestLink {
  readonly clock = new VirtualClock();
  readonly random: SeededRandom;
  readonly stations: Station[] = [];
  readonly packets: Uint8Array[] = [];
  settings: LinkSettings;
  /** Stations that do not hear each other; undefined: one link. */
  partition: ((from: Station, to: Station) => boolean) | undefined;
  loopback = true;

  constructor(seed: string, settings: Partial<LinkSettings> = {}) {
    this.random = new SeededRandom(seed);
    this.settings = { loss: 0, duplicate: 0, maxDelay: 2, ...settings };
  }

  add(options: Partial<AutoconfigurationOptions> = {}): Station {
    const station = new Station(this, this.stations.length + 1, options);
    this.stations.push(station);
    return station;
  }

  send(from: Station | undefined, packet: Uint8Array): void {
    this.packets.push(packet);
    const { loss, duplicate, maxDelay } = this.settings;
    for (const to of this.stations) {
      if (to === from && !this.loopback) continue;
      if (from !== undefined && this.partition?.(from, to) === true) continue;
      if (this.random.chance(loss)) continue;
      const copies = this.random.chance(duplicate) ? 2 : 1;
      for (let i = 0; i < copies; i++) {
        this.clock.after(this.random.uniform() * maxDelay, () => this.#deliver(to, packet));
      }
    }
  }

  #deliver(to: Station, packet: Uint8Array): void {
    const nd = parseNd(packet);
    if (!nd.ok) throw new Error(nd.reason);
    const { destination } = nd.header;
    if (isMulticast(destination) && !to.groups.has(destination)) return;
    to.act(to.machine.receive(nd, this.clock.now()));
  }

  run(duration: number): void {
    this.clock.runUntil(ms(this.clock.now() + duration));
  }
}
