import { Rtnetlink } from '../linux/netlink/client.js';
import { close } from '../linux/syscalls.js';
import { createNamespace, inNamespace, openNamespace, writeSysctl } from '../linux/netns.js';
import { openTun } from '../linux/tun.js';
import { parseAddress, UNSPECIFIED } from '../wire/address.js';
import { parsePrefix, type Prefix } from '../wire/prefix.js';
import {
  hostAddress,
  HOSTS,
  routerAddress,
  uplinkName,
  uplinkPrefix,
  UPLINKS,
  type Host,
  type Uplink,
} from './paths.js';
import { NODES, type LabEntry } from './registry.js';

/*
 *   rehome-lab-A                    rehome-lab-R                     rehome-lab-B
 *  ┌────────────┐            ┌───────────────────────┐            ┌────────────┐
 *  │        up1 ├──── a1 ────┤                       ├──── b1 ────┤ up1        │
 *  │        up2 ├──── a2 ────┤  rule iif a1..b3      ├──── b2 ────┤ up2        │
 *  │        up3 ├──── a3 ────┤  -> emu (TUN) -> main ├──── b3 ────┤ up3        │
 *  └────────────┘            └──────────┬────────────┘            └────────────┘
 *                                   emulator thread
 *
 * The router's kernel does Neighbor Discovery, ICMPv6 errors and the last hop; what comes in from a host goes to the
 * TUN, where the emulator treats it as its one-way path does, and comes back to be routed by the main table. A packet
 * whose source is not of the uplink's prefix is dropped, as providers do (RFC 2827).
 */

/** The device between the router's kernel and the emulator. */
export const ROUTER_TUN = 'emu';

/** RTPROT_STATIC: nothing of the lab may look like the daemon's, which removes what is its own. */
const STATIC = 4;
const EVERYTHING: Prefix = { address: UNSPECIFIED, length: 0 };
const TABLE_EMULATOR = 100;
const TABLE_MAIN = 254;
const TABLE_LOCAL = 255;
const RULE_STRANGER = 9_000;
const RULE_EMULATOR = 10_000;
const RULE_FOREIGN = 11_000;
/** Behind the daemon's own rules and before the main table's. */
const RULE_SOURCE = 30_000;
/** The longest that veth and TUN carry; super-packets are not cut by it. */
const TUN_MTU = 65_535;

export const STRANGER_INTERFACE = 'up1';
export const STRANGER_PREFIX = parsePrefix('2001:db8:c1::/48');
export const STRANGER_ADDRESS = parseAddress('2001:db8:c1::10');
const STRANGER_ROUTER = parseAddress('2001:db8:c1::1');

export const hostInterface = (uplink: Uplink): string => `up${uplink}`;

/**
 * Makes the namespaces and everything in them.
 * @param stranger with the third host, which nobody hinders from sending with the addresses of others
 * @returns the router's TUN, for the emulator; the caller closes it.
 */
export function buildTopology(entry: LabEntry, mtu: number, stranger = false): number {
  for (const node of NODES.filter((n) => n !== 'X' || stranger)) {
    createNamespace(entry.namespace(node));
    quieten(entry.namespace(node));
  }
  const router = new Rtnetlink(entry.namespace('R'));
  try {
    writeSysctl(entry.namespace('R'), 'net/ipv6/conf/all/forwarding', 1);
    for (const host of HOSTS) buildHost(entry, host, router, mtu);
    if (stranger) buildStranger(entry, router, mtu);
    return buildRouter(entry, router);
  } finally {
    router.close();
  }
}

/** No Duplicate Address Detection, no router discovery: everything is configured, and at once. */
function quieten(namespace: string): void {
  for (const which of ['all', 'default']) {
    for (const key of ['accept_dad', 'dad_transmits', 'accept_ra', 'autoconf'])
      writeSysctl(namespace, `net/ipv6/conf/${which}/${key}`, 0);
  }
}

function buildHost(entry: LabEntry, host: Host, router: Rtnetlink, mtu: number): void {
  const netlink = new Rtnetlink(entry.namespace(host));
  const routerNamespace = openNamespace(entry.namespace('R'));
  try {
    for (const uplink of UPLINKS) {
      const name = uplinkName(host, uplink);
      netlink.createVeth(
        { name: hostInterface(uplink), mtu },
        { name, mtu, namespaceFd: routerNamespace },
      );
      router.setLink(name, { up: true });
      router.addAddress({
        address: routerAddress(host, uplink),
        prefixLength: 64,
        index: router.index(name),
        noDad: true,
        protocol: STATIC,
      });
      netlink.setLink(hostInterface(uplink), { up: true });
      addUplink(netlink, host, uplink);
    }
  } finally {
    close(routerNamespace);
    netlink.close();
  }
}

