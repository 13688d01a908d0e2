import { parseAddress } from '../wire/address.js';
import { buildIcmpError, ICMPV6_TYPE } from '../wire/icmpv6.js';
import type { Millis } from '../wire/units.js';
import { Link, PERFECT_PATH, type PathSettings } from './link.js';
import { addressAt } from './packets.js';

/** Any address: who sends an ICMPv6 error proves nothing. */
const ROUTER = parseAddress('2001:db8:ffff::1');
const NO_ROUTE = 0;
/** Milliseconds between two errors to the same host. */
const NOTICE_INTERVAL = 100;

/** How a site's own routers choose an exit. */
export type ExitRouting =
  /** By the packet's source address, as Shim6 needs it (RFC 8043). */
  | 'source'
  /** Everything takes the first exit; its provider filters foreign sources (RFC 2827). */
  | 'default';

/** The access link of one provider is neither slow nor far unless a scenario says so. */
const ACCESS: PathSettings = { ...PERFECT_PATH, delay: 0 };

/** One exit router of a site with the link to its provider. The provider has given it the prefixes of `site`'s hosts. */
export class Exit {
  readonly site: Site;
  readonly name: string;
  /** From the site to the provider, and back. */
  readonly outward: Link;
  readonly inward: Link;
  /** Packets whose source is another provider's, dropped by this one's ingress filter. */
  filtered = 0;
  /** Tells hosts what it cannot forward; some a second, as routers do (RFC 4443 §2.4 f). */
  notices = false;
  readonly #noticed = new Map<string, Millis>();

  constructor(site: Site, name: string, settings: Partial<PathSettings>) {
    this.site = site;
    this.name = name;
    this.outward = new Link({ ...ACCESS, ...settings });
    this.inward = new Link({ ...ACCESS, ...settings });
  }

  /** The ICMPv6 error for a packet that the link did not take; undefined: none, or its source had one just now. */
  notice(packet: Uint8Array, now: Millis): Uint8Array | undefined {
    if (!this.notices) return undefined;
    const destination = addressAt(packet, 8);
    const last = this.#noticed.get(destination);
    if (last !== undefined && now - last < NOTICE_INTERVAL) return undefined;
    this.#noticed.set(destination, now);
    const { destinationUnreachable: type } = ICMPV6_TYPE;
    return buildIcmpError({
      source: ROUTER,
      destination,
      type,
      code: NO_ROUTE,
      invokingPacket: packet,
    });
  }

  /** Both directions. */
  change(change: Partial<PathSettings>): void {
    this.outward.change(change);
    this.inward.change(change);
  }
}

/** A site behind several exit routers: all its hosts share their access links. */
export class Site {
  readonly name: string;
  readonly exits: readonly Exit[];
  routing: ExitRouting;

  constructor(
    name: string,
    providers: number,
    access: Partial<PathSettings> = {},
    routing: ExitRouting = 'source',
  ) {
    this.name = name;
    this.routing = routing;
    this.exits = Array.from(
      { length: providers },
      (_, i) => new Exit(this, `${name}${i + 1}`, access),
    );
  }

  /** The exit router that a packet with a source of `home`'s provider takes. */
  exitFor(home: Exit): Exit {
    return this.routing === 'source' ? home : (this.exits[0] ?? home);
  }
}
