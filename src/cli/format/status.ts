import type { SessionJson, StatusJson } from '../../control/schema.js';
import type { Colors } from '../io.js';
import { eventText } from './events.js';
import { pairText, pathText, samePair, ulidText, type Names } from './names.js';
import { plural, table } from './table.js';
import { ago, span } from './time.js';

/** `rehome status`: is my session protected, over which path, what happened last. */
export function formatStatus(status: StatusJson, colors: Colors): string {
  return [
    headline(status, colors),
    sessionLines(status, colors),
    lastLine(status, colors),
    ...samLines(status),
    ...securityLines(status, colors),
    daemonLine(status),
  ].join('');
}

function headline({ summary: s }: StatusJson, colors: Colors): string {
  const parts: string[] = [];
  if (s.protected > 0) parts.push(colors.green(`${plural(s.protected, 'session')} protected`));
  else parts.push('no session is protected');
  if (s.rehomed > 0) parts.push(`${s.rehomed} re-homed`);
  if (s.exploring > 0) parts.push(colors.yellow(`${s.exploring} looking for a path`));
  if (s.establishing > 0) parts.push(`${s.establishing} being set up`);
  if (s.refused > 0) parts.push(`${plural(s.refused, 'peer')} without Shim6`);
  return `${colors.bold(parts.join(', '))}\n`;
}

function sessionLines(status: StatusJson, colors: Colors): string {
  const rows = status.sessions.map((s) => [
    ` ${mark(s, colors)}`,
    ulidText(s.ulids) + fork(s),
    `over ${pairText(status.names, s.pair)}`,
    `(${storyOf(s, status.now, status.names)})`,
  ]);
  const more =
    status.sessionsOmitted > 0
      ? `   and ${status.sessionsOmitted} more: see \`rehome contexts\`\n`
      : '';
  return table(rows) + more;
}

const fork = (s: { forkedInstanceIdentifier: number }): string =>
  s.forkedInstanceIdentifier === 0 ? '' : ` #${s.forkedInstanceIdentifier}`;

function mark({ health }: SessionJson, colors: Colors): string {
  switch (health) {
    case 'protected':
    case 'rehomed':
      return colors.green('+');
    case 'exploring':
      return colors.yellow('!');
    case 'establishing':
      return colors.cyan('.');
    case 'unprotected':
      return '-';
  }
}

/** What a session is doing and why, in a few words. */
export function storyOf(session: SessionJson, now: string, names: Names): string {
  const recovery = session.lastRecovery;
  switch (session.health) {
    case 'protected':
      return recovery === null
        ? `protected, first path, ${session.since === null ? '' : sinceText(now, session.since)}`
        : `protected, last recovery ${ago(now, recovery.endedAt)}`;
    case 'rehomed': {
      if (recovery === null) return 're-homed';
      const when = `re-homed ${ago(now, recovery.endedAt)}`;
      return samePair(recovery.from, recovery.to)
        ? `${when}, same path again`
        : `${when}, provider path ${pathText(names, recovery.from)} silent`;
    }
    case 'exploring':
      return `looking for a working path${session.since === null ? '' : ` for ${since(now, session.since)}`}`;
    case 'establishing':
      return `setting up, ${session.state}`;
    case 'unprotected':
      return `not protected, ${session.state}`;
  }
}

const since = (now: string, at: string): string => span(Date.parse(now) - Date.parse(at));
const sinceText = (now: string, at: string): string => `quiet for ${since(now, at)}`;

function lastLine({ lastEvent, now, names }: StatusJson, colors: Colors): string {
  if (lastEvent === null) return 'last: nothing has happened yet\n';
  const whom = lastEvent.ulids === null ? '' : `  (${ulidText(lastEvent.ulids)})`;
  return `last: ${ago(now, lastEvent.at)}, ${eventText(lastEvent, colors, names)}${whom}\n`;
}

function samLines({ sam }: StatusJson): string[] {
  if (sam === null) return [];
  const where = sam.zones.length === 0 ? 'no zone yet' : `in ${sam.zones.join(', ')}`;
  const drops =
    sam.dropped === 0 ? '' : `, ${plural(sam.dropped, 'packet')} dropped (rehome sam zone)`;
  return [
    `sam: ${sam.role} ${where}, ${plural(sam.addresses, 'global address', 'global addresses')}${drops}\n`,
  ];
}

function securityLines(status: StatusJson, colors: Colors): string[] {
  const { security } = status.daemon;
  if (security !== 'none')
    return [
      `security: ${security}\n`,
      ...status.warnings.map((w) => colors.yellow(`warning: ${w}\n`)),
    ];
  return [
    colors.bold(colors.red('security: none\n')),
    ...status.warnings.map(
      (w, i) => (i === 0 ? colors.red : colors.yellow)(`warning: ${w}`) + '\n',
    ),
  ];
}

function daemonLine({ daemon, locators, now }: StatusJson): string {
  const up = span(Date.parse(now) - Date.parse(daemon.startedAt));
  return (
    `daemon: ${daemon.version}, pid ${daemon.pid}, up ${up}, profile ${daemon.profile}, ` +
    `data path ${daemon.dataPath}, ${locators.operational} of ${plural(locators.total, 'locator')} usable\n`
  );
}
