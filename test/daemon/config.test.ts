import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  ConfigError,
  loadConfig,
  nameOf,
  parseConfig,
  usesAddress,
} from '../../src/daemon/config.js';
import { changedKeys, refuseRestartKeys } from '../../src/daemon/config/diff.js';
import { formatDuration, parseDuration } from '../../src/daemon/config/duration.js';
import { toFile, toToml } from '../../src/daemon/config/print.js';
import { WANTS } from '../../src/daemon/config/schema.js';
import { TIMER_KEYS } from '../../src/daemon/config/timers.js';
import { FAST, RFC5534 } from '../../src/reap/constants.js';
import { RFC5533 } from '../../src/shim6/constants.js';
import { parseAddress } from '../../src/wire/address.js';
import { maskAddress } from '../../src/wire/prefix.js';
import { RehomeError } from '../../src/wire/errors.js';

const parse = (text: string) => parseConfig(text, 'rehome.toml');

/** The complaints about a text, one line each. */
function complaints(text: string): string[] {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

const MINIMAL = 'security = "none"\n';

describe('defaults', () => {
  it('protects after 50 packets or 5 s of a flow we started, DNS never', () => {
    expect(parse(MINIMAL).engine.trigger).toEqual({
      packets: 50,
      bytes: undefined,
      seconds: 5,
      ports: [],
      neverPorts: [53],
      outboundOnly: true,
    });
  });

  it('is profile fast with the strategy informed, a send timer within RFC 5534 §7', () => {
    const { engine, warnings } = parse(MINIMAL);
    expect(engine).toMatchObject({ profile: 'fast', strategy: 'informed', shim6: RFC5533 });
    expect(engine.reap).toEqual(FAST);
    expect(engine.reap.sendTimeout).toBeGreaterThanOrEqual(10_000);
    expect(warnings.filter((w) => w.includes('send_timeout'))).toEqual([]);
  });

  it('uses the constants of the RFCs where the profile says so [RFC5533 §14] [RFC5534 §7]', () => {
    const { engine } = parse(`profile = "rfc"\n${MINIMAL}`);
    expect(engine).toMatchObject({ profile: 'rfc', strategy: 'shuffle', shim6: RFC5533 });
    expect(engine.reap).toEqual(RFC5534);
  });

  it('takes another strategy than the profile has', () => {
    const { engine } = parse(`strategy = "burst:4"\n${MINIMAL}`);
    expect(engine).toMatchObject({ profile: 'fast', strategy: 'burst:4' });
  });

  it('keeps DNS out of every trigger', () => {
    const { neverPorts } = parse(`${MINIMAL}[trigger]\nnever_ports = [123]`).engine.trigger;
    expect(neverPorts).toEqual([53, 123]);
  });

  it('has the send timer of the paper in the profile "paper"', () => {
    expect(parse(`${MINIMAL}profile = "paper"`).engine.reap.sendTimeout).toBe(3_000);
  });
});

describe('overrides', () => {
  it.each(TIMER_KEYS.map((t) => [t.key, t] as const))('timers.%s', (key, t) => {
    const value = t.kind === 'duration' ? 2_000 : t.kind === 'count' ? 7 : 0.5;
    const text = t.kind === 'duration' ? '"2s"' : String(value);
    const { engine } = parse(`${MINIMAL}[timers]\n${key} = ${text}`);
    expect(engine[t.owner]).toHaveProperty(t.field, value);
  });

  it('covers every constant [RFC5533-2.3-1]', () => {
    const fields = (owner: string) =>
      TIMER_KEYS.filter((t) => t.owner === owner)
        .map((t) => t.field)
        .sort();
    expect(fields('shim6')).toEqual(Object.keys(RFC5533).sort());
    expect(fields('reap')).toEqual(Object.keys(RFC5534).sort());
  });

  it('switches limits of the trigger off', () => {
    const { trigger } = parse(`${MINIMAL}[trigger]\npackets = "off"\nseconds = "off"`).engine;
    expect([trigger.packets, trigger.seconds]).toEqual([undefined, undefined]);
  });

  it('opens the socket to a group', () => {
    expect(parse(`${MINIMAL}[control]\ngroup = "rehome"`).control.mode).toBe(0o660);
    expect(parse(MINIMAL).control.mode).toBe(0o600);
  });
});

describe('warnings', () => {
  const warnings = (timers: string) => parse(`${MINIMAL}[timers]\n${timers}`).warnings.join('\n');
  it('below 10 s of send timeout [RFC5534 §7] [RFC5534-7-1]', () => {
    expect(warnings('send_timeout = "9s"')).toMatch(/send_timeout is 9 s.*RFC 5534 §7/);
    expect(warnings('send_timeout = "10s"')).not.toMatch(/send_timeout/);
  });
  it('above 100 s of send timeout [RFC5534 §7] [RFC5534-7-2]', () => {
    expect(warnings('send_timeout = "101s"')).toMatch(/send_timeout is 101 s.*RFC 5534 §7/);
    expect(warnings('send_timeout = "100s"')).not.toMatch(/send_timeout/);
  });
  it('of a send timeout that the option cannot say [RFC5534 §5.3]', () => {
    expect(warnings('send_timeout = "12.5s"')).toMatch(/whole seconds/);
  });
  it('of contexts torn down early [RFC5533 §9]', () => {
    expect(warnings('idle_teardown = "4min"')).toMatch(/idle_teardown is 240 s: RFC 5533 §9/);
  });
  it('always of security none', () => {
    expect(parse(MINIMAL).warnings[0]).toMatch(/security is "none": locators are not verified/);
  });
});

describe('mistakes', () => {
  it('says what identity and security may be', () => {
    expect(complaints('\n\nsecurity = "hba"')).toEqual([
      'rehome.toml:3: security: "hba" is not possible here; leave it out, or write "none" in a closed lab: then nobody proves anything (SECURITY.md)',
    ]);
    expect(complaints('identity = "none"')[0]).toMatch(
      /^rehome\.toml:1: identity: "none" is not possible here; write "hba"/,
    );
    expect(complaints('[addresses]\nsec = 2')).toEqual([
      'rehome.toml:2: addresses.sec: Sec 2 takes some 2^32 hashes, which is hours; write 0 or 1, or 2 together with accept_hours_of_search = true',
    ]);
    expect(complaints('[addresses]\nsec = 2\naccept_hours_of_search = true')).toEqual([]);
    expect(
      complaints('[[addresses.prefix]]\nprefix = "2001:db8::/48"\ninterface = "eth0"')[0],
    ).toMatch(/^rehome\.toml:2: addresses\.prefix\[0\]\.prefix: .*write a \/64/);
  });

  it('says what an exit router needs', () => {
    const one = '[[exit.uplink]]\ninterface = "wan0"\nprefixes = ["2001:db8:a::/48"]\n';
    expect(parse(MINIMAL).exit).toBeUndefined();
    expect(parse(MINIMAL + one).exit).toMatchObject({
      unknownSource: 'notify',
      uplinkDown: 'notify',
      check: 3_000,
      inside: [],
    });
    expect(complaints('[exit]\ninside = []')[0]).toMatch(/exit\.uplink/);
    expect(complaints(one + one.replace('a::', 'b::'))).toEqual([
      'rehome.toml:5: exit.uplink[1].interface: a second uplink with the name wan0; write the name of the interface towards the provider, e.g. "wan0"',
    ]);
    expect(complaints(one + one.replace('wan0', 'wan1'))[0]).toMatch(
      /exit\.uplink\[1\]\.prefixes\[0\]: 2001:db8:a::\/48 is of the uplink wan0 already/,
    );
    expect(complaints(one.replace('["2001:db8:a::/48"]', '[]'))[0]).toMatch(/at least 1/);
    expect(complaints(one.replace('2001:db8:a::/48', '::/0'))[0]).toMatch(/belongs to no provider/);
    expect(complaints(`[exit]\ncheck = "1ms"\n${one}`)[0]).toMatch(/out of range/);
    const text = `${MINIMAL}shim6 = false\n[exit]\ncheck = "1s"\ninside = ["lan0"]\nunknown_source = "drop"\n${one}next_hop = "fe80::1"\n`;
    expect(parse(toToml(parse(text)))).toEqual(parse(text));
  });

  const CASES: [string, string, string][] = [
    [
      'an unknown key',
      '[trigger]\n\npackts = 1',
      '4: trigger.packts: unknown key; did you mean packets?',
    ],
    ['an unknown table', '[triger]\npackets = 1', '2: triger: unknown key; did you mean trigger?'],
    [
      'a misspelt timer',
      '[timers]\nsendtimeout = 3',
      '3: timers.sendtimeout: unknown key; did you mean send_timeout?',
    ],
    [
      'a bad duration',
      '[timers]\nsend_timeout = "3 parsecs"',
      '3: timers.send_timeout: not a duration: "3 parsecs"; write a duration',
    ],
    [
      'a timer out of range',
      '[timers]\nsend_timeout = "20h"',
      '3: timers.send_timeout: out of range',
    ],
    [
      'a send timer that no peer can be told of (RFC 5534 §5.3: whole seconds)',
      '[timers]\nsend_timeout = "500ms"',
      '3: timers.send_timeout: out of range',
    ],
    [
      'a share out of range',
      '[timers]\nprobe_jitter = 1.5',
      '3: timers.probe_jitter: 1.5 is too large (at most 0.99); write a number from 0 to 0.99',
    ],
    ['half a packet', '[trigger]\npackets = 1.5', '3: trigger.packets: 1.5 is not'],
    [
      'a port that is none',
      '[trigger]\nports = [\n  22, # ssh\n  70000,\n]',
      '5: trigger.ports[1]: 70000 is too large (at most 65535)',
    ],
    [
      'a text for a list',
      'prefixes = "2001:db8::/32"',
      '2: prefixes: "2001:db8::/32" is a text; write a list of IPv6 prefixes',
    ],
    [
      'host bits in a prefix',
      'prefixes = ["2001:db8::1/32"]',
      '2: prefixes[0]: 2001:db8::1/32 has bits set past /32, the first of them bit 127 (counted from 0); did you mean 2001:db8::/32?',
    ],
    [
      'a bad address',
      'leave = { peers = ["fe80::zz"] }',
      '2: leave.peers[0]: not an IPv6 address: "fe80::zz"; write a list of IPv6 addresses',
    ],
    [
      'a locator without prefix',
      '[[locator]]\nprefix = "2001:db8::/48"\n\n[[locator]]\npriority = 1',
      '5: locator[1].prefix: missing; write the IPv6 prefix',
    ],
    [
      'a priority beyond an octet',
      '[[locator]]\nprefix = "2001:db8::/48"\npriority = 256',
      '4: locator[0].priority: 256 is too large',
    ],
    [
      'a relative socket',
      '[control]\nsocket = "run.sock"',
      '3: control.socket: "run.sock" is not an absolute path; write an absolute path',
    ],
    [
      'a group mode without group',
      '[control]\nmode = "0660"',
      '3: control.mode: 0660 without a group; write "0600", or "0660" together with group',
    ],
    [
      'an interface name that is none',
      'interfaces = ["eth 0"]',
      '2: interfaces[0]: "eth 0" is not an interface name',
    ],
    [
      'a name for no prefix',
      '[names]\n"zz" = "a1"',
      '3: names.zz: not an IPv6 address: "zz"; write prefixes and short names',
    ],
    [
      'a profile that is none',
      'profile = "quick"',
      '2: profile: "quick" is not possible here; write "fast"',
    ],
  ];
  it.each(CASES)('%s', (_what, text, expected) => {
    const found = complaints(MINIMAL + text);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`rehome.toml:${expected}`);
  });

  it('says several at once, in the order of lines', () => {
    const text = 'profile = 1\n[log]\nlevel = "loud"\n[trigger]\npackets = 0\nx = 1';
    expect(complaints(text).map((c) => c.split(': ')[0])).toEqual(
      [1, 3, 5, 6].map((line) => `rehome.toml:${line}`),
    );
  });

  it('locates what is not TOML', () => {
    expect(complaints('a = 1\nb = = 2')[0]).toBe(
      'rehome.toml:2: not TOML: invalid value; see column 5',
    );
  });

  it('says how to get a file that is not there', () => {
    expect(() => loadConfig('/nonexistent/rehome.toml')).toThrow(
      expect.objectContaining({
        code: 'REHOME_E_CONFIG_FILE',
        message: expect.stringContaining('--config'),
      }),
    );
  });

  it('never fails in another way, and always names a line of the text', () => {
    const piece = fc.constantFrom(
      'security = "none"',
      '[trigger]',
      'packets = 3',
      '[[locator]]',
      'prefix = "2001:db8::/32"',
      'a.b."c d" = [1, { x = "]" }, """\n""", 2]',
      "'q' = '''\n]'''",
      '[x.y]',
      'z = {a = 1, b = [2]}',
      '# [no]',
      'ports = [1,\n 2,\n "x"]',
      '[names]',
      '"::/0" = "all"',
      'd = 1979-05-27T07:32:00Z',
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 8 }),
        fc.string({ maxLength: 12 }),
        (pieces, junk) => {
          const text = [...pieces, junk].join('\n');
          try {
            parse(text);
          } catch (error) {
            if (!(error instanceof ConfigError)) throw error;
            const lines = text.split('\n').length;
            for (const issue of error.issues) {
              expect(issue.line).toBeGreaterThanOrEqual(1);
              expect(issue.line).toBeLessThanOrEqual(lines);
              expect(issue.problem).not.toBe('');
              expect(issue.remedy).not.toBe('');
            }
          }
        },
      ),
    );
  });
});

