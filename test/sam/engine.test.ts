import { describe, expect, it } from 'vitest';
import { SAM } from '../../src/sam/constants.js';
import { SamEngine } from '../../src/sam/engine.js';
import type { SamConfig, SamInterface, SamZone } from '../../src/sam/types.js';
import { SeededRandom } from '../../src/sim/random.js';
import { parseAddress } from '../../src/wire/address.js';
import { ALL_NODES, ALL_ROUTERS } from '../../src/wire/multicast.js';
import { buildNd, parseNd } from '../../src/wire/nd.js';
import { parsePrefix } from '../../src/wire/prefix.js';
import { advertisement, child, config, eth0, M, parameters, pio, Run } from './run.js';

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

  it('whose subnet is configured comes to rest, too, when one that it heard of ends', () => {
    const run = new Run(config({ zones: [child({ ...eth0, subnet: parsePrefix('fcf9:0:0:1::/64') })] })); // prettier-ignore
    run.hear(advertisement([pio('fcf7:0:0:1::/64', { valid: 100 }), parameters()])).pass(200_000);
    expect(run.engine.nextDeadline()).toBeGreaterThan(run.now);
    expect(run.locals).toEqual([expect.stringMatching(/^fcf9/)]);
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

  it('takes no address without any infix: that would be the gateway’s [SAM-3.2.3-4]', () => {
    const run = new Run(config({ zones: [child({ ...eth0, octets: 0 })] }));
    run.hear(advertisement([pio('fcf0::/64'), parameters()])).pass(10_000);
    expect(run.kinds('join')).toEqual([]);
    const events = run.effects.flatMap((e) => (e.kind === 'event' ? [e.event.name] : []));
    expect(events).toEqual(['prefix-learned', 'no-infix-fits']);
    // In a subnet that has one it is possible.
    const other = new Run(config({ zones: [child({ ...eth0, octets: 0 })] }));
    other.hear(advertisement([pio('fcf9:0:0:1::/64'), parameters()])).pass(10_000);
    expect(other.locals).toEqual(['fcf9:0:0:1:f00::']);
  });

  it('says it once for each link, also where another link has room', () => {
    const wifi = { ...eth0, index: 3, name: 'wlan0', linkLocal: parseAddress('fe80::3') };
    const run = new Run(config({ zones: [child(eth0, wifi)] }));
    const said = (subnet: string): Uint8Array =>
      advertisement([pio(subnet), parameters('2001:db8::/108')]);
    run.hear(said('fcf1:2345:6000:7::/64')).hear(said('fcf0::/64'), 3).pass(60_000);
    expect(run.locals).toEqual([expect.stringMatching(/^fcf0::1f00/)]);
    const events = run.effects.flatMap((e) => (e.kind === 'event' ? [e.event] : []));
    expect(events.filter((e) => e.name === 'no-infix-fits')).toMatchObject([{ interface: 2 }]);
  });

  it('says when a prefix is too long for the infix it has', () => {
    const run = new Run().hear(advertisement([parameters()])).pass(5_000);
    run.hear(advertisement([parameters('2001:db8::/120')])).pass(60_000);
    expect(run.engine.addresses()).toHaveLength(1);
    const events = run.effects.flatMap((e) => (e.kind === 'event' ? [e.event] : []));
    expect(events.filter((e) => e.name === 'prefix-too-long')).toMatchObject([
      { zone: 'site', detail: { prefix: '2001:db8::/120' } },
    ]);
  });

  it('chooses the length of its infix anew while it has no address: the order of advertisements does not matter', () => {
    // 2001:db8:b::/56 leaves no room for a provable address, 2001:db8:a::/48 does with one octet.
    const told = (wait: number, ...order: string[]): Run => {
      const run = new Run(config({ provable: true }));
      order.forEach((prefix, i) => {
        const parent = parseAddress(`fcf0::2f00:0:0:${i + 1}`);
        run.hear(advertisement([parameters(prefix, 1, 600, parent)], `fe80::${i + 10}`));
        run.pass(wait);
      });
      return run.pass(10_000);
    };
    const [a, b] = ['2001:db8:a::/48', '2001:db8:b::/56'];
    // Delaying, and probing.
    for (const wait of [0, 100, 1_500]) {
      for (const run of [told(wait, a, b), told(wait, b, a)]) {
        const provable = run.engine.addresses().filter((x) => x.provable);
        expect(provable.map((x) => x.delegated.length)).toEqual([64]);
        expect(run.kinds('assign')).toHaveLength(1);
      }
    }
    // Groups of the search that was given up are left.
    const late = told(1_500, b, a);
    expect(late.kinds('join').length - late.kinds('leave').length).toBe(2);
    // An address that is in use is kept.
    const used = told(10_000, b, a);
    expect(used.engine.addresses().map((x) => x.provable)).toEqual([false, false]);
    expect([used.kinds('assign').length, used.kinds('unassign').length]).toEqual([1, 0]);
  });

  it('tries the infix of its last run first, if that is no longer than what it would choose', () => {
    const with_ = (infix: bigint, octets: number, change: Partial<SamInterface> = {}): Run =>
      new Run(config({ zones: [child({ ...eth0, remembered: { infix, octets }, ...change })] }))
        .hear(advertisement([pio('fcf9:0:0:1::/64'), parameters()]))
        .pass(5_000);
    expect(with_(0x1234n, 2).locals).toEqual(['fcf9::1:2f00:0:0:1234']);
    expect(with_(0x12n, 1).locals).toEqual(['fcf9::1:1f00:0:0:12']);
    expect(with_(0x123456n, 3).locals).toEqual([expect.stringMatching(/:2f00:/)]);
    // What the administrator says goes before.
    expect(with_(0x1234n, 2, { infix: 0x5555n, octets: 2 }).locals).toEqual(['fcf9::1:2f00:0:0:5555']); // prettier-ignore
    expect(with_(0x12n, 1, { octets: 2 }).locals).toEqual([expect.stringMatching(/:2f00:/)]);
  });

  it('what it remembers is no change of an interface', () => {
    const run = new Run().hear(advertisement([pio('fcf9:0:0:1::/64'), parameters()])).pass(5_000);
    const { locals } = run;
    const next = config({ zones: [child({ ...eth0, remembered: { infix: 7n, octets: 1 } })] });
    run.take(run.engine.configure(next, run.now)).pass(5_000);
    expect(run.locals).toEqual(locals);
    expect(run.kinds('unassign')).toEqual([]);
  });

  it('takes another where the infix of its last run has been taken', () => {
    const interface_ = { ...eth0, remembered: { infix: 0x1234n, octets: 2 } };
    const run = new Run(config({ zones: [child(interface_)] }))
      .hear(advertisement([pio('fcf9:0:0:1::/64'), parameters()]))
      .pass(1_200);
    const defence = buildNd(parseAddress('fe80::9'), ALL_NODES, {
      message: 'neighborAdvertisement',
      target: parseAddress('fcf9::1:2f00:0:0:1234'),
      router: false,
      solicited: false,
      override: true,
      options: [],
    });
    run.hear(defence).pass(5_000);
    const events = run.effects.flatMap((e) => (e.kind === 'event' ? [e.event] : []));
    expect(events.find((e) => e.name === 'local-conflict')?.detail).toMatchObject({ with: '1234' });
    expect(run.locals).toHaveLength(1);
    expect(run.locals).not.toEqual(['fcf9::1:2f00:0:0:1234']);
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

  it('an interface that goes takes nothing with it that another one has heard, too', () => {
    const run = new Run(config({ zones: [child(eth0, wifi)] }));
    const said = advertisement([parameters()]);
    run.hear(said).hear(said, 3).pass(20_000);
    const ofWifi = run.engine.addresses().filter((a) => a.interface === 3);
    expect([run.engine.addresses().length, ofWifi.length]).toEqual([2, 1]);
    run.take(run.engine.configure(config({ zones: [child(wifi)] }), run.now));
    expect(run.engine.addresses()).toEqual(ofWifi);
    expect(run.pass(20_000).sent('routerSolicitation')).toBe(0);
  });

  it('where only the interface that is gone had heard of the zone, the others ask', () => {
    const run = new Run(config({ zones: [child(eth0, wifi)] }));
    run.hear(advertisement([parameters()])).pass(60_000);
    const asked = run.sent('routerSolicitation');
    run.take(run.engine.configure(config({ zones: [child(wifi)] }), run.now)).pass(2_000);
    expect(run.engine.addresses()).toEqual([]);
    expect(run.sent('routerSolicitation')).toBe(asked + 1);
    run.hear(advertisement([parameters()]), 3).pass(5_000);
    expect(run.engine.addresses()).toHaveLength(1);
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
      'two constant prefixes in a zone',
      {
        zones: [
          gateway(
            { ...eth0, subnet: parsePrefix('fcf9:0:0:1::/64') },
            { ...wifi, subnet: parsePrefix('fd00:1:2::/64') },
          ),
        ],
      },
      /fcf0::\/12 and of fd00:1:2::\/48; take one constant prefix/,
    ],
    [
      'no infix at all',
      { zones: [child({ ...eth0, octets: 0, subnet: parsePrefix('fcf0::/64') })] },
      /needs one of 1 to 7 octets/,
    ],
    [
      'a prefix that no child would believe',
      { providers: [{ prefix: parsePrefix('2000::/11') }] },
      /too short; no child believes less than a \/12/,
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
