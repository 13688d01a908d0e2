import type { PathJson, PathsJson } from '../../control/schema.js';
import type { Colors } from '../io.js';
import { nameOf, pairText, ulidText, type Names } from './names.js';
import { storyOf } from './status.js';
import { plural, table } from './table.js';
import { ago, rtt } from './time.js';

/** All pairs of one context in the order exploration would try them; the one in use is marked. */
export function pathTable(
  paths: readonly PathJson[],
  names: Names,
  now: string,
  colors: Colors,
): string {
  const head = ['', 'PATH', 'OUT', 'IN', 'RTT', 'LAST WORKED', 'LAST PROBED'].map(colors.dim);
  const rows = paths.map((p) => [
    p.current ? colors.green('*') : '',
    p.current ? colors.bold(pairText(names, p.pair)) : pairText(names, p.pair),
    directionText(p.outbound, colors),
    directionText(p.inbound, colors),
    rtt(p.rttMs),
    ago(now, p.lastWorked),
    ago(now, p.lastProbed),
  ]);
  return table([head, ...rows], [4]);
}

function directionText(state: PathJson['outbound'], colors: Colors): string {
  if (state === 'works') return colors.green('works');
  return state === 'silent' ? colors.red('silent') : colors.dim('unknown');
}

/** `rehome paths PEER`. */
export function formatPaths(reply: PathsJson, colors: Colors): string {
  const name = nameOf(reply.names, reply.peer);
  const title = name === reply.peer ? reply.peer : `${reply.peer} (${name})`;
  const parts = reply.contexts.map(({ session, paths }) => {
    const heading = `${ulidText(session.ulids)}  ${session.tag ?? '-'}  ${storyOf(session, reply.now, reply.names)}`;
    const body =
      paths.length === 0
        ? 'no paths known yet\n'
        : pathTable(paths, reply.names, reply.now, colors);
    return `\n${heading}\n${body}`;
  });
  return `${colors.bold(`peer ${title}`)}, ${plural(reply.contexts.length, 'context')}\n${parts.join('')}`;
}
