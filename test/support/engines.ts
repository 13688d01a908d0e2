import { HostEngine, type HostEngineOptions } from '../../src/engine/host.js';
import type {
  ContextId,
  Effect,
  EngineConfig,
  EngineEvent,
  LivenessSample,
  LocalLocator,
} from '../../src/engine/types.js';
import { RFC5533 } from '../../src/shim6/constants.js';
import { RFC5534 } from '../../src/reap/constants.js';
import { parseAddress, type Address, type LocatorPair } from '../../src/wire/address.js';
import { parseIpv6 } from '../../src/wire/ipv6.js';
import { decodeControl, type ControlMessage } from '../../src/wire/shim6/index.js';
import { ms, type Millis, type RandomSource } from '../../src/wire/units.js';

/** Two or more engines without any data path, and a wire between them that a test can listen to and cut. */

/** Small, fast, seeded; not for secrets. */
export function seeded(seed: number): RandomSource {
  let s = seed >>> 0 || 1;
  const uint32 = (): number => {
    s = (s + 0x9e3779b9) >>> 0;
    let z = s;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  return {
    uint32,
    uniform: () => uint32() / 2 ** 32,
    bytes: (n) => Uint8Array.from({ length: n }, () => uint32() & 0xff),
  };
}

export const testConfig = (overrides: Partial<EngineConfig> = {}): EngineConfig => ({
  profile: 'rfc',
  shim6: RFC5533,
  reap: RFC5534,
  strategy: 'shuffle',
  trigger: {
    packets: 50,
    bytes: undefined,
    seconds: 5,
    ports: [],
    neverPorts: [53],
    outboundOnly: true,
  },
  protect: [],
  leave: [],
  security: 'none',
  deliverAllIcmp: false,
  maxContexts: 1_000,
  ...overrides,
});

export const locator = (text: string, more: Partial<LocalLocator> = {}): LocalLocator => ({
  address: parseAddress(text),
  ifindex: 1,
  interfaceName: 'eth0',
  deprecated: false,
  operational: true,
  priority: 0,
  weight: 0,
  transient: false,
  ...more,
});

/** A message as it crossed the wire. */
export interface Crossed {
  readonly at: Millis;
  readonly from: string;
  readonly source: Address;
  readonly destination: Address;
  readonly message: ControlMessage;
  readonly packet: Uint8Array;
  readonly lost: boolean;
}

export class TestHost {
  readonly name: string;
  engine: HostEngine;
  readonly locators: LocalLocator[];
  readonly events: EngineEvent[] = [];
  readonly bindings = new Map<ContextId, Extract<Effect, { kind: 'install' }>['binding']>();
  readonly #sent = new Map<ContextId, LivenessSample>();
  readonly random: RandomSource;

  constructor(
    name: string,
    locators: LocalLocator[],
    config: EngineConfig,
    seed: number,
    more: Pick<HostEngineOptions, 'verifier' | 'firstGeneration'> = {},
  ) {
    this.name = name;
    this.locators = locators;
    this.random = seeded(seed);
    this.engine = new HostEngine({ config, random: this.random, now: ms(0), ...more });
  }

  address(i: number): Address {
    const l = this.locators[i];
    if (!l) throw new Error(`${this.name} has no locator ${i}`);
    return l.address;
  }

  /** The only context, or the one with these ULIDs. */
  context(ulids?: LocatorPair) {
    const all = this.engine.contexts();
    return ulids
      ? all.find((c) => c.ulids.local === ulids.local && c.ulids.peer === ulids.peer)
      : all[0];
  }

  liveness(id: ContextId): LivenessSample {
    return (
      this.#sent.get(id) ?? {
        sentPackets: 0,
        receivedPackets: 0,
        lastSent: undefined,
        lastReceived: undefined,
        unansweredSince: undefined,
        owedSince: undefined,
      }
    );
  }
  setLiveness(id: ContextId, sample: LivenessSample): void {
    this.#sent.set(id, sample);
  }
}

export class Wire {
  now: Millis = ms(0);
  readonly hosts: TestHost[] = [];
  readonly crossed: Crossed[] = [];
  readonly #flying: { at: number; packet: Uint8Array; order: number }[] = [];
  #order = 0;
  delay = 5;
  /** Return true to lose a packet. */
  lose: (c: Omit<Crossed, 'lost'>) => boolean = () => false;

