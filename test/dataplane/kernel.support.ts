import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { addressToBytes, parseAddress, type Address } from '../../src/wire/address.js';
import { parsePrefix } from '../../src/wire/prefix.js';
import { contextTag } from '../../src/wire/units.js';
import type { ContextBinding } from '../../src/dataplane/datapath.js';
import {
  KernelDataPath,
  type ControlSocket,
  type KernelDataPathOptions,
} from '../../src/dataplane/kernel/index.js';
import type { FdPoller } from '../../src/linux/poller.js';
import { openShim6Socket } from '../../src/linux/rawsocket.js';
import { Rtnetlink } from '../../src/linux/netlink/client.js';
import {
  createNamespace,
  deleteNamespace,
  inNamespace,
  listNamespaces,
  openNamespace,
  writeSysctl,
} from '../../src/linux/netns.js';
import {
  AF_INET6,
  bind,
  close,
  connect,
  poll,
  POLLIN,
  recv,
  sendto,
  setsockopt,
  SOCK_DGRAM,
  SOCK_RAW,
  socket,
} from '../../src/linux/syscalls.js';

/**
 * Two hosts with two providers each, and a router between:
 *
 *       2001:db8:a0::1 -- a0      b0 -- 2001:db8:b0::1
 *   A <                       R                        > B
 *       2001:db8:a1::1 -- a1      b1 -- 2001:db8:b1::1
 */
export class TwoHosts {
  readonly a: string;
  readonly b: string;
  readonly r: string;
  readonly #opened: KernelDataPath[] = [];

  constructor(prefix: string, options: { mtu?: number } = {}) {
    [this.a, this.b, this.r] = [`${prefix}A`, `${prefix}B`, `${prefix}R`];
    for (const name of listNamespaces(prefix)) deleteNamespace(name);
    for (const name of [this.a, this.b, this.r]) createNamespace(name);
    writeSysctl(this.r, 'net/ipv6/conf/all/forwarding', 1);
    for (const [host, letter] of [
      [this.a, 'a'],
      [this.b, 'b'],
    ] as const) {
      for (const n of [0, 1]) this.#link(host, `${letter}${n}`, n, options.mtu ?? 1500);
    }
  }

  #link(host: string, name: string, n: number, mtu: number): void {
    const router = openNamespace(this.r);
    const inside = new Rtnetlink(host);
    const outside = new Rtnetlink(this.r);
    try {
      inside.createVeth({ name, mtu }, { name, mtu, namespaceFd: router });
      inside.setLink(name, { up: true });
      outside.setLink(name, { up: true });
      const own = parseAddress(`2001:db8:${name}::1`);
      const gateway = parseAddress(`2001:db8:${name}::ff`);
      const table = 100 + n;
      const index = inside.index(name);
      inside.addAddress({ address: own, prefixLength: 64, index, noDad: true });
      outside.addAddress({
        address: gateway,
        prefixLength: 64,
        index: outside.index(name),
        noDad: true,
      });
      inside.addRule({ priority: 1000 + n, from: parsePrefix(`2001:db8:${name}::/64`), table });
      inside.addRoute({ destination: parsePrefix('::/0'), gateway, index, table });
      inside.addRoute({ destination: parsePrefix('::/0'), gateway, index, metric: 100 + n });
    } finally {
      inside.close();
      outside.close();
      close(router);
    }
  }

  /** Waits until every pair of locators carries packets: carrier and Duplicate Address Detection take a second. */
  async ready(): Promise<this> {
    for (const local of A) {
      for (const peer of B) {
        const [from, to] = [new Udp(this.a, local, 4000), new Udp(this.b, peer, 4001)];
        for (let i = 0; ; i++) {
          from.send(Uint8Array.of(i), peer, 4001);
          if (to.receive(20) !== undefined) break;
          if (i === 200) throw new Error(`no path from ${local} to ${peer}`);
          await sleep(20);
        }
        from.close();
        to.close();
      }
    }
    return this;
  }

  open(host: 'a' | 'b', options: Partial<KernelDataPathOptions> = {}): KernelDataPath {
    const uplinks = [`${host}0`, `${host}1`];
    const path = inNamespace(this[host], () => new KernelDataPath({ uplinks, ...options }));
    this.#opened.push(path);
    return path;
  }

  close(): void {
    for (const path of this.#opened) path.close();
    for (const name of [this.a, this.b, this.r]) deleteNamespace(name);
  }
}

export const A = [parseAddress('2001:db8:a0::1'), parseAddress('2001:db8:a1::1')] as const;
export const B = [parseAddress('2001:db8:b0::1'), parseAddress('2001:db8:b1::1')] as const;

/** The two ends of a context between A[0] and B[0] that sends on the given locators. */
export function bindings(
  local: Address = A[0],
  peer: Address = B[0],
): { a: ContextBinding; b: ContextBinding } {
  const [tagA, tagB] = [contextTag(0x7abcdef01234), contextTag(0x123456789abc)];
  const common = { forkedInstanceIdentifier: 0 };
  return {
    a: {
      ...common,
      ulids: { local: A[0], peer: B[0] },
      pair: { local, peer },
      localTag: tagA,
      peerTag: tagB,
      peerLocators: [...B],
    },
    b: {
      ...common,
      ulids: { local: B[0], peer: A[0] },
      pair: { local: peer, peer: local },
      localTag: tagB,
      peerTag: tagA,
      peerLocators: [...A],
    },
  };
}

