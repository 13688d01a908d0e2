import { RehomeError } from '../../wire/errors.js';
import { UNSPECIFIED, type Address } from '../../wire/address.js';
import type { Prefix } from '../../wire/prefix.js';
import { RTPROT_REHOME } from '../../linux/netlink/constants.js';
import type { Rtnetlink } from '../../linux/netlink/client.js';
import type { Link } from '../../linux/netlink/link.js';
import { TABLE_MAIN, type NewRoute } from '../../linux/netlink/route.js';
import type { NewRule, Rule } from '../../linux/netlink/rule.js';

/** Where packets go that may not go out; its name, and that of its other end. */
export const EXIT_DEVICE = 'exit0';
const PEER = `${EXIT_DEVICE}p`;
/** "rhexit" in a locally administered address, and the end's number: how our devices are recognised. */
const macOf = (end: 0 | 1): Uint8Array => Uint8Array.of(0x02, 0x72, 0x68, 0x65, 0x78, end);
/** Longer than any link's: what is refused is not first too big. */
const DEVICE_MTU = 65_535;

/** The table that leads to exit0, then one for each uplink. Also the first of our rules' priorities. */
export const EXIT_TABLE = 5600;
const TABLES = 17;
const PRIORITY = {
  /** The site itself, and whatever else has a route of its own. */
  known: 5600,
  /** Our prefixes, where the site has no route for them: not out, or the provider sends them back. */
  unassigned: 5601,
  /** Less the prefix length: the longest comes first. */
  source: 5730,
  passing: 5731,
  unknown: 5732,
  end: 5733,
} as const;

const EVERYTHING: Prefix = { address: UNSPECIFIED, length: 0 };
/** The way out is preferred to exit0, which is always there. */
const METRIC = { out: 100, refused: 1_000 } as const;

/** What the rules have to say of one uplink. */
export interface ExitUplink {
  readonly prefixes: readonly Prefix[];
  /** Where its packets go; undefined: it is down. */
  readonly out: { readonly ifindex: number; readonly gateway: Address | undefined } | undefined;
}

export interface ExitRoutingPlan {
  readonly uplinks: readonly ExitUplink[];
  /** Names of interfaces that nothing of the site is behind: what comes in there is not judged by its source. */
  readonly outside: readonly string[];
}

/**
 * The rules of an exit router. Every rule and route has our protocol number; nothing else is read as ours or changed.
 *
 *   5600: from all lookup main suppress_prefixlength 0        what has a route other than the default one
 *   5601: to PREFIX unreachable                               ours, but nowhere in the site
 *   5730 - length: from PREFIX lookup 5601 + uplink           default by the uplink; metric 1000: exit0
 *   5731: iif lo | iif OUTSIDE goto 5733
 *   5732: from all lookup 5600                                default by exit0: sources of no uplink
 *   5733: nop
 */
export function wantedRules(plan: ExitRoutingPlan): NewRule[] {
  const passing = ['lo', ...plan.outside];
  return [
    { priority: PRIORITY.end, action: 'nop' },
    { priority: PRIORITY.unknown, table: EXIT_TABLE },
    ...passing.map((inputInterface): NewRule => {
      const { passing: priority, end: target } = PRIORITY;
      return { priority, action: 'goto', inputInterface, target };
    }),
    ...plan.uplinks.flatMap(({ prefixes }, i) =>
      prefixes.map((from): NewRule => {
        return { priority: PRIORITY.source - from.length, from, table: EXIT_TABLE + 1 + i };
      }),
    ),
    ...plan.uplinks.flatMap(({ prefixes }) =>
      prefixes.map((to): NewRule => ({ priority: PRIORITY.unassigned, action: 'unreachable', to })),
    ),
    { priority: PRIORITY.known, table: TABLE_MAIN, suppressPrefixLength: 0 },
  ];
}

/** exit0, our rules and our tables in the current network namespace, made to be as a plan says. */
export class ExitRouting {
  readonly #netlink: Rtnetlink;
  readonly ifindex: number;
  /** By table: what its default route is now. */
  readonly #out = new Map<number, NewRoute>();

  /** Removes what a killed predecessor left. @throws NetlinkError; REHOME_E_DEVICE_TAKEN when exit0 is not ours. */
  constructor(netlink: Rtnetlink) {
    this.#netlink = netlink;
    cleanUpExit(netlink);
    netlink.createVeth(
      { name: EXIT_DEVICE, mac: macOf(0), mtu: DEVICE_MTU },
      { name: PEER, mac: macOf(1), mtu: DEVICE_MTU },
    );
    this.ifindex = netlink.index(EXIT_DEVICE);
    for (const index of [netlink.index(PEER), this.ifindex]) {
      netlink.setLink(index, { noArp: true, addressGeneration: 'none' });
      netlink.setLink(index, { up: true });
    }
  }

