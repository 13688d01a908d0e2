import type { ContextView } from '../engine/types.js';
import type { Address } from '../wire/address.js';
import { addMs, ms, type Millis } from '../wire/units.js';
import { requestStream, type DatagramStream } from './apps/datagrams.js';
import {
  historyBound,
  historyConfig,
  IDLE_TEARDOWN,
  INTERVAL,
  weather,
  type HistoryOptions,
  type HistoryResult,
} from './history-setup.js';
import { isExpected, mine, theirs } from './history-views.js';
import type { SimHost } from './host.js';
import type { SeededRandom } from './random.js';
import { simAddress, World } from './world.js';

export type { HistoryOptions, HistoryResult } from './history-setup.js';

const STORM = 40_000;
/** Looked at once an interval, and a stream has to flow for as long to be seen to. */
const RESOLUTION = 2 * INTERVAL;
/** A backed-off exploration tries nine pairs a minute apart, twice if a host begins anew. */
const PATIENCE = 1_800_000;
const AGREEMENT = 600_000;

export const runHistory = (options: HistoryOptions): HistoryResult => new History(options).run();

type Action = (history: History) => string;

/**
 * One random life of two hosts: traffic, loss, duplication, reordering, cuts, crashes, renumbering, both establishing at
 * once; then peace, and the question whether everything that can still talk does, and whether both ends agree.
 */
