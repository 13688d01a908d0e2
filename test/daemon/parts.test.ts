import { hostAddress } from '../support/addresses.js';
import fc from 'fast-check';
import { mkdtempSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventLog } from '../../src/daemon/event-log.js';
import { chooseLocators, type HostAddress } from '../../src/daemon/locators.js';
import { takeLock } from '../../src/daemon/lock.js';
import { createLog, prettyLine } from '../../src/daemon/log.js';
import { systemRandom } from '../../src/daemon/random.js';
import { resolvePeer, resolveTag } from '../../src/daemon/resolve.js';
import { healthOf } from '../../src/daemon/views.js';
import { parseConfig } from '../../src/daemon/config.js';
import type { ContextView, EngineEvent } from '../../src/engine/types.js';
import { parseAddress } from '../../src/wire/address.js';
import { contextTag, formatTag, ms } from '../../src/wire/units.js';
import { readFileSync } from 'node:fs';

const plain = { dim: String, red: String, yellow: String, green: String };
const AT = '2026-01-01T00:00:00.000Z';

function view(tag: number, peer: string, locators: string[] = [peer]): ContextView {
  const ulids = { local: parseAddress('2001:db8:a1::1'), peer: parseAddress(peer) };
  return {
    id: tag as ContextView['id'],
    state: 'ESTABLISHED',
    ulids,
    forkedInstanceIdentifier: 0,
    localTag: contextTag(tag),
    peerTag: contextTag(1),
    pair: ulids,
    shimmed: false,
    localLocators: [],
    peerLocators: locators.map((l) => ({
      address: parseAddress(l),
      method: 254,
      verified: false,
      broken: false,
      transient: false,
      priority: 0,
      weight: 0,
    })),
    reap: undefined,
    createdAt: ms(0),
    establishedAt: ms(0),
    lastActivity: ms(0),
    initiator: true,
  };
}

describe('the event log', () => {
  const event = (name: EngineEvent['name'], tag: number): EngineEvent => ({
    at: ms(0),
    name,
    localTag: contextTag(tag),
  });

  it('numbers events, keeps 2,000, and says when some are missed', () => {
    const log = new EventLog();
    for (let i = 0; i < 2_500; i++) log.add(event('exploring', 1), AT);
    expect(log.since(2_498).events.map((e) => e.seq)).toEqual([2_499, 2_500]);
    expect([log.since(0).missed, log.since(500).missed, log.since(2_500).missed]).toEqual([
      true,
      false,
      false,
    ]);
    expect(log.since(0).events).toHaveLength(2_000);
  });

  it('knows the newest of every context that is not gone', () => {
    const log = new EventLog();
    log.add(event('established', 1), AT);
    log.add(event('exploring', 2), AT);
    log.add(event('operational', 1), AT);
    expect(log.lastOf(formatTag(contextTag(1)))?.name).toBe('operational');
    log.add(event('removed', 1), AT);
    expect(log.lastOf(formatTag(contextTag(1)))).toBeNull();
    expect(log.lastOf(null)).toBeNull();
    expect(log.of(formatTag(contextTag(1))).map((e) => e.name)).toEqual([
      'established',
      'operational',
      'removed',
    ]);
  });

  it('tells followers until they leave', () => {
    const log = new EventLog();
    const seen: number[] = [];
    const stop = log.follow((e) => seen.push(e.seq));
    log.add(event('exploring', 1), AT);
    stop();
    log.add(event('exploring', 1), AT);
    expect(seen).toEqual([1]);
  });
});