describe('the effective configuration', () => {
  it('reads back as itself', () => {
    const hextet = fc.integer({ min: 0, max: 0xffff }).map((n) => n.toString(16));
    const prefix = fc
      .tuple(hextet, hextet, fc.integer({ min: 0, max: 48 }))
      .map(
        ([a, b, length]) => `${maskAddress(parseAddress(`2001:${a}:${b}::`), length)}/${length}`,
      );
    const port = fc.integer({ min: 1, max: 65_535 });
    const limit = fc.option(fc.integer({ min: 1, max: 1e9 }), { nil: 'off' as const });
    const file = fc.record({
      profile: fc.constantFrom('fast', 'rfc', 'paper'),
      prefixes: fc.array(prefix, { maxLength: 3 }),
      packets: limit,
      bytes: limit,
      ports: fc.uniqueArray(port, { maxLength: 3 }),
      never: fc.uniqueArray(port, { maxLength: 3 }),
      sendTimeout: fc.integer({ min: 1_000, max: 65_535_000 }),
      locator: fc.array(prefix, { maxLength: 2 }),
      names: fc.uniqueArray(prefix, { maxLength: 2 }),
    });
    fc.assert(
      fc.property(file, (f) => {
        const q = (v: unknown): string => JSON.stringify(v);
        const text = [
          MINIMAL,
          `profile = ${q(f.profile)}`,
          `prefixes = ${q(f.prefixes)}`,
          `[trigger]\npackets = ${q(f.packets)}\nbytes = ${q(f.bytes)}`,
          `ports = ${q(f.ports)}\nnever_ports = ${q(f.never)}`,
          `[timers]\nsend_timeout = "${f.sendTimeout}ms"`,
          `[names]\n${f.names.map((p, i) => `${q(p)} = "n${i}"`).join('\n')}`,
          ...f.locator.map((p) => `[[locator]]\nprefix = ${q(p)}`),
        ].join('\n');
        const config = parse(text);
        expect(parse(toToml(config))).toEqual(config);
      }),
      { numRuns: 50 },
    );
  });

  it('is what check-config prints for the least file', () => {
    expect(toFile(parse(MINIMAL))).toMatchObject({ profile: 'fast', log: { level: 'info' } });
  });
});