/** One link to the router, one prefix, no emulator in between, and no ingress filter: the worst of provider. */
function buildStranger(entry: LabEntry, router: Rtnetlink, mtu: number): void {
  const netlink = new Rtnetlink(entry.namespace('X'));
  const routerNamespace = openNamespace(entry.namespace('R'));
  try {
    netlink.createVeth(
      { name: STRANGER_INTERFACE, mtu },
      { name: 'x1', mtu, namespaceFd: routerNamespace },
    );
    router.setLink('x1', { up: true });
    const gateway = { prefixLength: 64, noDad: true, protocol: STATIC };
    router.addAddress({ ...gateway, address: STRANGER_ROUTER, index: router.index('x1') });
    netlink.setLink(STRANGER_INTERFACE, { up: true });
    const index = netlink.index(STRANGER_INTERFACE);
    netlink.addAddress({ ...gateway, address: STRANGER_ADDRESS, index });
    const route = { destination: EVERYTHING, gateway: STRANGER_ROUTER, index, protocol: STATIC };
    netlink.addRoute(route);
    // Everything of the stranger's /48 that is not on the link is the stranger's own, address or not.
    netlink.setLink('lo', { up: true });
    netlink.addRoute({
      type: 'local',
      destination: STRANGER_PREFIX,
      index: netlink.index('lo'),
      table: TABLE_LOCAL,
      protocol: STATIC,
    });
    router.addRoute({
      destination: STRANGER_PREFIX,
      gateway: STRANGER_ADDRESS,
      index: router.index('x1'),
      protocol: STATIC,
    });
    router.addRule({
      priority: RULE_STRANGER,
      to: STRANGER_PREFIX,
      table: TABLE_MAIN,
      protocol: STATIC,
    });
  } finally {
    close(routerNamespace);
    netlink.close();
  }
}

/** Gives a host its address on an uplink, and the routes that go with it: packets leave by the uplink of their source. */
export function addUplink(netlink: Rtnetlink, host: Host, uplink: Uplink): void {
  const index = netlink.index(hostInterface(uplink));
  const address = hostAddress(host, uplink);
  const gateway = routerAddress(host, uplink);
  const table = TABLE_EMULATOR + uplink;
  netlink.addAddress({ address, prefixLength: 64, index, noDad: true, protocol: STATIC });
  const route = { destination: EVERYTHING, gateway, index, protocol: STATIC };
  netlink.addRoute({ ...route, table });
  // Without a source chosen, the first uplink is preferred.
  netlink.addRoute({ ...route, metric: 1_000 + uplink });
  netlink.addRule({
    priority: RULE_SOURCE + uplink,
    from: uplinkPrefix(host, uplink),
    table,
    protocol: STATIC,
  });
}

/** Takes the address away again, routes and rule included; the link stays. */
export function removeUplink(netlink: Rtnetlink, host: Host, uplink: Uplink): void {
  const index = netlink.index(hostInterface(uplink));
  const gateway = routerAddress(host, uplink);
  const table = TABLE_EMULATOR + uplink;
  netlink.deleteRule({
    priority: RULE_SOURCE + uplink,
    from: uplinkPrefix(host, uplink),
    table,
    protocol: STATIC,
  });
  const route = { destination: EVERYTHING, gateway, index, protocol: STATIC };
  netlink.deleteRoute({ ...route, table });
  netlink.deleteRoute({ ...route, metric: 1_000 + uplink });
  netlink.deleteAddress({ address: hostAddress(host, uplink), prefixLength: 64, index });
}

function buildRouter(entry: LabEntry, router: Rtnetlink): number {
  const tun = inNamespace(entry.namespace('R'), () => openTun(ROUTER_TUN, true));
  try {
    router.setLink(ROUTER_TUN, { addressGeneration: 'none', mtu: TUN_MTU });
    router.setLink(ROUTER_TUN, { up: true });
    router.addRoute({
      destination: EVERYTHING,
      index: router.index(ROUTER_TUN),
      table: TABLE_EMULATOR,
      protocol: STATIC,
    });
    for (const host of HOSTS) {
      for (const uplink of UPLINKS) {
        const inputInterface = uplinkName(host, uplink);
        const place = (host === 'A' ? 0 : 10) + uplink;
        router.addRule({
          priority: RULE_EMULATOR + place,
          inputInterface,
          from: uplinkPrefix(host, uplink),
          table: TABLE_EMULATOR,
          protocol: STATIC,
        });
        router.addRule({
          priority: RULE_FOREIGN + place,
          action: 'blackhole',
          inputInterface,
          protocol: STATIC,
        });
      }
    }
    return tun;
  } catch (error) {
    close(tun);
    throw error;
  }
}