describe('naming contexts and peers', () => {
  const one = view(0x2f4100000001, '2001:db8:b1::1', ['2001:db8:b1::1', '2001:db8:b2::1']);
  const two = view(0x2f4200000002, '2001:db8:b2::1', ['2001:db8:b1::1', '2001:db8:b2::1']);
  const other = view(0x110000000003, '2001:db8:bb::9');
  const all = [one, two, other];
  const none = (): undefined => undefined;

  it('takes the unique beginning of a tag', () => {
    expect(resolveTag('2F41', all)).toBe(one);
    expect(resolveTag('0x11', all)).toBe(other);
    expect(() => resolveTag('2f4', all)).toThrow(
      /2 contexts have a tag that begins with 2f4: 2f41/,
    );
    expect(() => resolveTag('', all)).toThrow(
      expect.objectContaining({ code: 'REHOME_E_NO_CONTEXT' }),
    );
    expect(() => resolveTag('33', all)).toThrow(
      expect.objectContaining({ code: 'REHOME_E_NO_CONTEXT' }),
    );
  });

  it('finds a peer by any locator, a beginning, or a name', () => {
    expect(resolvePeer('2001:DB8:b2:0::1', all, none).contexts).toEqual([one, two]);
    expect(resolvePeer('2001:db8:b1', all, none).contexts).toEqual([one, two]); // the same host
    expect(resolvePeer('2001:db8:bb', all, none).address).toBe('2001:db8:bb::9');
    const names = (a: string): string | undefined => (a === '2001:db8:bb::9' ? 'lab' : undefined);
    expect(resolvePeer('lab', all, names).contexts).toEqual([other]);
    expect(() => resolvePeer('2001:db8:b', all, none)).toThrow(
      expect.objectContaining({ code: 'REHOME_E_AMBIGUOUS' }),
    );
    expect(() => resolvePeer('2001:db8:cc', all, none)).toThrow(
      expect.objectContaining({ code: 'REHOME_E_NO_PEER' }),
    );
  });

  it('an exact address is that peer even when others begin like it', () => {
    const longer = view(5, '2001:db8:b1::10');
    expect(resolvePeer('2001:db8:b1::1', [longer, one], none).contexts).toEqual([one]);
  });

  it('says how well a context is', () => {
    expect(healthOf(one)).toBe('protected');
    expect(healthOf({ ...one, shimmed: true })).toBe('rehomed');
    expect(healthOf({ ...one, state: 'I1-SENT' })).toBe('establishing');
    expect(healthOf({ ...one, state: 'NO-SUPPORT' })).toBe('unprotected');
  });
});

describe('choosing locators', () => {
  const address = (text: string, more: Partial<HostAddress> = {}): HostAddress =>
    hostAddress(text, { ifindex: 2, interfaceName: 'eth0', ...more });
  const config = parseConfig(
    'security = "none"\n[[locator]]\nprefix = "2001:db8::/32"\npriority = 5\n' +
      '[[locator]]\nprefix = "2001:db8:a2::/48"\nweight = 3\ntransient = true',
    'x',
  );

  it('takes the longest rule, and no link-local address', () => {
    const chosen = chooseLocators(config, [
      address('2001:db8:a2::1'),
      address('fe80::1'),
      address('2001:db8:a1::1', { operational: false }),
      address('2001:db8:a1::1', { operational: false }),
      address('::1'),
    ]);
    expect(chosen).toEqual([
      expect.objectContaining({ address: '2001:db8:a1::1', priority: 5, operational: false }),
      expect.objectContaining({
        address: '2001:db8:a2::1',
        priority: 0,
        weight: 3,
        transient: true,
      }),
    ]);
  });

  it('gives the same list for the same addresses in any order', () => {
    const some = ['2001:db8:a2::1', '2001:db8:a1::1', '2001:db8:a3::1'].map((a) => address(a));
    fc.assert(
      fc.property(fc.shuffledSubarray(some, { minLength: 3 }), (shuffled) => {
        expect(chooseLocators(config, shuffled)).toEqual(chooseLocators(config, some));
      }),
    );
  });
});

