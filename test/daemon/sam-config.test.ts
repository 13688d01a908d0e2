import { describe, expect, it } from 'vitest';
import { ConfigError, hasLocators, parseConfig } from '../../src/daemon/config.js';
import { changedKeys, refuseRestartKeys } from '../../src/daemon/config/diff.js';
import { toFile, toToml } from '../../src/daemon/config/print.js';
import { parsePrefix } from '../../src/wire/prefix.js';

const parse = (text: string) => parseConfig(text, 'rehome.toml');
const complaints = (text: string): string[] => {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
};
const HOST = '[sam]\nrole = "host"\ninterfaces = ["eth0", "wlan0"]\n';
const GATEWAY = `[sam]
role = "gateway"
router_lifetime = 1800
[[sam.link]]
interface = "lan0"
zone = "site"
subnet = "fcf9:0:0:1::/64"
infix = "5555"
trusted = false
[[sam.provider]]
prefix = "2001:db8:a::/48"
interface = "wan0"
`;

describe('[sam]', () => {
  it('is off unless it is there', () => {
    expect(parse('').sam).toBeUndefined();
    expect(toFile(parse(''))['sam']).toBeUndefined();
  });

  it('a host needs its interfaces only: children of one zone, trusted, infixes of their own choice', () => {
    const link = { zone: 'zone', position: 'child', subnet: undefined, infix: undefined, trusted: true }; // prettier-ignore
    expect(parse(HOST).sam).toEqual({
      role: 'host',
      device: 'rehome0',
      links: [
        { interface: 'eth0', ...link },
        { interface: 'wlan0', ...link },
      ],
      providers: [],
      routerLifetime: 0,
    });
  });

  it('a gateway needs the prefix of its provider only', () => {
    const least = '[sam]\nrole = "gateway"\ninterfaces = ["lan0"]\n[[sam.provider]]\nprefix = "2001:db8:a::/48"\ninterface = "wan0"\n'; // prettier-ignore
    expect(parse(least).sam).toMatchObject({
      links: [{ interface: 'lan0', position: 'gateway', subnet: parsePrefix('fcf0::/64') }],
      providers: [{ prefix: parsePrefix('2001:db8:a::/48'), interface: 'wan0' }],
    });
    expect(parse(GATEWAY).sam).toEqual({
      role: 'gateway',
      device: 'rehome0',
      links: [
        {
          interface: 'lan0',
          zone: 'site',
          position: 'gateway',
          subnet: parsePrefix('fcf9:0:0:1::/64'),
          infix: { value: 0x5555n, octets: 2 },
          trusted: false,
        },
      ],
      providers: [
        {
          prefix: parsePrefix('2001:db8:a::/48'),
          interface: 'wan0',
          preferred: undefined,
          valid: undefined,
        },
      ],
      routerLifetime: 1_800,
    });
  });

  it.each([HOST, GATEWAY])('reads back as itself', (text) => {
    const config = parse(text);
    expect(parse(toToml(config)).sam).toEqual(config.sam);
  });

  it('a provider may change, with lifetimes', () => {
    const old = GATEWAY.replace(
      'interface = "wan0"',
      'interface = "wan0"\npreferred = "0s"\nvalid = "1h"',
    );
    const next = parse(`${old}[[sam.provider]]\nprefix = "2001:db8:b::/48"\ninterface = "wan0"`);
    expect(next.sam?.providers).toMatchObject([
      { preferred: 0, valid: 3_600_000 },
      { valid: undefined },
    ]);
    expect(parse(toToml(next)).sam).toEqual(next.sam);
    expect(() => refuseRestartKeys(parse(GATEWAY), next)).not.toThrow();
    expect(complaints(GATEWAY.replace('interface = "wan0"', 'interface = "wan0"\nvalid = "1h"')).join()).toMatch(/preferred: (longer|missing)/); // prettier-ignore
  });

  it('cannot change otherwise while the daemon runs', () => {
    const changed = parse(HOST.replace('"wlan0"', '"wlan1"'));
    expect(changedKeys(parse(HOST), changed)).toContain('sam.link');
    expect(() => refuseRestartKeys(parse(HOST), changed)).toThrow(/sam\.link cannot change while/);
  });

  it('routers and gateways protect sessions of their own only on interfaces that are named', () => {
    expect([HOST, GATEWAY, `interfaces = ["wan0"]\n${GATEWAY}`].map((t) => hasLocators(parse(t)))).toEqual([true, false, true]); // prettier-ignore
  });

  it.each([
    ['[sam]\nrole = "hub"\ninterfaces = ["eth0"]', /sam\.role.*write "host"/],
    ['[sam]\nrole = "host"', /sam\.interfaces: missing/],
    [`${HOST}[[sam.link]]\ninterface = "eth0"`, /eth0 is there twice/],
    ['[sam]\nrole = "gateway"\ninterfaces = ["lan0"]', /sam\.provider: missing/],
    [
      `${HOST}[[sam.provider]]\nprefix = "2001:db8::/32"\ninterface = "x"`,
      /a host has no provider/,
    ],
    [
      '[sam]\nrole = "host"\n[[sam.link]]\ninterface = "a"\nposition = "gateway"',
      /a host is no gateway/,
    ],
    [
      '[sam]\nrole = "host"\n[[sam.link]]\ninterface = "a"\nsubnet = "fcf0::/64"',
      /learns its subnet/,
    ],
    [GATEWAY.replace('fcf9:0:0:1::/64', 'fd00::/48'), /no subnet prefix of the SAM format.*a \/64/],
    [GATEWAY.replace('fcf9:0:0:1::/64', 'fcf9::/64'), /no subnet prefix of the SAM format/],
    [GATEWAY.replace('"5555"', '"555"'), /not 1 to 7 octets/],
    [GATEWAY.replace('2001:db8:a::/48', 'fd00::/48'), /no global prefix/],
    [GATEWAY.replace('2001:db8:a::/48', '2000::/11'), /shorter than \/12/],
    [
      `${GATEWAY}[[sam.link]]\ninterface = "lan1"\nzone = "site"\nsubnet = "fd00:1:2::/64"`,
      /sam\.link\[1\]\.subnet: another constant prefix than lan0/,
    ],
    [GATEWAY.replace('2001:db8:a::/48', '2001:db8:a:a::/48'), /bits set past \/48/],
    [`${GATEWAY}[[sam.link]]\ninterface = "lan1"\nzone = "other"`, /gateway of one zone at most/],
    [
      `${GATEWAY}[[sam.link]]\ninterface = "lan1"\nzone = "site"`,
      /sam\.link\[1\]\.subnet: missing/,
    ],
    [
      `${GATEWAY}[[sam.link]]\ninterface = "lan1"\nzone = "site"\nposition = "child"`,
      /gateway and child of zone site at once/,
    ],
    [`${HOST}trust = true`, /trust/],
    [
      GATEWAY.replace('interface = "wan0"', 'interface = "lan0"'),
      /sam\.provider\[0\]\.interface: lan0 is a link of a zone, and no provider's; write the name/,
    ],
    [
      `${GATEWAY}[[sam.provider]]\nprefix = "2001:db8:a::/48"\ninterface = "wan1"`,
      /sam\.provider\[1\]\.prefix: 2001:db8:a::\/48 is there twice; write the prefix/,
    ],
  ])('says what is wrong: %#', (text, expected) => {
    expect(complaints(text).join('\n')).toMatch(expected);
  });
});