  /** Idempotent: only differences are written, so that no packet finds half of it. @throws NetlinkError */
  apply(plan: ExitRoutingPlan): void {
    this.#refusing(EXIT_TABLE);
    plan.uplinks.forEach((uplink, i) => this.#setOut(EXIT_TABLE + 1 + i, uplink.out));
    const wanted = wantedRules(plan);
    const there = ours(this.#netlink.rules());
    for (const rule of wanted) {
      if (!there.some((r) => sameRule(r, rule))) this.#netlink.addRule(rule);
    }
    for (const rule of there) {
      if (!wanted.some((w) => sameRule(rule, w))) this.#netlink.deleteRule(asWritten(rule));
    }
  }

  #refusing(table: number): void {
    const { ifindex: index } = this;
    this.#netlink.replaceRoute({ destination: EVERYTHING, index, table, metric: METRIC.refused });
  }

  #setOut(table: number, out: ExitUplink['out']): void {
    this.#refusing(table);
    const before = this.#out.get(table);
    const after: NewRoute | undefined = out && {
      destination: EVERYTHING,
      index: out.ifindex,
      table,
      metric: METRIC.out,
      ...(out.gateway === undefined ? {} : { gateway: out.gateway }),
    };
    // The kernel may have taken it away with its link, so it is written again; the same once more changes nothing.
    if (after !== undefined) this.#netlink.replaceRoute(after);
    if (before !== undefined && !sameWay(before, after)) {
      // A replaced route may have left the one by another interface beside it.
      if (after === undefined || before.index !== after.index) this.#netlink.deleteRoute(before);
    }
    if (after === undefined) this.#out.delete(table);
    else this.#out.set(table, after);
  }

  /** Removes everything. Idempotent. */
  close(): void {
    cleanUpExit(this.#netlink);
  }
}

const sameWay = (a: NewRoute, b: NewRoute | undefined): boolean =>
  b !== undefined && a.index === b.index && a.gateway === b.gateway;

const isOurs = ({ mac, kind }: Link): boolean =>
  kind === 'veth' && [macOf(0), macOf(1)].some((m) => Buffer.compare(m, mac) === 0);

const ours = (rules: readonly Rule[]): Rule[] =>
  rules.filter(
    (r) =>
      r.protocol === RTPROT_REHOME && r.priority >= PRIORITY.known && r.priority <= PRIORITY.end,
  );

const samePrefix = (a: Prefix, b: Prefix | undefined): boolean =>
  a.length === (b?.length ?? 0) && a.address === (b?.address ?? UNSPECIFIED);

const sameRule = (a: Rule, b: NewRule): boolean =>
  a.priority === b.priority &&
  a.action === (b.action ?? 'table') &&
  samePrefix(a.from, b.from) &&
  samePrefix(a.to, b.to) &&
  (b.table === undefined || a.table === b.table) &&
  a.inputInterface === b.inputInterface;

/** A rule in the words that delete it. */
function asWritten(rule: Rule): NewRule {
  const { priority, action, table, from, to, inputInterface } = rule;
  return {
    priority,
    ...(action === 'other' ? {} : { action }),
    ...(action === 'table' ? { table } : {}),
    ...(action === 'goto' ? { target: PRIORITY.end } : {}),
    ...(from.length > 0 ? { from } : {}),
    ...(to.length > 0 ? { to } : {}),
    ...(inputInterface === undefined ? {} : { inputInterface }),
  };
}

/**
 * Removes exit0 and all our rules and routes of exit routers, whoever of us made them. Nothing else is touched.
 * @param lenient leaves a device of that name alone that is not ours
 * @throws RehomeError REHOME_E_DEVICE_TAKEN otherwise
 */
export function cleanUpExit(netlink: Rtnetlink, lenient = false): void {
  const links = [EXIT_DEVICE, PEER].flatMap((name) => netlink.link(name) ?? []);
  const [taken] = links.filter((link) => !isOurs(link));
  if (taken !== undefined && !lenient) {
    const { name } = taken;
    throw new RehomeError(
      'REHOME_E_DEVICE_TAKEN',
      `a device named ${name} exists and is not rehome's: rename it, or do without [exit]`,
      name,
    );
  }
  for (const rule of ours(netlink.rules())) netlink.deleteRule(asWritten(rule));
  for (const route of netlink.routes()) {
    const { protocol, table, destination, index, metric } = route;
    if (protocol !== RTPROT_REHOME || table < EXIT_TABLE || table >= EXIT_TABLE + TABLES) continue;
    netlink.deleteRoute({ destination, table, metric, ...(index === 0 ? {} : { index }) });
  }
  const [first] = links.filter(isOurs);
  if (first !== undefined) netlink.deleteLink(first.index); // takes the other end along
}
