import type {
  ContextJson,
  ContextReplyJson,
  ContextsJson,
  LocatorJson,
} from '../../control/schema.js';
import type { Colors } from '../io.js';
import { eventLine } from './events.js';
import { pairText, ulidText, type Names } from './names.js';
import { pathTable } from './paths.js';
import { table } from './table.js';
import { ago, span } from './time.js';

export const namesOf = (contexts: readonly ContextJson[]): Names =>
  Object.fromEntries(
    contexts
      .flatMap((c) => [...c.localLocators, ...c.peerLocators])
      .flatMap((l) => (l.name === null ? [] : [[l.address, l.name]])),
  );

export function healthText(health: ContextJson['health'], colors: Colors): string {
  switch (health) {
    case 'protected':
      return colors.green('protected');
    case 'rehomed':
      return colors.green('re-homed');
    case 'exploring':
      return colors.yellow('exploring');
    default:
      return health;
  }
}

/** `rehome contexts`: one line each. */
export function formatContexts({ contexts, now }: ContextsJson, colors: Colors): string {
  if (contexts.length === 0)
    return 'no contexts: no flow has met the [trigger] of the configuration yet\n';
  const names = namesOf(contexts);
  const rows = contexts.map((c) => [
    c.tag ?? '-',
    c.state,
    healthText(c.health, colors),
    ulidText(c.ulids),
    pairText(names, c.pair),
    c.initiator ? 'initiator' : 'responder',
    ago(now, c.lastActivity),
  ]);
  const head = ['TAG', 'STATE', 'HEALTH', 'ULIDS', 'PATH', 'ROLE', 'LAST ACTIVE'].map(colors.dim);
  return table([head, ...rows]);
}

/** `rehome context TAG`: everything of one. */
export function formatContext(reply: ContextReplyJson, colors: Colors): string {
  const { context: c, now, paths, events } = reply;
  const names = namesOf([c]);
  const facts: [string, string][] = [
    ['ULIDs', ulidText(c.ulids)],
    ['state', `${c.state}, ${healthText(c.health, colors)}`],
    ['path', pairText(names, c.pair)],
    ['extension header', c.shimmed ? 'yes' : 'no, packets leave unmodified'],
    ['tags', `${c.tag ?? '-'} here, ${c.peerTag ?? '-'} at the peer`],
    ['role', c.initiator ? 'initiator' : 'responder'],
    ['established', ago(now, c.establishedAt)],
    ['last active', ago(now, c.lastActivity)],
  ];
  if (c.forkedInstanceIdentifier !== 0)
    facts.push(['forked instance', String(c.forkedInstanceIdentifier)]);
  if (c.reap !== null) facts.push(...reapFacts(c.reap, now, names));
  const sections = [
    table(facts.map(([k, v]) => [colors.dim(k), v])),
    `\n${colors.bold('our locators')}\n${locatorTable(c.localLocators, colors)}`,
    `\n${colors.bold("the peer's locators")}\n${locatorTable(c.peerLocators, colors)}`,
  ];
  if (paths.length > 0)
    sections.push(`\n${colors.bold('paths')}\n${pathTable(paths, names, now, colors)}`);
  if (events.length > 0)
    sections.push(
      `\n${colors.bold('events')}\n${events.map((e) => eventLine(e, colors, names)).join('')}`,
    );
  return sections.join('');
}

function reapFacts(
  reap: NonNullable<ContextJson['reap']>,
  now: string,
  names: Names,
): [string, string][] {
  const facts: [string, string][] = [
    ['REAP', `${reap.state}, ${ago(now, reap.since)}`],
    ['send timeout', span(reap.sendTimeoutMs)],
    ['keepalive timeout', span(reap.keepaliveTimeoutMs)],
    ['probes', `${reap.probesSent} sent, ${reap.probesReceived} received`],
    ['keepalives', `${reap.keepalivesSent} sent, ${reap.keepalivesReceived} received`],
  ];
  const r = reap.lastRecovery;
  if (r !== null) {
    const noticed =
      r.detectionMs === null ? 'the peer noticed' : `noticed after ${span(r.detectionMs)}`;
    facts.push([
      'last recovery',
      `${ago(now, r.endedAt)}: ${noticed}, explored ${span(r.explorationMs)} with ${r.probesSent} probes, ` +
        `${pairText(names, r.from)} became ${pairText(names, r.to)}`,
    ]);
  }
  return facts;
}

const METHODS: Readonly<Record<number, string>> = { 1: 'HBA', 2: 'CGA' };

export const verificationText = (l: LocatorJson, colors: Colors): string =>
  l.verified
    ? `verified (${METHODS[l.method] ?? `method ${l.method}`})`
    : colors.red('not verified');

export function locatorTable(locators: readonly LocatorJson[], colors: Colors): string {
  if (locators.length === 0) return '  none\n';
  return table(
    locators.map((l) => [
      `  ${l.address}`,
      l.name ?? '',
      `priority ${l.priority}`,
      `weight ${l.weight}`,
      verificationText(l, colors),
      [l.broken ? colors.red('BROKEN') : '', l.transient ? 'TRANSIENT' : '']
        .filter((t) => t !== '')
        .join(' '),
    ]),
  );
}
