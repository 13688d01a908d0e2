import { SamEngine } from '../../src/sam/engine.js';
import type { SamConfig, SamEffect, SamInterface, SamZone } from '../../src/sam/types.js';
import { SeededRandom } from '../../src/sim/random.js';
import { parseAddress, type Address } from '../../src/wire/address.js';
import { ALL_NODES } from '../../src/wire/multicast.js';
import { buildNd, parseNd, type NdOption } from '../../src/wire/nd.js';
import { parsePrefix } from '../../src/wire/prefix.js';
import { ms, type Millis } from '../../src/wire/units.js';

export const eth0: SamInterface = {
  index: 2,
  name: 'eth0',
  linkLocal: parseAddress('fe80::2'),
  mtu: 1500,
  trusted: true,
};
export const child = (...interfaces: SamInterface[]): SamZone => ({
  name: 'site',
  role: 'child',
  interfaces,
});
export const config = (change: Partial<SamConfig> = {}): SamConfig => ({
  zones: [child(eth0)],
  providers: [],
  routerLifetime: 0,
  provable: false,
  sequence: 1,
  ...change,
});
export const SUBNET = parsePrefix('fcf9:0:0:1::/64');
export const M = parseAddress('fcf9:0:0:1:2f00::5555');
export const pio = (text: string, more: { onLink?: boolean; valid?: number } = {}): NdOption => ({
  option: 'prefixInformation',
  prefix: parsePrefix(text),
  onLink: more.onLink ?? true,
  autonomous: false,
  validLifetime: more.valid ?? 3600,
  preferredLifetime: 0,
});
export const parameters = (
  prefix = '2001:db8:a::/48',
  sequence = 1,
  valid = 600,
  parent = M,
): NdOption => ({
  option: 'samParameters',
  hopCount: 0,
  sequence,
  parent,
  prefixes: [{ prefix: parsePrefix(prefix), validLifetime: valid, preferredLifetime: valid }],
});
export const advertisement = (
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

/** Every moment from `now` until `end` at which the engine wants to be called, who ticks it then. */
export function* deadlines(engine: SamEngine, now: Millis, end: Millis): Iterable<Millis> {
  for (let steps = 0; ; steps++) {
    if (steps > 5_000) throw new Error('does not come to rest');
    const next = engine.nextDeadline();
    if (next === undefined || next > end) return;
    now = ms(Math.max(now, next));
    yield now;
  }
}

/** An engine, and time that passes from deadline to deadline. */
export class Run {
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
    for (const now of deadlines(this.engine, this.now, end)) {
      this.now = now;
      this.take(this.engine.tick(now));
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
