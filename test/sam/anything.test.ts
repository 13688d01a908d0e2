import { describe, expect, it } from 'vitest';
import { decodeLocal, localIn } from '../../src/sam/local.js';
import { SamEngine } from '../../src/sam/engine.js';
import type { SamConfig, SamEffect, SamInterface, SamZone } from '../../src/sam/types.js';
import { SeededRandom } from '../../src/sim/random.js';
import {
  addressFromBytes,
  parseAddress,
  UNSPECIFIED,
  type Address,
} from '../../src/wire/address.js';
import { RehomeError } from '../../src/wire/errors.js';
import { ALL_NODES, ALL_ROUTERS, solicitedNode } from '../../src/wire/multicast.js';
import { buildNd, parseNd, type NdMessage, type NdOption } from '../../src/wire/nd.js';
import { parsePrefix, prefixOf, type Prefix } from '../../src/wire/prefix.js';
import { ms, type Millis } from '../../src/wire/units.js';
import { testSeed } from '../support/random.js';
import { deadlines } from './run.js';

/**
 * Well-formed messages with the values that nobody expects, through engines with the configurations that nobody writes.
 * REHOME_FUZZ_N sets how many of them.
 */
const RUNS = Math.min(2_000, Number(process.env['REHOME_FUZZ_N'] ?? 40));
const STEPS = 150;
const SUBNETS = ['fcf9:0:0:1::/64', 'fcf0::/64', 'fcf1:2345:6000:7::/64', 'fd00:1:2::/64', 'fd00:1:2:3001::/64'].map(parsePrefix); // prettier-ignore
const LIFETIMES = [0, 1, 2, 7, 30, 600, 7_200, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
const SEQUENCES = [0, 1, 2, 3, 0x7fffffff, 0x80000000, 0xffffffff];
const STRANGERS = ['fe80::99', 'fe80::98', 'fe80::1', 'fe80::3'].map(parseAddress);

class Anything {
  readonly random: SeededRandom;
  readonly prefixes: readonly Prefix[];
  readonly groups = new Set<string>();
  readonly held = new Set<string>();
  readonly engine: SamEngine;
  now: Millis = ms(0);

  constructor(seed: string) {
    this.random = new SeededRandom(seed);
    this.prefixes = Array.from({ length: 6 }, () => this.prefix());
    this.engine = this.#begin();
  }

  prefix(): Prefix {
    const octets = this.random
      .bytes(16)
      .map((o, i) => (i > 1 && this.random.chance(0.7) ? o & 1 : o));
    octets.set([this.random.pick([0x20, 0x20, 0x20, 0xfd, 0xfe, 0]), 1]);
    const length = this.random.pick([this.random.below(129), 32, 48, 56, 64, 108]);
    return prefixOf(addressFromBytes(octets), length);
  }

  /** Ours now and then, otherwise anybody's. */
  local(): Address {
    const own = [...this.held].map((k) => k.split(' ')[1] as Address);
    if (own.length > 0 && this.random.chance(0.3)) return this.random.pick(own);
    const octets = this.random.below(8);
    let value = 0n;
    for (const o of this.random.bytes(octets)) value = (value << 8n) | BigInt(this.random.chance(0.8) ? o & 1 : o); // prettier-ignore
    return localIn(this.random.pick(SUBNETS), { value, length: 8 * octets });
  }

  config(): SamConfig {
    const { random } = this;
    let index = 0;
    const link = (): SamInterface => ({
      index: ++index,
      name: `eth${index}`,
      linkLocal: parseAddress(`fe80::${index}`),
      mtu: random.pick([1280, 1320, 1500, 100_000]),
      trusted: random.chance(0.9),
      ...(random.chance(0.4) ? { subnet: random.pick(SUBNETS) } : {}),
      ...(random.chance(0.4) ? { octets: random.below(8) } : {}),
    });
    const zones = ['a', 'b', 'c'].slice(random.below(3)).map((name): SamZone => ({
      name,
      role: random.chance(0.4) ? 'gateway' : 'child',
      interfaces: Array.from({ length: 1 + random.below(2) }, link),
    }));
    const providers = Array.from({ length: random.below(3) }, () => ({
      prefix: this.prefix(),
      ...(random.chance(0.5) ? { validUntil: ms(this.now + random.below(100_000)) } : {}),
      ...(random.chance(0.5) ? { preferredUntil: ms(this.now + random.below(50_000)) } : {}),
    }));
    return { zones, providers, routerLifetime: 0, provable: random.chance(0.3), sequence: random.pick(SEQUENCES) }; // prettier-ignore
  }

  #begin(): SamEngine {
    for (;;) {
      try {
        return new SamEngine(this.config(), this.random.fork('engine'));
      } catch (error) {
        if (!(error instanceof RehomeError)) throw error;
      }
    }
  }

  options(): NdOption[] {
    const { random } = this;
    return Array.from({ length: random.below(4) }, (): NdOption => {
      if (random.chance(0.3)) {
        const prefix = random.chance(0.8) ? random.pick(SUBNETS) : this.prefix();
        return { option: 'prefixInformation', prefix, onLink: random.chance(0.9), autonomous: false, validLifetime: random.pick(LIFETIMES), preferredLifetime: 0 }; // prettier-ignore
      }
      const prefixes = Array.from({ length: random.below(5) }, () => {
        const validLifetime = random.pick(LIFETIMES);
        const preferredLifetime = Math.min(validLifetime, random.pick(LIFETIMES));
        return { prefix: random.chance(0.8) ? random.pick(this.prefixes) : this.prefix(), validLifetime, preferredLifetime }; // prettier-ignore
      });
      return { option: 'samParameters', hopCount: random.pick([0, 0, 1, 14, 15, 16, 255]), sequence: random.pick(SEQUENCES), parent: this.local(), prefixes }; // prettier-ignore
    });
  }

  packet(): Uint8Array {
    const { random } = this;
    const source = random.pick(STRANGERS);
    const target = this.local();
    const message = random.pick<NdMessage>([
      { message: 'routerAdvertisement', curHopLimit: 64, managed: false, otherConfig: false, preference: 'medium', routerLifetime: 0, reachableTime: 0, retransTimer: 0, options: this.options() }, // prettier-ignore
      { message: 'routerSolicitation', options: [] },
      { message: 'neighborSolicitation', target, options: [] },
      { message: 'neighborAdvertisement', target, router: false, solicited: false, override: true, options: [] }, // prettier-ignore
    ]);
    const asked = message.message === 'neighborSolicitation';
    if (asked) return buildNd(random.chance(0.8) ? UNSPECIFIED : source, solicitedNode(target), message); // prettier-ignore
    return buildNd(
      source,
      message.message === 'routerSolicitation' ? ALL_ROUTERS : ALL_NODES,
      message,
    );
  }

  /** Effects carried out, and all that has to be true after each of them. */
  act(effects: readonly SamEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'join' || effect.kind === 'leave') {
        const key = `${effect.interface} ${effect.group}`;
        expect(this.groups.has(key), `${effect.kind} ${key}`).toBe(effect.kind === 'leave');
        if (effect.kind === 'join') this.groups.add(key);
        else this.groups.delete(key);
      } else if (effect.kind === 'assign' || effect.kind === 'unassign') {
        const key = `${effect.interface} ${effect.address}`;
        expect(this.held.has(key), `${effect.kind} ${key}`).toBe(effect.kind === 'unassign');
        expect(decodeLocal(effect.address).ok, effect.address).toBe(true);
        if (effect.kind === 'assign') this.held.add(key);
        else this.held.delete(key);
      } else if (effect.kind === 'send') {
        expect([parseNd(effect.packet).ok, effect.packet.length <= 1_280]).toEqual([true, true]);
      }
    }
  }

  settled(): void {
    const next = this.engine.nextDeadline() ?? Infinity;
    expect(next, 'a deadline that has passed').toBeGreaterThan(this.now);
    const used = this.engine.table().zones.flatMap((z) => z.interfaces);
    for (const { index, local } of used) expect(this.held).toContain(`${index} ${local}`);
    this.engine.view(this.now);
  }

  pass(duration: number): void {
    const end = ms(this.now + duration);
    for (const now of deadlines(this.engine, this.now, end)) {
      this.now = now;
      this.act(this.engine.tick(now));
    }
    this.now = end;
  }

  step(): void {
    const { random, engine } = this;
    if (random.chance(0.03)) {
      try {
        this.act(engine.configure(this.config(), this.now));
      } catch (error) {
        if (!(error instanceof RehomeError)) throw error;
      }
    } else if (random.chance(0.3)) this.pass(random.pick([1, 100, 1_000, 5_000, 60_000, 600_000]));
    else this.act(engine.receive(1 + random.below(7), this.packet(), this.now));
  }
}

describe(`engines that hear anything (seed ${testSeed()})`, () => {
  it('come to rest, and take back just what they gave', { timeout: 120_000 }, () => {
    for (let run = 0; run < RUNS; run++) {
      const any = new Anything(`${testSeed()} ${run}`);
      any.act(any.engine.tick(any.now));
      for (let i = 0; i < STEPS; i++) {
        any.step();
        // After a packet as after a tick: what is due at this moment has been done.
        any.act(any.engine.tick(any.now));
        any.settled();
      }
      any.act(any.engine.stop(any.now));
      expect([any.groups, any.held]).toEqual([new Set(), new Set()]);
    }
  });
});
