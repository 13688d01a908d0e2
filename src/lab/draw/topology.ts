import {
  hostAddress,
  pathId,
  uplinkName,
  UPLINKS,
  type Host,
  type OneWayPath,
  type Uplink,
} from '../paths.js';
import type { FailoverReport } from '../../sim/report.js';
import type { Paint } from '../../sim/draw/paint.js';

/** What the drawing shows of the network at one moment. */
export interface TopologyView {
  /** Ids of the one-way paths that are stopped. */
  readonly stopped: ReadonlySet<number>;
  /** Where each direction's data goes; undefined: not known yet. */
  readonly current: {
    readonly AtoB: OneWayPath | undefined;
    readonly BtoA: OneWayPath | undefined;
  };
  /** Uplinks whose address is gone. */
  readonly missing?: ReadonlySet<string>;
  /** Addresses by uplink, when they are not the lab's own. */
  readonly locators?: FailoverReport['topology']['locators'];
}

const HOST_WIDTH = 21;
const CELL = 6;

/**
 * The testbed in ten lines of 78 columns, in the manner of seed 001, figure 3: every cell of the router's table is a
 * locator pair with its two one-way paths, `>` from A to B and `<` from B to A, `X` cut; the one in use stands out.
 */
export function drawTopology(view: TopologyView, paint: Paint): string[] {
  const header = UPLINKS.map((u) => uplinkName('B', u).padEnd(CELL)).join('');
  const inner = 4 + UPLINKS.length * CELL;
  const rule = (left: string, right: string, width: number, title: string): string =>
    `${left}─ ${title} ${'─'.repeat(width - title.length - 3)}${right}`;
  const lines = [
    `${rule('┌', '┐', HOST_WIDTH, 'host A')}   ${rule('┌', '┐', inner + 1, 'router')}   ${rule('┌', '┐', HOST_WIDTH, 'host B')}`,
    `│${' '.repeat(HOST_WIDTH)}│   │     ${paint.dim(header)}│   │${' '.repeat(HOST_WIDTH)}│`,
  ];
  for (const uplink of UPLINKS) {
    const cells = UPLINKS.map((b) => drawCell(view, uplink, b, paint)).join('');
    lines.push(
      `${hostBox(view, 'A', uplink, paint)}───┤ ${paint.dim(uplinkName('A', uplink))}  ${cells}├───${hostBox(view, 'B', uplink, paint)}`,
    );
  }
  const bottom = (width: number): string => `└${'─'.repeat(width)}┘`;
  lines.push(`${bottom(HOST_WIDTH)}   ${bottom(inner + 1)}   ${bottom(HOST_WIDTH)}`);
  return lines;
}

export const LEGEND = '> A to B  < B to A  ━▶ ◀━ data goes here  X cut without a word';

function hostBox(view: TopologyView, host: Host, uplink: Uplink, paint: Paint): string {
  const name = uplinkName(host, uplink);
  const gone = view.missing?.has(name) === true;
  const address = view.locators?.[host][uplink - 1] ?? hostAddress(host, uplink);
  const room = HOST_WIDTH - 3 - name.length;
  const text = `${name} ${gone ? '(removed)' : shortened(address, room)}`.padEnd(HOST_WIDTH - 2);
  const used = gone
    ? paint.dim
    : inUse(view, host, uplink)
      ? paint.strong
      : (t: string): string => t;
  return host === 'A' ? `│ ${used(text)} ├` : `┤ ${used(text)} │`;
}

/** An interface identifier made of a hash is too long to draw: its end tells it apart. */
function shortened(address: string, room: number): string {
  if (address.length <= room) return address;
  const end = address.slice(address.lastIndexOf(':') + 1);
  return `${address.slice(0, room - 1 - end.length).replace(/:$/, '')}…${end}`;
}

function inUse(view: TopologyView, host: Host, uplink: Uplink): boolean {
  return [view.current.AtoB, view.current.BtoA].some(
    (path) =>
      path !== undefined && (path.from === host ? path.source : path.destination) === uplink,
  );
}

function drawCell(view: TopologyView, a: Uplink, b: Uplink, paint: Paint): string {
  const forward = pathId('A', a, b);
  const back = pathId('B', b, a);
  const towards = mark(view, forward, view.current.AtoB, '━▶', ' >', paint);
  const from = mark(view, back, view.current.BtoA, '◀━', '< ', paint);
  return `${towards}${from}${' '.repeat(CELL - 4)}`;
}

function mark(
  view: TopologyView,
  id: number,
  current: OneWayPath | undefined,
  used: string,
  idle: string,
  paint: Paint,
): string {
  const isCurrent = current?.id === id;
  if (view.stopped.has(id)) {
    const cut = isCurrent ? used.replace(/[▶◀]/, 'X') : idle.replace(/[<>]/, 'X');
    return paint.bad(cut);
  }
  return isCurrent ? paint.good(used) : paint.dim(idle);
}
