import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import {
  effectiveCapabilities,
  kernelAtLeast,
  kernelRelease,
  missingCapabilities,
} from '../../src/linux/capabilities.js';
import { monotonicMs, monotonicNs, nsToMs } from '../../src/linux/clock.js';
import { SyscallError } from '../../src/linux/libc.js';
import { MessageHeader, sockaddrIn6 } from '../../src/linux/msghdr.js';
import { FdPoller } from '../../src/linux/poller.js';
import {
  close,
  EAGAIN,
  eventfd,
  getsockname,
  getsockopt,
  mmap,
  munmap,
  open,
  poll,
  POLLIN,
  read,
  setsockopt,
  SOCK_DGRAM,
  socket,
  bind,
  write,
} from '../../src/linux/syscalls.js';
import { syscallNumber } from '../../src/linux/sysnumbers.js';
import { addressToBytes, LOOPBACK } from '../../src/wire/address.js';

const ONE = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);
const pause = (time: number) => new Promise((resolve) => setTimeout(resolve, time));

describe('system calls', () => {
  it('have numbers on both architectures and on no other', () => {
    expect([syscallNumber('bpf', 'x64'), syscallNumber('bpf', 'arm64')]).toEqual([321, 280]);
    expect([syscallNumber('setns', 'x64'), syscallNumber('setns', 'arm64')]).toEqual([308, 268]);
    expect(() => syscallNumber('bpf', 'ia32')).toThrow(/x64 and arm64/);
  });

  it('fail with a name', () => {
    expect(() => open('/nonexistent/file', 0)).toThrow(SyscallError);
    expect(() => open('/nonexistent/file', 0)).toThrow(/ENOENT/);
    expect(close(-1)).toBe(-9);
  });

  it('map memory, and unmap it once', () => {
    const view = mmap(-1, 8192, 3, 0x22); // private, anonymous
    view[8191] = 7;
    expect([view.length, view[0], view[8191]]).toEqual([8192, 0, 7]);
    munmap(view);
    munmap(view);
  });

  it('bind, name and configure a socket', () => {
    const fd = socket(10, SOCK_DGRAM, 0);
    bind(fd, sockaddrIn6(addressToBytes(LOOPBACK)));
    const name = getsockname(fd);
    expect([name.length, name[23], name[2] !== 0 || name[3] !== 0]).toEqual([28, 1, true]);
    setsockopt(fd, 1, 2, 1); // SO_REUSEADDR
    expect([...getsockopt(fd, 1, 2, 4)]).toEqual([1, 0, 0, 0]);
    close(fd);
  });

  it('poll with a time limit', () => {
    const fd = eventfd();
    const start = performance.now();
    expect(poll([{ fd, events: POLLIN }], 30)).toEqual([0]);
    expect(performance.now() - start).toBeGreaterThan(25);
    write(fd, ONE);
    expect(poll([{ fd, events: POLLIN }], undefined)).toEqual([POLLIN]);
    close(fd);
  });

  it('ignore control messages whose length does not fit', () => {
    const header = new MessageHeader(32);
    header.control.set([0xff, 0xff], 0);
    header.prepare(new Uint8Array(1));
    expect([...header.controls()]).toEqual([]);
  });
});