describe('the lock', () => {
  let directory: string;
  beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'rehome-lock-'))));
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('is exclusive, names its owner, and can be given back', () => {
    const path = join(directory, 'deep', 'x.lock');
    const unlock = takeLock(path);
    expect(() => takeLock(path)).toThrow(
      expect.objectContaining({
        code: 'REHOME_E_RUNNING',
        message: expect.stringContaining(String(process.pid)),
      }),
    );
    unlock();
    takeLock(path)();
  });

  it('ends with its process, even by kill -9', async () => {
    const path = join(directory, 'x.lock');
    const child = spawn('flock', ['--exclusive', '--no-fork', path, 'sleep', '60']);
    await expect
      .poll(() => {
        if (!existsSync(path)) return 'free';
        try {
          takeLock(path)();
          return 'free';
        } catch {
          return 'taken';
        }
      })
      .toBe('taken');
    child.kill('SIGKILL');
    await once(child, 'exit');
    takeLock(path)();
  });

  it('says why it cannot be made', () => {
    writeFileSync(join(directory, 'file'), '');
    expect(() => takeLock(join(directory, 'file', 'x.lock'))).toThrow(
      expect.objectContaining({ code: 'REHOME_E_LOCK' }),
    );
  });
});

describe('the log', () => {
  it('writes JSON lines with level, time and sentence', () => {
    const lines: string[] = [];
    const log = createLog({ level: 'info', format: 'json' }, true, plain, (l) => lines.push(l));
    log.info({ tag: 'x' }, 'established');
    log.debug('not this');
    expect(lines.map((l) => JSON.parse(l) as unknown)).toEqual([
      { level: 'info', time: expect.stringMatching(/^\d{4}-.*Z$/), tag: 'x', msg: 'established' },
    ]);
  });

  it('writes for people on a terminal, harmlessly', () => {
    const line = JSON.stringify({ level: 'warn', time: AT, msg: 'path', from: 'a\u001b[2J', n: 3 });
    expect(prettyLine(line, plain)).toBe('00:00:00.000 path from=a?[2J n=3\n');
    const lines: string[] = [];
    createLog({ level: 'info', format: 'auto' }, true, plain, (l) => lines.push(l)).info('hello');
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} hello\n$/);
  });
});

describe('randomness', () => {
  it('is uniform enough to tell a broken source, of every length [RFC3972-7.2-1]', () => {
    const random = systemRandom();
    const draws = Array.from({ length: 4_000 }, () => random.uniform());
    expect(draws.every((d) => d >= 0 && d < 1)).toBe(true);
    const mean = draws.reduce((a, b) => a + b) / draws.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.05); // 11 standard deviations
    expect(new Set(draws).size).toBe(4_000);
    const words = Array.from({ length: 4_000 }, () => random.uint32());
    expect(words.every((w) => Number.isInteger(w) && w >= 0 && w < 2 ** 32)).toBe(true);
    expect(words.some((w) => w > 2 ** 31)).toBe(true);
    for (const length of [0, 1, 4_095, 4_096, 10_000]) {
      const bytes = random.bytes(length);
      expect(bytes).toHaveLength(length);
      if (length > 100) expect(bytes.filter((b) => b === 0).length).toBeLessThan(length / 50);
    }
  });

  it('gives what it gave to nobody else', () => {
    const random = systemRandom();
    const first = random.bytes(16);
    const copy = first.slice();
    for (let i = 0; i < 1_000; i++) random.bytes(16).fill(0);
    expect(first).toEqual(copy);
  });
});

describe('docs/control-api.md', () => {
  it('names every event', () => {
    const source = readFileSync('src/engine/types.ts', 'utf8');
    const block = /export type EngineEventName =([\s\S]*?);\n/.exec(source)?.[1] ?? '';
    const names = [...block.matchAll(/\| '([a-z-]+)'/g)].map((m) => m[1] ?? '');
    expect(names.length).toBeGreaterThan(10);
    const text = readFileSync('docs/control-api.md', 'utf8');
    for (const name of names) expect(text).toContain(`\`${name}\``);
  });
});
