import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { spawnSyncIn, spawnIn, writeSysctl } from '../../src/linux/netns.js';
import { namespaces, prefixFor, wipe } from '../linux/lab.js';
import { Up } from './up-support.js';
import { FAR, ip, needsIp, reaches } from './sam-site.js';

/**
 * Two zones, one below the other, both with the same constant prefix and the same subnet: what figure 1 of the draft is
 * made of.
 *
 *   internet wa -- wan0 [gateway a] lan0 -- up0 [router c] down0 -- eth0 [host h]
 *                        zone A              zone C
 */
describe.skipIf(needsIp() !== undefined)('a zone below a zone', () => {
  const prefix = prefixFor('samz');
  const directory = mkdtempSync(join(tmpdir(), 'rehome-samz-'));
  let [a, c, h]: [Up?, Up?, Up?] = [];
  let internet = '';

  beforeAll(() => {
    const [na = '', nc = '', nh = '', ni = ''] = namespaces(prefix, 'a', 'c', 'h', 'i');
    internet = ni;
    [a, c, h] = [na, nc, nh].map((n) => new Up(n, directory)) as [Up, Up, Up];
    for (const name of [na, nc, ni]) writeSysctl(name, 'net/ipv6/conf/all/forwarding', 1);
    for (const [left, device, right, other] of [
      [ni, 'wa', na, 'wan0'],
      [na, 'lan0', nc, 'up0'],
      [nc, 'down0', nh, 'eth0'],
    ] as const) {
      ip(left, `link add ${device} type veth peer name ${other} netns ${right}`);
      ip(left, `link set ${device} up`);
      ip(right, `link set ${other} up`);
    }
    ip(na, 'addr add 2001:db8:fa::2/64 dev wan0 nodad');
    ip(ni, 'addr add 2001:db8:fa::1/64 dev wa nodad');
    ip(ni, `addr add ${FAR}/128 dev lo`);
    ip(na, 'route add default via 2001:db8:fa::1');
    ip(ni, 'route add 2001:db0::/32 via 2001:db8:fa::2');
    a.write(GATEWAY + provider('2001:db0::/32'));
    ip(ni, 'route add 2001:db1::/32 via 2001:db8:fa::2');
    const link = (name: string, zone: string, position: string): string =>
      `[[sam.link]]\ninterface = "${name}"\nzone = "${zone}"\nposition = "${position}"\n`;
    c.write(`[sam]\nrole = "router"\n${link('up0', 'A', 'child')}${link('down0', 'C', 'gateway')}`);
    h.write('[sam]\nrole = "host"\ninterfaces = ["eth0"]\n');
  });
  afterAll(async () => {
    for (const up of [a, c, h]) await up?.kill('SIGKILL');
    wipe(prefix);
    rmSync(directory, { recursive: true, force: true });
  });

  it('prefixes go down, packets up and down, super-packets whole [SAM-2.1-1]', async () => {
    if (a === undefined || c === undefined || h === undefined) throw new Error('no site');
    await Promise.all([a.start(), c.start(), h.start()]);
    const own = async (up: Up): Promise<string[]> =>
      (await up.client.sam()).addresses.map((x) => x.address);
    const leaf = h;
    await expect.poll(() => own(leaf), { timeout: 30_000 }).toHaveLength(1);
    const [[host = ''], router] = [await own(h), await own(c)];
    expect(reaches(h.namespace, host, FAR)).toBe(true);
    expect(reaches(internet, FAR, host)).toBe(true);
    for (const address of router) {
      expect(reaches(c.namespace, address, FAR), address).toBe(true);
      expect(reaches(h.namespace, host, address), address).toBe(true);
    }
    expect(reaches(h.namespace, host, '2001:db0::')).toBe(true);

    // Super-packets pass two encapsulations whole: far fewer packets than segments.
    const before = (await c.client.sam()).counters['decapsulated'] ?? 0;
    expect(await transfer(internet, h.namespace, host)).toBe(OCTETS);
    const packets = ((await c.client.sam()).counters['decapsulated'] ?? 0) - before;
    expect(packets).toBeLessThan(OCTETS / 1_400);
    const counters = (await c.client.sam()).counters;
    expect(Object.entries(counters).filter(([name, n]) => name.startsWith('drop-') && n > 0)).toEqual([]); // prettier-ignore
  }, 90_000);

  it('a renumbering at the top: old addresses work on, new connections use the new ones', async () => {
    if (a === undefined || h === undefined) throw new Error('no site');
    const leaf = h;
    const [old = ''] = (await leaf.client.sam()).addresses.map((x) => x.address);
    a.write(GATEWAY + provider('2001:db0::/32', 'preferred = "0s"\nvalid = "10min"') + provider('2001:db1::/32')); // prettier-ignore
    expect((await a.client.reload()).changed).toEqual(['sam.provider']);
    const seen = async (): Promise<(string | boolean)[][]> =>
      (await leaf.client.sam()).addresses.map((x) => [x.address.slice(0, 8), x.deprecated]);
    await expect.poll(seen, { timeout: 10_000 }).toEqual([
      ['2001:db1', false],
      ['2001:db0', true],
    ]);
    const [fresh = ''] = (await leaf.client.sam()).addresses.map((x) => x.address);
    for (const address of [old, fresh]) {
      expect([address, reaches(leaf.namespace, address, FAR)]).toEqual([address, true]);
    }
    expect(ip(leaf.namespace, 'addr show dev rehome0')).toMatch(/2001:db0.*deprecated/);
    // A reload that cannot be changes nothing, and says what to do.
    const before = ip(a.namespace, 'addr show dev rehome0');
    a.write(GATEWAY + provider('2001:db2::/32').replace('wan0', 'nowhere0'));
    await expect(a.client.reload()).rejects.toThrow(
      /\[sam\] names nowhere0: there is no such network interface; make it first, or write one of .*wan0/,
    );
    expect(ip(a.namespace, 'addr show dev rehome0')).toBe(before);
    expect((await a.client.sam()).providers.map((p) => p.interface)).toEqual(['wan0', 'wan0']);
    // What is left out ends at once.
    a.write(GATEWAY + provider('2001:db1::/32'));
    await a.client.reload();
    await expect.poll(seen, { timeout: 10_000 }).toEqual([['2001:db1', false]]);
  }, 60_000);
});