describe('FdPoller', () => {
  const open: { poller: FdPoller; fds: number[] }[] = [];
  afterEach(() => {
    for (const { poller, fds } of open.splice(0)) {
      poller.close();
      fds.forEach(close);
    }
  });
  const make = (n: number) => {
    const made = { poller: new FdPoller(), fds: Array.from({ length: n }, () => eventfd()) };
    open.push(made);
    return { poller: made.poller, fds: made.fds as [number, number] };
  };

  it('calls back when there is something, and again while it is not read', async () => {
    const { poller, fds } = make(1);
    let calls = 0;
    poller.add(fds[0], () => {
      if (++calls === 3) read(fds[0], new Uint8Array(8));
    });
    await pause(10);
    expect(calls).toBe(0);
    write(fds[0], ONE);
    await pause(20);
    expect(calls).toBe(3);
  });

  it('stops at once at remove, also for what is already under way', async () => {
    const { poller, fds } = make(2);
    const seen: number[] = [];
    for (const fd of fds) {
      poller.add(fd, () => {
        seen.push(fd);
        fds.forEach((f) => poller.remove(f));
      });
      write(fd, ONE);
    }
    await pause(20);
    expect(seen).toHaveLength(1);
    expect(read(fds[0], new Uint8Array(8))).toBe(8);
    expect(read(fds[0], new Uint8Array(8))).toBe(-EAGAIN);
  });

  it('costs no CPU time while nothing happens', async () => {
    const { poller, fds } = make(2);
    fds.forEach((fd) => poller.add(fd, () => undefined));
    await pause(20);
    const before = process.cpuUsage();
    await pause(300);
    const used = process.cpuUsage(before);
    expect((used.user + used.system) / 1000).toBeLessThan(60);
  });

  it('rests on a uv_poll of koffi that lets a process end, and works in a worker thread', async () => {
    const koffi = pathToFileURL(createRequire(import.meta.url).resolve('koffi')).href;
    const code = `
      const koffi = (await import(${JSON.stringify(koffi)})).default;
      const libc = koffi.load('libc.so.6');
      const eventfd = libc.func('int eventfd(unsigned int, int)');
      const handle = koffi.node.poll(eventfd(1, 0), { readable: true }, (status, e) => {
        if (status === 0 && e.readable) console.log('readable');
        handle.stop();
      });
      setTimeout(() => handle.unref(), 50);`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
      timeout: 5000,
      encoding: 'utf8',
    });
    expect([child.status, child.stdout]).toEqual([0, 'readable\n']);
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
      stdout: true,
    });
    let out = '';
    worker.stdout.on('data', (d: Buffer) => (out += d.toString()));
    const status = await new Promise((resolve) => worker.on('exit', resolve));
    expect([status, out]).toEqual([0, 'readable\n']);
  });
});

describe('the clock', () => {
  it('is monotonic and the same in both units', () => {
    const a = monotonicMs();
    const b = nsToMs(monotonicNs());
    expect(b).toBeGreaterThanOrEqual(a);
    expect(b - a).toBeLessThan(100);
    expect(nsToMs(1_234_567n)).toBe(1.234);
  });
});

describe('capabilities', () => {
  const bits = (...n: number[]) => n.reduce((set, bit) => set | (1n << BigInt(bit)), 0n);

  it('names what is missing; CAP_SYS_ADMIN stands for CAP_BPF', () => {
    expect(missingCapabilities(0n)).toEqual(['CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_BPF']);
    expect(missingCapabilities(bits(12, 39))).toEqual(['CAP_NET_RAW']);
    expect(missingCapabilities(bits(12, 13, 21))).toEqual([]);
    expect(missingCapabilities(bits(12, 13, 39))).toEqual([]);
  });

  it('reads those of this process as /proc tells them', async () => {
    const { readFileSync } = await import('node:fs');
    const line = /CapEff:\s*([0-9a-f]+)/.exec(readFileSync('/proc/thread-self/status', 'utf8'));
    expect(effectiveCapabilities()).toBe(BigInt(`0x${line?.[1]}`));
  });

  it('reads kernel releases', () => {
    const kernel = kernelRelease('6.6.0-13-amd64');
    expect(kernel).toMatchObject({ major: 6, minor: 6 });
    expect(
      [
        [5, 15],
        [6, 6],
        [6, 7],
        [7, 0],
      ].map(([a = 0, b = 0]) => kernelAtLeast(a, b, kernel)),
    ).toEqual([true, true, false, false]);
    expect(kernelAtLeast(3, 0)).toBe(true);
    expect(() => kernelRelease('GNU')).toThrow(/GNU/);
  });
});
