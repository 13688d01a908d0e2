import type { FdPoller } from '../poller.js';
import type { NamespaceRef } from '../netns.js';
import { close, EAGAIN, EINTR, ENOBUFS, setsockopt } from '../syscalls.js';
import { decodeAddress, type InterfaceAddress } from './address.js';
import {
  GROUPS,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELNEIGH,
  RTM_DELROUTE,
  RTM_DELRULE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWNEIGH,
  RTM_NEWPREFIX,
  RTM_NEWROUTE,
  RTM_NEWRULE,
  type Group,
} from './constants.js';
import { decodeLink, type Link } from './link.js';
import { decodeMessages, type NetlinkMessage } from './message.js';
import { decodeNeighbour, type Neighbour } from './neighbour.js';
import { decodePrefix, type PrefixEvent } from './prefix.js';
import { decodeRoute, type Route } from './route.js';
import { decodeRule, type Rule } from './rule.js';
import { openNetlink, receiveDatagram } from './socket.js';

type Change<K extends string, V> = {
  readonly kind: K;
  readonly removed: boolean;
  readonly value: V;
};

export type NetlinkEvent =
  | Change<'link', Link>
  | Change<'address', InterfaceAddress>
  | Change<'route', Route>
  | Change<'rule', Rule>
  | Change<'neighbour', Neighbour>
  | Change<'prefix', PrefixEvent>
  /** Events were lost (ENOBUFS): read everything anew. */
  | { readonly kind: 'resync' };

/** A notification as an event; undefined for other families and message types. @throws WireError. */
export function decodeEvent(message: NetlinkMessage): NetlinkEvent | undefined {
  const { type, payload } = message;
  const wrap = <K extends string, V>(
    kind: K,
    removed: boolean,
    value: V | undefined,
  ): Change<K, V> | undefined => (value === undefined ? undefined : { kind, removed, value });
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      // Bridge ports send RTM_NEWLINK/DELLINK of family AF_BRIDGE, too: not about the device itself.
      return payload[0] === 0 ? wrap('link', type === RTM_DELLINK, decodeLink(payload)) : undefined;
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return wrap('address', type === RTM_DELADDR, decodeAddress(payload));
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return wrap('route', type === RTM_DELROUTE, decodeRoute(payload));
    case RTM_NEWRULE:
    case RTM_DELRULE:
      return wrap('rule', type === RTM_DELRULE, decodeRule(payload));
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      return wrap('neighbour', type === RTM_DELNEIGH, decodeNeighbour(payload));
    case RTM_NEWPREFIX:
      return wrap('prefix', false, decodePrefix(payload));
    default:
      return undefined;
  }
}

const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;

/** Subscribes to rtnetlink groups inside a namespace; events arrive through the poller. */
export class NetlinkEvents {
  readonly #fd: number;
  readonly #poller: FdPoller;
  readonly #listener: (event: NetlinkEvent) => void;
  readonly #scratch = new Uint8Array(1 << 16);
  #closed = false;

  /** @throws SyscallError. */
  constructor(
    poller: FdPoller,
    groups: readonly Group[],
    listener: (event: NetlinkEvent) => void,
    namespace?: NamespaceRef,
  ) {
    this.#poller = poller;
    this.#listener = listener;
    this.#fd = openNetlink(namespace);
    try {
      for (const group of groups) {
        setsockopt(this.#fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, GROUPS[group]);
      }
      poller.add(this.#fd, () => this.#drain());
    } catch (error) {
      close(this.#fd);
      throw error;
    }
  }

  #drain(): void {
    while (!this.#closed) {
      const got = receiveDatagram(this.#fd, this.#scratch);
      if (typeof got === 'number') {
        if (got === -EINTR) continue;
        if (got !== -EAGAIN && got !== -ENOBUFS) return;
        if (got === -EAGAIN) return;
        this.#listener({ kind: 'resync' });
        continue;
      }
      for (const message of decodeMessages(got)) {
        const event = decodeEvent(message);
        if (event !== undefined && !this.#closed) this.#listener(event);
      }
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poller.remove(this.#fd);
    close(this.#fd);
  }
}
