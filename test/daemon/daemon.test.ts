import { existsSync, rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryHost, MemoryWire } from './memory-world.js';

const [A1, A2] = ['2001:db8:a1::1', '2001:db8:a2::1'];
const [B1, B2] = ['2001:db8:b1::1', '2001:db8:b2::1'];
const NAMES = `[names]\n"2001:db8:a1::/48" = "a1"\n"2001:db8:a2::/48" = "a2"\n"2001:db8:b1::/48" = "b1"\n`;

let a: MemoryHost;
let b: MemoryHost;
let wire: MemoryWire;
beforeEach(() => {
  wire = new MemoryWire();
  a = new MemoryHost(wire, [A1, A2]);
  b = new MemoryHost(wire, [B1, B2]);
});
afterEach(async () => {
  await a.end();
  await b.end();
});

const established = (host: MemoryHost): Promise<unknown> =>
  expect.poll(async () => (await host.client.status()).summary.protected).toBe(1);

async function connect(): Promise<string> {
  await a.start();
  await b.start();
  await a.client.establish({ peer: B1, local: A1 });
  await established(a);
  await established(b);
  return (await a.client.contexts()).contexts[0]?.tag ?? '';
}

describe('a running daemon', () => {
  it('establishes a context, shows it, and finds it by short names', async () => {
    a.write(NAMES);
    const tag = await connect();
    expect(tag).toMatch(/^[0-9a-f]{12}$/);
    const status = await a.client.status();
    expect(status.sessions[0]).toMatchObject({
      tag,
      ulids: { local: A1, peer: B1 },
      health: 'protected',
      shimmed: false,
      lastEvent: { name: 'established' },
    });
    expect(status.names[B1]).toBe('b1');
    expect(status.daemon).toMatchObject({ pid: process.pid, security: 'none', dataPath: 'memory' });
    for (const peer of [B1, B2, 'b1', '2001:db8:b2'])
      expect((await a.client.paths(peer)).contexts[0]?.paths).toHaveLength(4);
    expect(
      (await a.client.context(tag.slice(0, 5))).context.peerLocators.map((l) => l.address),
    ).toEqual([B1, B2]);
    expect((await a.client.locators()).local.map((l) => l.name)).toEqual(['a1', 'a2']);
    await expect(a.client.paths('2001:db8:cc')).rejects.toMatchObject({ code: 'REHOME_E_NO_PEER' });
  });

  it('times are wall times', async () => {
    await connect();
    const at = (await a.client.contexts()).contexts[0]?.establishedAt ?? '';
    expect(Math.abs(Date.now() - Date.parse(at))).toBeLessThan(5_000);
    const event = (await a.client.events()).events.at(-1);
    expect(Math.abs(Date.now() - Date.parse(event?.at ?? ''))).toBeLessThan(5_000);
  });

  it('explores on request and moves the session off a path that is cut [RFC5534-9-1]', async () => {
    const tag = await connect();
    for (const [x, y] of [
      [A1, B1],
      [B1, A1],
    ])
      wire.cut.add(`${x} ${y}`);
    expect((await a.client.explore(B1)).tags).toEqual([tag]);
    await expect
      .poll(async () => (await a.client.status()).sessions[0]?.health, { timeout: 10_000 })
      .toBe('rehomed');
    const { sessions, summary, lastEvent } = await a.client.status();
    expect(summary).toMatchObject({ protected: 1, rehomed: 1, exploring: 0 });
    expect(sessions[0]?.lastRecovery?.from).toEqual({ local: A1, peer: B1 });
    expect(sessions[0]?.pair).not.toEqual({ local: A1, peer: B1 });
    expect(lastEvent).not.toBeNull();
    expect(a.lines.filter((l) => l['msg'] === 'path-changed')).toHaveLength(1);
  });

  it('streams events as they happen [RFC5534-9-1]', async () => {
    await a.start();
    await b.start();
    const stop = new AbortController();
    const names: string[] = [];
    const following = (async () => {
      for await (const event of a.client.follow(0, stop.signal)) {
        names.push(event.name);
        if (event.name === 'established') stop.abort();
      }
    })();
    await a.client.establish({ peer: B1 });
    await following;
    expect(names).toContain('establishing');
  });

  it('forgets a context', async () => {
    const tag = await connect();
    await a.client.forget(tag.slice(0, 6));
    expect((await a.client.contexts()).contexts).toEqual([]);
    await expect(a.client.forget(tag)).rejects.toMatchObject({ code: 'REHOME_E_NO_CONTEXT' });
  });

  it('chooses our address itself, and says when there is none', async () => {
    await a.start();
    expect((await a.client.establish({ peer: B1 })).done).toContain(`-> ${B1}`);
    a.setAddresses([]);
    await expect(a.client.establish({ peer: B1 })).rejects.toMatchObject({
      code: 'REHOME_E_NO_LOCATOR',
    });
    await expect(a.client.establish({ peer: B1, local: A1 })).rejects.toMatchObject({
      code: 'REHOME_E_NO_LOCATOR',
    });
    await expect(a.client.establish({ peer: 'nonsense' })).rejects.toMatchObject({
      code: 'REHOME_E_ADDRESS',
    });
  });

  it('tells the peer of locators that come and break [RFC5534-3.1-2]', async () => {
    await connect();
    const [first, second] = a.addresses;
    if (first === undefined || second === undefined) throw new Error('two addresses');
    a.setAddresses([first, { ...second, operational: false }]);
    const seen = async () =>
      (await b.client.contexts()).contexts[0]?.peerLocators.find((l) => l.address === A2)?.broken;
    await expect.poll(seen).toBe(true);
    a.setAddresses([first, second]);
    await expect.poll(seen).toBe(false);
  });
});

