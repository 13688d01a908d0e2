import type { ContextView, Effect, EngineConfig } from '../../../../src/engine/types.js';
import { REAP_PROFILES } from '../../../../src/reap/constants.js';
import { parseAddress, type Address } from '../../../../src/wire/address.js';
import { parseIpv6 } from '../../../../src/wire/ipv6.js';
import type { Prefix } from '../../../../src/wire/prefix.js';
import { formatTag, ms, type Millis } from '../../../../src/wire/units.js';
import { testConfig } from '../../../support/engines.js';
import { must } from '../../harness/target.js';
import { read } from './checks.js';
import { FuzzHost } from './host.js';
import type { People } from './people.js';
import type { Head } from './program.js';

/** Packets on their way at most; the oldest is lost. */
const MAX_FLYING = 64;
/** Packets that an attacker remembers. */
const MAX_HISTORY = 128;
const DELAY = 5;
/** Events in one step of time: more is a loop. */
const MAX_EVENTS = 600;

/** Addresses that nobody should be told to send to. */
export const STRANGE = ['::', '::1', 'ff02::1', 'fe80::1'].map(parseAddress);

interface Flying {
  readonly packet: Uint8Array;
  readonly at: number;
}

/** Two engines, the packets between them, and their common clock. */
export class World {
  readonly people: People;
  readonly hosts: readonly [FuzzHost, FuzzHost];
  readonly flying: Flying[] = [];
  readonly history: Uint8Array[] = [];
  /** What came to the addresses of X. */
  readonly heardByX: Uint8Array[] = [];
  readonly trace: ((line: string) => void) | undefined;
  now: Millis = ms(1_000);
  /** One-way paths that lose everything. */
  cut = 0;

  constructor(people: People, head: Head, trace?: (line: string) => void) {
    this.people = people;
    this.trace = trace;
    const config = configOf(head.profile, head.maxContexts);
    this.hosts = [
      new FuzzHost('A', people, config, head.locators[0], head.seed),
      new FuzzHost('B', people, config, head.locators[1], head.seed ^ 0x5bd1e995),
    ];
    for (const host of this.hosts) {
      host.now = this.now;
      this.carry(
        host,
        host.call('start', () => host.engine.setLocalLocators(host.locators, this.now)),
      );
    }
  }

  other(host: FuzzHost): FuzzHost {
    return host === this.hosts[0] ? this.hosts[1] : this.hosts[0];
  }

  /** Puts what a host sends onto the wire. */
  carry(host: FuzzHost, effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'event') {
        const { name, detail } = effect.event;
        this.trace?.(`    ${host.name}: ${name} ${JSON.stringify(detail ?? {})}`);
      }
      if (effect.kind !== 'send') continue;
      this.trace?.(`    ${host.name} sends ${described(effect.packet)}`);
      this.remember(effect.packet);
      this.flying.push({ packet: effect.packet, at: this.now + DELAY });
      if (this.flying.length > MAX_FLYING) this.flying.shift();
    }
  }

  remember(packet: Uint8Array): void {
    this.history.push(packet);
    if (this.history.length > MAX_HISTORY) this.history.shift();
  }

  /** A packet arrives where its destination says, if anybody is there; `otherwise`, where that cannot be read. */
  arrive(packet: Uint8Array, why: string, otherwise?: FuzzHost): void {
    const ip = parseIpv6(packet);
    if (!ip.ok) return otherwise && this.#give(otherwise, packet, why);
    const { source, destination } = ip.header;
    if (this.people.addresses.X.includes(destination)) this.heardByX.push(packet);
    const host = this.hosts.find((h) => h.addresses.includes(destination));
    if (host && !this.#isCut(host, source, destination)) this.#give(host, packet, why);
  }

  #give(host: FuzzHost, packet: Uint8Array, why: string): void {
    this.trace?.(`    ${host.name} gets ${described(packet)} (${why})`);
    host.now = this.now;
    this.carry(host, host.receive(packet));
  }

  #isCut(to: FuzzHost, source: Address, destination: Address): boolean {
    const i = to.addresses.indexOf(destination);
    const j = this.other(to).addresses.indexOf(source);
    if (j < 0) return false;
    const side = to === this.hosts[0] ? 16 : 0;
    return ((this.cut >>> (side + 4 * j + i)) & 1) === 1;
  }

  /** Time passes; deadlines are kept, and packets delivered where `delivering`. */
  pass(duration: number, delivering: boolean): void {
    const until = this.now + duration;
    for (let events = 0; events < MAX_EVENTS; events++) {
      const packets = delivering ? this.flying.map((f) => f.at) : [];
      const deadlines = this.hosts.map((h) => h.engine.nextDeadline() ?? Infinity);
      const next = Math.min(...packets, ...deadlines);
      if (next > until) {
        this.now = ms(until);
        return;
      }
      this.now = ms(Math.max(this.now, next));
      if (delivering) this.#deliverDue();
      for (const host of this.hosts) {
        if ((host.engine.nextDeadline() ?? Infinity) > this.now) continue;
        host.now = this.now;
        this.carry(host, host.tick());
      }
    }
    // Half a minute of ten contexts that explore has as many. Whoever comes here did not stand still.
    this.now = ms(Math.max(this.now, until));
  }

  #deliverDue(): void {
    const due = this.flying.filter((f) => f.at <= this.now);
    for (const f of due) this.flying.splice(this.flying.indexOf(f), 1);
    for (const f of due) this.arrive(f.packet, 'in order');
  }

  /** Nobody says anything any more: after the idle time nothing is left, neither a context nor a deadline. */
  endQuietly(): void {
    for (const host of this.hosts) {
      let now = this.now;
      const end = now + 3 * host.config.shim6.idleTeardown;
      for (let ticks = 0; ; ticks++) {
        const next = host.engine.nextDeadline();
        if (next === undefined) break;
        must(
          ticks < 20_000 && next <= end,
          () => `${host.name} still has ${host.engine.contexts().length} contexts and a deadline`,
        );
        now = ms(Math.max(now, next));
        host.now = now;
        host.engine.tick(now);
      }
      const left = host.engine.contexts();
      must(left.length === 0, () => `${host.name} keeps ${left.map(viewText).join(', ')}`);
    }
  }
}

const viewText = (v: ContextView): string => `${v.ulids.local} ${v.ulids.peer} ${v.state}`;

/** Trigger at the first packet, so that offered flows become contexts. */
export const configOf = (
  profile: 'rfc' | 'paper',
  maxContexts: number,
  leave: readonly Prefix[] = [],
): EngineConfig => ({
  ...testConfig({ profile, reap: REAP_PROFILES[profile], maxContexts, leave }),
  trigger: { ...testConfig().trigger, packets: 1, bytes: 50_000, neverPorts: [1000], ports: [443] },
});

export function described(packet: Uint8Array): string {
  const heard = read(packet);
  const ip = parseIpv6(packet);
  const route = ip.ok ? `${ip.header.source} > ${ip.header.destination}` : '?';
  if (!heard) return `${packet.length} octets ${route}`;
  const { message } = heard;
  const tag =
    'receiverContextTag' in message ? ` tag ${formatTag(message.receiverContextTag)}` : '';
  const options =
    'options' in message ? ` [${message.options.map((o) => o.option).join(' ')}]` : '';
  return `${message.message} ${route}${tag}${options}`;
}