const GATEWAY = '[sam]\nrole = "gateway"\ninterfaces = ["lan0"]\n';
const provider = (text: string, more = ''): string =>
  `[[sam.provider]]\nprefix = "${text}"\ninterface = "wan0"\n${more}\n`;

const OCTETS = 8_000_000;
const SERVE = `
import socket, sys
s = socket.socket(socket.AF_INET6); s.setsockopt(1, 2, 1); s.bind((sys.argv[1], 7007)); s.listen(1)
print('listening', flush=True)
c, _ = s.accept(); n = 0
while True:
    d = c.recv(1 << 20)
    if not d: break
    n += len(d)
print(n, flush=True)
`;
const SEND = `
import socket, sys
s = socket.socket(socket.AF_INET6); s.bind((sys.argv[1], 0)); s.connect((sys.argv[2], 7007))
s.sendall(b'x' * int(sys.argv[3])); s.close()
`;
/** Octets of a TCP transfer from `source` that came to the Internet host. */
async function transfer(to: string, from: string, source: string): Promise<number> {
  const server = spawnIn(to, 'python3', ['-c', SERVE, FAR], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  server.stdout?.on('data', (d) => (text += String(d)));
  await expect.poll(() => text, { timeout: 10_000 }).toContain('listening');
  const ended = new Promise((done) => server.once('exit', done));
  spawnSyncIn(from, 'python3', ['-c', SEND, source, FAR, String(OCTETS)]);
  await ended;
  return Number(text.trim().split('\n')[1]);
}
