import { describe, expect, it } from 'vitest';
import { SAM } from '../../src/sam/constants.js';
import { SamEngine } from '../../src/sam/engine.js';
import { chooseOctets } from '../../src/sam/infix-length.js';
import type { SamConfig, SamEffect, SamInterface, SamZone } from '../../src/sam/types.js';
import { SeededRandom } from '../../src/sim/random.js';
import { figure7 } from '../../src/sim/sam/figures.js';
import { parseAddress, type Address } from '../../src/wire/address.js';
import { ALL_NODES, ALL_ROUTERS } from '../../src/wire/multicast.js';
import { buildNd, parseNd, type NdOption } from '../../src/wire/nd.js';
import { formatPrefix, parsePrefix } from '../../src/wire/prefix.js';
import { ms, type Millis } from '../../src/wire/units.js';

const eth0: SamInterface = {
  index: 2,
  name: 'eth0',
  linkLocal: parseAddress('fe80::2'),
  mtu: 1500,
  trusted: true,
};
const child = (...interfaces: SamInterface[]): SamZone => ({
  name: 'site',
  role: 'child',
  interfaces,
});
const config = (change: Partial<SamConfig> = {}): SamConfig => ({
  zones: [child(eth0)],
  providers: [],
  routerLifetime: 0,
  provable: false,
  sequence: 1,
  ...change,
});
const SUBNET = parsePrefix('fcf9:0:0:1::/64');
const M = parseAddress('fcf9:0:0:1:2f00::5555');
const pio = (text: string, more: { onLink?: boolean; valid?: number } = {}): NdOption => ({
  option: 'prefixInformation',
  prefix: parsePrefix(text),
  onLink: more.onLink ?? true,
  autonomous: false,
  validLifetime: more.valid ?? 3600,
  preferredLifetime: 0,
});
const parameters = (prefix = '2001:db8:a::/48', sequence = 1, valid = 600): NdOption => ({
  option: 'samParameters',
  hopCount: 0,
  sequence,
  parent: M,
  prefixes: [{ prefix: parsePrefix(prefix), validLifetime: valid, preferredLifetime: valid }],
});
const advertisement = (
  options: readonly NdOption[],
  source = 'fe80::1',
  to: Address = ALL_NODES,
): Uint8Array =>
  // prettier-ignore
  buildNd(parseAddress(source), to, {
    message: 'routerAdvertisement',
    curHopLimit: 64,
    managed: false,
    otherConfig: false,
    preference: 'medium',
    routerLifetime: 1800,
    reachableTime: 0,
    retransTimer: 0,
    options,
  });

/** An engine, and time that passes from deadline to deadline. */
class Run {
  readonly engine: SamEngine;
  readonly effects: SamEffect[] = [];
  now: Millis = ms(0);
  constructor(c: SamConfig = config(), seed = 'engine') {
    this.engine = new SamEngine(c, new SeededRandom(seed));
    this.pass(0);
  }
  take(effects: readonly SamEffect[]): this {
    this.effects.push(...effects);
    return this;
  }
  hear(packet: Uint8Array, index = 2): this {
    return this.take(this.engine.receive(index, packet, this.now));
  }
  pass(duration: number): this {
    const end = ms(this.now + duration);
    for (let steps = 0; ; steps++) {
      if (steps > 10_000) throw new Error('does not come to rest');
      const next = this.engine.nextDeadline();
      if (next === undefined || next > end) break;
      this.now = ms(Math.max(this.now, next));
      this.take(this.engine.tick(this.now));
    }
    this.now = end;
    return this;
  }
  get locals(): Address[] {
    return this.engine.table().zones.flatMap((z) => z.interfaces.map((i) => i.local));
  }
  kinds(kind: SamEffect['kind']): SamEffect[] {
    return this.effects.filter((e) => e.kind === kind);
  }
  sent(message: string): number {
    return this.kinds('send').filter((e) => {
      const nd = e.kind === 'send' ? parseNd(e.packet) : undefined;
      return nd?.ok === true && nd.message.message === message;
    }).length;
  }
}

