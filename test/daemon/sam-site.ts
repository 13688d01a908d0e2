import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { spawnSyncIn, writeSysctl } from '../../src/linux/netns.js';
import { namespaces, prefixFor, wipe } from '../linux/lab.js';
import { needsRoot } from '../support/root.js';
import { Up } from './up-support.js';

/** As needsRoot, and iproute2 has to be there: the site's link is a bridge. */
export function needsIp(): string | undefined {
  const reason = needsRoot();
  if (reason !== undefined || spawnSync('ip', ['-V']).status === 0) return reason;
  process.stderr.write('skipped: needs ip (apt-get install iproute2)\n');
  return 'needs ip (apt-get install iproute2)';
}

export const PEER = '2001:db8:cccc::1';
export const FAR = '2001:db8:ffff::1';
export const HOST = {
  AH: '2001:db8:a:1297:7770::',
  AK: '2001:db8:a:1298:8880::',
  BH: '2001:db8:b:12:9777:7000::',
  BK: '2001:db8:b:12:9888:8000::',
} as const;

/**
 * The site of draft-despres-sam-03 §4, figure 7, in namespaces. The Internet takes from each provider only what has a
 * source of the prefix that it gave (RFC 2827): everything else is unreachable there.
 *
 *             internet  2001:db8:ffff::1
 *           wa |      | wb
 *         wan0 |      | wan0
 *     [gateway a]    [gateway b]         2001:db8:a::/48, 2001:db8:b::/56
 *         lan0 |      | lan0
 *     ~~~~~~~~~+~~bridge~~+~~~~~~~~      fcf9:0:0:1::/64
 *         eth0 |      | wlan0
 *              [ host h ]      [ other host x, eth0 ]
 */
export class SamSite {
  readonly #prefix: string;
  readonly directory = mkdtempSync(join(tmpdir(), 'rehome-sam-'));
  readonly a: Up;
  readonly b: Up;
  readonly h: Up;
  readonly x: Up;
  /** A host of the Internet, at `PEER`. */
  readonly p: Up;
  readonly internet: string;
  readonly bridge: string;

  constructor(area: string) {
    this.#prefix = prefixFor(area);
    const [a = '', b = '', h = '', x = '', p = '', i = '', br = ''] = namespaces(this.#prefix, 'a', 'b', 'h', 'x', 'p', 'i', 'br'); // prettier-ignore
    [this.internet, this.bridge] = [i, br];
    const up = (namespace: string): Up => new Up(namespace, this.directory);
    [this.a, this.b, this.h, this.x, this.p] = [up(a), up(b), up(h), up(x), up(p)];
    for (const name of [a, b, i]) writeSysctl(name, 'net/ipv6/conf/all/forwarding', 1);
    ip(br, 'link add br0 type bridge mcast_snooping 0');
    ip(br, 'link set br0 up');
    for (const [name, device] of [
      [a, 'lan0'],
      [b, 'lan0'],
      [h, 'eth0'],
      [h, 'wlan0'],
      [x, 'eth0'],
    ] as const) {
      // prettier-ignore
      const port = `${name.slice(-1)}${device}`;
      ip(name, `link add ${device} type veth peer name ${port} netns ${br}`);
      ip(name, `link set ${device} up addrgenmode eui64`);
      ip(br, `link set ${port} up master br0`);
    }
    ip(i, `addr add ${FAR}/128 dev lo`);
    ip(p, `link add eth0 type veth peer name peer netns ${i}`);
    ip(p, 'link set eth0 up');
    ip(i, 'link set peer up');
    ip(p, `addr add ${PEER}/64 dev eth0 nodad`);
    ip(i, 'addr add 2001:db8:cccc::ff/64 dev peer nodad');
    ip(p, 'route add default via 2001:db8:cccc::ff');
    this.#provider(a, 'a', '2001:db8:a::/48');
    this.#provider(b, 'b', '2001:db8:b::/56');
    this.configure();
  }

  #provider(name: string, letter: string, prefix: string): void {
    const i = this.internet;
    ip(name, `link add wan0 type veth peer name w${letter} netns ${i}`);
    ip(name, 'link set wan0 up');
    ip(i, `link set w${letter} up`);
    ip(name, `addr add 2001:db8:f${letter}::2/64 dev wan0 nodad`);
    ip(i, `addr add 2001:db8:f${letter}::1/64 dev w${letter} nodad`);
    ip(name, `route add default via 2001:db8:f${letter}::1`);
    ip(i, `route add ${prefix} via 2001:db8:f${letter}::2`);
    // The ingress filter: what comes in by this provider has a source of the prefix, or of the link.
    const priority = letter === 'a' ? 10 : 20;
    ip(i, `rule add iif w${letter} from ${prefix} lookup main priority ${priority}`);
    ip(i, `rule add iif w${letter} from 2001:db8:f${letter}::/64 lookup main priority ${priority + 1}`); // prettier-ignore
    ip(i, `rule add iif w${letter} unreachable priority ${priority + 2}`);
    // The system's own addresses come before rules otherwise.
    if (letter === 'a') {
      ip(i, 'rule add from all lookup local priority 100');
      ip(i, 'rule del priority 0');
    }
    ip(i, `rule add iif w${letter} from ${prefix} lookup local priority ${priority - 2}`);
    ip(i, `rule add iif w${letter} from 2001:db8:f${letter}::/64 lookup local priority ${priority - 1}`); // prettier-ignore
    ip(i, `rule add iif w${letter} from fe80::/10 lookup local priority ${priority - 3}`);
  }

