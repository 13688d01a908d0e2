import { end, type SiteLink, type SitePlan } from './plan.js';

/** Zones of figure 1, and S, the zone of another site. */
export const ZONES = ['A', 'B', 'C', 'D', 'E', 'F', 'S'] as const;
export type Zone = (typeof ZONES)[number];

/** Prefixes that the world routes to a node, and the node that has them. */
export const PROVIDERS = {
  A: '2001:db0::/32',
  B: '2001:db1::/32',
  S: '2001:db8:5::/48',
} as const;

/** Routers by the interfaces they have: `CA` is child in zone A and gateway of zone C. */
export const ROUTERS = ['CA', 'CB', 'EA', 'EB', 'DC', 'DE', 'FD', 'FE'] as const;
export type Router = (typeof ROUTERS)[number];
/** Who has which provider's prefix, and is the gateway of which zone. */
const GATEWAYS = ['A', 'B', 'S'] as const;
/** Hosts: f in the lowest zone, s in the other site. */
export const HOSTS = { f: 'F', s: 'S' } as const;

/** IID infixes of one octet, so that they are the same in every run; a node has one in each of its zones. */
export const INFIX: Readonly<Record<string, string>> = {
  A: '0a',
  B: '0b',
  S: '05',
  CA: 'ca',
  CB: 'cb',
  EA: 'ea',
  EB: 'eb',
  DC: 'dc',
  DE: 'de',
  FD: 'fd',
  FE: 'fe',
  f: '0f',
  s: '51',
};

/** All zones but one have the same constant prefix and the same local addresses: they are independent of each other. */
const subnetOf = (zone: string): string => (zone === 'E' ? 'fd12:3456:789a::/64' : 'fcf0::/64');

/**
 * The hierarchy of draft-despres-sam-03 §2.1, figure 1 (its picture is lost; decisions/sam-zones.md), and another site:
 *
 *                     [net]               drops sources that are not the sender's
 *                    /  |  \
 *                 [A]  [B]  [S]           gateways with prefixes of their own
 *                  | \/ |    |
 *                  | /\ |    s            a host in zone S
 *             [CA CB]  [EA EB]            zones C and E, each in A and in B
 *                   \   / |
 *                  [DC DE]|               zone D, in C and in E
 *                       \ |
 *                     [FD FE]             zone F, in D and in E
 *                        |
 *                        f                a host three levels down
 *
 * Every zone is a bridge in the node `wires`.
 */
export function figure1(): SitePlan {
  const wan = (node: string): string => wanPrefix(node).replace('::/64', '::');
  const member = (node: string, zone: Zone): SiteLink => [
    end(`${node} z${zone}`),
    end(`wires ${node}-${zone} @z${zone}`),
  ];
  const provider = (node: keyof typeof PROVIDERS): SiteLink => [
    end(`${node} wan0`, `${wan(node)}2/64`),
    end(`net ${node}`, `${wan(node)}1/64`),
  ];
  return {
    name: 'zones',
    nodes: [
      { name: 'wires', bridges: ZONES.map((z) => ({ name: `z${z}` })) },
      { name: 'net', forwards: true },
      ...[...GATEWAYS, ...ROUTERS].map((name) => ({ name, forwards: true })),
      ...Object.keys(HOSTS).map((name) => ({ name })),
    ],
    links: [
      ...GATEWAYS.flatMap((g) => [provider(g), member(g, g)]),
      ...ROUTERS.flatMap((r) => [member(r, parentOf(r)), member(r, childOf(r))]),
      ...Object.entries(HOSTS).map(([host, zone]) => member(host, zone)),
    ],
    routes: GATEWAYS.flatMap((g) => [
      { node: g, to: '::/0', via: `${wan(g)}1`, by: 'wan0' },
      { node: 'net', to: PROVIDERS[g], via: `${wan(g)}2`, by: g },
    ]),
    filters: GATEWAYS.map((g) => ({
      node: 'net',
      interface: g,
      prefixes: [PROVIDERS[g], wanPrefix(g)],
    })),
  };
}

const WAN: Readonly<Record<string, string>> = { A: 'a0', B: 'b0', S: '50' };
const wanPrefix = (node: string): string => `2001:db8:${WAN[node] ?? ''}::/64`;

/** The zone that a router is a child of. */
export const parentOf = (router: Router): Zone => router[1] as Zone;
/** The zone that it is a gateway of. */
export const childOf = (router: Router): Zone => router[0] as Zone;

const link = (zone: Zone, position: 'child' | 'gateway', infix: string): string =>
  `[[sam.link]]\ninterface = "z${zone}"\nzone = "${zone}"\nposition = "${position}"\ninfix = "${infix}"\n` +
  (position === 'gateway' ? `subnet = "${subnetOf(zone)}"\n` : '');

/** The configuration of a node. @param infix of a router in the zone above, when it is another than usual */
export function zoneConfiguration(node: string, infix = INFIX[node] ?? ''): string {
  const own = INFIX[node] ?? '';
  if (node in HOSTS) {
    return `[sam]\nrole = "host"\n${link(HOSTS[node as keyof typeof HOSTS], 'child', own)}`;
  }
  if (node in PROVIDERS) {
    const prefix = PROVIDERS[node as keyof typeof PROVIDERS];
    return (
      `[sam]\nrole = "gateway"\n${link(node as Zone, 'gateway', own)}` +
      `[[sam.provider]]\nprefix = "${prefix}"\ninterface = "wan0"\n`
    );
  }
  const router = node as Router;
  return (
    `[sam]\nrole = "router"\n${link(parentOf(router), 'child', infix)}` +
    link(childOf(router), 'gateway', own)
  );
}
