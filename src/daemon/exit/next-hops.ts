import type { Rtnetlink } from '../../linux/netlink/client.js';
import { NetlinkError } from '../../linux/netlink/socket.js';
import type { Neighbour } from '../../linux/netlink/neighbour.js';
import type { Address } from '../../wire/address.js';

const keyOf = (address: Address, ifindex: number): string => `${address} ${ifindex}`;

/** Whether next hops answer: the kernel's Neighbor Unreachability Detection, asked in regular intervals. */
export class NextHops {
  readonly #netlink: Rtnetlink;
  readonly #states = new Map<string, Neighbour['state']>();
  readonly #silent = new Set<string>();

  constructor(netlink: Rtnetlink) {
    this.#netlink = netlink;
    for (const neighbour of netlink.neighbours()) this.heard(neighbour);
  }

  /** A neighbour's state has changed. @returns whether that is news of its silence */
  heard({ address, index, state }: Neighbour): boolean {
    const key = keyOf(address, index);
    this.#states.set(key, state);
    const before = this.#silent.has(key);
    if (state === 'failed') this.#silent.add(key);
    // Being asked again is no answer.
    else if (state !== 'incomplete' && state !== 'none') this.#silent.delete(key);
    return before !== this.#silent.has(key);
  }

  /** The kernel has no entry any more; what was found out stays until it is asked again. */
  forgotten({ address, index }: Neighbour): void {
    this.#states.delete(keyOf(address, index));
  }

  isSilent(address: Address, ifindex: number): boolean {
    return this.#silent.has(keyOf(address, ifindex));
  }

  /** Makes the kernel ask; the answer is an event. */
  ask(address: Address, ifindex: number): void {
    const state = this.#states.get(keyOf(address, ifindex)) ?? 'none';
    if (state === 'probe' || state === 'permanent' || state === 'noarp') return;
    const known = state === 'reachable' || state === 'stale' || state === 'delay';
    try {
      this.#netlink.askNeighbour({ address, index: ifindex, known });
    } catch (error) {
      // The link, or the entry, has gone meanwhile: its own event follows.
      if (!(error instanceof NetlinkError)) throw error;
      this.#states.delete(keyOf(address, ifindex));
    }
  }
}
