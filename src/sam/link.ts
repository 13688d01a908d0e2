import { isMulticast, type Address } from '../wire/address.js';
import { ALL_ROUTERS } from '../wire/multicast.js';
import { buildNd, type NdOption, type NdPacket } from '../wire/nd.js';
import { formatPrefix, prefixOf, type Prefix } from '../wire/prefix.js';
import { FOR_EVER } from '../wire/sam-option.js';
import { addMs, ms, type Millis, type RandomSource } from '../wire/units.js';
import { Advertiser } from './advertiser.js';
import { Autoconfiguration } from './autoconfiguration.js';
import { SAM } from './constants.js';
import { decodeLocal, decodeSubnet } from './local.js';
import type { ZoneEntry } from './parameters.js';
import type { SamEffect, SamInterface } from './types.js';

/** Subnet prefixes remembered for one link. */
const MAX_SUBNETS = 8;

/** One interface in a zone: which subnet it is in, its local address, and its place in router discovery. */
export class Link {
  readonly interface: SamInterface;
  readonly advertiser: Advertiser | undefined;
  readonly #random: RandomSource;
  readonly #router: boolean;
  readonly #subnets = new Map<string, { readonly prefix: Prefix; readonly until: Millis }>();
  readonly #near = new Set<Address>();
  #machine: Autoconfiguration | undefined;
  #delay = true;
  #solicitations = 0;
  #nextSolicitation: Millis | undefined;

  constructor(link: SamInterface, router: boolean, random: RandomSource, now: Millis) {
    this.interface = link;
    this.#router = router;
    this.#random = random;
    this.advertiser = link.subnet === undefined ? undefined : new Advertiser(random);
    // A router that is told its subnet asks, too: there may be other gateways of the zone.
    this.askAgain(now);
  }

  /** Begins to solicit advertisements, from the first on. */
  askAgain(now: Millis): void {
    this.#solicitations = 0;
    this.#nextSolicitation = addMs(now, this.#random.uniform() * SAM.maxStartDelay);
  }

  get local(): Address | undefined {
    return this.#machine?.address;
  }
  get state(): string {
    return this.#machine?.state ?? 'no-subnet';
  }

  /** Subnet prefixes of the SAM format in a Router Advertisement (RFC 4861 §4.6.2), and parents that speak here themselves. */
  hear(options: readonly NdOption[], destination: Address, now: Millis): void {
    this.#delay = isMulticast(destination);
    for (const option of options) {
      if (option.option === 'samParameters' && option.hopCount === 0) {
        this.#near.delete(option.parent);
        this.#near.add(option.parent);
        const [oldest] = this.#near;
        if (this.#near.size > MAX_SUBNETS && oldest !== undefined) this.#near.delete(oldest);
      }
      if (option.option !== 'prefixInformation' || !option.onLink) continue;
      const { prefix, validLifetime } = option;
      if (prefix.length !== 64 || !decodeSubnet(prefix.address).ok) continue;
      const key = formatPrefix(prefix);
      if (!this.#subnets.has(key) && this.#subnets.size >= MAX_SUBNETS) continue;
      const until = validLifetime === FOR_EVER ? ms(Infinity) : addMs(now, 1_000 * validLifetime);
      this.#subnets.set(key, { prefix, until });
    }
  }

  /**
   * The subnet to be in: the administrator's; the one we are in, while it lasts; one that was advertised; that of a parent
   * interface on this very link.
   */
  subnet(entries: readonly ZoneEntry[], now: Millis): Prefix | undefined {
    // What has ended must not stay a deadline, also where nothing is chosen.
    for (const [key, { until }] of this.#subnets) if (until <= now) this.#subnets.delete(key);
    if (this.interface.subnet !== undefined) return this.interface.subnet;
    const current = this.#machine?.subnet;
    const constants = entries.map(({ parent }) => decodeLocal(parent));
    const ofZone = (prefix: Prefix): boolean => {
      const parts = decodeSubnet(prefix.address);
      return constants.some(
        (c) => c.ok && parts.ok && formatPrefix(c.constant) === formatPrefix(parts.constant),
      );
    };
    const advertised = [...this.#subnets.values()].map((s) => s.prefix).filter(ofZone);
    const near = entries.filter((e) => this.#near.has(e.parent)).map((e) => prefixOf(e.parent, 64));
    const known = advertised.length > 0 ? advertised : near;
    return known.find((p) => current !== undefined && formatPrefix(p) === formatPrefix(current)) ?? known[0]; // prettier-ignore
  }

  /** When a subnet that was advertised ends. */
  #subnetDeadline(): Millis | undefined {
    const first = Math.min(Infinity, ...[...this.#subnets.values()].map((s) => s.until));
    return first === Infinity ? undefined : ms(first);
  }

  /**
   * Begins to look for a local address, or goes on where nothing has changed. As long as there is none, a search for an
   * infix of another length begins anew: which of several gateways is heard first does not decide.
   * @param octets of IID infix, the longest that may be taken
   */
  configure(subnet: Prefix, octets: number, now: Millis): SamEffect[] {
    const before = this.#machine;
    const tried = this.#triedFirst(octets);
    const wanted = tried?.octets ?? octets;
    if (before !== undefined && formatPrefix(before.subnet) === formatPrefix(subnet)) {
      if (before.address !== undefined || before.octets === wanted) return [];
    }
    const gone = this.unconfigure();
    this.#machine = new Autoconfiguration({
      interface: this.interface,
      subnet,
      octets: wanted,
      ...(tried === undefined ? {} : { infix: tried.infix }),
      router: this.#router,
      // Who has begun already has waited.
      delay: this.#delay && before?.state !== 'probing',
      random: this.#random,
      now,
    });
    return gone;
  }

  /** The administrator's infix, or that of the last run. */
  #triedFirst(octets: number): SamInterface['remembered'] {
    const { infix, octets: fixed, remembered } = this.interface;
    if (infix !== undefined) return { infix, octets };
    const fits = fixed === undefined && remembered !== undefined && remembered.octets <= octets;
    return fits || remembered?.octets === octets ? remembered : undefined;
  }

  unconfigure(): SamEffect[] {
    const gone = this.#machine?.stop() ?? [];
    this.#machine = undefined;
    return gone;
  }

  receive(packet: NdPacket, now: Millis): SamEffect[] {
    return this.#machine?.receive(packet, now) ?? [];
  }

  /** RFC 4861 §6.3.7: asks for parameters, until there are some. */
  solicit(enough: boolean, now: Millis): SamEffect[] {
    if (this.#nextSolicitation === undefined || this.#nextSolicitation > now) return [];
    if (enough || this.#solicitations >= SAM.maxSolicitations) {
      this.#nextSolicitation = undefined;
      return [];
    }
    this.#solicitations++;
    this.#nextSolicitation = addMs(now, SAM.solicitationInterval);
    const { linkLocal, linkLayer, index } = this.interface;
    const options: NdOption[] =
      linkLayer === undefined ? [] : [{ option: 'sourceLinkLayerAddress', address: linkLayer }];
    const packet = buildNd(linkLocal, ALL_ROUTERS, { message: 'routerSolicitation', options });
    return [{ kind: 'send', interface: index, packet }];
  }

  tick(now: Millis): SamEffect[] {
    return this.#machine?.tick(now) ?? [];
  }

  deadlines(): Millis[] {
    return [
      this.#machine?.deadline(),
      this.advertiser?.deadline(),
      this.#nextSolicitation,
      this.#subnetDeadline(),
    ].filter((t) => t !== undefined);
  }
}