describe('reload', () => {
  it('applies a change and keeps every context', async () => {
    const tag = await connect();
    a.write('profile = "paper"\n[[locator]]\nprefix = "2001:db8:a2::/48"\npriority = 7');
    const reply = await a.client.reload();
    expect(reply.changed).toEqual([
      'locator',
      'profile',
      'strategy',
      'timers.initial_probe_timeout',
      'timers.max_probe_timeout',
      'timers.send_timeout',
    ]);
    expect(reply.contexts).toBe(1);
    const { contexts } = await a.client.contexts();
    expect(contexts.map((c) => c.tag)).toEqual([tag]);
    expect(contexts[0]?.reap?.sendTimeoutMs).toBe(3_000);
    expect((await a.client.locators()).local[1]?.priority).toBe(7);
    expect((await a.client.status()).daemon.profile).toBe('paper');
  });

  it('narrows the locators to what the file says', async () => {
    const tag = await connect();
    a.write('prefixes = ["2001:db8:a1::/48"]');
    await a.client.reload();
    expect((await a.client.locators()).local.map((l) => l.address)).toEqual([A1]);
    expect((await a.client.contexts()).contexts.map((c) => c.tag)).toEqual([tag]);
  });

  it('refuses a file with a mistake, and nothing changes', async () => {
    const tag = await connect();
    const before = await a.client.status();
    a.write('profile = "quick"\nprefixs = []');
    await expect(a.client.reload()).rejects.toMatchObject({
      code: 'REHOME_E_CONFIG',
      message: expect.stringMatching(
        /:4: profile: "quick"[\s\S]*:5: prefixs: unknown key; did you mean prefixes/,
      ),
      remedy: expect.stringContaining('unchanged'),
    });
    const after = await a.client.status();
    expect(after.daemon).toEqual(before.daemon);
    expect(after.sessions.map((s) => s.tag)).toEqual([tag]);
    expect((await a.client.locators()).local).toHaveLength(2);
  });

  it('refuses what needs a restart, and a file that is gone', async () => {
    await a.start();
    a.write('[dataplane]\ndevice = "other0"');
    await expect(a.client.reload()).rejects.toMatchObject({ code: 'REHOME_E_RESTART' });
    a.write('', '');
    await expect(a.client.reload()).rejects.toMatchObject({
      code: 'REHOME_E_RESTART',
      message: expect.stringContaining('security'),
    });
    rmSync(a.file);
    await expect(a.client.reload()).rejects.toMatchObject({ code: 'REHOME_E_CONFIG_FILE' });
  });
});

describe('start and stop', () => {
  it('says ready, with what it uses', async () => {
    await a.start();
    expect(a.lines.at(-1)).toMatchObject({
      level: 'info',
      msg: 'ready',
      socket: a.socket,
      profile: 'fast',
      locators: [A1, A2],
    });
    expect(
      a.lines.some((l) => l['level'] === 'warn' && String(l['msg']).includes('not verified')),
    ).toBe(true);
  });

  it('stop takes back everything, twice if need be', async () => {
    const daemon = await a.start();
    await daemon.stop();
    await daemon.stop();
    expect(existsSync(a.socket)).toBe(false);
    expect(a.undone).toEqual(['watch', 'lock']);
    expect(a.dataPath?.send(new Uint8Array(48))).toBe(false);
    await a.start(); // and it can start again
  });

  it('refuses a second instance, which leaves the first alone', async () => {
    const first = await a.start();
    await expect(a.start()).rejects.toMatchObject({
      code: 'REHOME_E_RUNNING',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    expect((await a.client.status()).schema).toBe(1);
    await first.stop();
  });

  it.each(['check', 'dataPath'] as const)(
    'a start that fails at %s leaves nothing',
    async (step) => {
      a.failAt = step;
      await expect(a.start()).rejects.toThrow(step === 'check' ? 'no capability' : 'no eBPF');
      expect(a.undone).toEqual(step === 'check' ? [] : ['watch', 'lock']);
      expect(existsSync(a.socket)).toBe(false);
      a.failAt = undefined;
      await a.start();
    },
  );

  it('warns when there is nowhere to go', async () => {
    a.write('prefixes = ["2001:db8:ffff::/48"]');
    await a.start();
    expect(a.lines.some((l) => /no address of this host/.test(String(l['msg'])))).toBe(true);
  });
});
