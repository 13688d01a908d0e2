import { formatPrefix, prefixContains, type Prefix } from '../wire/prefix.js';
import { parseNd, type NdPacket } from '../wire/nd.js';
import { ms, type Millis, type RandomSource } from '../wire/units.js';
import { checkConfig } from './config.js';
import {
  addressesOf,
  delegatedTo,
  tableOf,
  unusable,
  type Held,
  type Parameter,
  type ZoneState,
} from './derive.js';
import { infixLength } from './infix.js';
import type { Link } from './link.js';
import { OwnParameters } from './own-parameters.js';
import { EMPTY_TABLE, type SamTable } from './table.js';
import type { GlobalAddress, ProviderPrefix, SamConfig, SamEffect } from './types.js';
import { viewOf, type SamView } from './view.js';
import { Zone } from './zone.js';

/**
 * One node in its zones: host, router or gateway, as its configuration says. Pure: packets and the time come in, effects
 * go out, `nextDeadline()` says when `tick` is wanted. `now` never goes backwards. What it computes for the data path is a
 * `SamTable`; packets of applications never come here.
 */
export class SamEngine {
  #config: SamConfig;
  readonly #random: RandomSource;
  #zones: readonly Zone[] = [];
  #providers: readonly ProviderPrefix[] = [];
  readonly #own: OwnParameters;
  #table: SamTable = EMPTY_TABLE;
  #addresses: readonly GlobalAddress[] = [];
  #tooLong = new Set<string>();
  #started = false;
  #now: Millis = ms(0);
  readonly #counters = new Map<string, number>();

  /**
   * Nothing happens before the first `tick` or `receive`.
   * @throws RehomeError REHOME_E_SAM_...
   */
  constructor(config: SamConfig, random: RandomSource) {
    checkConfig(config);
    this.#config = config;
    this.#random = random;
    this.#own = new OwnParameters(config.sequence);
  }

  /** A Neighbor Discovery packet that came in over an interface; others are counted and ignored. */
  receive(index: number, packet: Uint8Array, now: Millis): SamEffect[] {
    const begun = this.#started ? [] : this.tick(now);
    const zone = this.#zones.find((z) => z.linkOf(index) !== undefined);
    const link = zone?.linkOf(index);
    if (zone === undefined || link === undefined) return this.#count('other-interface', begun);
    const nd = parseNd(packet);
    if (!nd.ok) return this.#count(`drop-${nd.reason}`, begun);
    const heard = this.#hear(zone, link, nd, now);
    // On a busy link most of what is heard means nothing to us.
    const nothing = heard.length === 0 && nd.message.message !== 'routerAdvertisement';
    if (nothing && (this.nextDeadline() ?? Infinity) > now) return begun;
    return [...begun, ...heard, ...this.tick(now)];
  }

  /**
   * A new configuration. Zones of the same name and interfaces that are described as before keep all they have.
   * @throws RehomeError REHOME_E_SAM_...; nothing has changed then
   */
  configure(config: SamConfig, now: Millis): SamEffect[] {
    checkConfig(config);
    this.#config = config;
    return this.#setConfig(now);
  }

