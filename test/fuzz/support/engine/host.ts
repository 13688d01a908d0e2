import { HostEngine } from '../../../../src/engine/host.js';
import type {
  Binding,
  ContextId,
  ContextView,
  Effect,
  EngineConfig,
  LivenessSample,
  LocalLocator,
} from '../../../../src/engine/types.js';
import type { ContextTable } from '../../../../src/shim6/table.js';
import type { Address } from '../../../../src/wire/address.js';
import { ms, type Millis } from '../../../../src/wire/units.js';
import { locator, seeded } from '../../../support/engines.js';
import { must } from '../../harness/target.js';
import {
  checkBindings,
  checkForeign,
  checkMoves,
  checkProofs,
  checkSent,
  checkViews,
  noteStates,
  read,
  type Heard,
} from './checks.js';
import { verifierOf, type Name, type People } from './people.js';
import { earliestRetry, SeenTable, watchingTables } from './tables.js';

/** Errors of calls that people make: they asked for something that cannot be. */
const EXPECTED = ['REHOME_E_NO_LOCATOR', 'REHOME_E_LIMIT', 'REHOME_E_NO_CONTEXT', 'REHOME_E_PEER'];
const NOTHING: LivenessSample = {
  sentPackets: 0,
  receivedPackets: 0,
  lastSent: undefined,
  lastReceived: undefined,
  unansweredSince: undefined,
  owedSince: undefined,
};

/** One engine, everything it said, and all that is to be checked after each call. */
export class FuzzHost {
  readonly name: Name;
  readonly addresses: readonly Address[];
  readonly bindings = new Map<ContextId, Binding>();
  /** Pairs of probes that were sent, by nonce. */
  readonly probes = new Map<number, string>();
  engine: HostEngine;
  config: EngineConfig;
  locators: LocalLocator[];
  views: readonly ContextView[] = [];
  now: Millis;
  readonly #people: People;
  #seed: number;
  #table: SeenTable | undefined;
  #samples = new Map<ContextId, LivenessSample>();
  #counted = 0;
  /** Contexts at most: what the configuration says, or what was there when it came. */
  #most = 0;

  constructor(name: Name, people: People, config: EngineConfig, count: number, seed: number) {
    this.name = name;
    this.#people = people;
    this.addresses = people.addresses[name];
    this.config = config;
    this.#seed = seed;
    this.now = ms(0);
    this.locators = this.addresses
      .slice(0, count)
      .map((address, i) => locator(address, { ifindex: i + 1 }));
    this.engine = this.#newEngine();
  }

  #newEngine(): HostEngine {
    const verifier = verifierOf(this.#people, this.name);
    this.#table = undefined;
    this.#counted = 0;
    return new HostEngine({
      config: this.config,
      random: seeded(this.#seed++),
      now: this.now,
      ...(verifier && { verifier }),
    });
  }

  /** Everything is forgotten; the addresses stay. */
  restart(): Effect[] {
    this.bindings.clear();
    this.probes.clear();
    this.#samples.clear();
    this.views = [];
    this.engine = this.#newEngine();
    return this.call('restart', () => this.engine.setLocalLocators(this.locators, this.now));
  }

  /** One call of the engine: checks all that must hold afterwards. */
  call(what: string, make: () => Effect[], packet?: Uint8Array): Effect[] {
    const before = this.views;
    const heard = packet && read(packet);
    const effects = this.#attempt(make);
    this.views = this.engine.contexts();
    for (const effect of effects) if (effect.kind === 'send') this.#sent(effect.packet);
    checkBindings(this, effects);
    checkViews(this);
    checkProofs(this, this.#people);
    checkMoves(this, before, heard);
    checkForeign(this, before, heard);
    this.#checkTable();
    this.#most = Math.max(this.config.maxContexts, Math.min(this.#most, before.length));
    must(
      this.views.length <= this.#most,
      () => `${this.views.length} contexts, ${this.#most} allowed`,
    );
    if (packet) this.#checkCounted();
    noteStates(this, heard?.message.message ?? what);
    return effects;
  }

  #attempt(make: () => Effect[]): Effect[] {
    try {
      return watchingTables((table, context) => this.#seenTable(table).remember(context), make);
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (typeof code === 'string' && EXPECTED.includes(code)) return [];
      throw error;
    }
  }

  #seenTable(table: ContextTable): SeenTable {
    if (this.#table?.table !== table) this.#table = new SeenTable(table);
    return this.#table;
  }

  #sent(packet: Uint8Array): void {
    const { message }: Heard = checkSent(this, packet);
    const own = message.message === 'probe' ? message.sent[0] : undefined;
    if (own) this.probes.set(own.nonce, `${own.source} ${own.destination}`);
  }

  #checkTable(): void {
    this.#table?.check();
    const size = this.#table?.table.size ?? 0;
    must(size === this.views.length, 'everybody sees all contexts');
    if (!this.#table) return;
    const earliest = earliestRetry(this.#table.table, this.config.shim6.idleTeardown);
    const next = this.engine.nextDeadline() ?? Infinity;
    must(next <= earliest, () => `a retry at ${earliest} would be slept through until ${next}`);
  }

  /** No packet is dropped in silence. */
  #checkCounted(): void {
    const counters = Object.values(this.engine.counters());
    must(
      counters.every((n) => Number.isInteger(n) && n > 0),
      'counters count',
    );
    const sum = counters.reduce((a, b) => a + b, 0);
    must(sum > this.#counted, 'every packet is counted');
    this.#counted = sum;
  }

  receive(packet: Uint8Array): Effect[] {
    return this.call('receive', () => this.engine.receive(packet, this.now), packet);
  }

  tick(): Effect[] {
    const effects = this.call('tick', () => this.engine.tick(this.now));
    const next = this.engine.nextDeadline();
    must(
      next === undefined || next > this.now,
      () => `a deadline ${this.now - (next ?? 0)} ms ago is left after a tick`,
    );
    return effects;
  }

  /** Payload as a data path counts it between two looks: what was sent and received, and what came last. */
  payload(index: number, happened: readonly ('sent' | 'received')[]): Effect[] {
    const view = this.views[index % Math.max(1, this.views.length)];
    if (view === undefined || !this.bindings.has(view.id)) return [];
    const { now } = this;
    let sample = this.#samples.get(view.id) ?? NOTHING;
    for (const what of happened)
      sample = what === 'sent' ? sent(sample, now) : received(sample, now);
    this.#samples.set(view.id, sample);
    return this.call(happened.join(), () => this.engine.observe(view.id, sample, now));
  }
}

const sent = (old: LivenessSample, now: Millis): LivenessSample => ({
  ...old,
  sentPackets: old.sentPackets + 1,
  lastSent: now,
  unansweredSince: old.unansweredSince ?? now,
  owedSince: undefined,
});

const received = (old: LivenessSample, now: Millis): LivenessSample => ({
  ...old,
  receivedPackets: old.receivedPackets + 1,
  lastReceived: now,
  owedSince: old.owedSince ?? now,
  unansweredSince: undefined,
});
