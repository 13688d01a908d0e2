import { addressFromBytes, parseAddress, type Address } from '../../wire/address.js';
import { buildEcho, parseIcmpv6, readEcho } from '../../wire/icmpv6.js';
import { parsePrefix, prefixContains, prefixOf } from '../../wire/prefix.js';
import { figure1, figure7, type Figure1, type Figure7 } from './figures.js';
import { DRAFT, figure7Nodes, PREFIX_A, PREFIX_B } from './figure7-facts.js';
import type { GlobalInternet } from './internet.js';
import { SamLink } from './link.js';
import { SamNode } from './node.js';
import type { NodeReport, PassageReport, PhaseReport, SamReport } from './report.js';

const FAR = parseAddress('2001:db8:f::1');
const SETTLED = 60_000;
const STEP = 10;
const HOP_LIMIT = 7;
const WAIT = 500;

/** Figure 7 or 1 in memory, with the same engine: autoconfiguration, every prefix, a provider that dies. No Shim6, no `[exit]`. */
export function demonstrateInMemory(figure: 7 | 1, seed: string): SamReport {
  return figure === 7 ? inFigure7(seed) : inFigure1(seed);
}

function inFigure7(seed: string): SamReport {
  const f = figure7(seed);
  f.clock.run(SETTLED);
  echoHost(f.internet, FAR);
  const autoconfigurationMs = timeToConfigure(f);
  const sources = Object.entries(DRAFT.addresses);
  const follow = (dead: boolean): PassageReport[] =>
    sources.map(([name, source]) => {
      const isp = name.startsWith('A') ? 'ispA' : 'ispB';
      const arrives = !dead || isp === 'ispA';
      return passage(f, f.host, { name, source, peer: FAR }, providerOf7, isp, arrives);
    });
  const phases: PhaseReport[] = [
    { name: 'sam', title: 'SAM: each source by its own gateway', passages: follow(false) },
  ];
  f.internet.detach(f.prefixB);
  phases.push({
    name: 'dead',
    title: 'provider B is dead: new packets by A',
    passages: follow(true),
  });
  return report(7, seed, figure7Nodes(DRAFT), phases, autoconfigurationMs);
}

function inFigure1(seed: string): SamReport {
  const f = figure1(seed);
  const { clock, random, internet } = f;
  const link = new SamLink(clock, random.fork('link S'), { name: 'S' });
  const subnet = parsePrefix('fcf0::/64');
  const links = [{ link, octets: 1, subnet }];
  const gateway = new SamNode({
    name: 'S',
    clock,
    random,
    zones: [{ name: 'S', role: 'gateway', links }],
  });
  gateway.connect(internet, parsePrefix('2001:db8:5::/48'));
  const other = new SamNode({
    name: 's',
    clock,
    random,
    zones: [{ name: 'S', role: 'child', links: [{ link, octets: 1 }] }],
  });
  clock.run(SETTLED);
  const [own] = other.addresses;
  const peer = own?.address ?? FAR;
  const host = f.hosts.f;
  const passages = host.addresses.map(({ address }, i) =>
    passage(
      { ...f, answer: () => answerAll(other, peer) },
      host,
      { name: `f${i + 1}`, source: address, peer },
      providerOf1,
      providerOf1(address) ?? '',
      true,
    ),
  );
  const nodes: NodeReport[] = [
    ...Object.entries(f.routers),
    ['S', gateway] as const,
    ['f', host] as const,
    ['s', other] as const,
  ].map(([name, node]) => ({ name, addresses: node.locals, prefixes: node.prefixes }));
  const title = 'from the lowest zone to the other site, by each prefix';
  return report(1, seed, nodes, [{ name: 'zones', title, passages }], null);
}

function report(
  figure: 7 | 1,
  seed: string,
  nodes: readonly NodeReport[],
  phases: readonly PhaseReport[],
  autoconfigurationMs: number | null,
): SamReport {
  const reasons = phases.flatMap((p) =>
    p.passages
      .filter((x) => !x.expected)
      .map((x) => `${p.name}: ${x.name} (${x.source}) did not go as it should`),
  );
  return {
    schema: 1,
    kind: 'sam',
    figure,
    world: 'memory',
    seed,
    ok: reasons.length === 0,
    reasons,
    nodes,
    autoconfigurationMs,
    phases,
    session: null,
  };
}

