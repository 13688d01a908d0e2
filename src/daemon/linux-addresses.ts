import { Rtnetlink } from '../linux/netlink/client.js';
import { RTPROT_REHOME } from '../linux/netlink/constants.js';
import { isLinkUp } from '../linux/netlink/link.js';
import type { FdPoller } from '../linux/poller.js';
import { openIcmpSender } from '../linux/rawsocket.js';
import { parseAddress, UNSPECIFIED, type Address } from '../wire/address.js';
import { buildNd } from '../wire/nd.js';
import { formatPrefix, prefixContains, type Prefix } from '../wire/prefix.js';
import type { AddressControl } from './world.js';

/** What tells our entries in the kernel's table of labels; `ip addrlabel` shows it. */
export const REHOME_LABEL = 7268;
/** The label of ::/0 (RFC 6724 §2.1), which is that of almost all destinations. */
const COMMON_LABEL = 1;
const ALL_ROUTERS = parseAddress('ff02::2');

/**
 * Addresses and labels by netlink. An address of ours is a /64 without a prefix route: that the prefix is on the link
 * is for others to say. Source selection prefers an address whose label is the destination's (RFC 6724 §5 rule 6): the
 * preferred ones keep the common label, everything else in their prefixes gets one that no destination elsewhere has.
 */
export class LinuxAddressControl implements AddressControl {
  readonly #netlink = new Rtnetlink();
  readonly #poller: FdPoller;
  readonly #ignored: ReadonlySet<string>;

  /** @param ignored names of interfaces that are nobody's uplink */
  constructor(poller: FdPoller, ignored: ReadonlySet<string>) {
    this.#poller = poller;
    this.#ignored = ignored;
  }

  put(a: Parameters<AddressControl['put']>[0]): void {
    this.#netlink.replaceAddress({
      address: a.address,
      prefixLength: 64,
      index: a.ifindex,
      preferredSeconds: a.preferredSeconds,
      validSeconds: a.validSeconds,
      noPrefixRoute: true,
    });
  }

  remove(address: Address, ifindex: number): void {
    this.#netlink.deleteAddress({ address, prefixLength: 64, index: ifindex });
  }

  ours(): readonly { readonly address: Address; readonly ifindex: number }[] {
    const ignored = new Set(
      this.#netlink
        .links()
        .filter((l) => this.#ignored.has(l.name))
        .map((l) => l.index),
    );
    return this.#netlink
      .addresses()
      .filter((a) => a.protocol === RTPROT_REHOME && !ignored.has(a.index))
      .map((a) => ({ address: a.address, ifindex: a.index }));
  }

  prefer(addresses: readonly Address[], prefixes: readonly Prefix[]): void {
    const wanted = new Map<string, { prefix: Prefix; label: number; index: number }>();
    const want = (prefix: Prefix, label: number): void =>
      void wanted.set(formatPrefix(prefix), { prefix, label, index: 0 });
    for (const prefix of prefixes) want(prefix, REHOME_LABEL);
    for (const address of addresses) want({ address, length: 128 }, COMMON_LABEL);
    const labels = this.#netlink.labels();
    const ours = labels.filter((l) => l.label === REHOME_LABEL);
    const within = (p: Prefix): boolean =>
      p.length === 128 && ours.some((o) => prefixContains(o.prefix, p.address));
    for (const old of labels) {
      const mine = old.label === REHOME_LABEL || (old.label === COMMON_LABEL && within(old.prefix));
      if (mine && wanted.get(formatPrefix(old.prefix))?.label !== old.label) {
        this.#netlink.deleteLabel(old);
      }
    }
    for (const label of wanted.values()) this.#netlink.setLabel(label);
  }

  solicit(ifindex: number): void {
    const socket = openIcmpSender({ poller: this.#poller });
    try {
      const message = { message: 'routerSolicitation', options: [] } as const;
      socket.send(buildNd(UNSPECIFIED, ALL_ROUTERS, message), ifindex);
    } finally {
      socket.close();
    }
  }

  interfaces(): ReturnType<AddressControl['interfaces']> {
    return this.#netlink
      .links()
      .filter((l) => isLinkUp(l) && l.name !== 'lo' && !this.#ignored.has(l.name))
      .map((l) => ({ name: l.name, index: l.index }));
  }

  close(): void {
    this.#netlink.close();
  }
}
