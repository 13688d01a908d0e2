import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setMaxListeners } from 'node:events';
import { request } from 'node:http';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlClient } from '../../src/control/client.js';
import { ControlServer } from '../../src/control/server.js';
import { context, event, FakeSource, paths, status } from './fake-source.js';

let directory: string;
let socket: string;
let source: FakeSource;
let server: ControlServer;
let client: ControlClient;
const bugs: unknown[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rehome-control-'));
  socket = join(directory, 'control.sock');
  source = new FakeSource();
  bugs.length = 0;
  server = new ControlServer(source, { socket, onError: (e) => bugs.push(e) });
  await server.listen();
  client = new ControlClient({ socket });
});
afterEach(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

/** One raw request: status and body. */
function raw(
  method: string,
  path: string,
  body?: string,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const r = request({ socketPath: socket, method, path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (c: string) => (text += c));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    r.on('error', reject);
    r.end(body);
  });
}
const errorOf = (body: string): { code: string; message: string; remedy: string | null } =>
  (JSON.parse(body) as { error: { code: string; message: string; remedy: string | null } }).error;

describe('answers', () => {
  it('status, contexts, one context, paths, locators, events', async () => {
    expect(await client.status()).toEqual(status);
    expect((await client.contexts()).contexts).toEqual([context]);
    expect((await client.context('2f41')).paths).toEqual(paths);
    expect((await client.paths('2001:db8:b1::1')).contexts).toHaveLength(2);
    expect((await client.locators()).local).toHaveLength(3);
    expect((await client.events(87)).events.map((e) => e.seq)).toEqual([88]);
  });

  it('explore, forget, establish, reload', async () => {
    expect((await client.explore('b1')).tags).toEqual(['2f4100000001']);
    await client.forget('2f41');
    await client.establish({ peer: '2001:db8:b1::1' });
    await client.establish({ peer: '2001:db8:b1::1', local: '2001:db8:a1::1' });
    expect((await client.reload()).changed).toEqual(['profile']);
    expect(source.asked).toEqual([
      'explore b1',
      'forget 2f41',
      'establish - 2001:db8:b1::1',
      'establish 2001:db8:a1::1 2001:db8:b1::1',
      'reload',
    ]);
  });
});

describe('refusals', () => {
  it('a target that is no URL is the caller’s mistake, not a bug of ours', async () => {
    const { status: code, body } = await raw('GET', '//');
    expect(code).toBe(400);
    expect(errorOf(body).code).toBe('REHOME_E_REQUEST');
    expect(bugs).toEqual([]);
  });

  it('a client that follows twice over one connection and goes away is forgotten twice', async () => {
    const gone = createConnection(socket);
    const follow = 'GET /v1/events?follow HTTP/1.1\r\nHost: x\r\n\r\n';
    gone.write(follow + follow);
    // The second answer waits for the end of the first, which has none.
    await expect.poll(() => source.followers).toBe(2);
    gone.destroy();
    await expect.poll(() => source.followers).toBe(0);
  });

  it('a client that goes away in the middle of a body is no bug of ours', async () => {
    const gone = createConnection(socket);
    gone.end('POST /v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{');
    await new Promise((resolve) => gone.resume().once('close', resolve));
    await client.status(); // after what the server makes of it
    expect(bugs).toEqual([]);
    expect(source.asked).toEqual([]);
  });

  it('carry the code and a remedy', async () => {
    await expect(client.context('ff')).rejects.toMatchObject({
      code: 'REHOME_E_NO_CONTEXT',
      remedy: expect.stringContaining('rehome contexts'),
    });
  });
  it.each([
    ['GET', '/v1/nothing', undefined, 404, 'REHOME_E_NOT_FOUND'],
    ['GET', '/v1/explore', undefined, 405, 'REHOME_E_METHOD'],
    ['POST', '/v1/status', '{}', 405, 'REHOME_E_METHOD'],
    ['DELETE', '/v1/contexts/2f41', undefined, 405, 'REHOME_E_METHOD'],
    ['GET', '/v1/paths', undefined, 400, 'REHOME_E_REQUEST'],
    ['GET', '/v1/events?since=-1', undefined, 400, 'REHOME_E_REQUEST'],
    ['GET', '/v1/events?follow&since=x', undefined, 400, 'REHOME_E_REQUEST'],
    ['GET', '/v1/contexts/%zz', undefined, 400, 'REHOME_E_REQUEST'],
    ['POST', '/v1/explore', '{"peer":', 400, 'REHOME_E_REQUEST'],
    ['POST', '/v1/explore', '{"peer":3}', 400, 'REHOME_E_REQUEST'],
    ['POST', '/v1/explore', '{"peer":"x","y":1}', 400, 'REHOME_E_REQUEST'],
    ['POST', '/v1/forget', '', 400, 'REHOME_E_REQUEST'],
    ['POST', '/v1/explore', `"${'x'.repeat(70_000)}"`, 413, 'REHOME_E_TOO_LARGE'],
  ])('%s %s %s', async (method, path, body, code, error) => {
    const reply = await raw(method, path, body);
    expect([reply.status, errorOf(reply.body).code]).toEqual([code, error]);
    expect(source.asked).toEqual([]);
  });

  it('a bug is reported, answered, and survived', async () => {
    const reply = await raw('GET', '/v1/paths?peer=boom');
    expect([reply.status, errorOf(reply.body).code]).toEqual([500, 'REHOME_E_INTERNAL']);
    expect(bugs).toHaveLength(1);
    expect((await client.status()).schema).toBe(1);
  });

  it('of octets that are not HTTP', async () => {
    const answer = await new Promise<string>((resolve) => {
      const c = createConnection(socket, () => c.write('\0\xff nonsense\r\n\r\n'));
      let text = '';
      c.on('data', (d) => (text += String(d)));
      c.on('close', () => resolve(text));
    });
    expect(answer).toContain('400');
    expect((await client.status()).schema).toBe(1);
  });
});

