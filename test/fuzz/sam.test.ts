import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { SamEngine } from '../../src/sam/engine.js';
import { fromHost, fromProvider, fromZone } from '../../src/sam/forward.js';
import type { SamTable } from '../../src/sam/table.js';
import type { SamConfig } from '../../src/sam/types.js';
import { buildUdp } from '../../src/sim/packets.js';
import { SeededRandom } from '../../src/sim/random.js';
import { figure7 } from '../../src/sim/sam/figures.js';
import { parseAddress } from '../../src/wire/address.js';
import { setU16, toHex, u8 } from '../../src/wire/bytes.js';
import { upperLayerChecksum } from '../../src/wire/checksum.js';
import { buildIcmpError } from '../../src/wire/icmpv6.js';
import { parseIpv6 } from '../../src/wire/ipv6.js';
import { parsePrefix } from '../../src/wire/prefix.js';
import { ms } from '../../src/wire/units.js';

/**
 * Mutations of real packets of a SAM site through engine and packet functions: nothing throws, every drop has a name, and
 * what strangers send fills no memory. REHOME_FUZZ_N sets how many, REHOME_SEED which.
 */
const N = Math.min(200_000, Number(process.env['REHOME_FUZZ_N'] ?? 20_000));
const SEED = process.env['REHOME_SEED'] ?? 'sam fuzz';

/** Everything that was on the link of figure 7 while it configured itself and while packets passed. */
function recorded(): { readonly seeds: Uint8Array[]; readonly tables: readonly SamTable[] } {
  const f = figure7('recorded');
  const packets: Uint8Array[] = [];
  f.link.tap = (packet) => packets.push(packet.slice());
  f.clock.run(30_000);
  const far = f.internet.attach(parsePrefix('2001:db8:ffff::/64'), () => undefined);
  for (const { address } of f.host.addresses) {
    const there = parseAddress('2001:db8:ffff::1');
    const ends = { sourcePort: 1, destinationPort: 2, payload: new Uint8Array(8) };
    f.host.send(buildUdp({ source: address, destination: there, ...ends }));
    far(buildUdp({ source: there, destination: address, ...ends }));
    f.clock.run(100);
  }
  const outer = packets.filter((p) => p[6] === 41);
  const errors = outer.map((invokingPacket) => {
    const ip = parseIpv6(invokingPacket);
    if (!ip.ok) throw new Error(ip.reason);
    const { source } = ip.header;
    return buildIcmpError({ source: parseAddress('fcf9::1'), destination: source, type: 2, code: 0, parameter: 1400, invokingPacket }); // prettier-ignore
  });
  return {
    seeds: [...packets, ...outer, ...outer, ...errors, ...errors],
    tables: [f.host.table, f.gatewayA.table, f.gatewayB.table],
  };
}

function mutate(random: SeededRandom, seeds: readonly Uint8Array[]): Uint8Array {
  let bytes = random.pick(seeds).slice();
  for (let i = random.below(4); i > 0; i--) {
    const at = random.below(bytes.length);
    const kind = random.below(4);
    if (kind === 0) bytes[at] = u8(bytes, at) ^ (1 << random.below(8));
    else if (kind === 1) bytes[at] = random.pick([0, 1, 7, 8, 16, 41, 58, 64, 128, 255]);
    else if (kind === 2) bytes = bytes.slice(0, at);
    else
      bytes.set(random.pick(seeds).subarray(at, Math.min(bytes.length, at + random.below(32))), at);
    if (bytes.length === 0) return bytes;
  }
  if (random.chance(0.9)) repair(bytes);
  return bytes;
}

/** Lengths and checksum put right, to get past the first gates. */
function repair(bytes: Uint8Array): void {
  if (bytes.length < 44) return;
  setU16(bytes, 4, bytes.length - 40);
  if (u8(bytes, 6) !== 58) return;
  const ip = parseIpv6(bytes);
  if (!ip.ok) return;
  setU16(bytes, 42, 0);
  const { source, destination } = ip.header;
  setU16(bytes, 42, upperLayerChecksum(source, destination, 58, bytes.subarray(40)));
}

const config = (role: 'child' | 'gateway'): SamConfig => ({
  zones: [
    {
      name: 'site',
      role,
      interfaces: [
        {
          index: 1,
          name: 'eth0',
          linkLocal: parseAddress('fe80::77'),
          mtu: 1500,
          trusted: true,
          ...(role === 'gateway' ? { subnet: parsePrefix('fcf9:0:0:1::/64') } : {}),
        },
      ],
    },
  ],
  providers: role === 'gateway' ? [{ prefix: parsePrefix('2001:db8:a::/48') }] : [],
  routerLifetime: 0,
  provable: false,
  sequence: 1,
});

describe('mutated packets of a SAM site', () => {
  it(`${N} of them, seed ${SEED}: no throw, a name for every drop, bounded state`, async () => {
    const random = new SeededRandom(SEED);
    const { seeds, tables } = recorded();
    const engines = [
      new SamEngine(config('child'), random.fork('child')),
      new SamEngine(config('gateway'), random.fork('gateway')),
    ];
    const reasons = new Map<string, number>();
    let packet: Uint8Array = new Uint8Array(0);
    let now = ms(0);
    try {
      for (let i = 0; i < N; i++) {
        if (i % 1_000 === 0) await setImmediate(); // the test runner wants a word now and then
        packet = mutate(random, seeds);
        now = ms(now + random.below(30));
        for (const engine of engines) engine.receive(1, packet, now);
        for (const table of tables) {
          const whole = [fromZone(table, 'site', packet), fromHost(table, packet)];
          // ... and what is inside it, as a provider would bring it.
          for (const verdict of [...whole, fromProvider(table, packet.subarray(40))]) {
            const name = verdict.verdict === 'drop' ? verdict.reason : verdict.verdict;
            reasons.set(name, (reasons.get(name) ?? 0) + 1);
            if (verdict.verdict === 'drop' && verdict.reply?.verdict === 'drop')
              throw new Error(name);
          }
        }
      }
    } catch (error) {
      throw new Error(`seed ${SEED}, packet ${toHex(packet)}`, { cause: error });
    }
    console.log(`fuzz sam: ${[...reasons].sort(([, a], [, b]) => b - a).map(([r, n]) => `${r} ${n}`).join(', ')}`); // prettier-ignore
    for (const engine of engines) {
      const [zone] = engine.table().zones;
      expect(zone?.prefixes.length ?? 0).toBeLessThanOrEqual(65);
      expect(Object.keys(engine.counters()).every((k) => /^[a-z0-9-]+$/.test(k))).toBe(true);
      // Still alive: an engine that was shaken comes to rest.
      for (let i = 0; i < 1_000; i++) {
        now = ms(Math.max(now, engine.nextDeadline() ?? now));
        engine.tick(now);
      }
      expect(engine.view(now).zones).toHaveLength(1);
    }
    const wanted = ['deliver', 'send', 'provider', 'pass', 'malformed', 'inner-malformed', 'inner-not-global',
      'source-mismatch', 'source-not-in-zone', 'destination-mismatch', 'wrong-parent', 'hop-limit', 'no-such-child',
      'error-malformed', 'error-not-ours', 'source-policy', 'not-below', 'source-is-below']; // prettier-ignore
    if (N >= 20_000) expect(wanted.filter((reason) => !reasons.has(reason))).toEqual([]);
  }, 300_000);
});
