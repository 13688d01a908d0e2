import type { Address } from '../../wire/address.js';
import { addMs } from '../../wire/units.js';
import type { SimHost } from '../host.js';
import { engineConfig, linkSettings, trafficSpec } from '../scenario/resolve.js';
import type { ScenarioOf } from '../scenario/schema.js';
import { Site } from '../site.js';
import { quantile } from '../stats.js';
import { makeTraffic, type Traffic } from '../traffic/index.js';
import { World } from '../world.js';
import { round } from './exploration.js';
import { MessageCount } from './message-count.js';
import { OffDead } from './off-dead.js';
import { stormFigures, stormTables } from './storm-report.js';
import { splitTrials, wanted, type Experiment, type Hooks, type TrialRecord } from './types.js';

type Scenario = ScenarioOf<'storm'>;

/** Contexts are made over this time, so that their number is not a load of its own. */
const RAMP = 3_000;
export const SETTLE = 2_500;
const PROGRESS = 100;

/** One access link of a site dies under many flows. */
export const storm: Experiment<'storm'> = {
  name: 'storm',
  units: ({ storm: { flows }, trials }) =>
    flows.flatMap((count, part) =>
      splitTrials(1, trials, 1, count).map((unit) => ({
        ...unit,
        part,
        first: part * trials + unit.first,
        last: part * trials + unit.last,
      })),
    ),
  run: (scenario, unit, hooks = {}) =>
    [...wanted(unit, hooks.only)].map((trial) => {
      const flows = scenario.storm.flows[unit.part] ?? 1;
      return new Storm(scenario, flows, trial).run(hooks);
    }),
  tables: stormTables,
  figures: stormFigures,
};

const keyOf = (host: SimHost, context: number): string => `${host.name} ${context}`;

class Storm {
  readonly #scenario: Scenario;
  readonly #flows: number;
  readonly #trial: number;
  readonly #world: World;
  readonly #site: Site;
  readonly #inside: SimHost[] = [];
  readonly #outside: SimHost[] = [];
  readonly #traffic: Traffic[] = [];
  /** From the cut on. */
  #offDead: OffDead | undefined;

