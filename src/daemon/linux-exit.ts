import { ExitRouting } from '../dataplane/exit/routing.js';
import type { Refusal } from '../dataplane/exit/layout.js';
import { ExitPrograms } from '../dataplane/exit/programs.js';
import { Rtnetlink } from '../linux/netlink/client.js';
import { RTPROT_REHOME } from '../linux/netlink/constants.js';
import { NetlinkEvents, type NetlinkEvent } from '../linux/netlink/events.js';
import { isLinkUp, type Link } from '../linux/netlink/link.js';
import { TABLE_LOCAL, TABLE_MAIN, type Route } from '../linux/netlink/route.js';
import { readSysctl } from '../linux/netns.js';
import type { FdPoller } from '../linux/poller.js';
import { openIcmpSender, type RawSocket } from '../linux/rawsocket.js';
import { formatPrefix } from '../wire/prefix.js';
import type { ExitConfig } from './exit/config.js';
import { NextHops } from './exit/next-hops.js';
import { buildNotice, noticeTo } from './exit/notice.js';
import type { ExitHooks, ExitRouter, ExitUplinkView, ExitView } from './exit/router.js';
import { uplinkStatus, type InterfaceFacts, type UplinkStatus } from './exit/state.js';

const KERNEL_ROUTE = 2;

/** What the system looks like to an exit router. */
interface Seen {
  readonly links: ReadonlyMap<string, Link>;
  readonly routes: readonly Route[];
}

/** An exit router in this network namespace: the kernel forwards by rules that this object keeps up to date. */
export class LinuxExit implements ExitRouter {
  readonly #config: ExitConfig;
  readonly #hooks: ExitHooks;
  readonly #netlink: Rtnetlink;
  readonly #nextHops: NextHops;
  readonly #routing: ExitRouting;
  readonly #programs: ExitPrograms;
  readonly #sender: RawSocket;
  readonly #undo: (() => void)[] = [];
  #status: readonly { readonly status: UplinkStatus; readonly since: Date }[] = [];
  #seen: Seen = { links: new Map(), routes: [] };
  #noticesSent = 0;
  #noticesNotSent = 0;
  #refresh: NodeJS.Immediate | undefined;

  /** All or nothing. @throws NetlinkError, SyscallError, REHOME_E_DEVICE_TAKEN */
  constructor(poller: FdPoller, config: ExitConfig, hooks: ExitHooks) {
    this.#config = config;
    this.#hooks = hooks;
    try {
      this.#netlink = this.#keep(new Rtnetlink());
      this.#nextHops = new NextHops(this.#netlink);
      this.#routing = this.#keep(new ExitRouting(this.#netlink));
      this.#sender = this.#keep(openIcmpSender({ poller }));
      const prefixes = config.uplinks.flatMap((u, uplink) =>
        u.prefixes.map((prefix) => ({ prefix, uplink })),
      );
      this.#programs = this.#keep(
        new ExitPrograms(prefixes, this.#routing.ifindex, poller, (r) => this.#guarded(() => this.#refused(r))), // prettier-ignore
      );
      this.#keep(
        new NetlinkEvents(poller, ['link', 'route6', 'neighbour'], (event) =>
          this.#guarded(() => this.#heard(event)),
        ),
      );
      this.#update();
      const timer = setInterval(() => this.#guarded(() => this.#ask()), config.check);
      this.#undo.push(() => clearInterval(timer));
      this.#ask();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #keep<T extends { close(): void }>(part: T): T {
    this.#undo.push(() => part.close());
    return part;
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#hooks.onError(error);
    }
  }

  #heard(event: NetlinkEvent): void {
    if (event.kind === 'neighbour') {
      if (event.removed) this.#nextHops.forgotten(event.value);
      else if (this.#nextHops.heard(event.value)) this.#updateSoon();
      return;
    }
    // Our own routes are no news, and cached ones of the local table neither.
    const { kind } = event;
    if (kind === 'route' && event.value.protocol === RTPROT_REHOME) return;
    if (kind === 'route' && event.value.table === TABLE_LOCAL) return;
    this.#updateSoon();
  }