describe('a host', () => {
  it('does nothing SAM before it hears that it is in a SAM zone [SAM-3.3-3]', () => {
    const run = new Run().hear(advertisement([pio('fcf9:0:0:1::/64')])).pass(60_000);
    expect(run.kinds('join')).toEqual([]);
    expect([run.engine.addresses(), run.engine.table()]).toEqual([
      [],
      { zones: [], providers: [] },
    ]);
  });

  it('asks three times, then listens; no more once it knows [SAM-3.1-2]', () => {
    const silent = new Run().pass(60_000);
    expect(silent.sent('routerSolicitation')).toBe(SAM.maxSolicitations);
    const first = silent.kinds('send')[0];
    expect(first?.kind === 'send' && parseNd(first.packet)).toMatchObject({
      header: { source: 'fe80::2', destination: ALL_ROUTERS },
    });
    const told = new Run().hear(advertisement([pio('fcf9:0:0:1::/64'), parameters()])).pass(60_000);
    expect(told.sent('routerSolicitation')).toBe(0);
  });

  it('takes its subnet from the advertised prefix, or else from a parent on its link', () => {
    const own = new Run().hear(advertisement([pio('fcf7:0:0:1::/64'), parameters()])).pass(5_000);
    expect(own.locals.map((l) => l.slice(0, 4))).toEqual(['fcf7']);
    const near = new Run().hear(advertisement([parameters()])).pass(5_000);
    expect(near.locals.map((l) => l.slice(0, 4))).toEqual(['fcf9']);
    for (const wrong of [
      pio('fcf7:0:0:1::/64', { onLink: false }),
      pio('fcf7::/64'),
      pio('2001:db8::/64'),
      pio('fd12:3456:789a::/64'), // a SAM subnet, of another constant prefix
      pio('fcf7:0:0:1::/64', { valid: 0 }),
    ]) {
      const run = new Run().hear(advertisement([wrong, parameters()])).pass(5_000);
      expect(run.locals.map((l) => l.slice(0, 4))).toEqual(['fcf9']);
    }
  });

  it('stays in its subnet while that lasts, and then takes another', () => {
    const run = new Run().hear(
      advertisement([pio('fcf7:0:0:1::/64', { valid: 100 }), parameters()]),
    );
    run.pass(5_000).hear(advertisement([pio('fcf8:0:0:1::/64'), parameters()]));
    const [before] = run.pass(90_000).locals;
    expect(before).toMatch(/^fcf7/);
    expect(run.pass(20_000).locals).toEqual([expect.stringMatching(/^fcf8/)]);
    expect(run.kinds('unassign')).toEqual([{ kind: 'unassign', interface: 2, address: before }]);
  });

  it('keeps its local address when all prefixes have gone, and uses it again', () => {
    const run = new Run().hear(advertisement([parameters('2001:db8:a::/48', 1, 30)])).pass(10_000);
    const { locals } = run;
    run.pass(30_000);
    expect(run.engine.addresses()).toEqual([]);
    run.hear(advertisement([parameters('2001:db8:b::/48', 2)])).pass(100);
    expect(run.locals).toEqual(locals);
    expect(run.engine.addresses()).toHaveLength(1);
    expect(run.kinds('assign')).toHaveLength(1);
  });

  it('believes no advertisement that is not from a link-local address, and none of its own', () => {
    for (const source of ['2001:db8::1', 'fe80::2']) {
      const run = new Run().hear(advertisement([parameters()], source)).pass(5_000);
      expect(run.locals).toEqual([]);
    }
  });

  it('counts what it does not take', () => {
    const run = new Run();
    run.hear(advertisement([parameters('::/0')])).hear(advertisement([parameters('::/0')]));
    run.hear(advertisement([parameters()]), 99);
    run.hear(Uint8Array.of(0x60));
    const far = advertisement([parameters()]);
    far[7] = 254;
    run.hear(far);
    expect(run.engine.counters()).toEqual({
      'parameters-bad-prefix': 2,
      'other-interface': 1,
      'drop-truncated': 1,
      'drop-bad-hop-limit': 1,
    });
  });

  it('says when no infix fits behind any prefix, and does not try', () => {
    const run = new Run().hear(advertisement([parameters('2001:db8::/120')])).pass(10_000);
    expect(run.locals).toEqual([]);
    const events = run.effects.flatMap((e) => (e.kind === 'event' ? [e.event.name] : []));
    expect(events).toEqual(['prefix-learned', 'no-infix-fits']);
  });

  it('gives everything back when it stops', () => {
    const run = new Run().hear(advertisement([parameters()])).pass(5_000);
    const out = run.engine.stop(run.now);
    expect(out.filter((e) => e.kind === 'unassign')).toHaveLength(1);
    const groups = (kind: string): number =>
      [...run.effects, ...out].filter((e) => e.kind === kind).length;
    expect(groups('leave')).toBe(groups('join'));
  });
});