describe('the event stream', () => {
  it('gives what is kept, then what happens', async () => {
    const stop = new AbortController();
    const seen: number[] = [];
    for await (const e of client.follow(87, stop.signal)) {
      seen.push(e.seq);
      if (e.seq === 88) source.emit(event(89));
      if (e.seq === 89) stop.abort();
    }
    expect(seen).toEqual([88, 89]);
    await expect.poll(() => source.followers).toBe(0);
  });

  it('ends when the daemon stops', async () => {
    const seen: number[] = [];
    const following = (async () => {
      for await (const e of client.follow(0)) seen.push(e.seq);
    })();
    await expect.poll(() => seen).toEqual([87, 88]);
    await server.close();
    await following;
    expect(source.followers).toBe(0);
  });

  it('cuts off a follower that does not read, and keeps at most sixteen', async () => {
    const lazy: Socket = createConnection(socket);
    lazy.pause();
    lazy.write('GET /v1/events?follow HTTP/1.1\r\nhost: x\r\n\r\n');
    await expect.poll(() => source.followers).toBe(1);
    for (let i = 0; i < 8_000; i++) source.emit(event(100 + i));
    await expect.poll(() => source.followers).toBe(0);
    lazy.destroy();
    source.kept = [];
    const stop = new AbortController();
    setMaxListeners(0, stop.signal);
    for (let i = 0; i < 16; i++) void client.follow(0, stop.signal).next();
    await expect.poll(() => source.followers).toBe(16);
    await expect(client.follow(0).next()).rejects.toMatchObject({ code: 'REHOME_E_BUSY' });
    stop.abort();
    await expect.poll(() => source.followers).toBe(0);
  });
});

describe('the socket', () => {
  const mode = (): number => statSync(socket).mode & 0o777;

  it('is for its owner only', () => expect(mode()).toBe(0o600));

  it('is for a group when told so', async () => {
    await server.close();
    const gid = process.getgid?.() ?? 0;
    server = new ControlServer(source, { socket, mode: 0o660, gid });
    await server.listen();
    expect([mode(), statSync(socket).gid]).toEqual([0o660, gid]);
  });

  it.skipIf(process.getuid?.() !== 0)('shuts other users out (as root: tried as nobody)', () => {
    chmodSync(directory, 0o755);
    const script = `require('net').createConnection(${JSON.stringify(socket)}).on('error', e => console.log(e.code)).on('connect', () => { console.log('in'); process.exit() })`;
    const r = spawnSync(process.execPath, ['-e', script], { uid: 65_534, gid: 65_534 });
    expect(String(r.stdout).trim()).toBe('EACCES');
  });

  it('is gone after close, twice if need be', async () => {
    await server.close();
    await server.close();
    expect(existsSync(socket)).toBe(false);
  });

  it('is not taken from a daemon that answers', async () => {
    const second = new ControlServer(source, { socket });
    await expect(second.listen()).rejects.toMatchObject({ code: 'REHOME_E_RUNNING' });
    await second.close();
    expect((await client.status()).schema).toBe(1);
  });

  it('is taken from a daemon that was killed', async () => {
    await server.close();
    // A child binds it and is killed: the name stays, nobody listens.
    const script = `require('net').createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script]);
    expect(existsSync(socket)).toBe(true);
    server = new ControlServer(source, { socket });
    await server.listen();
    expect((await client.status()).schema).toBe(1);
  });

  it('does not remove what is not a socket', async () => {
    await server.close();
    writeFileSync(socket, 'mine');
    server = new ControlServer(source, { socket });
    await expect(server.listen()).rejects.toMatchObject({ code: 'REHOME_E_SOCKET' });
    expect(existsSync(socket)).toBe(true);
  });

  it('may refuse by credentials', async () => {
    await server.close();
    server = new ControlServer(source, { socket, admit: () => false });
    await server.listen();
    await expect(client.status()).rejects.toMatchObject({ code: 'REHOME_E_REPLY' });
  });
});

describe('the client', () => {
  it('says how to start a daemon that is not there', async () => {
    await server.close();
    await expect(client.status()).rejects.toMatchObject({
      code: 'REHOME_E_NOT_RUNNING',
      message: expect.stringContaining(socket),
      remedy: expect.stringContaining('rehome up'),
    });
  });

  it('gives up on a daemon that hangs', async () => {
    await server.close();
    const held: Socket[] = [];
    const mute = createServer((c) => held.push(c)).listen(socket);
    const impatient = new ControlClient({ socket, timeout: 100 });
    await expect(impatient.status()).rejects.toMatchObject({ code: 'REHOME_E_TIMEOUT' });
    for (const c of held) c.destroy();
    await new Promise((resolve) => mute.close(resolve));
  });

  it('refuses an answer of another form', async () => {
    source.status = () => ({ ...status, schema: 2 as 1 });
    await expect(client.status()).rejects.toMatchObject({ code: 'REHOME_E_REPLY' });
  });
});
