import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineEvent, EngineEventName } from '../../engine/types.js';
import { disableFeatures } from '../../linux/bpf/ethtool.js';
import { monotonicMs } from '../../linux/clock.js';
import { inNamespace, writeSysctl } from '../../linux/netns.js';
import { ExplorationWatch } from '../../sim/experiments/watch.js';
import { SeededRandom } from '../../sim/random.js';
import type { PathRef } from '../../sim/report.js';
import { RehomeError } from '../../wire/errors.js';
import { ms } from '../../wire/units.js';
import type { PathsInUse } from '../../sim/breaks.js';
import { watchEvents, type HostEvent } from '../event-watch.js';
import { Lab } from '../lab.js';
import {
  HOSTS,
  otherHost,
  PATHS,
  uplinkName,
  UPLINKS,
  type Host,
  type OneWayPath,
  type Uplink,
} from '../paths.js';
import { hostInterface } from '../topology.js';
import { gatherCrowd, type Crowd } from './crowd.js';
import { Flows } from './flows.js';
import type { BedSettings } from './settings.js';

const ESTABLISH_MS = 15_000;
const STEP = 10;

/** Not `main`, which is what `rehome lab cut` and `status` speak to. */
const nextId = (): string => `x${process.pid.toString(36)}n${(++labs).toString(36)}`;
let labs = 0;

/**
 * One lab that trials are done in, one after the other, each with a context of its own: the lab's counterpart of the
 * simulator's `Testbed`, with the same names for the same things.
 */
export class LabBed {
  readonly lab: Lab;
  readonly flows: Flows;
  readonly crowd: Crowd | undefined;
  readonly watch = new ExplorationWatch(HOSTS);
  /** Every one-way path that has addresses at both ends, in the simulator's order. */
  readonly paths: readonly PathRef[];
  readonly #settings: BedSettings;
  readonly #signal: AbortSignal | undefined;
  readonly #ended = new AbortController();
  readonly #listeners = new Set<(event: HostEvent) => void>();
  #cutAt = Infinity;

