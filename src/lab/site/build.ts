import { Rtnetlink } from '../../linux/netlink/client.js';
import { TABLE_MAIN } from '../../linux/netlink/route.js';
import { createNamespace, openNamespace, writeSysctl } from '../../linux/netns.js';
import { close } from '../../linux/syscalls.js';
import { parseAddress } from '../../wire/address.js';
import { parsePrefix } from '../../wire/prefix.js';
import type { LabEntry } from '../registry.js';
import type { SiteEnd, SiteFilter, SitePlan } from './plan.js';

/** RTPROT_STATIC: nothing of the lab may look like the daemon's, which removes what is its own. */
const STATIC = 4;
const RULE_FILTER = 1_000;

/** Makes a plan's namespaces and everything in them. @throws SyscallError, NetlinkError */
export function buildSite(entry: LabEntry, plan: SitePlan): void {
  const netlinks = new Map<string, Rtnetlink>();
  const netlink = (node: string): Rtnetlink => {
    const found = netlinks.get(node);
    if (found === undefined) throw new RangeError(`the plan has no node ${node}`);
    return found;
  };
  try {
    for (const { name, forwards, bridges } of plan.nodes) {
      const namespace = entry.namespace(name);
      createNamespace(namespace);
      quieten(namespace);
      if (forwards === true) writeSysctl(namespace, 'net/ipv6/conf/all/forwarding', 1);
      const nl = new Rtnetlink(namespace);
      netlinks.set(name, nl);
      for (const bridge of bridges ?? []) {
        nl.createBridge(bridge.name);
        raise(nl, bridge.name, bridge.addresses ?? []);
      }
    }
    for (const [a, b] of plan.links) {
      const far = openNamespace(entry.namespace(b.node));
      try {
        netlink(a.node).createVeth({ name: a.name }, { name: b.name, namespaceFd: far });
      } finally {
        close(far);
      }
      for (const side of [a, b]) connect(netlink(side.node), side);
    }
    for (const { node, to, via, by } of plan.routes) {
      netlink(node).addRoute({
        destination: parsePrefix(to),
        ...(via === undefined ? {} : { gateway: parseAddress(via) }),
        index: netlink(node).index(by),
        protocol: STATIC,
      });
    }
    for (const filter of plan.filters) addFilter(netlink(filter.node), filter);
  } finally {
    for (const nl of netlinks.values()) nl.close();
  }
}

/** No Duplicate Address Detection and no addresses by themselves: what the lab gives is there at once. */
function quieten(namespace: string): void {
  for (const which of ['all', 'default']) {
    for (const key of ['accept_dad', 'dad_transmits', 'accept_ra', 'autoconf'])
      writeSysctl(namespace, `net/ipv6/conf/${which}/${key}`, 0);
  }
}

function connect(netlink: Rtnetlink, { name, bridge, addresses }: SiteEnd): void {
  if (bridge === undefined) return raise(netlink, name, addresses ?? []);
  // A port has no address: what comes in is the bridge's.
  netlink.setLink(name, { addressGeneration: 'none', master: netlink.index(bridge) });
  netlink.setLink(name, { up: true });
}

function raise(netlink: Rtnetlink, name: string, addresses: readonly string[]): void {
  netlink.setLink(name, { up: true });
  const index = netlink.index(name);
  for (const text of addresses) {
    const [address = '', length] = text.split('/');
    netlink.addAddress({
      address: parseAddress(address),
      prefixLength: Number(length ?? 128),
      index,
      noDad: true,
      protocol: STATIC,
    });
  }
}

function addFilter(netlink: Rtnetlink, filter: SiteFilter): void {
  const common = { inputInterface: filter.interface, protocol: STATIC };
  for (const prefix of filter.prefixes) {
    netlink.addRule({
      ...common,
      priority: RULE_FILTER,
      from: parsePrefix(prefix),
      table: TABLE_MAIN,
    });
  }
  netlink.addRule({ ...common, priority: RULE_FILTER + 1, action: 'blackhole' });
}