  #updateSoon(): void {
    this.#refresh ??= setImmediate(() => {
      this.#refresh = undefined;
      this.#guarded(() => this.#update());
    });
  }

  #update(): void {
    const links = new Map(this.#netlink.links().map((l) => [l.name, l]));
    this.#seen = { links, routes: this.#netlink.routes().filter((r) => r.table === TABLE_MAIN) };
    const before = this.#status;
    const now = new Date();
    this.#status = this.#config.uplinks.map((uplink, i) => {
      const status = uplinkStatus(uplink, this.#facts(uplink.interface), (address, ifindex) =>
        this.#nextHops.isSilent(address, ifindex),
      );
      const old = before[i];
      return { status, since: old?.status.state === status.state ? old.since : now };
    });
    this.#routing.apply({
      uplinks: this.#config.uplinks.map(({ prefixes }, i) => {
        const { state, ifindex, nextHop: gateway } = this.#status[i]?.status ?? DOWN;
        return { prefixes, out: state === 'up' ? { ifindex, gateway } : undefined };
      }),
      outside: this.#outside().map((l) => l.name),
    });
    this.#watch();
    this.#report(before.map((b) => b.status));
  }

  #facts(name: string): InterfaceFacts | undefined {
    const link = this.#seen.links.get(name);
    if (link === undefined) return undefined;
    const [best] = this.#seen.routes
      .filter((r) => r.destination.length === 0 && r.type === 'unicast')
      .filter((r) => r.nexthops.some((n) => n.index === link.index))
      .sort((a, b) => a.metric - b.metric);
    const gateway = best?.nexthops.find((n) => n.index === link.index)?.gateway;
    return {
      ifindex: link.index,
      up: isLinkUp(link),
      defaultRoute: best === undefined ? undefined : { gateway },
    };
  }

  /** Uplinks' interfaces with nothing of the site behind them. */
  #outside(): Link[] {
    const names = new Set(this.#config.uplinks.map((u) => u.interface));
    for (const name of this.#config.inside) names.delete(name);
    return [...names].flatMap((name) => this.#seen.links.get(name) ?? []);
  }

  #watch(): void {
    const outside = new Set(this.#outside().map((l) => l.index));
    const byIndex = new Map<number, number[]>();
    this.#status.forEach(({ status: { ifindex } }, i) => {
      if (ifindex !== 0) byIndex.set(ifindex, [...(byIndex.get(ifindex) ?? []), i]);
    });
    this.#programs.watch(
      [...byIndex].map(([ifindex, uplinks]) => ({ ifindex, uplinks, guard: outside.has(ifindex) })),
    );
  }

  #report(before: readonly UplinkStatus[]): void {
    this.#status.forEach(({ status }, i) => {
      const uplink = this.#config.uplinks[i];
      const old = before[i];
      if (uplink === undefined || old?.state === status.state) return;
      if (old === undefined && status.state === 'up') return;
      const detail = { uplink: uplink.name, interface: uplink.interface, state: status.state };
      this.#hooks.note(status.state === 'up' ? 'info' : 'warn', `exit-uplink-${status.state === 'up' ? 'up' : 'down'}`, detail); // prettier-ignore
      if (status.state === 'up') this.#ask();
    });
  }

  #ask(): void {
    for (const { status } of this.#status) {
      const { state, nextHop, ifindex } = status;
      if (nextHop === undefined || (state !== 'up' && state !== 'next-hop-silent')) continue;
      this.#nextHops.ask(nextHop, ifindex);
    }
  }

  #refused(refusal: Refusal): void {
    const { unknownSource, uplinkDown } = this.#config;
    const wish = refusal.reason === 'uplink-down' ? uplinkDown : unknownSource;
    if (wish === 'drop') return;
    const to = noticeTo(refusal.packet);
    if (to === undefined) return;
    // Only into the site: an answer to a forged source is not sent out to whom it names.
    const route = this.#netlink.routeFor({ destination: to });
    const away = [this.#routing.ifindex, ...this.#outside().map((l) => l.index)];
    const from = route?.preferredSource;
    const reachable = route !== undefined && !away.includes(route.index) && from !== undefined;
    if (reachable && this.#sender.send(buildNotice(refusal, from, to)) === 0) this.#noticesSent++;
    else this.#noticesNotSent++;
  }

  view(): ExitView {
    const { inside, unknownSource, uplinkDown, uplinks } = this.#config;
    return {
      uplinks: uplinks.map((uplink, i): ExitUplinkView => {
        const { name, interface: on, prefixes, nextHop } = uplink;
        const { status, since } = this.#status[i] ?? { status: DOWN, since: new Date(0) };
        const learned = nextHop === undefined;
        return { ...status, ...this.#programs.tally(i), name, interface: on, prefixes, learned, since }; // prettier-ignore
      }),
      inside,
      unknownSource,
      uplinkDown,
      unknownSourcePackets: this.#programs.counter('unknown-source'),
      wrongUplinkPackets: this.#programs.counter('wrong-uplink'),
      noticesSent: this.#noticesSent,
      noticesNotSent: this.#noticesNotSent + this.#programs.counter('notice-not-sent'),
      warnings: this.#warnings(),
    };
  }

  #warnings(): string[] {
    const out: string[] = [];
    if (readSysctl(undefined, 'net/ipv6/conf/all/forwarding') === '0') {
      out.push('this host does not forward: sysctl -w net.ipv6.conf.all.forwarding=1');
    }
    for (const link of this.#outside()) {
      const specific = this.#seen.routes.filter(
        (r) =>
          r.index === link.index && r.destination.length > 0 && r.protocol !== KERNEL_ROUTE && !isLocal(r), // prettier-ignore
      );
      for (const { destination } of specific) {
        out.push(
          `the route to ${formatPrefix(destination)} by ${link.name} is taken whatever the source`,
        );
      }
    }
    return out;
  }

  close(): void {
    if (this.#refresh !== undefined) clearImmediate(this.#refresh);
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) {
      this.#guarded(undo);
    }
  }
}

const DOWN: UplinkStatus = { state: 'no-interface', ifindex: 0, nextHop: undefined };

const isLocal = (route: Route): boolean => /^(fe80|ff)/.test(route.destination.address);
