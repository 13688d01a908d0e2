import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createNamespace,
  deleteNamespace,
  inNamespace,
  listNamespaces,
  readSysctl,
  spawnIn,
  spawnSyncIn,
  writeSysctl,
} from '../../src/linux/netns.js';
import { Rtnetlink } from '../../src/linux/netlink/client.js';
import { connectIn, listenIn } from '../../src/linux/sockets.js';
import { LOOPBACK } from '../../src/wire/address.js';
import { RehomeError } from '../../src/wire/errors.js';
import { namespaces, prefixFor, wipe } from './lab.js';
import { needsRoot } from '../support/root.js';

const PREFIX = prefixFor('ns');
const A = `${PREFIX}a`;
const B = `${PREFIX}b`;
const here = (): string => readlinkSync('/proc/thread-self/ns/net');

describe.skipIf(needsRoot() !== undefined)('network namespaces', () => {
  beforeAll(() => {
    namespaces(PREFIX, 'a', 'b');
  });
  afterAll(() => wipe(PREFIX));

  it('are listed, refuse a second one of the same name, and are deleted once', () => {
    expect(listNamespaces(PREFIX)).toEqual([A, B]);
    expect(() => createNamespace(A)).toThrow(/EEXIST/);
    createNamespace(`${PREFIX}gone`);
    expect(deleteNamespace(`${PREFIX}gone`)).toBe(true);
    expect(deleteNamespace(`${PREFIX}gone`)).toBe(false);
    expect(() => createNamespace('../etc')).toThrow(RehomeError);
  });

  it('are those of `ip netns`', () => {
    const inside = inNamespace(A, here);
    expect(inside).not.toBe(here());
    const seen = spawnSyncIn(undefined, 'nsenter', [
      `--net=/run/netns/${A}`,
      'readlink',
      '/proc/self/ns/net',
    ]);
    expect(String(seen.stdout).trim()).toBe(inside);
  });

  it('are left again, after an exception and after a nested visit too', () => {
    const home = here();
    const a = inNamespace(A, here);
    const b = inNamespace(B, here);
    expect(inNamespace(A, () => [here(), inNamespace(B, here), here()])).toEqual([a, b, a]);
    expect(() =>
      inNamespace(A, () => {
        throw new Error('x');
      }),
    ).toThrow('x');
    expect(() => inNamespace(A, async () => undefined)).toThrow(/synchronous/);
    expect(() => inNamespace(`${PREFIX}none`, () => 1)).toThrow(/ENOENT/);
    expect(here()).toBe(home);
  });

  it('hold the children spawned inside', async () => {
    const child = spawnIn(B, 'readlink', ['/proc/self/ns/net'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout?.on('data', (d: Buffer) => (out += d.toString()));
    await once(child, 'close');
    expect(out.trim()).toBe(inNamespace(B, here));
    expect(String(spawnSyncIn(A, 'readlink', ['/proc/self/ns/net']).stdout).trim()).toBe(
      inNamespace(A, here),
    );
  });

  it('have sysctls of their own', () => {
    const outside = readSysctl(undefined, 'net/ipv6/conf/all/forwarding');
    writeSysctl(A, 'net/ipv6/conf/all/forwarding', 1);
    expect(readSysctl(A, 'net/ipv6/conf/all/forwarding')).toBe('1');
    expect(readSysctl(B, 'net/ipv6/conf/all/forwarding')).toBe('0');
    expect(readSysctl(undefined, 'net/ipv6/conf/all/forwarding')).toBe(outside);
    expect(() => writeSysctl(A, 'net/../../etc/passwd', 1)).toThrow(RehomeError);
  });

  it('come with loopback up, and a netlink socket opened inside stays inside', () => {
    const nl = new Rtnetlink(A);
    expect(nl.links().map((l) => [l.name, l.up])).toEqual([['lo', true]]);
    nl.close();
  });

  it('keep a Node server and a Node client made inside', async () => {
    const server = createServer((socket) => socket.end('inside'));
    listenIn(A, server, { address: LOOPBACK, port: 7777 });
    await once(server, 'listening');
    const client = connectIn(A, { address: LOOPBACK, port: 7777 });
    const [data] = (await once(client, 'data')) as [Buffer];
    expect(data.toString()).toBe('inside');
    for (const outsider of [
      connectIn(B, { address: LOOPBACK, port: 7777 }),
      // Why connectIn exists: Node makes this socket in a later turn, when we are home again.
      inNamespace(A, () => connect({ host: '::1', port: 7777 })),
    ]) {
      await expect(once(outsider, 'data')).rejects.toThrow(/ECONNREFUSED/);
    }
    server.close();
    await once(server, 'close');
  });
});