describe('configuration', () => {
  const wifi: SamInterface = {
    ...eth0,
    index: 3,
    name: 'wlan0',
    linkLocal: parseAddress('fe80::3'),
  };

  it('a change keeps what is not changed', () => {
    const run = new Run(config({ zones: [child(eth0, wifi)] }));
    run
      .hear(advertisement([parameters()]))
      .hear(advertisement([parameters()]), 3)
      .pass(5_000);
    const [kept, other] = run.locals;
    run.take(run.engine.configure(config(), run.now)).pass(1_000);
    expect(run.locals).toEqual([kept]);
    expect(run.kinds('unassign')).toEqual([{ kind: 'unassign', interface: 3, address: other }]);
    const asked = run.sent('routerSolicitation');
    run.take(run.engine.configure(config({ zones: [child(eth0, wifi)] }), run.now)).pass(1_000);
    expect(run.sent('routerSolicitation')).toBe(asked + 1);
    run.hear(advertisement([parameters()]), 3).pass(5_000);
    expect([run.locals.length, run.locals[0]]).toEqual([2, kept]);
    // Another zone's name is another zone.
    const renamed = { ...child(eth0), name: 'elsewhere' };
    run.take(run.engine.configure(config({ zones: [renamed] }), run.now)).pass(5_000);
    expect(run.locals).toEqual([]);
  });

  const gateway = (...interfaces: SamInterface[]): SamZone => ({ name: 'inner', role: 'gateway', interfaces }); // prettier-ignore
  it.each<[string, Partial<SamConfig>, RegExp]>([
    [
      'two gateways',
      { zones: [gateway(eth0), { ...gateway(wifi), name: 'x' }] },
      /one zone at most/,
    ],
    ['a zone twice', { zones: [child(eth0), child(wifi)] }, /there twice/],
    ['a zone without interface', { zones: [child()] }, /no interface/],
    ['an interface in two zones', { zones: [child(eth0), gateway(eth0)] }, /in two zones/],
    ['no link-local address', { zones: [child({ ...eth0, linkLocal: M })] }, /no link-local/],
    ['too small an MTU', { zones: [child({ ...eth0, mtu: 1279 })] }, /IPv6 needs 1280/],
    [
      'a subnet that is none',
      { zones: [child({ ...eth0, subnet: parsePrefix('2001:db8::/64') })] },
      /no SAM local address/,
    ],
    [
      'a /48 as subnet',
      { zones: [child({ ...eth0, subnet: parsePrefix('fcf9::/48') })] },
      /has to be a \/64/,
    ],
    ['eight octets', { zones: [child({ ...eth0, octets: 8 })] }, /0 to 7/],
    ['an infix without length', { zones: [child({ ...eth0, infix: 1n })] }, /needs its length/],
    [
      'an infix too long',
      { zones: [child({ ...eth0, infix: 256n, octets: 1 })] },
      /0x100 does not fit in 1/,
    ],
    [
      'a local prefix of a provider',
      { providers: [{ prefix: parsePrefix('fd00::/48') }] },
      /no global prefix/,
    ],
  ])('%s is refused', (_what, change, message) => {
    expect(() => new SamEngine(config(change), new SeededRandom('x'))).toThrow(message);
    const run = new Run();
    expect(() => run.engine.configure(config(change), run.now)).toThrow(message);
  });
});