describe('durations', () => {
  it.each([
    ['500ms', 500],
    ['3s', 3_000],
    ['1.5min', 90_000],
    ['1h', 3_600_000],
    [0.1, 100],
    [15, 15_000],
  ])('%s', (text, expected) => expect(parseDuration(text)).toBe(expected));
  it.each(['', 's', '-1s', '3', '1e3s', 'Infinitys', -1, Number.NaN, Infinity, null])(
    'refuses %s',
    (bad) => expect(() => parseDuration(bad)).toThrow(RehomeError),
  );
  it('prints what it reads', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), (n) => {
        expect(parseDuration(formatDuration(n))).toBe(n);
      }),
    );
  });
});

describe('choosing', () => {
  const config = parse(
    `${MINIMAL}interfaces = ["eth0"]\nprefixes = ["2001:db8:1::/48"]\n` +
      '[names]\n"2001:db8::/32" = "doc"\n"2001:db8:1::/48" = "a1"',
  );
  it('wants both the interface and the prefix', () => {
    const a = parseAddress('2001:db8:1::1');
    expect(usesAddress(config, a, 'eth0')).toBe(true);
    expect(usesAddress(config, a, 'eth1')).toBe(false);
    expect(usesAddress(config, parseAddress('2001:db8:2::1'), 'eth0')).toBe(false);
  });
  it('names by the longest prefix', () => {
    expect(nameOf(config, parseAddress('2001:db8:1::1'))).toBe('a1');
    expect(nameOf(config, parseAddress('2001:db8:2::1'))).toBe('doc');
    expect(nameOf(config, parseAddress('2001:db9::1'))).toBeUndefined();
  });
});

