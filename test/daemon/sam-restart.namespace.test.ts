import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { spawnIn } from '../../src/linux/netns.js';
import { FAR, hostConfig, ip, needsIp, SamSite } from './sam-site.js';

/** A TCP connection from a host of the site to the Internet host, which sends back every line. */
class TcpEcho {
  readonly #server: ChildProcess;
  readonly #client: ChildProcess;
  #heard = '';

  constructor(server: string, client: string, from: string) {
    const python = (namespace: string, program: string, ...args: string[]): ChildProcess =>
      spawnIn(namespace, 'python3', ['-u', '-c', program, ...args], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
    this.#server = python(server, ECHO_SERVER, FAR);
    this.#client = python(client, ECHO_CLIENT, from, FAR);
    this.#client.stdout?.on('data', (d) => (this.#heard += String(d)));
  }

  async opened(): Promise<void> {
    await expect.poll(() => this.#heard, { timeout: 10_000 }).toBe('open\n');
  }
  /** What comes back, within what TCP's retransmissions take. */
  async says(line: string): Promise<string | undefined> {
    const known = this.#heard.length;
    this.#client.stdin?.write(`${line}\n`);
    await expect.poll(() => this.#heard.length, { timeout: 20_000 }).toBeGreaterThan(known);
    return this.#heard.slice(known).trim();
  }
  close(): void {
    this.#server.kill();
    this.#client.kill();
  }
}

const ECHO_SERVER = `
import socket, sys
s = socket.socket(socket.AF_INET6); s.setsockopt(1, 2, 1); s.bind((sys.argv[1], 7009)); s.listen(1)
c, _ = s.accept()
while True:
    d = c.recv(1000)
    if not d: break
    c.sendall(d)
`;
const ECHO_CLIENT = `
import socket, sys, time
for i in range(50):
    s = socket.socket(socket.AF_INET6); s.bind((sys.argv[1], 0))
    try:
        s.connect((sys.argv[2], 7009)); break
    except ConnectionRefusedError: time.sleep(0.1)
print('open')
for line in sys.stdin:
    s.sendall(line.encode())
    sys.stdout.write(s.recv(1000).decode())
`;

describe.skipIf(needsIp() !== undefined)('a SAM host that comes back', () => {
  let site: SamSite;
  beforeAll(() => void (site = new SamSite('samr')));
  afterAll(() => site.close());

  it('keeps its addresses over a restart and when a link flaps, and a TCP session goes on', async () => {
    await Promise.all([site.a.start(), site.b.start()]);
    await site.addresses(site.a, 3);
    site.h.write('[sam]\nrole = "host"\ninterfaces = ["eth0", "wlan0"]\n');
    await site.h.start();
    const first = (await site.addresses(site.h, 4)).sort();
    const [own = ''] = first.filter((a) => a.startsWith('2001:db8:a:'));
    const session = new TcpEcho(site.internet, site.h.namespace, own);
    try {
      await session.opened();
      expect(await session.says('before')).toBe('before');
      for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
        await site.h.kill(signal);
        await site.h.start();
        expect([signal, (await site.addresses(site.h, 4)).sort()]).toEqual([signal, first]);
        expect(await session.says(signal)).toBe(signal);
      }
    } finally {
      session.close();
    }
    ip(site.h.namespace, 'link set wlan0 down');
    await site.addresses(site.h, 2);
    ip(site.h.namespace, 'link set wlan0 up');
    expect((await site.addresses(site.h, 4)).sort()).toEqual(first);

    // While it is away, another host takes one of its infixes: it finds another, and keeps that.
    const links = (await site.h.client.sam()).zones[0]?.links ?? [];
    const taken =
      links
        .find((l) => l.name === 'eth0')
        ?.local?.split(':')
        .at(-1) ?? '';
    await site.h.kill('SIGTERM');
    site.x.write(hostConfig({ eth0: taken.padStart(4, '0') }));
    await site.x.start();
    await site.addresses(site.x, 2);
    await site.h.start();
    const second = (await site.addresses(site.h, 4)).sort();
    expect(second.filter((a) => first.includes(a))).toHaveLength(2);
    await site.h.kill('SIGTERM');
    await site.h.start();
    expect((await site.addresses(site.h, 4)).sort()).toEqual(second);

    // A gateway that is stopped takes its prefix back; one that comes back gives the same addresses again.
    await site.a.kill('SIGTERM');
    expect((await site.addresses(site.h, 2)).every((a) => a.startsWith('2001:db8:b:'))).toBe(true);
    await site.a.start();
    expect((await site.addresses(site.h, 4)).sort()).toEqual(second);
  }, 120_000);
});