describe('a gateway', () => {
  const inner: SamInterface = { ...eth0, index: 4, name: 'lan', subnet: SUBNET, octets: 2, infix: 0x5555n }; // prettier-ignore
  const gateway: SamZone = { name: 'lan', role: 'gateway', interfaces: [inner] };
  const provider = { prefix: parsePrefix('2001:db8:a::/48') };

  it('needs only the prefix of its provider', () => {
    const run = new Run(config({ zones: [gateway], providers: [provider] })).pass(10_000);
    expect(run.locals).toEqual([M]);
    expect(run.engine.addresses().map((a) => [a.address, a.local])).toEqual([
      ['2001:db8:a:1295:5550::', M],
      ['2001:db8:a::', undefined],
    ]);
    expect(run.sent('routerAdvertisement')).toBeGreaterThan(0);
  });

  it('is silent while it has nothing to say', () => {
    const run = new Run(config({ zones: [gateway] })).pass(600_000);
    expect([run.locals, run.sent('routerAdvertisement')]).toEqual([[M], 0]);
    run.take(run.engine.setProviders([provider], run.now)).pass(1_000);
    expect(run.sent('routerAdvertisement')).toBe(1);
    run.take(run.engine.setProviders([], run.now)).pass(8_000_000);
    const said = run.sent('routerAdvertisement');
    run.pass(600_000);
    expect(run.sent('routerAdvertisement')).toBe(said);
  });

  it('answers who asks, alone and soon; at most every three seconds to all', () => {
    const run = new Run(config({ zones: [gateway], providers: [provider] })).pass(100_000);
    const ask = (source: string): void => {
      const message = { message: 'routerSolicitation' as const, options: [] };
      run.hear(buildNd(parseAddress(source), ALL_ROUTERS, message), 4);
    };
    const since = run.effects.length;
    const answers = (): unknown[] =>
      run.effects.slice(since).flatMap((e) => {
        const nd = e.kind === 'send' ? parseNd(e.packet) : undefined;
        return nd?.ok === true && nd.message.message === 'routerAdvertisement' ? [nd.header.destination] : []; // prettier-ignore
      });
    ask('fe80::99');
    run.pass(SAM.maxAdvertisementDelay);
    expect(answers()).toEqual(['fe80::99']);
    for (let i = 0; i < 50; i++) ask('::');
    run.pass(4_000);
    expect(answers().filter((to) => to === ALL_NODES).length).toBeLessThanOrEqual(2);
    for (let i = 0; i < 100; i++) ask(`fe80::1:${i}`);
    run.pass(4_000);
    expect(answers().length).toBeLessThan(24);
  });

  it('does not take back as its parent’s what it delegates itself', () => {
    const up: SamZone = { name: 'up', role: 'child', interfaces: [eth0] };
    const run = new Run(config({ zones: [up, gateway], providers: [provider] })).pass(10_000);
    run.hear(advertisement([parameters('2001:db8:a:1297:7770::/76')]));
    expect(run.engine.counters()).toEqual({ 'parameters-own-prefix': 1 });
    // A prefix from elsewhere is delegated on, with the infix that we get there.
    run.hear(advertisement([parameters('2001:db8:b::/48')])).pass(10_000);
    const delegated = run.engine.addresses().find((a) => a.zone === 'up');
    const below = run.engine.table().zones.find((z) => z.name === 'lan')?.prefixes ?? [];
    expect(below.map((p) => formatPrefix(p.prefix))).toEqual([
      delegated && formatPrefix(delegated.delegated),
      '2001:db8:a::/48',
    ]);
  });

  it('says when what it is delegated has no room for children', () => {
    const up: SamZone = { name: 'up', role: 'child', interfaces: [{ ...eth0, octets: 1 }] };
    const run = new Run(config({ zones: [up, gateway] })).pass(5_000);
    run.hear(advertisement([parameters('2001:db8::/100')])).pass(10_000);
    // /100 and 8 + 4 + 8 bits: a /120, which the gateway has for itself alone.
    expect(run.engine.addresses().map((a) => a.delegated.length)).toEqual([120]);
    const names = run.effects.flatMap((e) => (e.kind === 'event' ? [e.event.name] : []));
    expect(names.filter((n) => n === 'prefix-too-long')).toHaveLength(1);
  });

  it('ends a provider’s prefix on time by itself', () => {
    const ending = { ...provider, preferredUntil: ms(30_000), validUntil: ms(60_000) };
    const run = new Run(config({ zones: [gateway], providers: [ending] })).pass(10_000);
    const deprecated = (): boolean[] => run.engine.addresses().map((a) => a.deprecated);
    expect(deprecated()).toEqual([false, false]);
    run.pass(21_000);
    expect(deprecated()).toEqual([true, true]);
    run.pass(30_000);
    expect(deprecated()).toEqual([]);
    expect(run.engine.table().providers).toEqual([]);
  });
});