const sockaddr = (address: string, port: number): Uint8Array => {
  const out = Buffer.alloc(28);
  out.writeUInt16LE(AF_INET6, 0);
  out.writeUInt16BE(port, 2);
  out.set(addressToBytes(parseAddress(address)), 8);
  return out;
};

/** A UDP socket of a namespace, without the event loop. */
export class Udp {
  readonly #fd: number;
  constructor(namespace: string, local: string, port: number) {
    this.#fd = inNamespace(namespace, () => socket(AF_INET6, SOCK_DGRAM, 0));
    bind(this.#fd, sockaddr(local, port));
  }
  connect(peer: string, port: number): this {
    connect(this.#fd, sockaddr(peer, port));
    return this;
  }
  option(level: number, name: number, value: number): this {
    setsockopt(this.#fd, level, name, value);
    return this;
  }
  bindToDevice(name: string): this {
    setsockopt(this.#fd, 1, 25, Buffer.from(`${name}\0`)); // SO_BINDTODEVICE
    return this;
  }
  /** Octets sent, or -errno. */
  send(data: Uint8Array, peer: string, port: number): number {
    return sendto(this.#fd, data, 0, sockaddr(peer, port));
  }
  sendConnected(data: Uint8Array): number {
    return sendto(this.#fd, data, 0, null);
  }
  receive(timeoutMs = 1000): Uint8Array | undefined {
    const [ready] = poll([{ fd: this.#fd, events: POLLIN }], timeoutMs);
    if (!ready) return undefined;
    const buffer = new Uint8Array(65_536);
    const length = recv(this.#fd, buffer, 0);
    return length < 0 ? undefined : buffer.slice(0, length);
  }
  close(): void {
    close(this.#fd);
  }
}

/** Sends and receives raw IPv6 of one protocol; what it sends has its own header, whatever it says. */
export class Raw {
  readonly #fd: number;
  constructor(namespace: string, protocol: number) {
    this.#fd = inNamespace(namespace, () => socket(AF_INET6, SOCK_RAW, protocol));
    if (protocol === 255) setsockopt(this.#fd, 41, 36, 1); // IPV6_HDRINCL
  }
  send(packet: Uint8Array, via: string): number {
    return sendto(this.#fd, packet, 0, sockaddr(via, 0));
  }
  /** Without the IPv6 header. */
  receive(timeoutMs = 1000): Uint8Array | undefined {
    const [ready] = poll([{ fd: this.#fd, events: POLLIN }], timeoutMs);
    if (!ready) return undefined;
    const buffer = new Uint8Array(65_536);
    const length = recv(this.#fd, buffer, 0);
    return length < 0 ? undefined : buffer.slice(0, length);
  }
  close(): void {
    close(this.#fd);
  }
}

/** An IPv6 packet. */
export function ipv6(
  source: string,
  destination: string,
  next: number,
  payload: Uint8Array,
): Buffer {
  const out = Buffer.alloc(40 + payload.length);
  out[0] = 0x60;
  out.writeUInt16BE(payload.length, 4);
  out[6] = next;
  out[7] = 64;
  out.set(addressToBytes(parseAddress(source)), 8);
  out.set(addressToBytes(parseAddress(destination)), 24);
  out.set(payload, 40);
  return out;
}

/** Internet checksum over the pseudo-header of `packet` (addresses from it, or from `ulids`) and its last octets from `at`. */
export function checksum(
  packet: Uint8Array,
  at: number,
  protocol: number,
  addresses = packet.subarray(8, 40),
): number {
  let sum = packet.length - at + protocol;
  const add = (bytes: Uint8Array): void => {
    for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  };
  add(addresses);
  add(packet.subarray(at));
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 65_536);
  return ~sum & 0xffff;
}

/** A Payload Extension header (RFC 5533 §5.2, figure). */
export function payloadHeader(next: number, tag: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE((1n << 47n) | BigInt(tag));
  out[0] = next;
  return out;
}

/** A control socket as the daemon has one. */
export function control(namespace: string, poller: FdPoller): ControlSocket {
  let listener: (packet: Uint8Array) => void = () => undefined;
  const raw = openShim6Socket({ poller, namespace, onPacket: ({ packet }) => listener(packet) });
  return {
    send: (packet, ifindex) => raw.send(packet, ifindex) === 0,
    onPacket: (next) => void (listener = next),
    close: () => raw.close(),
  };
}

/** Runs JavaScript in a child inside a namespace; `console.log` lines arrive in `lines`. */
export class Child {
  readonly process: ChildProcess;
  readonly lines: string[] = [];
  #rest = '';
  constructor(namespace: string, script: string, ...args: string[]) {
    this.process = inNamespace(namespace, () =>
      spawn(process.execPath, ['--input-type=module', '-e', script, ...args], {
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
    this.process.stdout?.on('data', (chunk: Buffer) => {
      const parts = (this.#rest + chunk.toString()).split('\n');
      this.#rest = parts.pop() ?? '';
      this.lines.push(...parts);
    });
  }
  async line(pattern: RegExp, timeoutMs = 10_000): Promise<string> {
    const end = Date.now() + timeoutMs;
    while (Date.now() < end) {
      const found = this.lines.find((l) => pattern.test(l));
      if (found !== undefined) return found;
      await sleep(10);
    }
    throw new Error(`no line like ${pattern} in ${timeoutMs} ms; had ${this.lines.join(' | ')}`);
  }
  async end(): Promise<number | null> {
    if (this.process.exitCode === null) await once(this.process, 'exit');
    return this.process.exitCode;
  }
  kill(): void {
    this.process.kill('SIGKILL');
  }
}

export const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));