  add(
    name: string,
    addresses: readonly string[],
    config = testConfig(),
    seed = 1,
    more: ConstructorParameters<typeof TestHost>[4] = {},
  ): TestHost {
    const host = new TestHost(
      name,
      addresses.map((a, i) => locator(a, { ifindex: i + 1 })),
      config,
      seed + this.hosts.length,
      more,
    );
    this.hosts.push(host);
    this.run(host, host.engine.setLocalLocators(host.locators, this.now));
    return host;
  }

  /** Carries out effects: what is sent flies, the rest is remembered. */
  run(host: TestHost, effects: readonly Effect[]): void {
    for (const e of effects) {
      if (e.kind === 'send') this.#send(host.name, e.packet);
      else if (e.kind === 'event') host.events.push(e.event);
      else if (e.kind === 'remove') host.bindings.delete(e.context);
      else host.bindings.set(e.context, e.binding);
    }
  }

  /** As if somebody had put this packet on the wire. */
  inject(packet: Uint8Array): void {
    this.#flying.push({ at: this.now + this.delay, packet, order: this.#order++ });
  }

  #send(from: string, packet: Uint8Array): void {
    const ip = parseIpv6(packet);
    if (!ip.ok) throw new Error(`malformed packet from ${from}: ${ip.reason}`);
    const decoded = decodeControl(packet.subarray(40));
    if (!decoded.ok) throw new Error(`malformed message from ${from}: ${decoded.reason}`);
    const { source, destination } = ip.header;
    const c = { at: this.now, from, source, destination, message: decoded.message, packet };
    const lost = this.lose(c);
    this.crossed.push({ ...c, lost });
    if (!lost) this.inject(packet);
  }

  /** Lets time pass until `until` (absolute), delivering and ticking in order. */
  until(until: number): void {
    for (let steps = 0; steps < 100_000; steps++) {
      const next = Math.min(
        ...this.#flying.map((f) => f.at),
        ...this.hosts.map((h) => h.engine.nextDeadline() ?? Infinity),
      );
      if (next > until) {
        this.now = ms(until);
        return;
      }
      this.now = ms(Math.max(this.now, next));
      const due = this.#flying.filter((f) => f.at <= this.now).sort((a, b) => a.order - b.order);
      for (const f of due) {
        this.#flying.splice(this.#flying.indexOf(f), 1);
        this.deliver(f.packet);
      }
      for (const h of this.hosts) {
        if ((h.engine.nextDeadline() ?? Infinity) <= this.now) this.run(h, h.engine.tick(this.now));
      }
    }
    throw new Error('the engines never come to rest');
  }

  pass(duration: number): void {
    this.until(this.now + duration);
  }

  deliver(packet: Uint8Array): void {
    const ip = parseIpv6(packet);
    if (!ip.ok) return;
    const to = this.hosts.find((h) => h.locators.some((l) => l.address === ip.header.destination));
    if (to) this.run(to, to.engine.receive(packet, this.now));
  }

  /** A payload packet of a context: counted at the sender, and at the receiver unless `lost`. */
  payload(from: TestHost, to: TestHost, lost = false): void {
    const a = from.context();
    const b = to.context();
    if (a) this.count(from, a.id, 'sent');
    if (b && !lost) this.count(to, b.id, 'received');
  }

  count(host: TestHost, id: ContextId, what: 'sent' | 'received'): void {
    const l = host.liveness(id);
    const sample: LivenessSample =
      what === 'sent'
        ? {
            ...l,
            sentPackets: l.sentPackets + 1,
            lastSent: this.now,
            unansweredSince: l.unansweredSince ?? this.now,
            owedSince: undefined,
          }
        : {
            ...l,
            receivedPackets: l.receivedPackets + 1,
            lastReceived: this.now,
            owedSince: l.owedSince ?? this.now,
            unansweredSince: undefined,
          };
    host.setLiveness(id, sample);
    this.run(host, host.engine.observe(id, sample, this.now));
  }

  establish(a: TestHost, b: TestHost, i = 0, j = 0): void {
    const ulids = { local: a.address(i), peer: b.address(j) };
    this.run(a, a.engine.establish(ulids, this.now));
    this.pass(1_000);
  }

  /** Names of what crossed, e.g. `A:i1`. */
  names(from = 0): string[] {
    return this.crossed.slice(from).map((c) => `${c.from}:${c.message.message}`);
  }
}
