import type { ChildProcess, SpawnOptions } from 'node:child_process';
import type { ContextJson } from '../control/schema.js';
import { Rtnetlink } from '../linux/netlink/client.js';
import { spawnIn } from '../linux/netns.js';
import { close } from '../linux/syscalls.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { RehomeError } from '../wire/errors.js';
import { parseAddress, type Address } from '../wire/address.js';
import type { DaemonSettings } from './config.js';
import { Emulator } from './emulator/emulator.js';
import type { EmulatorState } from './emulator/messages.js';
import type { PathParameters } from './emulator/path.js';
import { HostDaemon } from './host-daemon.js';
import {
  hostAddress,
  HOSTS,
  otherHost,
  PATHS,
  pathOf,
  uplinkName,
  UPLINKS,
  whose,
  type Host,
  type OneWayPath,
  type Uplink,
} from './paths.js';
import { LabEntry } from './registry.js';
import { addUplink, buildTopology, removeUplink } from './topology.js';

export interface LabOptions {
  /** Otherwise the first free one. */
  readonly id?: string;
  readonly mtu?: number;
  /** What every path is like at first. */
  readonly paths?: Partial<PathParameters>;
  readonly seed?: string;
  readonly daemon: DaemonSettings;
  /** Hosts that run rehome; the others are plain. Default: both. */
  readonly daemons?: readonly Host[];
  /** Uplinks, as `a3`, that are not configured at first; `addLocator` does it later. */
  readonly absent?: readonly string[];
  /** A third host, X, from which anything can be sent to A and B. */
  readonly stranger?: boolean;
  /** Done when the hosts are there and before their daemons start. */
  readonly prepare?: (lab: Lab) => Promise<void>;
}

/** Where payload goes now: A's packets and B's. */
export interface CurrentPaths {
  readonly AtoB: OneWayPath | undefined;
  readonly BtoA: OneWayPath | undefined;
}

/** States in which a context has CT(peer) and a pair. */
const CARRIES: ReadonlySet<ContextJson['state']> = new Set(['ESTABLISHED', 'I2BIS-SENT']);

/** Two real hosts with three providers each, as long as this object lives. */
export class Lab {
  readonly entry: LabEntry;
  readonly emulator: Emulator;
  private readonly daemons = new Map<Host, HostDaemon>();
  private readonly children = new Set<ChildProcess>();
  private readonly tun: number;
  private stopping: Promise<void> | undefined;
  /** What the hosts made for themselves, by `a1`. */
  private readonly made = new Map<string, Address>();
  private readonly absent = new Set<string>();

  private constructor(entry: LabEntry, tun: number, seed: string) {
    this.entry = entry;
    this.tun = tun;
    this.emulator = new Emulator(tun, seed);
  }

  /**
   * Builds the namespaces and starts everything. Nothing is left behind when it fails.
   * @throws SyscallError, RehomeError REHOME_E_LAB_RUNNING, REHOME_E_LAB_DAEMON
   */
  static async start(options: LabOptions): Promise<Lab> {
    const entry = await LabEntry.claim(options.id);
    let lab: Lab | undefined;
    try {
      const tun = buildTopology(entry, options.mtu ?? 1500, options.stranger);
      lab = new Lab(entry, tun, options.seed ?? '1');
      for (const host of HOSTS) {
        for (const uplink of UPLINKS) {
          if (options.absent?.includes(uplinkName(host, uplink))) lab.removeLocator(host, uplink);
        }
      }
      await lab.emulator.set(
        PATHS.map((p) => p.id),
        options.paths ?? {},
      );
      for (const host of options.daemons ?? HOSTS) lab.addDaemon(host, options.daemon);
      await options.prepare?.(lab);
      await Promise.all([...lab.daemons.values()].map((daemon) => daemon.start()));
      if (options.daemon.identity !== 'none') await lab.learnAddresses();
      return lab;
    } catch (error) {
      await (lab === undefined ? entry.release() : lab.stop());
      throw error;
    }
  }

  private addDaemon(host: Host, settings: DaemonSettings): void {
    const daemon = new HostDaemon(this.entry, host);
    daemon.configure(settings);
    this.daemons.set(host, daemon);
  }

  /**
   * What applications in a host use on an uplink: the address that the host has made to prove itself, and otherwise the
   * one it was configured with.
   */
  address(host: Host, uplink: Uplink): Address {
    return this.made.get(uplinkName(host, uplink)) ?? hostAddress(host, uplink);
  }

  /** Every host's addresses, by uplink. */
  locators(): Record<Host, Address[]> {
    const of = (host: Host): Address[] => UPLINKS.map((u) => this.address(host, u));
    return { A: of('A'), B: of('B') };
  }

