import { Rtnetlink } from '../linux/netlink/client.js';
import { close } from '../linux/syscalls.js';
import { createNamespace, inNamespace, openNamespace, writeSysctl } from '../linux/netns.js';
import { openTun } from '../linux/tun.js';
import { UNSPECIFIED } from '../wire/address.js';
import type { Prefix } from '../wire/prefix.js';
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
const RULE_EMULATOR = 10_000;
const RULE_FOREIGN = 11_000;
/** Behind the daemon's own rules and before the main table's. */
const RULE_SOURCE = 30_000;
/** The longest that veth and TUN carry; super-packets are not cut by it. */
const TUN_MTU = 65_535;

export const hostInterface = (uplink: Uplink): string => `up${uplink}`;

/** Makes the namespaces and everything in them. @returns the router's TUN, for the emulator; the caller closes it. */
export function buildTopology(entry: LabEntry, mtu: number): number {
  for (const node of NODES) {
    createNamespace(entry.namespace(node));
    quieten(entry.namespace(node));
  }
  const router = new Rtnetlink(entry.namespace('R'));
  try {
    writeSysctl(entry.namespace('R'), 'net/ipv6/conf/all/forwarding', 1);
    for (const host of HOSTS) buildHost(entry, host, router, mtu);
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
