import { describe, expect, it } from 'vitest';
import { SAM } from '../../src/sam/constants.js';
import { chooseOctets } from '../../src/sam/infix-length.js';
import type { SamInterface, SamZone } from '../../src/sam/types.js';
import { figure7 } from '../../src/sim/sam/figures.js';
import { parseAddress } from '../../src/wire/address.js';
import { ALL_NODES, ALL_ROUTERS } from '../../src/wire/multicast.js';
import { buildNd, parseNd, type NdOption } from '../../src/wire/nd.js';
import { formatPrefix, parsePrefix } from '../../src/wire/prefix.js';
import { ms } from '../../src/wire/units.js';
import { advertisement, config, eth0, M, parameters, pio, Run, SUBNET } from './run.js';

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

  it('whoever asks, and however often: three seconds between two to all (RFC 4861 §6.2.6)', () => {
    const run = new Run(config({ zones: [gateway], providers: [provider] })).pass(100_000);
    const message = { message: 'routerSolicitation' as const, options: [] };
    const times: number[] = [];
    for (let i = 0; i < 300; i++) {
      const before = run.sent('routerAdvertisement');
      run.hear(buildNd(parseAddress('::'), ALL_ROUTERS, message), 4).pass(100);
      if (run.sent('routerAdvertisement') > before) times.push(run.now);
    }
    const gaps = times.slice(1).map((t, i) => t - (times[i] ?? 0));
    expect(times.length).toBeGreaterThan(7);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(SAM.minDelayBetweenAdvertisements - 100);
  });

  it('takes a shorter prefix that its own begins like: that is above, not below', () => {
    const up: SamZone = { name: 'up', role: 'child', interfaces: [eth0] };
    const long = { prefix: parsePrefix('2001:db8::/48') };
    const run = new Run(config({ zones: [up, gateway], providers: [long] })).pass(10_000);
    run.hear(advertisement([parameters('2001:db8::/32')])).pass(10_000);
    expect(run.engine.counters()).toEqual({});
    expect(run.engine.addresses().filter((a) => a.zone === 'up')).toHaveLength(1);
  });

  it('does not take its provider’s prefix from a zone above, also while it delegates nothing', () => {
    const run = new Run(config({ providers: [provider] })).pass(1_000);
    run.hear(advertisement([parameters('2001:db8:a:1297:7770::/76')]));
    expect(run.engine.counters()).toEqual({ 'parameters-own-prefix': 1 });
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