  /** What providers give us, the whole list: when a lease begins, is renewed, changes, or ends. */
  setProviders(providers: readonly ProviderPrefix[], now: Millis): SamEffect[] {
    return this.configure({ ...this.#config, providers }, now);
  }

  /**
   * Gives up all local addresses and groups. A gateway takes back what it delegated (RFC 4861 §6.2.5: a last
   * advertisement), so that its children need not find out by themselves. The engine is not used after that.
   */
  stop(now: Millis): SamEffect[] {
    this.#own.set([], now);
    const last = this.#own.advertised(now);
    const told = this.#zones.filter((z) => z.isGateway).flatMap((z) => z.farewell(last));
    return [...told, ...this.#zones.flatMap((z) => z.stop())];
  }

  /** Carries out every deadline that has come, and all that follows from what was heard. */
  tick(now: Millis): SamEffect[] {
    const out: SamEffect[] = [];
    if (!this.#started) out.push(...this.#setUp(now));
    for (const zone of this.#zones) {
      for (const { parent, prefix } of zone.parameters.expire(now)) {
        zone.changed(now);
        const detail = { parent, prefix: formatPrefix(prefix) };
        out.push(zone.event('prefix-expired', now, detail));
      }
    }
    this.#providers = this.#config.providers.filter((p) => (p.validUntil ?? Infinity) > now);
    // An address found may make a prefix, a prefix an address to look for: until nothing changes.
    for (let effects = this.#round(now, out); effects > 0;) effects = this.#round(now, out);
    out.push(...this.#publish(now));
    for (const zone of this.#zones) {
      const own = zone.isGateway ? this.#own.advertised(now) : [];
      out.push(...zone.advertise(own, this.#config.routerLifetime, now));
    }
    return out;
  }

  nextDeadline(): Millis | undefined {
    if (!this.#started) return ms(0);
    let first = Infinity;
    const consider = (t: number | undefined): void => {
      if (t !== undefined) first = Math.min(first, t);
    };
    for (const zone of this.#zones) {
      consider(zone.parameters.deadline(this.#now));
      for (const link of zone.links) link.deadlines().forEach(consider);
    }
    for (const { validUntil, preferredUntil } of this.#config.providers) {
      if ((validUntil ?? 0) > this.#now) consider(validUntil);
      if ((preferredUntil ?? 0) > this.#now) consider(preferredUntil);
    }
    return first === Infinity ? undefined : ms(first);
  }

  table(): SamTable {
    return this.#table;
  }
  addresses(): readonly GlobalAddress[] {
    return this.#addresses;
  }
  /** Advertisements and parameters refused, packets dropped, by name. */
  counters(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counters);
  }
  /** For `rehome sam zone`. */
  view(now: Millis): SamView {
    return viewOf(this.#zones, this.#own.current, this.#addresses, this.#providers, now);
  }

  #setUp(now: Millis): SamEffect[] {
    this.#started = true;
    return this.#applyConfig(now);
  }

  #setConfig(now: Millis): SamEffect[] {
    return this.#started ? [...this.#applyConfig(now), ...this.tick(now)] : [];
  }

  #applyConfig(now: Millis): SamEffect[] {
    const out: SamEffect[] = [];
    const kept = new Map(this.#zones.map((z) => [z.name, z]));
    this.#zones = this.#config.zones.map((config) => {
      const zone = kept.get(config.name) ?? new Zone(config);
      kept.delete(config.name);
      out.push(...zone.setConfig(config, this.#random, now));
      return zone;
    });
    for (const zone of kept.values()) out.push(...zone.stop());
    // A link that is new has not said anything yet.
    for (const zone of this.#zones) zone.changed(now);
    return out;
  }

  #hear(zone: Zone, link: Link, packet: NdPacket, now: Millis): SamEffect[] {
    const { message, header } = packet;
    switch (message.message) {
      case 'routerSolicitation':
        link.advertiser?.solicited(header.source, now);
        return [];
      case 'routerAdvertisement': {
        const ours = message.options.some((o) => o.option === 'samParameters');
        if (!link.interface.trusted) return this.#count(ours ? 'untrusted-advertisement' : '', []);
        if (header.source === link.interface.linkLocal) return [];
        const learned = zone.hear(link, packet, { isOwn: (p) => this.#isOwn(p) }, now);
        for (const reason of learned.refused) this.#count(reason, []);
        if (learned.events.length > 0) zone.changed(now);
        const { index } = link.interface;
        return learned.events.map((e) => zone.event(e.name, now, e.detail, index));
      }
      default:
        return link.receive(packet, now);
    }
  }

  /** Prefixes that we delegate, or that providers gave us: who offers them to us has them from us. */
  #isOwn(prefix: Prefix): boolean {
    const inside = (outer: Prefix): boolean =>
      prefix.length >= outer.length && prefixContains(outer, prefix.address);
    return (
      this.#own.current.some((p) => inside(p.prefix)) ||
      this.#providers.some((p) => inside(p.prefix))
    );
  }

  /** One round of autoconfiguration and delegation; the number of effects it had. */
  #round(now: Millis, out: SamEffect[]): number {
    const before = out.length;
    this.#now = now;
    for (const zone of this.#zones) {
      const held = zone.isGateway ? this.#held() : [];
      out.push(...zone.configureLinks(held, this.#config.provable, now));
      for (const link of zone.links) {
        const known = zone.parameters.live();
        const enough = known.length > 0 && link.subnet(known, now) !== undefined;
        out.push(...link.solicit(enough, now));
        out.push(...link.tick(now));
      }
    }
    this.#delegate(now, out);
    return out.length - before;
  }

  /** What providers give us and what other zones delegate to us. */
  #held(): Held[] {
    const given = this.#providers.map((p) => ({
      prefix: p.prefix,
      validUntil: p.validUntil ?? ms(Infinity),
      preferredUntil: p.preferredUntil ?? ms(Infinity),
    }));
    const others = this.#zones.filter((z) => !z.isGateway);
    return [...given, ...others.flatMap((z) => delegatedTo(z.state([])))];
  }

  /** What we are delegated, and what providers give us, is what our own zone gets at our interface in it (§2.1). */
  #delegate(now: Millis, out: SamEffect[]): void {
    const gateway = this.#zones.find((z) => z.isGateway);
    const parent = gateway?.parentLocal;
    const own = new Map<string, Parameter>();
    const held = gateway === undefined || parent === undefined ? [] : this.#held();
    for (const { prefix, validUntil, preferredUntil } of held) {
      if (parent === undefined || !hasRoom(prefix)) continue;
      const key = formatPrefix(prefix);
      own.set(key, later({ parent, prefix, validUntil, preferredUntil }, own.get(key)));
    }
    this.#reportTooLong(gateway, held, now, out);
    if (this.#own.set([...own.values()], now)) gateway?.changed(now);
  }

  /** Prefixes of no use: with our infix they have more than 128 bits, or as a gateway's leave no room for a child. */
  #reportTooLong(
    gateway: Zone | undefined,
    held: readonly Held[],
    now: Millis,
    out: SamEffect[],
  ): void {
    const all = this.#zones
      .filter((z) => !z.isGateway)
      .flatMap((zone) => unusable(zone.state([])).map((prefix) => ({ zone, prefix })));
    if (gateway !== undefined) {
      const full = held.filter((h) => !hasRoom(h.prefix));
      all.push(...full.map(({ prefix }) => ({ zone: gateway, prefix })));
    }
    const seen = new Set<string>();
    for (const { zone, prefix } of all) {
      const text = formatPrefix(prefix);
      const key = `${zone.name} ${text}`;
      if (!seen.has(key) && !this.#tooLong.has(key)) {
        out.push(zone.event('prefix-too-long', now, { prefix: text }));
      }
      seen.add(key);
    }
    this.#tooLong = seen;
  }

  /** Tells the data path and the host what has changed. */
  #publish(now: Millis): SamEffect[] {
    const states: ZoneState[] = this.#zones.map((z) =>
      z.state(z.isGateway ? this.#own.current : []),
    );
    const out: SamEffect[] = [];
    const table = tableOf(states, this.#providers, now);
    const addresses = addressesOf(states, this.#providers, now);
    if (JSON.stringify(table) !== JSON.stringify(this.#table)) {
      this.#table = table;
      out.push({ kind: 'table', table });
    }
    if (JSON.stringify(addresses) !== JSON.stringify(this.#addresses)) {
      this.#addresses = addresses;
      out.push({ kind: 'addresses', addresses });
    }
    return out;
  }

  #count(name: string, effects: SamEffect[]): SamEffect[] {
    if (name !== '') this.#counters.set(name, (this.#counters.get(name) ?? 0) + 1);
    return effects;
  }
}

/** Whether the shortest infix of a child fits behind a prefix. */
const hasRoom = (prefix: Prefix): boolean => prefix.length + infixLength(0, 8) <= 128;

const later = (a: Parameter, b: Parameter | undefined): Parameter =>
  b === undefined
    ? a
    : {
        ...a,
        validUntil: ms(Math.max(a.validUntil, b.validUntil)),
        preferredUntil: ms(Math.max(a.preferredUntil, b.preferredUntil)),
      };