  /** Waits until every daemon has its own address on every uplink. @throws RehomeError REHOME_E_LAB_DAEMON */
  async learnAddresses(timeoutMs = 15_000): Promise<void> {
    const end = Date.now() + timeoutMs;
    for (const [host, daemon] of this.daemons) {
      for (;;) {
        const { identities } = await daemon.client.identity();
        const usable = identities
          .filter((i) => i.current)
          .flatMap((i) => i.addresses)
          .filter((a) => a.state === 'preferred');
        for (const { address } of usable) {
          const place = whose(parseAddress(address));
          if (place) this.made.set(uplinkName(host, place.uplink), parseAddress(address));
        }
        const wanted = UPLINKS.filter((u) => !this.absent.has(uplinkName(host, u)));
        const places = usable.map((a) => whose(parseAddress(a.address))?.uplink);
        if (wanted.every((u) => places.includes(u))) break;
        if (Date.now() > end) {
          throw new RehomeError(
            'REHOME_E_LAB_DAEMON',
            `host ${host} has not made its addresses: ${daemon.lastLogLines()}`,
            daemon.logFile,
          );
        }
        await sleep(25);
      }
    }
  }

  /** Where a host's daemon keeps its addresses. */
  stateDirectory(host: Host): string {
    return `${this.entry.directory}/${host}.state`;
  }

  runsRehome(host: Host): boolean {
    return this.daemons.has(host);
  }

  /** @throws RangeError when the host runs none. */
  daemon(host: Host): HostDaemon {
    const daemon = this.daemons.get(host);
    if (daemon === undefined) throw new RangeError(`host ${host} runs no rehome`);
    return daemon;
  }

  /** Starts a program in a host; it ends with the lab at the latest. */
  spawn(
    host: Host,
    command: string,
    args: readonly string[],
    options: SpawnOptions = {},
  ): ChildProcess {
    const child = spawnIn(this.entry.namespace(host), command, args, options);
    if (child.pid !== undefined) this.entry.add(child.pid, command);
    this.children.add(child);
    child.once('exit', () => this.children.delete(child));
    return child;
  }

  /** Stops paths without a word. @returns when, monotonic milliseconds. */
  cut(paths: readonly OneWayPath[]): Promise<number> {
    return this.emulator.set(ids(paths), { stopped: true });
  }
  restore(paths: readonly OneWayPath[]): Promise<number> {
    return this.emulator.set(ids(paths), { stopped: false });
  }
  state(): Promise<EmulatorState> {
    return this.emulator.state();
  }

  /** Takes a locator from a host, as when a provider withdraws its prefix; the link stays up. */
  removeLocator(host: Host, uplink: Uplink): void {
    this.withNetlink(host, (netlink) => removeUplink(netlink, host, uplink));
    this.absent.add(uplinkName(host, uplink));
  }
  addLocator(host: Host, uplink: Uplink): void {
    this.withNetlink(host, (netlink) => addUplink(netlink, host, uplink));
    this.absent.delete(uplinkName(host, uplink));
  }

  private withNetlink(host: Host, use: (netlink: Rtnetlink) => void): void {
    const netlink = new Rtnetlink(this.entry.namespace(host));
    try {
      use(netlink);
    } finally {
      netlink.close();
    }
  }

  /** A host's contexts with the other host; none when it runs no rehome or does not answer. */
  async contexts(host: Host): Promise<readonly ContextJson[]> {
    const daemon = this.daemons.get(host);
    if (daemon === undefined) return [];
    const { contexts } = await daemon.client.contexts().catch(() => ({ contexts: [] }));
    return contexts;
  }

  /**
   * The context that the payload of a ULID pair goes by, named by the host's own uplink and the peer's. Whoever asks its
   * peer whether the context was lost (I2BIS-SENT) uses it meanwhile (RFC 5533 §11).
   */
  async context(host: Host, own: Uplink = 1, peers: Uplink = 1): Promise<ContextJson | undefined> {
    const local = this.address(host, own);
    const peer = this.address(otherHost(host), peers);
    return (await this.contexts(host)).find(
      (c) => CARRIES.has(c.state) && c.ulids.local === local && c.ulids.peer === peer,
    );
  }

  /** Where both hosts send the payload of a ULID pair; without a context, where the ULIDs lead. */
  async currentPaths(a: Uplink = 1, b: Uplink = 1): Promise<CurrentPaths> {
    const [inA, inB] = await Promise.all([this.context('A', a, b), this.context('B', b, a)]);
    return {
      AtoB: pathOfPair(inA?.pair ?? { local: this.address('A', a), peer: this.address('B', b) }),
      BtoA: pathOfPair(inB?.pair ?? { local: this.address('B', b), peer: this.address('A', a) }),
    };
  }

  /** Ends everything and removes every trace. Idempotent. */
  stop(): Promise<void> {
    this.stopping ??= this.tearDown();
    return this.stopping;
  }

  private async tearDown(): Promise<void> {
    for (const child of this.children) child.kill('SIGTERM');
    await Promise.all([...this.daemons.values()].map((daemon) => daemon.stop()));
    await this.emulator.stop();
    close(this.tun);
    await this.entry.release();
  }
}

const pathOfPair = (pair: { local: string; peer: string }): OneWayPath | undefined =>
  pathOf(parseAddress(pair.local), parseAddress(pair.peer));

const ids = (paths: readonly OneWayPath[]): number[] => paths.map((p) => p.id);
