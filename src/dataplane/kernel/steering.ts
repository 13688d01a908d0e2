import { pairKey, type Address, type LocatorPair } from '../../wire/address.js';
import { RehomeError } from '../../wire/errors.js';
import { prefixOf } from '../../wire/prefix.js';
import { disableFeatures } from '../../linux/bpf/ethtool.js';
import type { Rtnetlink } from '../../linux/netlink/client.js';
import { RTPROT_REHOME } from '../../linux/netlink/constants.js';
import type { NewRoute } from '../../linux/netlink/route.js';
import type { NewRule } from '../../linux/netlink/rule.js';

export interface SteeringOptions {
  /** The veth pair is `device` and `device`p. */
  readonly device: string;
  /** Routing table of ours. */
  readonly table: number;
  /** Priority of the first of four rules. */
  readonly priority: number;
}

/** How our devices are recognised: "rehome" in a locally administered address, and the end's number. */
const macOf = (end: 0 | 1): Uint8Array => Uint8Array.of(0x02, 0x72, 0x68, 0x6f, 0x6d, 0x65 + end);
const isOurs = (mac: Uint8Array): boolean =>
  [macOf(0), macOf(1)].some((ours) => Buffer.compare(ours, mac) === 0);
const DEVICE_MTU = 65_535; // routes say what really fits

/**
 * Leads the packets of established contexts through the veth pair, with one source-specific route each and one set of
 * rules per host, and keeps their ULIDs alive (`S/128`, deprecated) when the interface they came from goes.
 *
 *   53: from all oif UPLINK goto 55   (the kernel's own lookup for a packet that has been through the pair already)
 *   54: from all lookup 5533          (D/128 from S/128 dev shim0)
 *   55: nop
 *   56: nop, there or not: see flushSoon
 */
export class Steering {
  readonly #netlink: Rtnetlink;
  readonly #options: SteeringOptions;
  readonly #routes = new Map<string, { users: number; route: NewRoute }>();
  readonly #held = new Map<Address, number>();
  readonly #uplinks = new Map<number, NewRule>();
  readonly ifindex: number;
  readonly peerIfindex: number;
  #flush: NodeJS.Immediate | undefined;
  #toggled = false;

  /** Makes devices and rules; all or nothing. @throws NetlinkError, REHOME_E_DEVICE_TAKEN */
  constructor(netlink: Rtnetlink, options: SteeringOptions) {
    this.#netlink = netlink;
    this.#options = options;
    cleanupLeftovers(netlink, options);
    const peer = `${options.device}p`;
    try {
      const common = { noArp: true, mtu: DEVICE_MTU, addressGeneration: 'none' } as const;
      netlink.createVeth(
        { name: options.device, mac: macOf(0), mtu: DEVICE_MTU },
        { name: peer, mac: macOf(1), mtu: DEVICE_MTU },
      );
      this.ifindex = netlink.index(options.device);
      this.peerIfindex = netlink.index(peer);
      // The kernel cannot segment behind an extension header it does not know: the pair does it, before the rewrite.
      disableFeatures(options.device, (name) => /^tx-(tcp|udp).*segmentation$/.test(name));
      for (const index of [this.peerIfindex, this.ifindex]) {
        netlink.setLink(index, common);
        netlink.setLink(index, { up: true });
      }
      const { priority, table } = options;
      netlink.addRule({ priority: priority + 2, action: 'nop' });
      netlink.addRule({ priority: priority + 1, table });
    } catch (error) {
      cleanupLeftovers(netlink, options);
      throw error;
    }
  }

  /** Lets packets that leave by `name` on purpose pass our table. */
  addUplink(ifindex: number, name: string): void {
    const { priority } = this.#options;
    const rule: NewRule = {
      priority,
      action: 'goto',
      outputInterface: name,
      target: priority + 2,
    };
    this.#netlink.addRule(rule);
    this.#uplinks.set(ifindex, rule);
  }

  removeUplink(ifindex: number): void {
    const rule = this.#uplinks.get(ifindex);
    this.#uplinks.delete(ifindex);
    if (rule !== undefined) this.#netlink.deleteRule(rule);
  }

