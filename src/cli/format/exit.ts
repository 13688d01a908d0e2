import type { ExitJson, ExitUplinkJson } from '../../control/schema.js';
import type { Colors } from '../io.js';
import { plural, table } from './table.js';
import { ago } from './time.js';

const STATES: Readonly<Record<ExitUplinkJson['state'], string>> = {
  up: 'up',
  'no-interface': 'no such interface',
  'link-down': 'link is down',
  'no-default-route': 'no default route',
  'next-hop-silent': 'next hop does not answer',
};

/** `rehome exit`: the router drawn with its uplinks, which prefixes leave by each, and what did not go out. */
export function formatExit(reply: ExitJson, colors: Colors): string {
  if (!reply.router) return 'this host is no exit router: see [exit] in docs/config.md\n';
  const up = reply.uplinks.filter((u) => u.state === 'up').length;
  const title = `${plural(reply.uplinks.length, 'uplink')}, ${up} up`;
  const drawn = table(reply.uplinks.map((u, i) => row(reply, u, i, colors))).trimEnd();
  return [
    up === reply.uplinks.length ? title : colors.yellow(title),
    drawn,
    '',
    ...refusals(reply),
    ...reply.warnings.map((w) => colors.yellow(w)),
    '',
  ].join('\n');
}

function row(reply: ExitJson, uplink: ExitUplinkJson, at: number, colors: Colors): string[] {
  const last = at === reply.uplinks.length - 1;
  const corner = reply.uplinks.length === 1 ? '─' : at === 0 ? '┬' : last ? '└' : '├';
  const site = at === 0 ? 'site ──' : '       ';
  const works = uplink.state === 'up';
  const state = `${STATES[uplink.state]} (${ago(reply.now, uplink.since)})`;
  const via = uplink.nextHop === null ? 'to its other end' : `via ${uplink.nextHop}`;
  return [
    `  ${site}${corner}${works ? '──▶' : '─X '} ${colors.bold(uplink.name)}`,
    `${uplink.interface} ${via}${uplink.learned ? ' (learned)' : ''}`,
    works ? colors.green(state) : colors.red(state),
    `from ${uplink.prefixes.join(', ')}`,
    `${uplink.sentPackets} out, ${uplink.receivedPackets} in` +
      (uplink.refusedPackets > 0 ? `, ${colors.red(`${uplink.refusedPackets} refused`)}` : ''),
  ];
}

function refusals(reply: ExitJson): string[] {
  const { unknownSourcePackets, wrongUplinkPackets, noticesSent, noticesNotSent } = reply;
  const told = reply.unknownSource === 'notify' ? 'the sender is told, code 5' : 'dropped';
  return [
    `sources of no uplink   ${plural(unknownSourcePackets, 'packet')} refused (${told})`,
    ...(wrongUplinkPackets > 0
      ? [`by a wrong uplink      ${plural(wrongUplinkPackets, 'packet')} refused (${told})`]
      : []),
    `notices to hosts       ${noticesSent} sent, ${noticesNotSent} not`,
  ];
}