describe('the length of the infix', () => {
  it('two octets, or what there is room for', () => {
    const choose = (zoneLengths: number[], subnetBits = 4, provable = false) =>
      chooseOctets({ zoneLengths, subnetBits, provable });
    expect(choose([48, 56])).toBe(2);
    expect(choose([100])).toBe(2);
    expect(choose([101])).toBe(1);
    expect(choose([108])).toBe(1);
    expect(choose([109])).toBeUndefined();
    expect(choose([109, 48])).toBe(2);
    expect(choose([101, 48])).toBe(1);
  });

  it('with Shim6 the longest that leaves 64 bits, where there is one (sam.md, decision 8)', () => {
    const choose = (zoneLengths: number[], subnetBits: number) =>
      chooseOctets({ zoneLengths, subnetBits, provable: true });
    expect(choose([48], 0)).toBe(1); // N1 = 0, N2 = 1
    expect(choose([40], 8)).toBe(1); // N1 = 2, N2 = 1
    expect(choose([32], 0)).toBe(3);
    expect(choose([12], 0)).toBe(5);
    expect(choose([32, 48], 0)).toBe(1);
    expect(choose([48, 56], 0)).toBe(1); // provable under one prefix at least
    expect(choose([48], 4)).toBe(2); // not at all: as usual
  });

  it('so that a host of a /48 zone without subnet infix gets provable addresses', () => {
    const subnet = parsePrefix('fcf0::/64');
    const host = new Run(config({ provable: true }));
    const near: NdOption = {
      ...parameters(),
      parent: parseAddress('fcf0::1f00:0:0:5'),
    } as NdOption;
    host.hear(advertisement([pio(formatPrefix(subnet)), near])).pass(5_000);
    expect(host.engine.addresses().map((a) => [a.delegated.length, a.provable])).toEqual([
      [64, true],
    ]);
  });
});

describe('the view for `rehome sam zone`', () => {
  it('has zones, parents, prefixes and our addresses', () => {
    const f = figure7('view');
    f.clock.run(20_000);
    const view = f.host.engine.view(f.clock.now());
    expect(JSON.parse(JSON.stringify(view))).toEqual(view);
    expect(view.zones).toMatchObject([
      {
        name: 'site',
        role: 'child',
        constant: 'fcf0::/12',
        links: [
          { local: 'fcf9::1:2f00:0:0:7777', state: 'assigned', advertising: false },
          { local: 'fcf9::1:2f00:0:0:8888', state: 'assigned', advertising: false },
        ],
        parents: [
          {
            local: M,
            ours: false,
            prefixes: [{ prefix: '2001:db8:a::/48', deprecated: false, hopCount: 0 }],
          },
          {
            local: 'fcf9::1:2f00:0:0:6666',
            ours: false,
            prefixes: [{ prefix: '2001:db8:b::/56' }],
          },
        ],
      },
    ]);
    const seconds = view.zones[0]?.parents[0]?.prefixes[0]?.validSeconds;
    expect(seconds).toBeGreaterThan(7_100);
    const gateway = f.gatewayA.engine.view(f.clock.now());
    expect(gateway.zones[0]?.parents).toMatchObject([
      { local: M, ours: true, prefixes: [{ validSeconds: null, hopCount: null }] },
      { ours: false },
    ]);
    expect(gateway.providers).toEqual([{ prefix: '2001:db8:a::/48', validSeconds: null }]);
  });
});