  /** The infixes of the draft's example. */
  configure(): void {
    const gateway = (infix: string, prefix: string): string => `
[sam]
role = "gateway"
[[sam.link]]
interface = "lan0"
subnet = "fcf9:0:0:1::/64"
infix = "${infix}"
[[sam.provider]]
prefix = "${prefix}"
interface = "wan0"
`;
    this.a.write(gateway('5555', '2001:db8:a::/48'));
    this.b.write(gateway('6666', '2001:db8:b::/56'));
    this.h.write(hostConfig({ eth0: '7777', wlan0: '8888' }));
    this.x.write(hostConfig({ eth0: '9999' }));
  }

  /** One datagram to the Internet host and its answer. */
  reaches(from: Up, source: string, destination: string = FAR): boolean {
    return reaches(from.namespace, source, destination);
  }

  /** Echo requests that came to the Internet host, so far. */
  echosHeard(): number {
    const text = spawnSyncIn(this.internet, 'cat', ['/proc/self/net/snmp6']).stdout;
    return Number(/Icmp6InEchos\s+(\d+)/.exec(String(text))?.[1]);
  }

  async counter(of: Up, name: string): Promise<number> {
    return (await of.client.sam()).counters[name] ?? 0;
  }

  /** Waits until a daemon has so many global addresses. */
  async addresses(of: Up, count: number): Promise<string[]> {
    await expect
      .poll(async () => (await of.client.sam()).addresses.length, { timeout: 12_000 })
      .toBe(count);
    return (await of.client.sam()).addresses.map((a) => a.address);
  }

  async close(): Promise<void> {
    for (const up of [this.a, this.b, this.h, this.x, this.p]) await up.kill('SIGKILL');
    wipe(this.#prefix);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export const hostConfig = (infixes: Readonly<Record<string, string>>, more = ''): string =>
  `
[sam]
role = "host"
${Object.entries(infixes)
  .map(([name, infix]) => `[[sam.link]]\ninterface = "${name}"\ninfix = "${infix}"\n${more}`)
  .join('\n')}
`;

export function ip(namespace: string, command: string): string {
  const done = spawnSyncIn(namespace, 'ip', ['-6', ...command.split(' ')]);
  if (done.status !== 0) throw new Error(`ip -6 ${command}: ${String(done.stderr)}`);
  return String(done.stdout);
}

/** Whether an echo request is answered within three tries. */
export function reaches(namespace: string, source: string, destination: string): boolean {
  const done = spawnSyncIn(namespace, 'python3', ['-c', ECHO, source, destination]);
  return String(done.stdout).trim() === 'yes';
}

const ECHO = `
import os, socket, struct, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58)
s.bind((sys.argv[1], 0)); s.settimeout(1)
me = os.getpid() & 0xffff
ok = False
for i in range(3):
    s.sendto(struct.pack('!BBHHH', 128, 0, 0, me, i) + b'rehome', (sys.argv[2], 0))
    try:
        while not ok:
            d = s.recv(2000)
            ok = d[0] == 129 and struct.unpack('!H', d[4:6])[0] == me
    except socket.timeout: pass
    if ok: break
print('yes' if ok else 'no')
`;
