import { parsePrefix, type Prefix } from '../../wire/prefix.js';
import { VirtualClock } from '../clock.js';
import { SeededRandom } from '../random.js';
import { GlobalInternet } from './internet.js';
import { SamLink } from './link.js';
import { SamNode, type NodeZone } from './node.js';

/** What every layout has. */
interface World {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly internet: GlobalInternet;
}

const world = (seed: string): World => {
  const clock = new VirtualClock();
  return { clock, random: new SeededRandom(seed), internet: new GlobalInternet(clock) };
};

export interface Figure7 extends World {
  readonly link: SamLink;
  readonly gatewayA: SamNode;
  readonly gatewayB: SamNode;
  readonly host: SamNode;
  readonly prefixA: Prefix;
  readonly prefixB: Prefix;
}

/**
 * The site of draft-despres-sam-03 §4, figure 7: two providers, WiFi and Ethernet bridged to one subnet, and a host with an
 * interface on each. The IID infixes are those of the example; `random: true`: drawn.
 *
 *        ISP-A             ISP-B              A  2001:db8:a::/48
 *          |                 |                B  2001:db8:b::/56
 *      [gateway A]       [gateway B]
 *          | m               | n
 *     ~~~~~+~~~~~~~ bridge --+-----------     subnet 9 under fcf0::/12
 *          | h               | k
 *          +----- [host] ----+
 */
export function figure7(
  seed: string,
  options: { random?: boolean; provable?: boolean } = {},
): Figure7 {
  // prettier-ignore
  const w = world(seed);
  const { clock, random, internet } = w;
  const link = new SamLink(clock, random.fork('site'), { name: 'site' });
  const subnet = parsePrefix('fcf9:0:0:1::/64');
  const fixed = (infix: bigint): { octets?: number; infix?: bigint } =>
    options.random === true ? {} : { octets: 2, infix };
  const gateway = (name: string, infix: bigint): SamNode =>
    new SamNode({
      name,
      clock,
      random,
      zones: [{ name: 'site', role: 'gateway', links: [{ link, subnet, ...fixed(infix) }] }],
    });
  const gatewayA = gateway('gatewayA', 0x5555n);
  const gatewayB = gateway('gatewayB', 0x6666n);
  const prefixA = parsePrefix('2001:db8:a::/48');
  const prefixB = parsePrefix('2001:db8:b::/56');
  gatewayA.connect(internet, prefixA);
  gatewayB.connect(internet, prefixB);
  const host = new SamNode({
    name: 'host',
    clock,
    random,
    provable: options.provable ?? false,
    zones: [
      {
        name: 'site',
        role: 'child',
        links: [
          { link, ...fixed(0x7777n) },
          { link, ...fixed(0x8888n) },
        ],
      },
    ],
  });
  return { ...w, link, gatewayA, gatewayB, host, prefixA, prefixB };
}

export interface Figure1 extends World {
  readonly links: Readonly<Record<'A' | 'B' | 'C' | 'D' | 'E' | 'F', SamLink>>;
  /** By the interfaces they have: `CA` is child in zone A and gateway of zone C. `A` and `B` reach the Internet. */
  readonly routers: Readonly<
    Record<'A' | 'B' | 'CA' | 'CB' | 'EA' | 'EB' | 'DC' | 'DE' | 'FD' | 'FE', SamNode>
  >;
  /** A host in every zone below the providers'. */
  readonly hosts: Readonly<Record<'c' | 'd' | 'e' | 'f', SamNode>>;
}

/**
 * A hierarchy like that of draft-despres-sam-03 §2.1, figure 1, whose picture is lost: zones A to F, every zone below the
 * providers' with two parent zones, three levels of them. F has the prefixes ACDF, BCDF, AEDF, BEDF, AEF and BEF.
 *
 *           Internet
 *           /      \
 *         [A]      [B]        zones of two providers, 2001:db0::/32 and 2001:db1::/32
 *          | \    / |
 *          |  \  /  |
 *          |   \/   |
 *          |   /\   |
 *        [C]        [E]       each in A and in B: CA, CB, EA, EB
 *           \      / |
 *            [D]     |        in C and in E: DC, DE
 *               \    |
 *                [F]-+        in D and in E: FD, FE
 */
export function figure1(seed: string): Figure1 {
  const w = world(seed);
  const { clock, random, internet } = w;
  const names = ['A', 'B', 'C', 'D', 'E', 'F'] as const;
  const link = (name: string): SamLink => new SamLink(clock, random.fork(`link ${name}`), { name });
  const links = Object.fromEntries(names.map((n) => [n, link(n)])) as unknown as Figure1['links'];
  // Zones are independent of each other: all but one have the same constant prefix, and the same local addresses.
  const subnet = (zone: string): Prefix =>
    parsePrefix(zone === 'E' ? 'fd12:3456:789a::/64' : 'fcf0::/64');
  const above = (zone: keyof Figure1['links']): NodeZone => ({
    name: zone,
    role: 'child',
    links: [{ link: links[zone], octets: 1 }],
  });
  const below = (zone: keyof Figure1['links']): NodeZone => ({
    name: zone,
    role: 'gateway',
    links: [{ link: links[zone], octets: 1, subnet: subnet(zone) }],
  });
  const node = (name: string, ...zones: NodeZone[]): SamNode =>
    new SamNode({ name, clock, random, zones });
  const routers = {
    A: node('A', below('A')),
    B: node('B', below('B')),
    CA: node('CA', above('A'), below('C')),
    CB: node('CB', above('B'), below('C')),
    EA: node('EA', above('A'), below('E')),
    EB: node('EB', above('B'), below('E')),
    DC: node('DC', above('C'), below('D')),
    DE: node('DE', above('E'), below('D')),
    FD: node('FD', above('D'), below('F')),
    FE: node('FE', above('E'), below('F')),
  };
  routers.A.connect(internet, parsePrefix('2001:db0::/32'));
  routers.B.connect(internet, parsePrefix('2001:db1::/32'));
  const hosts = {
    c: node('c', above('C')),
    d: node('d', above('D')),
    e: node('e', above('E')),
    f: node('f', above('F')),
  };
  return { ...w, links, routers, hosts };
}