  /** Steers a ULID pair; calls add up. `mtu` is what the transport may send. */
  steer(ulids: LocatorPair, mtu: number): void {
    const known = this.#routes.get(pairKey(ulids));
    if (known !== undefined) {
      known.users++;
      return;
    }
    const route = {
      source: prefixOf(ulids.local, 128),
      destination: prefixOf(ulids.peer, 128),
      index: this.ifindex,
      table: this.#options.table,
      mtu,
    };
    this.#netlink.replaceRoute(route);
    this.#routes.set(pairKey(ulids), { users: 1, route });
    const holders = this.#held.get(ulids.local) ?? 0;
    this.#held.set(ulids.local, holders + 1);
    if (holders === 0) this.#putAddress(ulids.local);
    this.flushSoon();
  }

  setMtu(ulids: LocatorPair, mtu: number): void {
    const known = this.#routes.get(pairKey(ulids));
    if (known === undefined || known.route.mtu === mtu) return;
    known.route = { ...known.route, mtu };
    this.#netlink.replaceRoute(known.route);
  }

  unsteer(ulids: LocatorPair): void {
    const known = this.#routes.get(pairKey(ulids));
    if (known === undefined || --known.users > 0) return;
    this.#routes.delete(pairKey(ulids));
    this.#netlink.deleteRoute(known.route);
    const holders = (this.#held.get(ulids.local) ?? 1) - 1;
    if (holders > 0) this.#held.set(ulids.local, holders);
    else {
      this.#held.delete(ulids.local);
      this.#netlink.deleteAddress({ address: ulids.local, prefixLength: 128, index: this.ifindex });
    }
  }

  /**
   * Makes every socket look its route up again, once per turn of the event loop. A socket remembers the route it found,
   * and a route added to our table does not invalidate those from other tables; one that connects without a source
   * address remembers even the route it found before it had one. Any change of the rules makes them all look again
   * (measured on Linux 6.18: a new address does not), so a rule that does nothing comes and goes.
   */
  flushSoon(): void {
    this.#flush ??= setImmediate(() => {
      this.#flush = undefined;
      const rule: NewRule = { priority: this.#options.priority + 3, action: 'nop' };
      if (this.#toggled) this.#netlink.deleteRule(rule);
      else this.#netlink.addRule(rule);
      this.#toggled = !this.#toggled;
    });
  }

  /** Deprecated from the start: never chosen for a new session (RFC 6724 rule 3). */
  #putAddress(address: Address): void {
    this.#netlink.replaceAddress({
      address,
      prefixLength: 128,
      index: this.ifindex,
      preferredSeconds: 0,
      noDad: true,
      noPrefixRoute: true,
    });
  }

  /** Removes everything. Idempotent. */
  close(): void {
    if (this.#flush !== undefined) clearImmediate(this.#flush);
    this.#routes.clear();
    this.#held.clear();
    cleanupLeftovers(this.#netlink, this.#options);
  }
}

/**
 * Removes what a killed predecessor left: its veth pair (with it go the routes and addresses on it) and the rules that
 * carry our protocol number. Nothing else is touched.
 * @throws RehomeError REHOME_E_DEVICE_TAKEN when a device of that name is not ours.
 */
export function cleanupLeftovers(netlink: Rtnetlink, options: SteeringOptions): void {
  const { device, priority } = options;
  const named = [device, `${device}p`].flatMap((name) => netlink.link(name) ?? []);
  for (const link of named) {
    if (isOurs(link.mac) && link.kind === 'veth') continue;
    throw new RehomeError(
      'REHOME_E_DEVICE_TAKEN',
      `a device named ${link.name} exists and is not rehome's: choose another name for the data path's`,
      link.name,
    );
  }
  for (const rule of netlink.rules()) {
    const ours = rule.protocol === RTPROT_REHOME;
    if (!ours || rule.priority < priority || rule.priority > priority + 3) continue;
    const { action, table, outputInterface } = rule;
    netlink.deleteRule({
      priority: rule.priority,
      ...(action === 'goto' ? { action, target: priority + 2 } : {}),
      ...(action === 'nop' ? { action } : {}),
      ...(action === 'table' ? { table } : {}),
      ...(outputInterface === undefined ? {} : { outputInterface }),
    });
  }
  const [first] = named;
  if (first !== undefined) netlink.deleteLink(first.index); // takes the other end along
}
