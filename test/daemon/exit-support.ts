import { Rtnetlink } from '../../src/linux/netlink/client.js';
import { deleteNamespace, writeSysctl } from '../../src/linux/netns.js';
import { parseAddress } from '../../src/wire/address.js';
import { parsePrefix } from '../../src/wire/prefix.js';
import { Udp } from '../dataplane/kernel.support.js';
import { namespaces, wire } from '../linux/lab.js';

const STATIC = 4;

/**
 * A site with two providers, each of which takes from it what is its own and nothing else:
 *
 *                              +-- wan0 ---- [A] --+
 *    [host] -- lan0 -- [router]                    +-- [far] 2001:db8:f::1
 *                              +-- wan1 ---- [B] --+
 *
 * The host has an address below A (2001:db8:a:1::10), below B (2001:db8:b:1::10) and one of nobody (2001:db8:c:1::10).
 * The router's default route leads to A.
 */
export class Site {
  readonly host: string;
  readonly router: string;
  readonly far: string;
  readonly a: string;
  readonly b: string;
  readonly #all: string[];

  constructor(prefix: string) {
    this.#all = namespaces(prefix, 'host', 'router', 'a', 'b', 'far');
    [this.host = '', this.router = '', this.a = '', this.b = '', this.far = ''] = this.#all;
    const { host, router, a, b, far } = this;
    for (const ns of this.#all) {
      for (const which of ['all', 'default']) {
        for (const key of ['accept_dad', 'accept_ra', 'autoconf'])
          writeSysctl(ns, `net/ipv6/conf/${which}/${key}`, 0);
      }
    }
    for (const ns of [router, a, b]) writeSysctl(ns, 'net/ipv6/conf/all/forwarding', 1);
    const end = (namespace: string, name: string, address: string) => ({
      namespace,
      name,
      address,
    });
    wire(end(host, 'up0', '2001:db8:a:1::10'), end(router, 'lan0', '2001:db8:a:1::1'), true);
    wire(end(router, 'wan0', '2001:db8:aa::2'), end(a, 'cust', '2001:db8:aa::1'), true);
    wire(end(router, 'wan1', '2001:db8:bb::2'), end(b, 'cust', '2001:db8:bb::1'), true);
    wire(end(a, 'net', '2001:db8:fa::1'), end(far, 'a', '2001:db8:fa::2'), true);
    wire(end(b, 'net', '2001:db8:fb::1'), end(far, 'b', '2001:db8:fb::2'), true);
    for (const p of ['b', 'c']) {
      this.address(host, 'up0', `2001:db8:${p}:1::10`);
      this.address(router, 'lan0', `2001:db8:${p}:1::1`);
    }
    this.address(far, 'a', '2001:db8:f::1');
    this.route(host, '::/0', '2001:db8:a:1::1', 'up0');
    this.route(router, '::/0', '2001:db8:aa::1', 'wan0');
    for (const [isp, letter] of [
      [a, 'a'],
      [b, 'b'],
    ] as const) {
      this.route(isp, `2001:db8:${letter}::/48`, `2001:db8:${letter}${letter}::2`, 'cust');
      this.route(isp, '2001:db8:f::/64', `2001:db8:f${letter}::2`, 'net');
      this.route(far, `2001:db8:${letter}::/48`, `2001:db8:f${letter}::1`, letter);
      this.#filter(isp, [`2001:db8:${letter}::/48`, `2001:db8:${letter}${letter}::/64`]);
    }
  }

  /** Ingress filter (RFC 2827): from the customer only what is the customer's, in silence. */
  #filter(isp: string, prefixes: readonly string[]): void {
    const nl = new Rtnetlink(isp);
    const common = { inputInterface: 'cust', protocol: STATIC };
    for (const p of prefixes)
      nl.addRule({ ...common, priority: 1_000, from: parsePrefix(p), table: 254 });
    nl.addRule({ ...common, priority: 1_001, action: 'blackhole', from: parsePrefix('2000::/3') });
    nl.close();
  }

  address(namespace: string, name: string, address: string): void {
    const nl = new Rtnetlink(namespace);
    const index = nl.index(name);
    nl.replaceAddress({ address: parseAddress(address), prefixLength: 64, index, noDad: true });
    nl.close();
  }

  route(namespace: string, destination: string, gateway: string, name: string): void {
    const nl = new Rtnetlink(namespace);
    nl.replaceRoute({
      destination: parsePrefix(destination),
      gateway: parseAddress(gateway),
      index: nl.index(name),
      protocol: STATIC,
    });
    nl.close();
  }

  link(namespace: string, name: string, up: boolean): void {
    const nl = new Rtnetlink(namespace);
    nl.setLink(name, { up });
    nl.close();
  }

  /** Whether a datagram from this source comes to the far host, within a second; several are sent. */
  reaches(source: string, tries = 5): boolean {
    const [from, to] = [new Udp(this.host, source, 4000), new Udp(this.far, '2001:db8:f::1', 4001)];
    try {
      for (let i = 0; i < tries; i++) {
        from.send(Uint8Array.of(i), '2001:db8:f::1', 4001);
        if (to.receive(50) !== undefined) return true;
      }
      return false;
    } finally {
      from.close();
      to.close();
    }
  }

  close(): void {
    for (const name of this.#all) deleteNamespace(name);
  }
}

export const SOURCE = {
  a: '2001:db8:a:1::10',
  b: '2001:db8:b:1::10',
  nobody: '2001:db8:c:1::10',
} as const;

export const EXIT = `
shim6 = false
[exit]
check = "300ms"
[[exit.uplink]]
name = "isp-a"
interface = "wan0"
prefixes = ["2001:db8:a::/48"]
[[exit.uplink]]
name = "isp-b"
interface = "wan1"
next_hop = "2001:db8:bb::1"
prefixes = ["2001:db8:b::/48"]
`;