  private constructor(
    lab: Lab,
    { flows, crowd }: Furniture,
    settings: BedSettings,
    signal: AbortSignal | undefined,
  ) {
    this.lab = lab;
    this.flows = flows;
    this.crowd = crowd;
    this.#settings = settings;
    this.#signal = signal;
    const { absent } = settings;
    const there = PATHS.filter((path) =>
      path.name.split('>').every((uplink) => !absent.includes(uplink)),
    );
    this.paths = there.map((path) => this.#ref(path));
    watchEvents(lab, this.#ended.signal, (event) => this.#heard(event));
  }

  /** @throws SyscallError, RehomeError REHOME_E_LAB_DAEMON, REHOME_E_TRAFFIC */
  static async start(settings: BedSettings, seed: string, signal?: AbortSignal): Promise<LabBed> {
    const { daemon, paths, absent } = settings;
    let furniture: Furniture | undefined;
    const prepare = async (started: Lab): Promise<void> => {
      furniture = await furnish(started, settings, seed);
    };
    const lab = await Lab.start({ id: nextId(), daemon, paths, absent, seed, prepare });
    if (furniture === undefined) throw new RangeError('a lab that was not prepared');
    return new LabBed(lab, furniture, settings, signal);
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.lab.stop();
  }

  /** Everything as at the start: no flow, no context, all paths as the scenario has them. */
  async fresh(): Promise<void> {
    this.#cutAt = Infinity;
    this.#early.length = 0;
    await this.flows.close();
    await this.lab.emulator.set(
      PATHS.map((path) => path.id),
      { ...this.#settings.paths, stopped: false },
    );
    await this.#forgetAll();
  }

  async #forgetAll(): Promise<void> {
    const end = monotonicMs() + ESTABLISH_MS;
    for (;;) {
      const left = await Promise.all(
        HOSTS.map(async (host) => {
          const { client } = this.lab.daemon(host);
          const { contexts } = await client.contexts();
          for (const { tag } of contexts) {
            if (tag !== null) await client.forget(tag).catch(() => undefined); // the peer's word was faster
          }
          return contexts.length;
        }),
      );
      if (left.every((n) => n === 0)) return;
      if (monotonicMs() > end) throw new RehomeError('REHOME_E_LAB', 'a daemon keeps its context');
      await this.pause(STEP);
    }
  }

  /** Pings sent so far by both daemons. */
  async pings(): Promise<number> {
    let sum = 0;
    for (const host of HOSTS) {
      const { counters } = await this.lab.daemon(host).client.status();
      sum += counters.engine['pings-sent'] ?? 0;
    }
    return sum;
  }

  get ulids(): { readonly local: string; readonly peer: string } {
    return { local: this.lab.address('A', 1), peer: this.lab.address('B', 1) };
  }

  /** Makes the context and waits until both ends have it. @throws RehomeError REHOME_E_LAB when they do not */
  async establish(): Promise<void> {
    const { local, peer } = this.ulids;
    await this.lab.daemon('A').client.establish({ local, peer });
    const end = monotonicMs() + ESTABLISH_MS;
    for (;;) {
      const both = await Promise.all(HOSTS.map((host) => this.lab.context(host)));
      if (both.every((context) => context !== undefined)) return;
      if (monotonicMs() > end) {
        throw new RehomeError('REHOME_E_LAB', 'the hosts of the lab did not establish a context');
      }
      await this.pause(STEP);
    }
  }

  /** The one-way paths that payload takes now. */
  async inUse(): Promise<PathsInUse> {
    const { AtoB, BtoA } = await this.lab.currentPaths();
    if (AtoB === undefined || BtoA === undefined) {
      throw new RehomeError('REHOME_E_LAB', 'payload takes a path that is none of the lab');
    }
    return { AtoB: this.#ref(AtoB), BtoA: this.#ref(BtoA) };
  }

  /** Stops paths without a word; what happens from then on is watched. @returns when, monotonic milliseconds */
  async cut(paths: readonly PathRef[]): Promise<number> {
    const at = await this.lab.cut(paths.map((path) => this.#pathOf(path)));
    this.#begin(at);
    return at;
  }

  restore(paths: readonly PathRef[]): Promise<number> {
    return this.lab.restore(paths.map((path) => this.#pathOf(path)));
  }

  /** What happens from now on is watched: the failure was at this time. Daemons tell whole milliseconds. */
  #begin(at: number): void {
    this.#cutAt = Math.floor(at);
    this.watch.begin(ms(this.#cutAt));
    this.#failedAt = at;
    // Told before the answer about the cut had come.
    for (const event of this.#early.splice(0)) this.#watched(event);
  }
  readonly #early: HostEvent[] = [];
  #failedAt = 0;

  /** Waits until both hosts are Operational again, or so many milliseconds after the cut. */
  async awaitRecovery(
    patience: number,
    done: () => boolean = () => this.watch.allBack,
  ): Promise<boolean> {
    for (;;) {
      if (done()) return true;
      if (monotonicMs() - this.#failedAt > patience) return false;
      await this.pause(STEP);
    }
  }

  /** @throws RehomeError REHOME_E_ABORTED when the run is interrupted meanwhile */
  async pause(milliseconds: number): Promise<void> {
    this.check();
    await sleep(milliseconds, undefined, { signal: this.#signal }).catch(() => undefined);
    this.check();
  }
  check(): void {
    if (this.#signal?.aborted === true) {
      throw new RehomeError('REHOME_E_ABORTED', 'the run was interrupted; nothing was written');
    }
  }

  /** `a1>b2`. */
  nameOf(path: PathRef): string {
    return this.#pathOf(path).name;
  }

  /** Told of every event of both daemons. Returns its removal. */
  listen(listener: (event: HostEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #heard(event: HostEvent): void {
    for (const listener of this.#listeners) listener(event);
    if (this.#cutAt === Infinity) this.#early.push(event);
    else this.#watched(event);
  }

  #watched(event: HostEvent): void {
    if (event.at >= this.#cutAt) this.watch.heard(event.host, engineEvent(event));
  }

  #ref(path: OneWayPath): PathRef {
    const source = this.lab.address(path.from, path.source);
    const destination = this.lab.address(otherHost(path.from), path.destination);
    return { from: path.from, source, destination };
  }

  #pathOf({ from, source, destination }: PathRef): OneWayPath {
    const found = PATHS.find((path) => {
      const ref = this.#ref(path);
      return path.from === from && ref.source === source && ref.destination === destination;
    });
    if (found === undefined) throw new RangeError(`${source} to ${destination} is no path here`);
    return found;
  }
}

/** What a lab has before its daemons start. */
interface Furniture {
  readonly flows: Flows;
  readonly crowd: Crowd | undefined;
}

async function furnish(lab: Lab, settings: BedSettings, seed: string): Promise<Furniture> {
  for (const host of HOSTS) simplify(lab, host);
  const flows = await Flows.start(lab);
  if (settings.crowd === undefined) return { flows, crowd: undefined };
  const uplinks = (host: Host): Uplink[] =>
    UPLINKS.filter((uplink) => !settings.absent.includes(uplinkName(host, uplink)));
  const both = { A: uplinks('A'), B: uplinks('B') };
  const crowd = gatherCrowd(lab, settings.crowd, both, new SeededRandom(`${seed}/crowd`));
  for (const host of HOSTS) {
    const first = crowd[host].flatMap((set) => set.slice(0, 1));
    await flows.hold(host, first);
  }
  return { flows, crowd };
}

/**
 * What the simulator has not: segmentation by the device (a super-packet of 64 KB waits and is served as one, which
 * doubles the round trip of a slow path), and a congestion control that the machine happens to be set to.
 */
function simplify(lab: Lab, host: Host): void {
  const namespace = lab.entry.namespace(host);
  writeSysctl(namespace, 'net/ipv4/tcp_congestion_control', 'reno');
  inNamespace(namespace, () => {
    for (const uplink of UPLINKS) {
      disableFeatures(hostInterface(uplink), (name) => /^tx-.*segmentation$/.test(name));
    }
  });
}

const engineEvent = ({ at, name, detail }: HostEvent): EngineEvent => ({
  at: ms(at),
  name: name as EngineEventName,
  detail,
});
