import { Buffer } from 'node:buffer';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlServer } from '../../../src/control/server.js';
import { ErrorSchema } from '../../../src/control/schema.js';
import type { ControlSource } from '../../../src/control/source.js';
import { note } from '../harness/coverage.js';
import { must, octetsOf, type Target } from '../harness/target.js';
import { controlSource } from '../support/control.js';
import { answersIn } from '../support/http.js';
import { lines } from './config.js';

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const post = (path: string, body: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const REQUESTS = [
  get('/v1/status'),
  get('/v1/contexts') + get('/v1/locators'),
  get('/v1/events?follow'),
  get('/v1/paths?peer=b1'),
  get('//'),
  post('/v1/explore', '{"peer":"b1"}'),
  post('/v1/establish', '{"peer":"2001:db8:c::1"}'),
  post('/v1/forget', '{"tag":"'),
  'POST /v1/reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
  'POST /v1/explore HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"peer"',
  get('/v1/events?follow') + get('/v1/events?follow=1'),
  'OPTIONS * HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\n',
];

/** Longer than this no connection may stay open after its client has said all. */
const PATIENCE = 8_000;

interface Running {
  readonly server: ControlServer;
  readonly socket: string;
  readonly directory: string;
  /** Answers of the run at hand: a run depends on its input alone. */
  source: ControlSource;
  followers: number;
  readonly bugs: unknown[];
}
let running: Running | undefined;

export const target: Target = {
  name: 'control-http',
  about:
    'octets on the control socket: the server answers, closes, and calls no request a bug of its own',
  code: ['src/control/server', 'src/control/event-stream', 'src/control/routes'],
  constants: 'text',
  words: [
    '\r\n',
    '\r\n\r\n',
    'HTTP/1.1',
    'Content-Length: ',
    'Transfer-Encoding: chunked',
    'Expect: 100-continue',
    'Connection: close',
    'GET ',
    'POST ',
    'HEAD ',
    '%00',
    '//',
    '?follow',
    '&since=',
    'http://',
  ],
  maxLength: 1024,
  seeds: () => REQUESTS.map(octetsOf),
  units: lines,
  async run(input) {
    try {
      await talk((running ??= await start()), input);
    } catch (error) {
      // What one input left behind is not to be another's fault.
      await target.close?.();
      throw error;
    }
  },
  async close() {
    await running?.server.close();
    if (running) rmSync(running.directory, { recursive: true, force: true });
    running = undefined;
  },
};

async function talk(r: Running, input: Uint8Array): Promise<void> {
  r.source = controlSource();
  r.bugs.length = 0;
  const text = await exchange(r.socket, input);
  // The server hears a moment later that its client is gone.
  for (let i = 0; i < 1000 && r.followers > 0; i++) await turn();
  must(r.bugs.length === 0, () => `not a bug of ours: ${String(r.bugs[0])}`);
  must(r.followers === 0, 'nobody follows who is gone');
  for (const { status, body } of answersIn(text)) {
    note(`status ${status}`);
    must(status !== 500, `an internal error: ${body}`);
    if (status >= 400 && body !== '')
      must(ErrorSchema.safeParse(JSON.parse(body)).success, 'an error in JSON');
  }
}

async function start(): Promise<Running> {
  const directory = mkdtempSync(join(tmpdir(), 'rehome-fuzz-'));
  const socket = join(directory, 'control.sock');
  const bugs: unknown[] = [];
  const source = forwarding(() => state);
  const server = new ControlServer(source, { socket, onError: (error) => bugs.push(error) });
  const state: Running = { server, socket, directory, source: controlSource(), followers: 0, bugs };
  await server.listen();
  return state;
}

/** The source of the run at hand, with its followers counted. */
const forwarding = (state: () => Running): ControlSource => ({
  status: () => state().source.status(),
  contexts: () => state().source.contexts(),
  context: (tag) => state().source.context(tag),
  paths: (peer) => state().source.paths(peer),
  locators: () => state().source.locators(),
  identity: () => state().source.identity(),
  exit: () => state().source.exit(),
  sam: () => state().source.sam(),
  events: (since) => state().source.events(since),
  explore: (peer) => state().source.explore(peer),
  forget: (tag) => state().source.forget(tag),
  establish: (request) => state().source.establish(request),
  reload: () => state().source.reload(),
  follow(listener) {
    state().followers++;
    const stop = state().source.follow(listener);
    let stopped = false;
    return () => {
      if (!stopped) state().followers--;
      stopped = true;
      stop();
    };
  },
});

/** Says all of the input, then that this was all, and hears what comes back. */
function exchange(socket: string, input: Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    const client = createConnection(socket);
    const timer = setTimeout(() => {
      client.destroy();
      reject(new Error(`the connection was still open after ${PATIENCE} ms`));
    }, PATIENCE);
    // One character an octet: Content-Length counts octets.
    const text = (): string => Buffer.concat(parts).toString('latin1');
    client.on('data', (part) => {
      parts.push(part);
      // A stream of events has no end; whoever has heard enough hangs up.
      if (text().includes('x-ndjson')) client.destroy();
    });
    client.on('error', () => client.destroy()); // the server may close while we talk
    client.on('close', () => {
      clearTimeout(timer);
      resolve(text());
    });
    client.end(input);
  });
}