describe('differences', () => {
  it('are named by key', () => {
    expect(changedKeys(parse(MINIMAL), parse(`${MINIMAL}profile = "paper"`))).toEqual([
      'profile',
      'strategy',
      'timers.initial_probe_timeout',
      'timers.max_probe_timeout',
      'timers.send_timeout',
    ]);
  });
  it('of what is read once are refused', () => {
    const other = parse(`${MINIMAL}[control]\nsocket = "/tmp/x.sock"`);
    expect(() => refuseRestartKeys(parse(MINIMAL), other)).toThrow(/control\.socket cannot change/);
  });
});

describe('docs/config.md', () => {
  const text = readFileSync('docs/config.md', 'utf8');
  it.each([...Object.keys(WANTS), ...TIMER_KEYS.map((t) => t.key)])('explains %s', (key) => {
    expect(text).toMatch(new RegExp(`\`\[*${key.replace(/^.*\./, '')}\]*\``));
  });
  it('has the examples that the reader accepts', () => {
    const blocks = [...text.matchAll(/```toml\n([\s\S]*?)```/g)].map((m) => m[1] ?? '');
    expect(blocks.length).toBeGreaterThan(0);
    for (const block of blocks)
      expect(complaints(block.includes('security') ? block : MINIMAL + block)).toEqual([]);
    expect(complaints(readFileSync('examples/rehome.toml', 'utf8'))).toEqual([]);
  });
});
