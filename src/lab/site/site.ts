import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { Rtnetlink } from '../../linux/netlink/client.js';
import { spawnIn } from '../../linux/netns.js';
import { PacketTap } from '../../linux/packetsocket.js';
import { FdPoller } from '../../linux/poller.js';
import { HostDaemon } from '../host-daemon.js';
import { LabEntry } from '../registry.js';
import { buildSite } from './build.js';
import { Pinger } from './pinger.js';
import type { SitePlan } from './plan.js';

/** Identifier of the echo requests of the first pinger. */
const FIRST_PINGER = 0x5a00;

/** A network of namespaces, built from a plan, as long as this object lives. */
export class Site {
  readonly entry: LabEntry;
  readonly plan: SitePlan;
  readonly poller = new FdPoller();
  private readonly daemons = new Map<string, HostDaemon>();
  private readonly pingers = new Map<string, Pinger>();
  private readonly taps: PacketTap[] = [];
  private readonly children = new Set<ChildProcess>();
  private stopping: Promise<void> | undefined;

  private constructor(entry: LabEntry, plan: SitePlan) {
    this.entry = entry;
    this.plan = plan;
  }

  /**
   * Builds it; nothing is left behind when that fails.
   * @throws SyscallError, NetlinkError, RehomeError REHOME_E_LAB_RUNNING
   */
  static async start(plan: SitePlan): Promise<Site> {
    const nodes = plan.nodes.map((n) => n.name);
    const entry = await LabEntry.claim(undefined, { name: plan.name, nodes });
    const site = new Site(entry, plan);
    try {
      buildSite(entry, plan);
      return site;
    } catch (error) {
      await site.stop();
      throw error;
    }
  }

  /** Runs `rehome up` in a node, with this configuration. @throws RehomeError REHOME_E_LAB_DAEMON */
  async daemon(node: string, configuration: string): Promise<HostDaemon> {
    await this.daemons.get(node)?.stop();
    const daemon = new HostDaemon(this.entry, node);
    daemon.write(configuration);
    this.daemons.set(node, daemon);
    await daemon.start();
    return daemon;
  }

  /** @throws RangeError when the node runs none */
  runningDaemon(node: string): HostDaemon {
    const daemon = this.daemons.get(node);
    if (daemon === undefined) throw new RangeError(`${node} runs no rehome`);
    return daemon;
  }

  /** Stops the daemons of all nodes, or of some. */
  async stopDaemons(nodes = [...this.daemons.keys()]): Promise<void> {
    await Promise.all(nodes.map((node) => this.daemons.get(node)?.stop()));
    for (const node of nodes) this.daemons.delete(node);
  }

  /** Starts a program in a node; it ends with the site at the latest. */
  spawn(
    node: string,
    command: string,
    args: readonly string[],
    options: SpawnOptions = {},
  ): ChildProcess {
    const child = spawnIn(this.entry.namespace(node), command, args, options);
    if (child.pid !== undefined) this.entry.add(child.pid, command);
    this.children.add(child);
    child.once('exit', () => this.children.delete(child));
    return child;
  }

  pinger(node: string): Pinger {
    const known = this.pingers.get(node);
    if (known !== undefined) return known;
    const identifier = FIRST_PINGER + this.pingers.size;
    const made = new Pinger(this.poller, this.entry.namespace(node), identifier);
    this.pingers.set(node, made);
    return made;
  }

  /** Hears every IPv6 packet of an interface until the site ends. */
  tap(
    node: string,
    name: string,
    onPacket: (packet: Uint8Array, sent: boolean) => void,
  ): PacketTap {
    const ifindex = this.withNetlink(node, (nl) => nl.index(name));
    const namespace = this.entry.namespace(node);
    const tap = new PacketTap({ poller: this.poller, namespace, ifindex, onPacket });
    this.taps.push(tap);
    return tap;
  }

  /** Netlink of a node, for as long as `use` takes. */
  withNetlink<T>(node: string, use: (netlink: Rtnetlink) => T): T {
    const netlink = new Rtnetlink(this.entry.namespace(node));
    try {
      return use(netlink);
    } finally {
      netlink.close();
    }
  }

  /** Ends everything and removes every trace. Idempotent. */
  stop(): Promise<void> {
    this.stopping ??= this.tearDown();
    return this.stopping;
  }

  private async tearDown(): Promise<void> {
    for (const child of this.children) child.kill('SIGTERM');
    for (const tap of this.taps) tap.close();
    for (const pinger of this.pingers.values()) pinger.close();
    await this.stopDaemons();
    this.poller.close();
    await this.entry.release();
  }
}
