import { afterEach, describe, expect, it } from 'vitest';
import { Rtnetlink } from '../../src/linux/netlink/client.js';
import { needsRoot } from '../support/root.js';
import { A, B, bindings, Child, sleep, TwoHosts } from './kernel.support.js';

const SERVER = `
import net from 'node:net'; import { createHash } from 'node:crypto';
net.createServer((s) => {
  const h = createHash('sha256'); let n = 0;
  s.on('data', (d) => { n += d.length; h.update(d); });
  s.on('end', () => { console.log('received ' + n + ' ' + h.digest('hex')); s.end('thanks'); });
}).listen(7000, '::', () => console.log('listening'));`;

const CLIENT = `
import net from 'node:net'; import { createHash } from 'node:crypto';
const [, peer, local, milliseconds] = process.argv;
const s = net.connect({ host: peer, port: 7000, ...(local ? { localAddress: local } : {}) });
const h = createHash('sha256'); let n = 0; let seed = 1; let end;
function pump() {
  for (;;) {
    if (Date.now() > end) { s.end(); return; }
    const b = Buffer.alloc(16384, seed++ & 0xff); h.update(b); n += b.length;
    if (!s.write(b)) { s.once('drain', pump); return; }
  }
}
s.on('connect', () => { end = Date.now() + Number(milliseconds); console.log('connected ' + s.localAddress); pump(); });
s.on('data', () => console.log('sent ' + n + ' ' + h.digest('hex')));
s.on('close', () => process.exit(0));`;

const reason = needsRoot();
const open: { close(): void }[] = [];
const children: Child[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill();
  for (const thing of open.splice(0)) thing.close();
});

const child = (namespace: string, script: string, ...args: string[]): Child => {
  const started = new Child(namespace, script, ...args);
  children.push(started);
  return started;
};

describe.skipIf(reason !== undefined)('TCP through the kernel data path', () => {
  async function transfer(mtu: number, local: string, before: boolean): Promise<void> {
    const net = new TwoHosts('rhT', { mtu });
    open.push(net);
    await net.ready();
    const [pa, pb] = [net.open('a'), net.open('b')];
    const server = child(net.b, SERVER);
    await server.line(/listening/);
    const connect = async (): Promise<Child> => {
      const client = child(net.a, CLIENT, B[0], local, '1500');
      await client.line(/connected 2001:db8:a0::1/);
      return client;
    };
    let client = before ? await connect() : undefined;
    if (before) await sleep(200);
    const [ha, hb] = [pa.install(bindings().a), pb.install(bindings().b)];
    client ??= await connect();
    await sleep(300);
    // One end after the other, as a real switch has it.
    pa.update(ha, bindings(A[1], B[1]).a);
    await sleep(100);
    pb.update(hb, bindings(A[1], B[1]).b);
    await sleep(400);
    const encoded = pa.counters().encoded ?? 0;
    expect(encoded).toBeGreaterThan(100);
    expect(pb.counters().encoded).toBeGreaterThan(10);
    pa.update(ha, bindings().a);
    pb.update(hb, bindings().b);
    await sleep(100);
    const after = pa.counters().encoded;
    const sent = (await client.line(/sent/)).split(' ').slice(1);
    expect((await server.line(/received/)).split(' ').slice(1)).toEqual(sent);
    expect(pa.counters().encoded).toBe(after); // back on the ULIDs no header is left
    for (const path of [pa, pb]) {
      const { counters } = { counters: path.counters() };
      expect(counters['drop-rewrite-failed']).toBe(0);
      expect(counters['drop-segmented']).toBe(0);
      expect(counters['drop-no-context']).toBe(0);
    }
    expect(pa.liveness(ha).sentPackets).toBeGreaterThan(encoded);
    expect(pa.liveness(ha).receivedPackets).toBeGreaterThan(0);
  }

  it('keeps every byte across a switch and back, MTU 1500, connected before the context [RFC5533 §11] [RFC5533 §11.1]', () =>
    transfer(1500, '', true));
  it('keeps every byte at MTU 1280, connected before the context [RFC5533-15.4-1]', () =>
    transfer(1280, '', true));
  it('keeps every byte when the socket connects after the context, source bound', () =>
    transfer(1500, A[0], false));
  it('keeps every byte when the socket connects after the context without choosing a source', () =>
    transfer(1280, '', false));

  it('survives a path MTU of 1280 between uplinks of 1500 [RFC5533 §8]', async () => {
    const net = new TwoHosts('rhP');
    open.push(net);
    await net.ready();
    const router = new Rtnetlink(net.r);
    open.push(router);
    router.setLink('b1', { mtu: 1280 });
    const [pa, pb] = [net.open('a'), net.open('b')];
    const server = child(net.b, SERVER);
    await server.line(/listening/);
    const [ha, hb] = [pa.install(bindings().a), pb.install(bindings().b)];
    const client = child(net.a, CLIENT, B[0], '', '2000');
    await client.line(/connected/);
    await sleep(200);
    pa.update(ha, bindings(A[1], B[1]).a);
    pb.update(hb, bindings(A[1], B[1]).b);
    const sent = (await client.line(/sent/)).split(' ').slice(1);
    expect((await server.line(/received/)).split(' ').slice(1)).toEqual(sent);
    expect(pa.counters()['icmp-translated']).toBeGreaterThan(0);
    expect(pb.counters().decoded).toBeGreaterThan(500);
  });
});
