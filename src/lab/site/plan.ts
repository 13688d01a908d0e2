/** A network of namespaces as data: what is built, and what is drawn. Addresses and prefixes are texts. */
export interface SitePlan {
  readonly name: string;
  readonly nodes: readonly SiteNode[];
  readonly links: readonly SiteLink[];
  readonly routes: readonly SiteRoute[];
  readonly filters: readonly SiteFilter[];
}

export interface SiteNode {
  /** Part of the namespace's name. */
  readonly name: string;
  readonly forwards?: boolean;
  /** Bridges, with the addresses they have. */
  readonly bridges?: readonly { readonly name: string; readonly addresses?: readonly string[] }[];
}

/** One end of a veth pair. */
export interface SiteEnd {
  readonly node: string;
  readonly name: string;
  /** With their lengths: `2001:db8:a:1::10/64`. */
  readonly addresses?: readonly string[];
  /** A port of this bridge of the node. */
  readonly bridge?: string;
}

export type SiteLink = readonly [SiteEnd, SiteEnd];

export interface SiteRoute {
  readonly node: string;
  readonly to: string;
  readonly via?: string;
  readonly by: string;
}

/** A strict ingress filter (RFC 2827, RFC 3704): what comes in here with another source is dropped without a word. */
export interface SiteFilter {
  readonly node: string;
  readonly interface: string;
  readonly prefixes: readonly string[];
}

/** Both ends of a link in short form: `link('host wlan0', 'gwA wlan0 @br0', ...)`. */
export function end(text: string, ...addresses: readonly string[]): SiteEnd {
  const [node = '', name = '', bridge] = text.split(' ');
  return {
    node,
    name,
    addresses,
    ...(bridge === undefined ? {} : { bridge: bridge.slice(1) }),
  };
}
