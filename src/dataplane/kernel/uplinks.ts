import type { Address } from '../../wire/address.js';
import { RehomeError } from '../../wire/errors.js';
import { addressToBytes, isUsableLocator, type LocatorPair } from '../../wire/address.js';
import { ATTACH, attachTcx, type BpfHandle } from '../../linux/bpf/syscall.js';
import type { BpfMap } from '../../linux/bpf/map.js';
import type { LoadedObject } from '../../linux/bpf/object.js';
import type { Rtnetlink } from '../../linux/netlink/client.js';
import type { Link } from '../../linux/netlink/link.js';
import { DEVICE_MAC } from '../sam/layout.js';
import { u64Octets, type Uplink } from './layout.js';
import type { Steering } from './steering.js';

const NOWHERE: Uplink = { ifindex: 0, mtu: 1280 };
const ETHERNET_ADDRESS = 6;

interface Attached {
  readonly name: string;
  mtu: number;
  readonly programs: readonly BpfHandle[];
}

/** The interfaces that carry programs of ours, the addresses of the host, and which address is behind which. */
export class Uplinks {
  readonly #netlink: Rtnetlink;
  readonly #object: LoadedObject;
  readonly #steering: Steering;
  readonly #locals: BpfMap;
  readonly #attached = new Map<number, Attached>();
  /** Every usable address of the host, with the interfaces that have it. */
  #addresses = new Map<Address, number[]>();

  constructor(netlink: Rtnetlink, object: LoadedObject, steering: Steering) {
    this.#netlink = netlink;
    this.#object = object;
    this.#steering = steering;
    this.#locals = object.map('locals');
  }

  list(): { readonly ifindex: number; readonly name: string; readonly mtu: number }[] {
    return [...this.#attached].map(([ifindex, { name, mtu }]) => ({ ifindex, name, mtu }));
  }
  has(ifindex: number): boolean {
    return this.#attached.has(ifindex);
  }
  isLocal(address: Address): boolean {
    return this.#addresses.has(address);
  }

  /**
   * Puts our programs on an interface, behind those of others. Twice is harmless.
   * @throws RehomeError REHOME_E_NO_LINK, REHOME_E_UPLINK_NOT_ETHERNET; SyscallError
   */
  attach(which: number | string): void {
    const link = this.#netlink.link(which);
    if (link === undefined) {
      throw new RehomeError('REHOME_E_NO_LINK', `there is no network interface ${which}`, which);
    }
    if (this.#attached.has(link.index)) return;
    this.#refuse(link);
    const programs: BpfHandle[] = [];
    // SAM's program at its device takes every packet away: what is to see them comes before it.
    const first = Buffer.compare(link.mac, DEVICE_MAC) === 0;
    const add = (program: string, where: number): void => {
      programs.push(attachTcx(this.#object.program(program).fd, link.index, where, first));
    };
    try {
      add('uplink_ingress', ATTACH.TCX_INGRESS);
      add('uplink_egress', ATTACH.TCX_EGRESS);
      this.#steering.addUplink(link.index, link.name);
    } catch (error) {
      for (const program of programs) program.close();
      throw error;
    }
    this.#attached.set(link.index, { name: link.name, mtu: link.mtu, programs });
  }

  #refuse(link: Link): void {
    const own = link.index === this.#steering.ifindex || link.index === this.#steering.peerIfindex;
    if (link.mac.length === ETHERNET_ADDRESS && !own) return;
    throw new RehomeError(
      'REHOME_E_UPLINK_NOT_ETHERNET',
      `${link.name} cannot be an uplink: the kernel data path needs an Ethernet interface other than its own`,
      link.name,
    );
  }

  /** Takes our programs off an interface; it may be gone already. */
  detach(ifindex: number): void {
    const attached = this.#attached.get(ifindex);
    if (attached === undefined) return;
    this.#attached.delete(ifindex);
    for (const program of attached.programs) program.close();
    this.#steering.removeUplink(ifindex);
  }

  /** Reads addresses and interfaces anew and tells the programs. Interfaces that are gone are detached. */
  refresh(): void {
    const links = new Map(this.#netlink.links().map((link) => [link.index, link]));
    for (const [ifindex, attached] of this.#attached) {
      const link = links.get(ifindex);
      if (link === undefined) this.detach(ifindex);
      else attached.mtu = link.mtu;
    }
    const fresh = new Map<Address, number[]>();
    for (const a of this.#netlink.addresses()) {
      if ((a.tentative && !a.optimistic) || a.dadFailed || !isUsableLocator(a.address)) continue;
      fresh.set(a.address, [...(fresh.get(a.address) ?? []), a.index]);
    }
    for (const gone of this.#addresses.keys()) {
      if (!fresh.has(gone)) this.#locals.delete(addressToBytes(gone));
    }
    for (const address of fresh.keys()) {
      if (!this.#addresses.has(address)) this.#locals.set(addressToBytes(address), u64Octets(1));
    }
    this.#addresses = fresh;
  }

  /** An address that we have just put on our own device. */
  noteLocal(address: Address): void {
    if (this.#addresses.has(address)) return;
    this.#addresses.set(address, []);
    this.#locals.set(addressToBytes(address), u64Octets(1));
  }

  /**
   * The uplink of a pair: the one that has the local locator, else the one the routes choose, else the one it was
   * (a ULID may outlive its interface's address), else none.
   */
  of(pair: LocatorPair, before?: Uplink): Uplink {
    const ifindex = this.owning(pair.local) || (this.#routed(pair) ?? before?.ifindex ?? 0);
    const attached = this.#attached.get(ifindex);
    return attached === undefined ? NOWHERE : { ifindex, mtu: attached.mtu };
  }

  /** The uplink that has this address; 0: none. */
  owning(address: Address): number {
    return this.#addresses.get(address)?.find((ifindex) => this.#attached.has(ifindex)) ?? 0;
  }

  #routed({ local, peer }: LocatorPair): number | undefined {
    const route = this.#netlink.routeFor({ source: local, destination: peer });
    return route !== undefined && this.#attached.has(route.index) ? route.index : undefined;
  }

  close(): void {
    for (const { programs } of this.#attached.values())
      for (const program of programs) program.close();
    this.#attached.clear();
  }
}
