import { DRAFT, PREFIX_A, PREFIX_B, type Figure7Example } from '../../sim/sam/figure7-facts.js';
import { end, type SitePlan } from './plan.js';

/** The host on the Internet that everybody writes to. */
export const FAR = '2001:db8:f::1';

/** The same host's second address: without a Shim6 context to it, packets go as their source says. */
export const FAR_PLAIN = '2001:db8:f::2';

/** The host's addresses in a classic site: below each provider, on each of its interfaces. */
export const CLASSIC = {
  AH: '2001:db8:a:1::7777',
  AK: '2001:db8:a:1::8888',
  BH: '2001:db8:b:1::7777',
  BK: '2001:db8:b:1::8888',
} as const;

const GATEWAY_A = '2001:db8:a:1::1';
const GATEWAY_B = '2001:db8:b:1::2';

/**
 * The site of draft-despres-sam-03 §4, figure 7, with an Internet around it:
 *
 *                                  [far]
 *                                    |
 *                                  [net]            drops sources that are not the sender's
 *                                 /     \
 *                            [ispA]     [ispB]      take from the site what they have given, and nothing else
 *                               |          |
 *                             [gwA]      [gwB]
 *                         WiFi  |  \       |
 *                          |    br0 \      |
 *                          |         [ lan ]        Ethernet; bridged with the WiFi in gwA
 *                     wlan0|            | eth0
 *                          +---[host]---+
 *
 * @param classic with addresses of both providers on the site's link, and a default route to gateway A in the host;
 *   otherwise the link has link-local addresses only, and SAM does the rest
 */
export function figure7(classic: boolean, { prefixB }: Figure7Example = DRAFT): SitePlan {
  const site = (...addresses: readonly string[]): readonly string[] =>
    classic ? addresses.map((a) => `${a}/64`) : [];
  return {
    name: 'sam',
    nodes: [
      { name: 'host' },
      { name: 'lan', bridges: [{ name: 'br0' }] },
      { name: 'gwA', forwards: true, bridges: [{ name: 'br0', addresses: site(GATEWAY_A) }] },
      { name: 'gwB', forwards: true },
      { name: 'ispA', forwards: true },
      { name: 'ispB', forwards: true },
      { name: 'net', forwards: true },
      { name: 'far' },
    ],
    links: [
      [end('host wlan0', ...site(CLASSIC.AH, CLASSIC.BH)), end('gwA wlan0 @br0')],
      [end('host eth0', ...site(CLASSIC.AK, CLASSIC.BK)), end('lan p1 @br0')],
      [end('gwA eth0 @br0'), end('lan p2 @br0')],
      [end('gwB eth0', ...site(GATEWAY_B)), end('lan p3 @br0')],
      [end('gwA wan0', '2001:db8:aa::2/64'), end('ispA cust', '2001:db8:aa::1/64')],
      [end('gwB wan0', '2001:db8:bb::2/64'), end('ispB cust', '2001:db8:bb::1/64')],
      [end('ispA net', '2001:db8:fa::1/64'), end('net a', '2001:db8:fa::2/64')],
      [end('ispB net', '2001:db8:fb::1/64'), end('net b', '2001:db8:fb::2/64')],
      [end('far eth0', `${FAR}/64`, `${FAR_PLAIN}/64`), end('net far', '2001:db8:f::ff/64')],
    ],
    routes: [
      ...(classic
        ? [
            { node: 'host', to: '::/0', via: GATEWAY_A, by: 'wlan0' },
            // Each gateway knows the site's link by both prefixes.
            { node: 'gwA', to: '2001:db8:b:1::/64', by: 'br0' },
            { node: 'gwB', to: '2001:db8:a:1::/64', by: 'eth0' },
          ]
        : []),
      { node: 'gwA', to: '::/0', via: '2001:db8:aa::1', by: 'wan0' },
      { node: 'gwB', to: '::/0', via: '2001:db8:bb::1', by: 'wan0' },
      { node: 'ispA', to: PREFIX_A, via: '2001:db8:aa::2', by: 'cust' },
      { node: 'ispB', to: prefixB, via: '2001:db8:bb::2', by: 'cust' },
      { node: 'ispA', to: '::/0', via: '2001:db8:fa::2', by: 'net' },
      { node: 'ispB', to: '::/0', via: '2001:db8:fb::2', by: 'net' },
      { node: 'net', to: PREFIX_A, via: '2001:db8:fa::1', by: 'a' },
      { node: 'net', to: prefixB, via: '2001:db8:fb::1', by: 'b' },
      { node: 'far', to: '::/0', via: '2001:db8:f::ff', by: 'eth0' },
    ],
    filters: [
      { node: 'ispA', interface: 'cust', prefixes: [PREFIX_A, '2001:db8:aa::/64'] },
      { node: 'ispB', interface: 'cust', prefixes: [prefixB, '2001:db8:bb::/64'] },
      { node: 'net', interface: 'a', prefixes: [PREFIX_A, '2001:db8:aa::/64', '2001:db8:fa::/64'] },
      { node: 'net', interface: 'b', prefixes: [prefixB, '2001:db8:bb::/64', '2001:db8:fb::/64'] },
      { node: 'net', interface: 'far', prefixes: ['2001:db8:f::/64'] },
    ],
  };
}

/** The provider that an address of the site belongs to. */
export const providerOf = (address: string): string | null =>
  address.startsWith('2001:db8:a:') ? 'ispA' : address.startsWith('2001:db8:b:') ? 'ispB' : null;

/** Configurations of the two gateways of a classic site with source-based forwarding. */
export function exitConfigurations(): Readonly<Record<'gwA' | 'gwB', string>> {
  const uplink = (name: string, on: string, nextHop: string, prefix: string): string =>
    `[[exit.uplink]]\nname = "${name}"\ninterface = "${on}"\nnext_hop = "${nextHop}"\nprefixes = ["${prefix}"]\n`;
  const gateway = (inside: string, ...uplinks: readonly string[]): string =>
    `shim6 = false\n[exit]\ninside = ["${inside}"]\ncheck = "500ms"\n${uplinks.join('')}`;
  return {
    gwA: gateway(
      'br0',
      uplink('isp-a', 'wan0', '2001:db8:aa::1', PREFIX_A),
      uplink('isp-b', 'br0', GATEWAY_B, PREFIX_B),
    ),
    gwB: gateway(
      'eth0',
      uplink('isp-a', 'eth0', GATEWAY_A, PREFIX_A),
      uplink('isp-b', 'wan0', '2001:db8:bb::1', PREFIX_B),
    ),
  };
}

/** Configurations of figure 7 with SAM. */
export function samConfigurations(
  example: Figure7Example,
): Readonly<Record<'gwA' | 'gwB' | 'host', string>> {
  const { subnet, infixes, prefixB } = example;
  const gateway = (on: string, infix: string, prefix: string): string =>
    `[sam]\nrole = "gateway"\n[[sam.link]]\ninterface = "${on}"\nzone = "site"\nsubnet = "${subnet}"\ninfix = "${infix}"\n` +
    `[[sam.provider]]\nprefix = "${prefix}"\ninterface = "wan0"\n`;
  const link = (on: string, infix: string): string =>
    `[[sam.link]]\ninterface = "${on}"\nzone = "site"\ninfix = "${infix}"\n`;
  return {
    gwA: gateway('br0', infixes.m, PREFIX_A),
    gwB: gateway('eth0', infixes.n, prefixB),
    host: `[sam]\nrole = "host"\n${link('wlan0', infixes.h)}${link('eth0', infixes.k)}`,
  };
}