  constructor(scenario: Scenario, flows: number, trial: number) {
    this.#scenario = scenario;
    this.#flows = flows;
    this.#trial = trial;
    const number = (trial - 1) % scenario.trials;
    this.#world = new World({
      seed: `${scenario.seed}/storm/${flows}/${number}`,
      paths: linkSettings(scenario.network),
      onEvent: (host, event) => {
        if (event.context !== undefined) this.#offDead?.heard(keyOf(host, event.context), event);
      },
    });
    const { providers, access, notices } = scenario.storm;
    this.#site = new Site('site', providers, linkSettings(access));
    for (const exit of this.#site.exits) exit.notices = notices;
    this.#addHosts();
  }

  #addHosts(): void {
    const {
      hosts,
      providers,
      peer_providers: peerProviders,
      own_peers: own,
    } = this.#scenario.storm;
    const config = engineConfig(this.#scenario);
    const inside = Math.min(hosts, this.#flows);
    const outside = own ? this.#flows : Math.ceil(this.#flows / inside);
    for (let i = 0; i < inside; i++) {
      const exits = this.#site.exits;
      this.#inside.push(this.#world.addHost(`in${i + 1}`, providers, config, { exits }));
    }
    for (let i = 0; i < outside; i++) {
      this.#outside.push(this.#world.addHost(`out${i + 1}`, peerProviders, config));
    }
  }

  run(hooks: Hooks): TrialRecord {
    const { clock, network } = this.#world;
    hooks.onWorld?.(this.#world, this.#trial);
    this.#tellProgress(hooks);
    const ramp = this.#world.random.fork('ramp');
    for (let i = 0; i < this.#flows; i++) {
      clock.after(ramp.uniform() * RAMP, () => this.#begin(i));
    }
    clock.run(RAMP + this.#scenario.storm.warm_up);
    const established = this.#inside.reduce((n, h) => n + (h.engine?.contexts().length ?? 0), 0);
    const cutAt = clock.now();
    const senders = [...this.#inside, ...this.#outside].flatMap((host) =>
      (host.engine?.contexts() ?? []).map(({ id, pair }) => ({ key: keyOf(host, id), pair })),
    );
    const dead = this.#inside.flatMap((host) => host.locators[0] ?? []);
    const offDead = new OffDead(senders, dead, cutAt);
    this.#offDead = offDead;
    const before = this.#askedInside();
    const sent = new MessageCount(cutAt, this.#scenario.storm.window);
    const untap = network.tap((packet) => sent.count(packet, clock.now()));
    for (const { forward, backward } of this.#traffic) {
      forward.watchGaps();
      backward.watchGaps();
    }
    this.#site.exits[0]?.change({ up: false });
    hooks.onNote?.(`the access link of ${this.#site.exits[0]?.name ?? 'nobody'} dies`);
    const deadline = addMs(cutAt, this.#scenario.storm.patience);
    clock.runWhile(deadline, () => offDead.left === 0);
    const inside = this.#askedInside() - before;
    clock.run(SETTLE);
    untap();
    return { ...this.#record(established, offDead, sent), inside };
  }

  /** Probes and pings that the hosts of the site have sent so far. */
  #askedInside(): number {
    return this.#inside.reduce((sum, { engine }) => {
      const counters = engine?.counters() ?? {};
      return sum + (counters['sent-probe'] ?? 0) + (counters['pings-sent'] ?? 0);
    }, 0);
  }

  /** In virtual time too, so that a run is the same whether anybody listens. */
  #tellProgress(hooks: Hooks): void {
    const { clock } = this.#world;
    const { sendTimeout } = engineConfig(this.#scenario).reap;
    const expected = RAMP + this.#scenario.storm.warm_up + 1.7 * sendTimeout + SETTLE;
    hooks.onProgress?.(Math.min(0.99, clock.now() / expected));
    clock.after(PROGRESS, () => this.#tellProgress(hooks));
  }

  #record(established: number, offDead: OffDead, sent: MessageCount): TrialRecord {
    const { clock } = this.#world;
    const flowing = this.#traffic.filter(
      ({ forward, backward }) =>
        clock.now() - (forward.lastAt ?? 0) < SETTLE &&
        clock.now() - (backward.lastAt ?? 0) < SETTLE,
    );
    const gaps = this.#traffic.map((t) => Math.max(t.forward.longestGap, t.backward.longestGap));
    const backAfter = offDead.after();
    return {
      trial: this.#trial,
      flows: this.#flows,
      hosts: this.#inside.length,
      peers: this.#outside.length,
      established,
      ...sent.totals,
      peakPerSecond: Math.round(sent.peakPerSecond),
      allBackMs: offDead.left === 0 ? round(backAfter.reduce((a, b) => Math.max(a, b), 0)) : null,
      medianBackMs: round(quantile(backAfter, 0.5)),
      flowing: flowing.length,
      longestGapMs: round(gaps.reduce((a, b) => Math.max(a, b), 0)),
      medianGapMs: round(quantile(gaps, 0.5)),
      /** Probes and pings in each window from the cut on. */
      windows: sent.windows,
    };
  }

  /** Flow number `i`: every host has one with each peer, or a peer of its own for each. */
  #begin(i: number): void {
    const host = i % this.#inside.length;
    const shared = Math.floor(i / this.#inside.length);
    const peer = this.#scenario.storm.own_peers ? i : shared;
    const [from, to] = [this.#inside[host], this.#outside[peer]];
    const [source, destination] = [from?.locators[0], to?.locators[0]];
    if (from === undefined || to === undefined) return;
    from.driver?.establish({ local: source as Address, peer: destination as Address });
    const traffic = makeTraffic(trafficSpec(this.#scenario.traffic), {
      clock: this.#world.clock,
      random: this.#world.random.fork(`flow ${i}`),
      from,
      to,
      source: source as Address,
      destination: destination as Address,
      // Its own at both ends: neighbours at one host are one apart, at one peer a prime.
      port: 1_024 + 2 * ((host * 7_919 + shared) % 30_000),
    });
    this.#traffic.push(traffic);
    traffic.start();
  }
}
