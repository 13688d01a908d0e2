import type { SamJson } from '../../control/schema.js';
import type { Colors } from '../io.js';
import { table } from './table.js';
import { span } from './time.js';

type Zone = SamJson['zones'][number];

/** `rehome sam zone`: every zone as a tree, from its parents down to its children. */
export function formatZones(sam: SamJson, colors: Colors): string {
  const parts = sam.zones.map((zone) => drawZone(sam, zone, colors));
  const native = sam.providers.map((p) => `${p.prefix} from the provider at ${p.interface}\n`);
  const gateway = sam.addresses.filter((a) => a.local === null);
  native.push(
    ...gateway.map((a) => `${a.address} is this host, as the gateway of ${a.delegated}\n`),
  );
  return [...native, ...parts, dropLines(sam, colors)].join('');
}

const left = (seconds: number | null): string =>
  seconds === null ? 'for ever' : `${span(seconds * 1_000)} left`;

function drawZone(sam: SamJson, zone: Zone, colors: Colors): string {
  const what = zone.role === 'gateway' ? 'we are a gateway of it' : 'we are in it';
  const under = zone.constant === null ? 'nothing heard of it yet' : `local addresses under ${zone.constant}`; // prettier-ignore
  const branches = [
    ...zone.parents.map((p) => parentLines(p, colors)),
    ...zone.links.map((l) => linkLines(sam, zone, l, colors)),
    ...zone.children.map((c) => childLines(c, colors)),
  ];
  const drawn = branches.map(([head = '', ...rest], i) => {
    const last = i === branches.length - 1;
    return [
      `${last ? '└─' : '├─'} ${head}\n`,
      ...rest.map((line) => `${last ? ' ' : '│'}    ${line}\n`),
    ].join('');
  });
  return `${colors.bold(`zone ${zone.name}`)}: ${what}, ${under}\n${drawn.join('')}`;
}

function away(hopCount: number | null): string {
  if (hopCount === null || hopCount === 0) return '';
  return hopCount === 1 ? '1 router away' : `${hopCount} routers away`;
}

function parentLines(parent: Zone['parents'][number], colors: Colors): string[] {
  const rows = parent.prefixes.map((p) => [
    p.prefix,
    left(p.validSeconds),
    p.deprecated ? colors.yellow('not for new connections') : '',
    away(p.hopCount),
  ]);
  const whose = parent.ours ? colors.green('  (this host)') : '';
  return [`parent ${parent.local}${whose}`, ...lines(table(rows))];
}

function linkLines(
  sam: SamJson,
  zone: Zone,
  link: Zone['links'][number],
  colors: Colors,
): string[] {
  const state = link.state === 'assigned' ? '' : colors.yellow(`  ${link.state}`);
  const says = link.advertising ? ', advertising' : '';
  const head = `${link.name} ${link.local ?? ''}${state}${colors.green(`  (this host${says})`)}`;
  const own = sam.addresses.filter(
    (a) => a.zone === zone.name && a.local !== null && a.local === link.local,
  );
  const rows = own.map((a) => [
    a.address,
    `of ${a.delegated}`,
    `by ${a.parents.join(', ')}`,
    a.deprecated ? colors.yellow('not for new connections') : left(a.validSeconds),
    a.provable ? '' : colors.dim('cannot be proven'),
  ]);
  return [head, ...lines(table(rows))];
}

function childLines(child: Zone['children'][number], colors: Colors): string[] {
  const state = child.reachable ? '' : colors.yellow('  does not answer');
  return [`child ${child.local} on ${child.interface}${state}`, ...child.delegated];
}

const lines = (text: string): string[] => text.split('\n').filter((l) => l !== '');

function dropLines(sam: SamJson, colors: Colors): string {
  const drops = Object.entries(sam.counters).filter(
    ([name, n]) => name.startsWith('drop-') && n > 0,
  );
  if (drops.length === 0) return 'no packet dropped\n';
  const rows = drops.map(([name, n]) => [` ${name.slice('drop-'.length)}`, String(n)]);
  return `${colors.yellow('packets dropped')}\n${table(rows, [1])}`;
}
