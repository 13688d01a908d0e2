import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlServer } from '../../src/control/server.js';
import type { SessionJson, StatusJson } from '../../src/control/schema.js';
import { formatStatus } from '../../src/cli/format/status.js';
import { event, FakeSource, NOW, quiet, rehomed, status } from '../control/fake-source.js';
import { cli, testIo } from './support.js';

let directory: string;
let source: FakeSource;
let server: ControlServer;
let socket: string;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rehome-cli-'));
  socket = join(directory, 'control.sock');
  source = new FakeSource();
  server = new ControlServer(source, { socket });
  await server.listen();
});
afterEach(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

const ask = (...args: string[]) => cli([...args, '--socket', socket]);

describe('for people', () => {
  it.each([
    ['status'],
    ['contexts'],
    ['context', '2f41'],
    ['paths', 'b1'],
    ['locators'],
    ['identity'],
    ['exit'],
    ['sam', 'zone'],
    ['events'],
    ['explore', 'b1'],
    ['forget', '2f41'],
    ['establish', 'b1'],
    ['reload'],
  ])('%s %s', async (...args) => {
    const outcome = await ask(...args);
    expect([outcome.status, outcome.err]).toEqual([0, '']);
    expect(outcome.out).toMatchSnapshot();
  });

  it('answers in the first lines: protected, over which path, what happened last', async () => {
    const lines = (await ask('status')).out.split('\n');
    expect(lines[0]).toBe('2 sessions protected, 1 re-homed');
    expect(lines[1]).toMatch(
      /2001:db8:a1::1 -> 2001:db8:b1::1 +over a2 -> b1 +\(re-homed 12 s ago, provider path a1>b1 silent\)/,
    );
    expect(lines[3]).toMatch(/^last: 12 s ago, path-changed from a1>b1 to a2>b1/);
  });
});

describe('for programs', () => {
  it.each([
    ['status'],
    ['contexts'],
    ['context', '2f41'],
    ['paths', 'b1'],
    ['locators'],
    ['identity'],
    ['sam', 'zone'],
    ['explore', 'b1'],
    ['reload'],
  ])('%s %s --json', async (...args) => {
    const outcome = await ask(...args, '--json');
    expect(outcome.status).toBe(0);
    const json = JSON.parse(outcome.out) as { schema: number; now: string };
    expect([json.schema, json.now]).toEqual([1, NOW]);
    expect(outcome.out).toMatchSnapshot();
  });

  it('events --json: one object a line', async () => {
    const lines = (await ask('events', '--json')).out.trim().split('\n');
    expect(lines.map((l) => (JSON.parse(l) as { seq: number }).seq)).toEqual([87, 88]);
  });
});

describe('moving pictures', () => {
  it('events --follow goes on until interrupted', async () => {
    const stop = new AbortController();
    const io = testIo({ signal: stop.signal });
    const following = cli(['events', '--follow', '--json', '--socket', socket], io);
    await expect.poll(() => io.text.out.split('\n').length).toBe(3);
    source.emit(event(89));
    await expect.poll(() => io.text.out).toContain('"seq":89');
    stop.abort();
    expect((await following).status).toBe(0);
  });

  it('status --watch draws at once and after every event', async () => {
    const stop = new AbortController();
    const io = testIo({ tty: true, signal: stop.signal });
    const drawings = (): number => io.text.out.split('\u001b[H\u001b[2J').length - 1;
    const watching = cli(['status', '--watch', '--socket', socket], io);
    await expect.poll(drawings).toBe(1);
    await expect.poll(() => source.followers).toBe(1);
    const start = Date.now();
    source.emit(event(89));
    await expect.poll(drawings, { interval: 10 }).toBe(2);
    expect(Date.now() - start).toBeLessThan(700); // sooner than the next second
    await expect.poll(drawings, { timeout: 3_000 }).toBe(3); // and by itself
    stop.abort();
    expect((await watching).status).toBe(0);
    await expect.poll(() => source.followers).toBe(0);
  });

  it('status --watch --json: one object a line', async () => {
    const stop = new AbortController();
    const io = testIo({ tty: true, signal: stop.signal });
    const watching = cli(['status', '--watch', '--json', '--socket', socket], io);
    await expect.poll(() => io.text.out.split('\n').length, { timeout: 3_000 }).toBe(3);
    stop.abort();
    await watching;
    for (const line of io.text.out.trim().split('\n'))
      expect(JSON.parse(line)).toMatchObject({ schema: 1 });
  });

  it('--watch ends with an error when the daemon ends', async () => {
    const io = testIo();
    const watching = cli(['status', '--watch', '--socket', socket], io);
    await expect.poll(() => io.text.out).toContain('protected');
    await server.close();
    const outcome = await watching;
    expect([outcome.status, outcome.err]).toEqual([
      1,
      expect.stringContaining('no rehome daemon answers'),
    ]);
  });
});

const text = (change: Partial<StatusJson>, color = false): string =>
  formatStatus({ ...status, ...change }, testIo({ color }).colors);
const session = (change: Partial<SessionJson>): string =>
  text({ sessions: [{ ...rehomed, ...change }] }).split('\n')[1] ?? '';

describe('status', () => {
  it('shows security none in red, with the warning', () => {
    const red = text({}, true);
    expect(red).toContain('\u001b[31msecurity: none');
    expect(red).toContain('\u001b[31mwarning: security is "none": locators are not verified');
    expect(text({})).not.toContain('\u001b');
  });

  it('says so when nothing is protected', () => {
    const none = {
      sessions: 0,
      protected: 0,
      rehomed: 0,
      exploring: 0,
      establishing: 0,
      refused: 2,
    };
    const out = text({ summary: none, sessions: [], lastEvent: null });
    expect(out.split('\n').slice(0, 2)).toEqual([
      'no session is protected, 2 peers without Shim6',
      'last: nothing has happened yet',
    ]);
  });

  it('tells each story', () => {
    expect(session({ health: 'exploring' })).toMatch(
      /! .*\(looking for a working path for 12 s\)$/,
    );
    expect(session({ health: 'establishing', state: 'I1-SENT' })).toMatch(
      /\. .*\(setting up, I1-SENT\)$/,
    );
    expect(session({ health: 'rehomed', lastRecovery: null })).toMatch(/\(re-homed\)$/);
    expect(session({ health: 'protected' })).toMatch(/\(protected, last recovery 12 s ago\)$/);
    const { lastRecovery } = rehomed;
    if (lastRecovery === null) throw new Error('a recovery');
    expect(session({ lastRecovery: { ...lastRecovery, to: lastRecovery.from } })).toMatch(
      /same path again\)$/,
    );
    expect(session({ forkedInstanceIdentifier: 5 })).toContain('2001:db8:b1::1 #5');
  });

  it('does without names, and with very many sessions', () => {
    const out = text({ names: {}, sessions: [quiet], sessionsOmitted: 900 });
    expect(out).toContain('over 2001:db8:a3::1 -> 2001:db8:b2::1');
    expect(out).toContain('and 900 more: see `rehome contexts`');
  });

  it('lets no control characters through', () => {
    const out = text({ lastEvent: event(1, { name: 'x\u001b[2J', detail: { y: '\u0007' } }) });
    expect(out).not.toMatch(/[\u001b\u0007]/);
  });
});
