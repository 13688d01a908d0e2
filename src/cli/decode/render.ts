import {
  meaning,
  type Fields,
  type FieldValue,
  type PacketView,
} from '../../wire/shim6/describe/index.js';
import { printable, type Colors } from '../io.js';
import type { InputItem } from './input.js';

/** What `rehome decode` prints for one item of its input: the item with its packet described. */
export interface DecodedItem {
  readonly item: InputItem;
  /** Undefined when there was no packet to describe. */
  readonly view: PacketView | undefined;
}

/** Nothing that a receiver would use. */
export function isBad({ item, view }: DecodedItem): boolean {
  if (view === undefined) return 'error' in item.content;
  return view.kind === 'malformed' || (view.kind === 'control' && !view.checksumOk);
}

/**
 * One JSON object. Always `packet` and `kind` (`control`, `payload`, `other`, `malformed`); fields of the message are
 * members under their RFC names.
 */
export function toJson(decoded: DecodedItem): string {
  const { content, ...origin } = decoded.item;
  if (decoded.view === undefined) {
    const rest =
      'skipped' in content
        ? { kind: 'other', summary: content.skipped }
        : { kind: 'malformed', ...content };
    return JSON.stringify({ ...origin, ...rest });
  }
  const { kind, ...view } = decoded.view;
  if (!('fields' in view)) return JSON.stringify({ ...origin, kind, ...view });
  const { fields, ...rest } = view;
  const { options, ...others } = { options: undefined, checksumOk: undefined, ...rest };
  const { checksumOk: _, ...named } = others;
  return JSON.stringify({ ...origin, kind, ...named, ...fields, ...(options && { options }) });
}

/** Lines for people; a Shim6 packet is a paragraph, everything else is one line. */
export function toText(decoded: DecodedItem, colors: Colors): string {
  const { item, view } = decoded;
  const place = item.line === undefined ? `${item.packet}` : `line ${item.line}`;
  const cut = item.cut === undefined ? undefined : `(${item.cut} octets not captured)`;
  // An interface's name comes from the file: it must not drive the terminal.
  const name = item.interface === undefined ? undefined : printable(item.interface);
  const when = [item.time, name, cut].filter((s) => s !== undefined).join(' ');
  const head = `${place.padEnd(9)}${when === '' ? '' : `${when}  `}`;
  if (view === undefined) {
    if ('error' in item.content) return `${head}${trouble(item.content, colors)}\n`;
    return `${head}${colors.dim('skipped' in item.content ? item.content.skipped : '')}\n`;
  }
  const route = view.source === undefined ? '' : `  ${view.source} > ${view.destination ?? ''}`;
  const about = 'about' in view && view.about !== undefined ? `  about: ${view.about}` : '';
  switch (view.kind) {
    case 'control':
      return (
        `${head}${colors.bold(view.message)}${route}${about}\n` +
        paragraph(view.fields, view.options, colors)
      );
    case 'payload':
      return (
        `${head}${colors.bold(view.message)}${route}  inner: ${view.inner}\n` +
        paragraph(view.fields, [], colors)
      );
    case 'other':
      return `${head}${colors.dim(view.summary)}${route}${about}\n`;
    case 'malformed': {
      const name = view.message === undefined ? '' : `${view.message}: `;
      return `${head}${name}${trouble(view, colors)}${route}${answer(view.reply)}\n`;
    }
  }
}

const trouble = (
  of: { readonly error: string; readonly offset: number; readonly reason: string },
  colors: Colors,
): string => `${colors.red('malformed')} ${of.error} at offset ${of.offset}: ${of.reason}`;

const answer = (
  reply: { readonly errorCode: number; readonly pointer: number } | undefined,
): string =>
  reply === undefined
    ? ''
    : `  answered with Error code ${reply.errorCode}, pointer ${reply.pointer}`;

type Row = readonly [name: string, value: string];

/** Names to the right, values to the left of one column; options are set apart by their title. */
function paragraph(fields: Fields, options: readonly Fields[], colors: Colors): string {
  const sections: [string, Row[]][] = [['', rowsOf(fields)]];
  for (const { option, type, c, length, ...rest } of options) {
    const title = `option ${String(option)} (type: ${String(type)}, c: ${String(c)}, length: ${String(length)})`;
    sections.push([title, rowsOf(rest)]);
  }
  const width = Math.max(...sections.flatMap(([, rows]) => rows.map(([name]) => name.length)));
  const indent = 4;
  const text = sections.map(([title, rows]) => {
    const lines = rows.map(([name, value]) =>
      name === ''
        ? `${' '.repeat(indent + width + 2)}${value}\n`
        : `${' '.repeat(indent + width - name.length)}${colors.dim(`${name}:`)} ${paint(name, value, colors)}\n`,
    );
    return (title === '' ? '' : `${' '.repeat(indent)}${colors.cyan(title)}\n`) + lines.join('');
  });
  return `${text.join('')}\n`;
}

function paint(name: string, value: string, colors: Colors): string {
  if (name !== 'checksum') return value;
  return value === 'ok' ? colors.green(value) : colors.red(value);
}

const rowsOf = (fields: Fields): Row[] =>
  Object.entries(fields).flatMap(([name, value]) => rows(name, value));

function rows(name: string, value: FieldValue): Row[] {
  if (typeof value === 'number') return [[name, withMeaning(name, value)]];
  if (typeof value === 'string') return wrap(name, value);
  if (value.length === 0) return [[name, '(none)']];
  return value.map((entry, i): Row => {
    const text =
      typeof entry === 'object'
        ? Object.entries(entry)
            .map(([key, v]) => `${key}: ${typeof v === 'number' ? withMeaning(key, v) : String(v)}`)
            .join(', ')
        : typeof entry === 'number'
          ? withMeaning(name, entry)
          : entry;
    return [`${name}[${i + 1}]`, text];
  });
}

const withMeaning = (name: string, value: number): string => {
  const words = meaning(name, value);
  return words === '' ? `${value}` : `${value} (${words})`;
};

const HEX_WIDTH = 64;

/** Long runs of octets take several lines of 32 octets. */
function wrap(name: string, value: string): Row[] {
  if (value === '') return [[name, '(empty)']];
  const lines = value.match(new RegExp(`.{1,${HEX_WIDTH}}`, 'g')) ?? [value];
  return lines.map((line, i): Row => [i === 0 ? name : '', line]);
}
