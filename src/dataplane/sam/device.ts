import type { Rtnetlink } from '../../linux/netlink/client.js';
import type { Link } from '../../linux/netlink/link.js';
import { RTPROT_SAM } from '../../linux/netlink/constants.js';
import type { Address } from '../../wire/address.js';
import { RehomeError } from '../../wire/errors.js';
import { formatPrefix, parsePrefix, type Prefix } from '../../wire/prefix.js';
import { DEVICE_MAC } from './layout.js';

/** Of the unused end of the pair. */
const PEER_MAC = Uint8Array.of(0x02, 0x72, 0x68, 0x73, 0x61, 0x6e);
const has = ({ kind, mac }: Link, ours: Uint8Array): boolean =>
  kind === 'veth' && Buffer.compare(ours, mac) === 0;
const isOurs = (link: Link): boolean => has(link, DEVICE_MAC) || has(link, PEER_MAC);

const DEFAULT: Prefix = parsePrefix('::/0');
/** Behind every default route that somebody else has made: 1024 is the usual one. */
const DEFAULT_METRIC = 2_048;
const METRIC = 512;

/** One of the host's global addresses; lifetimes in seconds. */
export interface DeviceAddress {
  readonly address: Address;
  readonly preferredSeconds: number;
  readonly validSeconds: number;
}

/** What is routed to the device. */
export interface DeviceRoutes {
  /** Destinations below us. */
  readonly below: readonly Prefix[];
  /** Sources whose packets leave by a zone. */
  readonly sources: readonly Prefix[];
}

/**
 * `rehome0`: where global packets meet the zones. It has the host's global addresses, and the routes of everything that
 * goes into an outer packet. A source-specific default route for each delegated prefix takes packets there by their
 * source, so that no other default route gets hold of them.
 */
export class SamDevice {
  readonly #netlink: Rtnetlink;
  readonly name: string;
  readonly ifindex: number;
  #addresses = new Map<Address, DeviceAddress>();
  #routes = new Map<string, { readonly destination: Prefix; readonly source?: Prefix; readonly metric: number }>(); // prettier-ignore
  readonly #locals = new Map<string, { readonly address: Address; readonly index: number }>();

  /**
   * Makes the device, and takes away what a killed predecessor left. All or nothing.
   * @throws NetlinkError, REHOME_E_DEVICE_TAKEN
   */
  constructor(netlink: Rtnetlink, name: string, mtu: number) {
    this.#netlink = netlink;
    this.name = name;
    this.#refuseTaken();
    cleanUpSam(netlink);
    const peer = `${name}p`;
    try {
      netlink.createVeth({ name, mac: DEVICE_MAC, mtu }, { name: peer, mac: PEER_MAC, mtu });
      this.ifindex = netlink.index(name);
      for (const index of [netlink.index(peer), this.ifindex]) {
        netlink.setLink(index, { noArp: true, addressGeneration: 'none' });
        netlink.setLink(index, { up: true });
      }
    } catch (error) {
      cleanUpSam(this.#netlink);
      throw error;
    }
  }

  setMtu(mtu: number): void {
    this.#netlink.setLink(this.ifindex, { mtu });
  }

  /** A local address, unique already (IFA_F_NODAD). */
  assign(index: number, address: Address): void {
    this.#netlink.replaceAddress({
      address,
      prefixLength: 64,
      index,
      noDad: true,
      protocol: RTPROT_SAM,
    });
    this.#locals.set(`${index} ${address}`, { address, index });
  }

  unassign(index: number, address: Address): void {
    this.#locals.delete(`${index} ${address}`);
    this.#netlink.deleteAddress({ address, prefixLength: 64, index });
  }

  /** Puts the new ones on, changes lifetimes, takes the others off. */
  setAddresses(wanted: readonly DeviceAddress[]): void {
    const next = new Map(wanted.map((a) => [a.address, a]));
    for (const a of next.values()) {
      this.#netlink.replaceAddress({
        ...a,
        prefixLength: 128,
        index: this.ifindex,
        noDad: true,
        noPrefixRoute: true,
        protocol: RTPROT_SAM,
      });
    }
    for (const address of this.#addresses.keys()) {
      if (!next.has(address)) {
        this.#netlink.deleteAddress({ address, prefixLength: 128, index: this.ifindex });
      }
    }
    this.#addresses = next;
  }

  setRoutes({ below, sources }: DeviceRoutes): void {
    const next = new Map<string, { destination: Prefix; source?: Prefix; metric: number }>();
    for (const destination of below)
      next.set(formatPrefix(destination), { destination, metric: METRIC });
    for (const source of sources) {
      next.set(`from ${formatPrefix(source)}`, { destination: DEFAULT, source, metric: METRIC });
    }
    if (sources.length > 0) next.set('default', { destination: DEFAULT, metric: DEFAULT_METRIC });
    const common = { index: this.ifindex, protocol: RTPROT_SAM };
    for (const [key, route] of next) {
      if (!this.#routes.has(key)) this.#netlink.replaceRoute({ ...route, ...common });
    }
    for (const [key, route] of this.#routes) {
      if (!next.has(key)) this.#netlink.deleteRoute({ ...route, ...common });
    }
    this.#routes = next;
  }

  #refuseTaken(): void {
    const named = [this.name, `${this.name}p`].flatMap((n) => this.#netlink.link(n) ?? []);
    for (const { name } of named.filter((link) => !isOurs(link))) {
      throw new RehomeError(
        'REHOME_E_DEVICE_TAKEN',
        `a device named ${name} exists and is not rehome's: choose another name with [sam] device`,
        name,
      );
    }
  }

  /** Takes everything away. Idempotent. */
  close(): void {
    this.#addresses.clear();
    this.#routes.clear();
    this.#locals.clear();
    cleanUpSam(this.#netlink);
  }
}

/**
 * Removes what SAM has put into this namespace, whatever the device was called: local addresses, the device, and with it its
 * routes and addresses.
 * @throws NetlinkError
 */
export function cleanUpSam(netlink: Rtnetlink): void {
  const links = netlink.links();
  const devices = links.filter(isOurs).map((l) => l.index);
  for (const { address, prefixLength, index, protocol } of netlink.addresses()) {
    if (protocol !== RTPROT_SAM || devices.includes(index)) continue;
    netlink.deleteAddress({ address, prefixLength, index });
  }
  for (const link of links) if (has(link, DEVICE_MAC)) netlink.deleteLink(link.index);
}