class History {
  readonly #options: HistoryOptions;
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #hosts: readonly [SimHost, SimHost];
  /** Locators that both were there from the beginning and never left: what a proof of "can still talk" may rest on. */
  readonly #steady: readonly [Address[], Address[]];
  readonly #streams: DatagramStream[] = [];
  readonly #problems: string[] = [];
  #packets = 0;
  #recoveries = 0;
  #established = 0;
  #bound: number | undefined;

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#world = new World({
      seed: options.seed,
      onEvent: (host, event) => {
        if (event.name === 'operational') this.#recoveries++;
        if (event.name === 'established') this.#established++;
        this.#trace(() => `${host.name} ${event.name} ${JSON.stringify(event.detail ?? {})}`);
      },
      onError: (host, error, during) => {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        this.#problem(`${host.name}: exception in ${during}: ${text}`);
      },
    });
    this.#random = this.#world.random.fork('history');
    this.#world.network.tap(() => this.#packets++);
    const config = historyConfig(this.#random, this.#options.profile);
    const many = this.#pathsOnly ? [1, 2, 3, 4] : [1, 2, 2, 3, 3];
    const count = (): number => this.#random.pick(many);
    this.#hosts = [
      this.#world.addHost('A', count(), config),
      this.#world.addHost('B', count(), config),
    ];
    this.#steady = [[...this.#hosts[0].locators], [...this.#hosts[1].locators]];
    this.#world.network.configureAll(weather(this.#random));
  }

  run(): HistoryResult {
    const { clock } = this.#world;
    this.#startTraffic();
    this.#writeScript();
    clock.runUntil(ms(STORM));
    const expected = this.#makePeace();
    const healedAfter = expected ? this.#awaitFlow() : undefined;
    if (this.#bound !== undefined && (healedAfter ?? Infinity) > this.#bound + RESOLUTION) {
      this.#problem(`back after ${healedAfter} ms, not within ${Math.round(this.#bound)} ms`);
    }
    if (expected && healedAfter !== undefined) this.#awaitAgreement();
    this.#endQuietly();
    this.#checkDelivery();
    return {
      seed: this.#options.seed,
      problems: this.#problems,
      packets: this.#packets,
      recoveries: this.#recoveries,
      established: this.#established,
      healedAfter,
      bound: this.#bound,
    };
  }

  get #pathsOnly(): boolean {
    return this.#options.kind === 'paths';
  }

  #startTraffic(): void {
    const [a, b] = this.#hosts;
    const flows = Math.min(a.locators.length, b.locators.length, this.#random.pick([1, 1, 2]));
    for (let i = 0; i < flows; i++) {
      const [source, destination] = [a.locators[i], b.locators[i]];
      if (source === undefined || destination === undefined) continue;
      const { forward, backward } = requestStream({
        clock: this.#world.clock,
        from: a,
        to: b,
        source,
        destination,
        sourcePort: 1000 + i,
        destinationPort: 2000 + i,
        interval: INTERVAL,
      });
      this.#streams.push(forward, backward);
      for (const { sender } of [forward, backward]) {
        this.#later(this.#random.between(0, 2_000), () => sender.start());
      }
      if (this.#random.chance(0.4)) this.#establishTogether(source, destination);
    }
  }

  /** Crossed I1s: both begin within a few milliseconds. */
  #establishTogether(local: Address, peer: Address): void {
    const [a, b] = this.#hosts;
    const at = this.#random.between(0, 3_000);
    this.#later(at, () => a.driver?.establish({ local, peer }));
    this.#later(at + this.#random.between(0, 100), () =>
      b.driver?.establish({ local: peer, peer: local }),
    );
  }

  #writeScript(): void {
    const actions = 2 + this.#random.below(7);
    for (let i = 0; i < actions; i++) {
      const action = this.#random.pick(this.#pathsOnly ? PATH_ACTIONS : ACTIONS);
      this.#later(this.#random.between(500, STORM - 1_000), () => {
        const what = action(this);
        this.#trace(() => `* ${what}`);
      });
    }
  }

  // What may happen. Each returns what it did.

  cut(): string {
    const share = this.#random.pick([0.1, 0.5, 0.9, 1]);
    let cut = 0;
    this.#forEachPath((source, destination) => {
      if (!this.#random.chance(share)) return;
      cut++;
      this.#world.network.configure(source, destination, { up: false });
    });
    return `cut ${cut} one-way paths`;
  }
  mend(): string {
    this.#forEachPath((source, destination) => {
      if (this.#random.chance(0.5)) {
        this.#world.network.configure(source, destination, { up: true });
      }
    });
    return 'mended about half of the paths';
  }
  storm(): string {
    const next = weather(this.#random);
    this.#world.network.configureAll(next);
    return `weather ${JSON.stringify(next)}`;
  }
  crash(): string {
    const host = this.#random.pick(this.#hosts);
    const down = this.#random.between(0, 8_000);
    host.crash();
    this.#later(down, () => {
      host.restart();
      this.#trace(() => `* ${host.name} restarted`);
    });
    return `${host.name} crashed for ${Math.round(down)} ms`;
  }
  renumber(): string {
    const which = this.#random.below(2) as 0 | 1;
    const host = this.#hosts[which];
    const fresh = simAddress(which + 1, 4);
    const gone = this.#random.pick(host.locators);
    const rest = host.locators.filter((l) => l !== gone);
    const grow = this.#random.chance(0.5) && !host.locators.includes(fresh);
    const next = grow ? [...host.locators, fresh] : rest;
    if (next.length === 0) return 'renumbering left out';
    host.setLocators(next);
    if (!grow) this.#leaves(which, gone);
    return `${host.name} has now ${next.join(' ')}`;
  }
  explore(): string {
    const [a, b] = this.#hosts;
    const [peer] = b.locators;
    if (peer !== undefined) a.driver?.explore(peer);
    return 'A explores on request';
  }
  forget(): string {
    const host = this.#random.pick(this.#hosts);
    const tag = host.engine?.contexts()[0]?.localTag;
    if (tag === undefined) return 'nothing to forget';
    host.driver?.forget(tag);
    return `${host.name} forgot a context`;
  }

  /** Nothing a proof may rest on any more, until it comes back (a ULID always does, before peace). */
  #leaves(which: 0 | 1, gone: Address): void {
    const steady = this.#steady[which];
    const at = steady.indexOf(gone);
    if (at >= 0) steady.splice(at, 1);
  }

  /**
   * The weather clears. Returns whether everybody must be able to talk from now on: always when all paths work; with
   * one path left each way only if both ends still know each other.
   */
  #makePeace(): boolean {
    const { network } = this.#world;
    network.configureAll({ loss: 0, duplicate: 0, jitter: 0, up: true });
    for (const [i, host] of this.#hosts.entries()) {
      host.restart();
      const missing = this.#ulids(i).filter((ulid) => !host.locators.includes(ulid));
      if (missing.length > 0) host.setLocators([...missing, ...host.locators]);
    }
    const [a, b] = this.#steady;
    const known = this.#agreed() && this.#everyFlowHasContexts();
    if (known && this.#pathsOnly)
      this.#bound = historyBound(this.#options.profile, this.#hosts, this.#streams.length);
    if (this.#random.chance(0.5) || !known || a.length === 0 || b.length === 0) {
      this.#trace(() => '* peace: all paths work');
      return true;
    }
    const there = { source: this.#random.pick(a), destination: this.#random.pick(b) };
    const back = { source: this.#random.pick(b), destination: this.#random.pick(a) };
    network.configureAll({ up: false });
    network.configure(there.source, there.destination, { up: true });
    network.configure(back.source, back.destination, { up: true });
    this.#trace(() => `* peace: only ${JSON.stringify([there, back])} work`);
    return true;
  }

  #awaitFlow(): number | undefined {
    const { clock } = this.#world;
    const from = clock.now();
    const deadline = addMs(from, PATIENCE);
    const [first, growth] = this.#pathsOnly ? [INTERVAL, 1] : [4 * INTERVAL, 1.3];
    for (let wait = first; clock.now() < deadline; wait *= growth) {
      clock.run(wait);
      if (this.#streams.every(({ receiver }) => this.#recent(receiver.lastAt))) {
        return clock.now() - from;
      }
    }
    const silent = this.#streams.filter(({ receiver }) => !this.#recent(receiver.lastAt));
    this.#problem(`${silent.length} of ${this.#streams.length} streams never flowed again`);
    return undefined;
  }

  #recent(at: Millis | undefined): boolean {
    return at !== undefined && this.#world.clock.now() - at < 1.5 * INTERVAL;
  }

  /** A context that only one end has is legal while its packets need no header; a probe makes it come out. */
  #awaitAgreement(): void {
    const { clock } = this.#world;
    const deadline = addMs(clock.now(), AGREEMENT);
    for (let wait = 5_000; clock.now() < deadline; wait *= 2) {
      if (this.#agreed()) return;
      for (const [i, host] of this.#hosts.entries()) {
        for (const peer of this.#ulids(1 - i)) host.driver?.explore(peer);
      }
      clock.run(wait);
    }
    this.#problem(
      `the ends do not agree: ${this.#hosts.map((h) => this.#describe(h)).join(' | ')}`,
    );
  }

  /** Every context that one end can send with, the other has too, tags crosswise. */
  #agreed(): boolean {
    const [a, b] = this.#hosts.map((host) => host.engine?.contexts() ?? []);
    const settled = (views: readonly ContextView[] = []): string[] =>
      views
        .filter((view) => view.state === 'ESTABLISHED')
        .map(mine)
        .sort();
    const mirrored = (views: readonly ContextView[] = []): string[] =>
      views
        .filter((view) => view.state === 'ESTABLISHED')
        .map(theirs)
        .sort();
    return settled(a).join() === mirrored(b).join();
  }

  #everyFlowHasContexts(): boolean {
    return this.#streams.every(({ sender: { flow } }) =>
      (flow.from.engine?.contexts() ?? []).some(
        (view) =>
          view.state === 'ESTABLISHED' &&
          view.ulids.local === flow.source &&
          view.ulids.peer === flow.destination,
      ),
    );
  }

  /** When nobody sends, nothing stays: contexts are torn down (RFC 5533 §9) and timers end. */
  #endQuietly(): void {
    const { clock } = this.#world;
    for (const { sender } of this.#streams) sender.stop();
    clock.run(3 * IDLE_TEARDOWN + PATIENCE);
    for (const host of this.#hosts) {
      const left = host.engine?.contexts().length ?? 0;
      if (left > 0) this.#problem(`${host.name} keeps ${left} contexts: ${this.#describe(host)}`);
    }
    if (clock.pending > 8) this.#problem(`${clock.pending} timers are left`);
  }

  #checkDelivery(): void {
    const wrong = this.#streams.reduce((sum, { receiver }) => sum + receiver.misdelivered, 0);
    if (wrong > 0) this.#problem(`${wrong} packets came with the wrong ULIDs`);
    for (const host of this.#hosts) {
      const bad = host.dropped['bad-transport'];
      if (bad > 0) this.#problem(`${host.name} got ${bad} packets whose checksum says wrong ULIDs`);
    }
  }

  #ulids(i: number): Address[] {
    const flows = this.#streams.map(({ sender }) => sender.flow);
    return [...new Set(flows.filter((f) => f.from === this.#hosts[i]).map((f) => f.source))];
  }

  #forEachPath(visit: (source: Address, destination: Address) => void): void {
    const [a, b] = this.#hosts;
    for (const x of a.locators) {
      for (const y of b.locators) {
        visit(x, y);
        visit(y, x);
      }
    }
  }

  #describe(host: SimHost): string {
    const views = host.engine?.contexts() ?? [];
    return `${host.name}: ${views.map((v) => `${mine(v)} ${v.state} ${v.reap?.state ?? ''}`).join(', ')}`;
  }

  #later(delay: number, action: () => void): void {
    this.#world.clock.after(delay, () => {
      try {
        action();
      } catch (error) {
        if (!isExpected(error)) this.#problem(`exception in an action: ${String(error)}`);
      }
    });
  }

  #problem(text: string): void {
    this.#problems.push(`${Math.round(this.#world.clock.now())} ms: ${text}`);
    this.#trace(() => `! ${text}`);
  }

  #trace(line: () => string): void {
    this.#options.trace?.(`${this.#world.clock.now().toFixed(1)} ${line()}`);
  }
}

const PATH_ACTIONS: readonly Action[] = [
  (h) => h.cut(),
  (h) => h.cut(),
  (h) => h.mend(),
  (h) => h.storm(),
  (h) => h.explore(),
];

const ACTIONS: readonly Action[] = [
  (h) => h.cut(),
  (h) => h.cut(),
  (h) => h.mend(),
  (h) => h.storm(),
  (h) => h.crash(),
  (h) => h.renumber(),
  (h) => h.renumber(),
  (h) => h.explore(),
  (h) => h.forget(),
];
