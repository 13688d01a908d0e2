import { spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AddressMonitor, type OwnAddress } from '../../src/linux/addresses.js';
import { deleteNamespace, spawnSyncIn, writeSysctl } from '../../src/linux/netns.js';
import { FdPoller } from '../../src/linux/poller.js';
import { eventually, namespaces, wipe } from '../linux/lab.js';
import { needsRoot } from '../support/root.js';

/**
 * RFC 5534 §3.1, §3.2, §4.1: what the kernel knows of our addresses, their links and routers, reaches us as it changes.
 *
 *   host h0 ---- veth ---- r0 router      addresses and router advertisements come from `ip`, as a kernel would set them
 */
const PREFIX = 'rhcf-';
let host = '';
let router = '';
let poller: FdPoller;
let monitor: AddressMonitor | undefined;
let changes: (readonly OwnAddress[])[] = [];

const ip = (namespace: string, ...args: readonly string[]): void => {
  const done = spawnSyncIn(namespace, 'ip', [...args]);
  if (done.status !== 0) throw new Error(`ip ${args.join(' ')}: ${String(done.stderr)}`);
};
const watch = (): void => {
  monitor = new AddressMonitor({
    poller,
    namespace: host,
    onChange: (addresses) => void changes.push(addresses),
  });
};
/** The newest that was told, without asking. */
const told = (address: string): OwnAddress | undefined =>
  changes.at(-1)?.find((a) => a.address === address);

/** `ip` plays the part of whoever configures addresses; the product itself does not need it. */
function cannotRun(): string | undefined {
  const reason = needsRoot();
  if (reason !== undefined || spawnSync('ip', ['-V']).status === 0) return reason;
  process.stderr.write('skipped: needs the program ip (apt-get install iproute2)\n');
  return 'no ip';
}

describe.skipIf(cannotRun() !== undefined)('addresses of a host', () => {
  beforeAll(() => {
    [host = '', router = ''] = namespaces(PREFIX, 'host', 'router');
    ip(host, 'link', 'add', 'h0', 'type', 'veth', 'peer', 'name', 'r0', 'netns', router);
    ip(host, 'link', 'set', 'h0', 'up');
    ip(router, 'link', 'set', 'r0', 'up');
    // Neighbour Unreachability Detection in a second instead of in ten.
    for (const [key, value] of [
      ['retrans_time_ms', 50],
      ['base_reachable_time_ms', 100],
      ['delay_first_probe_time', 1],
    ] as const) {
      writeSysctl(host, `net/ipv6/neigh/h0/${key}`, value);
    }
    poller = new FdPoller();
  });
  afterEach(() => {
    monitor?.close();
    monitor = undefined;
    changes = [];
    spawnSyncIn(host, 'ip', ['-6', 'addr', 'flush', 'dev', 'h0', 'scope', 'global']);
    spawnSyncIn(host, 'ip', ['-6', 'route', 'del', 'default']);
  });
  afterAll(() => {
    for (const name of [host, router]) deleteNamespace(name);
    wipe(PREFIX);
  });

  it('are told when they come, pass duplicate address detection, are deprecated and go [RFC5534-3.1-1] [RFC5534-4.1-1]', async () => {
    watch();
    ip(host, 'addr', 'add', '2001:db8:1::1/64', 'dev', 'h0');
    await eventually(() => told('2001:db8:1::1'), 'the address');
    await eventually(() => told('2001:db8:1::1')?.dad === 'valid', 'the end of DAD');
    // It was tentative first: not to be used.
    expect(changes.some((c) => c.some((a) => a.dad === 'tentative'))).toBe(true);
    ip(
      host,
      'addr',
      'change',
      '2001:db8:1::1/64',
      'dev',
      'h0',
      'valid_lft',
      '100',
      'preferred_lft',
      '0',
    );
    await eventually(() => told('2001:db8:1::1')?.deprecated, 'deprecation');
    ip(host, 'addr', 'del', '2001:db8:1::1/64', 'dev', 'h0');
    await eventually(() => changes.at(-1)?.length === 0, 'its end');
  });

  it('end with their valid lifetime [RFC5534-3.1-1]', async () => {
    watch();
    ip(
      host,
      'addr',
      'add',
      '2001:db8:2::1/64',
      'dev',
      'h0',
      'nodad',
      'valid_lft',
      '1',
      'preferred_lft',
      '1',
    );
    await eventually(() => told('2001:db8:2::1'), 'the address');
    await eventually(() => changes.at(-1)?.length === 0, 'its end');
  });

  it('are global or unique local ones only [RFC5534-3.1-3]', async () => {
    ip(host, 'addr', 'add', '2001:db8:3::1/64', 'dev', 'h0', 'nodad');
    ip(host, 'addr', 'add', 'fd00:3::1/64', 'dev', 'h0', 'nodad');
    ip(host, 'addr', 'add', 'fe80::33/64', 'dev', 'h0', 'nodad');
    watch();
    expect(
      monitor
        ?.addresses()
        .map((a) => a.address)
        .sort(),
    ).toEqual(['2001:db8:3::1', 'fd00:3::1']);
  });

  it('are not operational without link [RFC5534-4.1-1] [RFC5534 §3.2]', async () => {
    ip(host, 'addr', 'add', '2001:db8:4::1/64', 'dev', 'h0', 'nodad');
    watch();
    expect(monitor?.addresses()[0]?.linkUp).toBe(true);
    ip(router, 'link', 'set', 'r0', 'down');
    await eventually(() => told('2001:db8:4::1')?.linkUp === false, 'the link going down');
    ip(router, 'link', 'set', 'r0', 'up');
    await eventually(() => told('2001:db8:4::1')?.linkUp, 'the link coming back');
  });

  it('are not operational once Neighbor Unreachability Detection has given up the router [RFC5534-3.2-1] [RFC5534-4.1-1]', async () => {
    ip(host, 'addr', 'add', '2001:db8:5::1/64', 'dev', 'h0', 'nodad');
    ip(router, 'addr', 'replace', 'fe80::1/64', 'dev', 'r0', 'nodad'); // gone with the link
    ip(host, '-6', 'route', 'add', 'default', 'via', 'fe80::1', 'dev', 'h0');
    watch();
    const speak = (): void =>
      void spawnSyncIn(host, 'bash', ['-c', 'echo > /dev/udp/2001:db8:ff::1/9']);
    const neighbour = (): string =>
      String(spawnSyncIn(host, 'ip', ['-6', 'neigh', 'show', 'fe80::1']).stdout);
    speak();
    await eventually(() => /REACHABLE|STALE/.test(neighbour()), 'the router answering');
    expect(monitor?.addresses()[0]?.router).toBe('reachable');
    ip(router, 'addr', 'del', 'fe80::1/64', 'dev', 'r0'); // it falls silent, the link stays up
    await eventually(() => {
      speak();
      return told('2001:db8:5::1')?.router === 'unreachable';
    }, 'the router given up');
    expect(told('2001:db8:5::1')?.linkUp).toBe(true);
    ip(router, 'addr', 'add', 'fe80::1/64', 'dev', 'r0', 'nodad');
    await eventually(() => {
      speak();
      return told('2001:db8:5::1')?.router === 'reachable';
    }, 'the router coming back');
  });
});
