import { Link, PERFECT_PATH, type PathSettings } from './link.js';

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

  constructor(site: Site, name: string, settings: Partial<PathSettings>) {
    this.site = site;
    this.name = name;
    this.outward = new Link({ ...ACCESS, ...settings });
    this.inward = new Link({ ...ACCESS, ...settings });
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
