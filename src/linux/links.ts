import type { NamespaceRef } from './netns.js';
import { Rtnetlink } from './netlink/client.js';
import { NetlinkEvents } from './netlink/events.js';
import { isLinkUp, type Link } from './netlink/link.js';
import type { FdPoller } from './poller.js';

export type LinkChange =
  | { readonly kind: 'added' | 'up' | 'down' | 'removed'; readonly link: Link }
  /** Name, MTU, MAC or flags. */
  | { readonly kind: 'changed'; readonly link: Link };

const signature = (link: Link): string =>
  [link.name, link.mtu, link.flags, Buffer.from(link.mac).toString('hex')].join(' ');

/** Links as they come, go, and gain or lose their carrier (RFC 5534 §3.1: the local half of failure detection). */
export class LinkMonitor {
  readonly #links = new Map<number, Link>();
  readonly #netlink: Rtnetlink;
  readonly #events: NetlinkEvents;
  readonly #onChange: (change: LinkChange) => void;

  /** Reads the links at once; only later changes are told. @throws SyscallError. */
  constructor(poller: FdPoller, onChange: (change: LinkChange) => void, namespace?: NamespaceRef) {
    this.#onChange = onChange;
    this.#netlink = new Rtnetlink(namespace);
    this.#events = new NetlinkEvents(
      poller,
      ['link'],
      (event) => {
        if (event.kind === 'resync') this.#resync();
        else if (event.kind === 'link') this.#apply(event.value, event.removed);
      },
      namespace,
    );
    for (const link of this.#netlink.links()) this.#links.set(link.index, link);
  }

  links(): Link[] {
    return [...this.#links.values()];
  }

  #resync(): void {
    const now = this.#netlink.links();
    const present = new Set(now.map((link) => link.index));
    for (const link of this.links()) if (!present.has(link.index)) this.#apply(link, true);
    for (const link of now) this.#apply(link, false);
  }

  #apply(link: Link, removed: boolean): void {
    const before = this.#links.get(link.index);
    if (removed) {
      if (this.#links.delete(link.index)) this.#onChange({ kind: 'removed', link });
      return;
    }
    this.#links.set(link.index, link);
    if (before === undefined) this.#onChange({ kind: 'added', link });
    else if (isLinkUp(before) !== isLinkUp(link)) {
      this.#onChange({ kind: isLinkUp(link) ? 'up' : 'down', link });
    } else if (signature(before) !== signature(link)) this.#onChange({ kind: 'changed', link });
  }

  close(): void {
    this.#events.close();
    this.#netlink.close();
  }
}
