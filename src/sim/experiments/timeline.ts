import type { Address } from '../../wire/address.js';
import { RehomeError } from '../../wire/errors.js';
import { ms } from '../../wire/units.js';
import type { SimHost } from '../host.js';
import type { PathSettings } from '../link.js';
import { engineConfig, linkSettings, trafficSpec } from '../scenario/resolve.js';
import { selectPaths, type NamedPath } from '../scenario/paths.js';
import type { ScenarioOf } from '../scenario/schema.js';
import { Site, type Exit } from '../site.js';
import { makeTraffic, type Traffic } from '../traffic/index.js';
import { World } from '../world.js';
import { round } from './exploration.js';
import { timelineTables } from './timeline-report.js';
import { splitTrials, wanted, type Experiment, type Hooks, type TrialRecord } from './types.js';

type Scenario = ScenarioOf<'timeline'>;

/** Any network, any traffic, anything that happens to it: what a scenario file of a user describes. */
export const timeline: Experiment<'timeline'> = {
  name: 'timeline',
  units: ({ trials }) => splitTrials(1, trials, 1),
  run: (scenario, unit, hooks = {}) =>
    [...wanted(unit, hooks.only)].map((trial) => new Timeline(scenario, trial, hooks).run()),
  tables: timelineTables,
  figures: () => [],
};

interface CorePath extends NamedPath {
  readonly source: Address;
  readonly destination: Address;
}

class Timeline {
  readonly #scenario: Scenario;
  readonly #trial: number;
  readonly #hooks: Hooks;
  readonly #world: World;
  readonly #hosts = new Map<string, SimHost>();
  readonly #exits = new Map<string, Exit>();
  readonly #flows: Traffic[] = [];
  readonly #counts = { explorations: 0, moves: 0 };

  constructor(scenario: Scenario, trial: number, hooks: Hooks) {
    this.#scenario = scenario;
    this.#trial = trial;
    this.#hooks = hooks;
    this.#world = new World({
      seed: `${scenario.seed}/timeline/${trial - 1}`,
      paths: linkSettings(scenario.network),
      onEvent: (_host, { name }) => {
        if (name === 'failure-suspected') this.#counts.explorations++;
        if (name === 'path-changed') this.#counts.moves++;
      },
    });
    this.#build();
  }

  run(): TrialRecord {
    const { clock, network } = this.#world;
    this.#hooks.onWorld?.(this.#world, this.#trial);
    this.#scenario.flow.forEach((flow, i) => this.#begin(flow, i));
    for (const event of this.#scenario.event) {
      clock.at(ms(event.at), () => this.#happen(event));
    }
    clock.runUntil(ms(this.#scenario.run_for));
    const end = (arrivals: Traffic['forward']) => ({
      packets: arrivals.packets,
      octets: arrivals.octets,
      // The gap that is open counts too: it may never end.
      longestGapMs: round(Math.max(arrivals.longestGap, clock.now() - (arrivals.lastAt ?? 0))),
      lastMs: round(arrivals.lastAt ?? null),
    });
    return {
      trial: this.#trial,
      flows: this.#scenario.flow.map(({ from, to, traffic }, i) => {
        const { forward, backward } = this.#flows[i] as Traffic;
        return { from, to, model: traffic.model, forward: end(forward), backward: end(backward) };
      }),
      ...this.#counts,
      filtered: network.filtered,
    };
  }

  #build(): void {
    const config = engineConfig(this.#scenario);
    for (const { name, providers, rehome } of this.#scenario.host) {
      this.#unique(name);
      this.#hosts.set(name, this.#world.addHost(name, providers, config, { rehome }));
    }
    for (const { name, providers, hosts, routing, access } of this.#scenario.site) {
      this.#unique(name);
      const { exits } = new Site(name, providers, linkSettings(access), routing);
      for (const exit of exits) this.#exits.set(exit.name, exit);
      for (let i = 1; i <= hosts; i++) {
        const full = `${name}.${i}`;
        this.#hosts.set(full, this.#world.addHost(full, providers, config, { exits }));
      }
    }
  }

  #unique(name: string): void {
    if (!this.#hosts.has(name) && !this.#exits.has(`${name}1`)) return;
    throw new RehomeError('REHOME_E_SCENARIO', `two hosts or sites are called "${name}"`, name);
  }

  #host(name: string): SimHost {
    const host = this.#hosts.get(name);
    if (host !== undefined) return host;
    const known = [...this.#hosts.keys()].slice(0, 12).join(', ');
    throw new RehomeError('REHOME_E_SCENARIO', `no host "${name}": there are ${known}`, name);
  }

  #begin(flow: Scenario['flow'][number], i: number): void {
    const [from, to] = [this.#host(flow.from), this.#host(flow.to)];
    const [source, destination] = [from.locators[0] as Address, to.locators[0] as Address];
    const { clock, random } = this.#world;
    const traffic = makeTraffic(trafficSpec(flow.traffic), {
      clock,
      random: random.fork(`flow ${i}`),
      from,
      to,
      source,
      destination,
      port: 1_024 + 40_000 * Number(flow.traffic.model !== 'mix') + 2 * i,
    });
    this.#flows.push(traffic);
    clock.at(ms(flow.start), () => {
      if (flow.protect) from.driver?.establish({ local: source, peer: destination });
      traffic.start();
    });
  }

  #happen(event: Scenario['event'][number]): void {
    const { cut = [], restore = [], paths = [] } = event;
    for (const text of cut) this.#change(text, { up: false });
    for (const text of restore) this.#change(text, { up: true });
    for (const text of paths) this.#change(text, linkSettings(event));
    const what = [
      cut.length > 0 ? `cut ${cut.join(' ')}` : '',
      restore.length > 0 ? `restore ${restore.join(' ')}` : '',
      paths.length > 0 ? `change ${paths.join(' ')}` : '',
    ];
    this.#hooks.onNote?.(what.filter(Boolean).join(', '));
  }

  /** The access link of an exit router by its name, or one-way paths between hosts. */
  #change(text: string, change: Partial<PathSettings>): void {
    const exit = this.#exits.get(text);
    if (exit !== undefined) return exit.change(change);
    if (text === 'all') return this.#world.network.configureAll(change);
    for (const { source, destination } of selectPaths(text, this.#paths())) {
      this.#world.network.configure(source, destination, change);
    }
  }

  /** Between hosts that are in no site: those have names like `a1`. */
  #paths(): CorePath[] {
    const locators = [...this.#hosts].flatMap(([name, host]) =>
      name.includes('.')
        ? []
        : host.locators.map((address, i) => ({ host, address, name: `${name}${i + 1}` })),
    );
    return locators.flatMap((a) =>
      locators
        .filter((b) => b.host !== a.host)
        .map((b) => ({ from: a.name, to: b.name, source: a.address, destination: b.address })),
    );
  }
}
