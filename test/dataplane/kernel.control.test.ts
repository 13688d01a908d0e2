import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COUNTER } from '../../src/dataplane/counters.js';
import type { DataPathEvent } from '../../src/dataplane/datapath.js';
import type { KernelDataPath } from '../../src/dataplane/kernel/index.js';
import { FdPoller } from '../../src/linux/poller.js';
import { openShim6Socket } from '../../src/linux/rawsocket.js';
import { buildControlPacket } from '../../src/wire/shim6/index.js';
import { contextTag } from '../../src/wire/units.js';
import { needsRoot } from '../support/root.js';
import { A, B, bindings, sleep, TwoHosts } from './kernel.support.js';

/** Lesson 1 of LinShim6: control traffic never goes through the shim, or a session can never return to its first path. */
describe.skipIf(needsRoot() !== undefined)('control packets and the kernel data path', () => {
  const poller = new FdPoller();
  let net: TwoHosts;
  let pa: KernelDataPath;
  let pb: KernelDataPath;
  const arrived: DataPathEvent[] = [];

  const control = (namespace: string): NonNullable<Parameters<TwoHosts['open']>[1]>['control'] => {
    let listener: (packet: Uint8Array) => void = () => undefined;
    const socket = openShim6Socket({ poller, namespace, onPacket: (p) => listener(p.packet) });
    return {
      send: (packet, ifindex) => socket.send(packet, ifindex) === 0,
      onPacket: (next) => void (listener = next),
      close: () => socket.close(),
    };
  };

  beforeAll(async () => {
    net = await new TwoHosts('rhC').ready();
    const [ca, cb] = [control(net.a), control(net.b)];
    if (!ca || !cb) throw new Error('no control socket');
    pa = net.open('a', { control: ca });
    pb = net.open('b', { control: cb });
    pb.onEvent((event) => arrived.push(event));
  });
  afterAll(() => {
    net?.close();
    poller.close();
  });

  it('leave a re-homed context’s ULID pair as they are, and are nobody’s payload', async () => {
    const moved = bindings(A[1], B[1]);
    const [ha, hb] = [pa.install(moved.a), pb.install(moved.b)];
    const before = pa.counters();
    for (const pair of [
      { local: A[0], peer: B[0] },
      { local: A[1], peer: B[1] },
    ]) {
      arrived.length = 0;
      const packet = buildControlPacket(pair.local, pair.peer, {
        message: 'keepalive',
        receiverContextTag: contextTag(5),
        options: [],
      });
      expect(pa.send(packet)).toBe(true);
      for (let i = 0; i < 100 && arrived.length === 0; i++) await sleep(20);
      // The raw socket tells the hop limit it saw: one router less.
      packet[7] = (packet[7] ?? 0) - 1;
      expect(arrived.map((e) => Buffer.from(e.packet).toString('hex'))).toEqual([
        Buffer.from(packet).toString('hex'),
      ]);
    }
    expect(pa.counters()[COUNTER.encoded]).toBe(before[COUNTER.encoded]);
    expect(pa.liveness(ha).sentPackets).toBe(0);
    expect(pa.liveness(ha).unansweredSince).toBeUndefined();
    expect(pb.liveness(hb).receivedPackets).toBe(0);
    pa.remove(ha);
    pb.remove(hb);
  });
});