const providerOf7 = (source: Address): string | null =>
  prefixContains(parsePrefix(PREFIX_A), source)
    ? 'ispA'
    : prefixContains(parsePrefix(PREFIX_B), source)
      ? 'ispB'
      : null;
const providerOf1 = (source: Address): string | null =>
  source.startsWith('2001:db0:') ? 'A' : source.startsWith('2001:db1:') ? 'B' : null;

/** A host that comes to the site later: milliseconds until it has an address below each provider. */
function timeToConfigure(f: Figure7): number {
  const late = new SamNode({
    name: 'late',
    clock: f.clock,
    random: f.random,
    zones: [{ name: 'site', role: 'child', links: [{ link: f.link }] }],
  });
  const began = f.clock.now();
  while (late.addresses.length < 2 && f.clock.now() < began + SETTLED) f.clock.run(STEP);
  const took = f.clock.now() - began;
  late.stop();
  return took;
}

/** A host on the Internet that answers echo requests, and notes them. */
function echoHost(internet: GlobalInternet, address: Address): void {
  const send = internet.attach(prefixOf(address, 64), (packet) => {
    const reply = answer(packet);
    if (reply !== undefined) send(reply);
  });
}

function answer(packet: Uint8Array): Uint8Array | undefined {
  const message = parseIcmpv6(packet);
  const echo = message.ok ? readEcho(message) : undefined;
  if (!message.ok || echo === undefined || echo.reply) return undefined;
  const { source, destination } = message.header;
  return buildEcho(destination, source, { ...echo, reply: true });
}

/** A SAM host answers what has come to it. @returns the requests */
function answerAll(node: SamNode, own: Address): Uint8Array[] {
  const requests = node.received.splice(0).filter((p) => addressFromBytes(p, 24) === own);
  for (const packet of requests) {
    const reply = answer(packet);
    if (reply !== undefined) node.send(reply);
  }
  return requests;
}

type World = Pick<Figure1, 'clock' | 'internet'> & { readonly answer?: () => Uint8Array[] };

/** One echo request of a node, followed through the Internet in memory. */
function passage(
  world: World,
  node: SamNode,
  { name, source, peer }: { name: string; source: string; peer: Address },
  providerOf: (source: Address) => string | null,
  by: string,
  arrives: boolean,
): PassageReport {
  const { clock, internet } = world;
  const from = parseAddress(source);
  const leftBy: string[] = [];
  internet.tap = (packet, prefix) => {
    const left = providerOf(prefix.address);
    if (addressFromBytes(packet, 8) === from && left !== null) leftBy.push(left);
  };
  const request = buildEcho(from, peer, {
    reply: false,
    identifier: 1,
    sequence: 1,
    data: new TextEncoder().encode(name),
  });
  node.received.splice(0);
  node.send(request);
  const sentAt = clock.now();
  let rttMs: number | null = null;
  let came: Uint8Array | undefined;
  while (rttMs === null && clock.now() < sentAt + WAIT) {
    clock.run(1);
    came = world.answer?.()[0] ?? came;
    const reply = node.received.find((p) => isReply(p, peer));
    if (reply !== undefined) rttMs = clock.now() - sentAt;
  }
  internet.tap = undefined;
  const expected = leftBy.join() === by && (rttMs !== null) === arrives;
  return {
    name,
    source: from,
    destination: peer,
    leftBy,
    arrived: rttMs !== null || came !== undefined,
    rttMs,
    error: null,
    unchanged: came === undefined ? null : same(request, came),
    expected,
  };
}

function isReply(packet: Uint8Array, peer: Address): boolean {
  const message = parseIcmpv6(packet);
  return message.ok && readEcho(message)?.reply === true && message.header.source === peer;
}

const same = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((octet, i) => i === HOP_LIMIT || octet === b[i]);
