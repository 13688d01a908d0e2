import type { Address } from '../../wire/address.js';
import type { ControlMessage } from '../../wire/shim6/index.js';
import { PLAIN, type Paint } from '../draw/paint.js';
import type { Moment, SentPacket, TraceEntry } from './recorder.js';

export interface LadderOptions {
  readonly nameOf: (address: Address) => string;
  /** Columns. At least 60. */
  readonly width: number;
  readonly paint?: Paint;
  /** Virtual time that is shown as 0. */
  readonly zero?: number;
}

const TIME = 11;
const MIN_WIDTH = 60;

/** What is shown of payload in a row: the first packet, and how many like it follow. */
interface Run {
  readonly first: SentPacket;
  count: number;
  last: SentPacket;
}

/**
 * A recorded run of two hosts as a ladder of messages, in the manner of seed 001, figure 2: time goes down, a message
 * goes from its sender's line towards the receiver's and ends in an X where it was lost. Packets of payload that follow
 * each other alike are one line.
 */
export function ladder(all: readonly TraceEntry[], options: LadderOptions): string[] {
  const width = Math.max(MIN_WIDTH, options.width);
  const [left, right] = ladderHosts(all);
  const entries = all.filter((entry) => isBetween(entry, left, right));
  const draw = new Lines(left, right, { ...options, width });
  const lines = [draw.header()];
  let run: Run | undefined;
  const flush = (): void => {
    if (run !== undefined) lines.push(draw.payload(run));
    run = undefined;
  };
  for (const entry of entries) {
    if (entry.kind === 'moment') {
      flush();
      const line = draw.moment(entry);
      if (line !== undefined) lines.push(line);
    } else if (entry.control !== undefined) {
      flush();
      lines.push(...draw.control(entry, entry.control));
    } else if (run !== undefined && alike(run.last, entry)) {
      run.count++;
      run.last = entry;
    } else {
      flush();
      run = { first: entry, count: 1, last: entry };
    }
  }
  flush();
  return lines;
}

const alike = (a: SentPacket, b: SentPacket): boolean =>
  a.source === b.source &&
  a.destination === b.destination &&
  a.shimmed === b.shimmed &&
  (a.fate === 'arrived') === (b.fate === 'arrived');

/** The two hosts a ladder has: those of the first control message, or of the first packet. */
export function ladderHosts(entries: readonly TraceEntry[]): [string, string] {
  const packets = entries.filter((entry) => entry.kind === 'packet');
  const known = packets.filter(({ from, to }) => from !== undefined && to !== undefined);
  const first = known.find(({ control }) => control !== undefined) ?? known[0];
  const [left = 'A', right = 'B'] = [first?.from ?? 'A', first?.to ?? 'B'].sort();
  return [left, right];
}

function isBetween(entry: TraceEntry, left: string, right: string): boolean {
  if (entry.kind === 'moment' && entry.host === undefined) return true;
  const [from, to] = entry.kind === 'moment' ? [entry.host, entry.peer] : [entry.from, entry.to];
  return (from === left && to === right) || (from === right && to === left);
}

/** Events of the engine that a reader of the messages wants to see; the others say what the messages say. */
const SHOWN: Readonly<Record<string, string>> = {
  exploring: 'Exploring',
  'inbound-ok': 'InboundOK',
  operational: 'Operational',
  'path-changed': 'path changed',
  established: 'established',
  recovered: 'recovered',
  removed: 'removed',
};

class Lines {
  readonly #left: string;
  readonly #right: string;
  readonly #options: LadderOptions;
  readonly #paint: Paint;
  /** Between the two lines of the ladder. */
  readonly #span: number;

  constructor(left: string, right: string, options: LadderOptions) {
    this.#left = left;
    this.#right = right;
    this.#options = options;
    this.#paint = options.paint ?? PLAIN;
    this.#span = options.width - TIME - 4;
  }

  header(): string {
    const gap = this.#span + 2 - this.#left.length - this.#right.length;
    return `${' '.repeat(TIME)}${this.#paint.strong(this.#left)}${' '.repeat(Math.max(1, gap))}${this.#paint.strong(this.#right)}`;
  }

  /** A message: what it is over the arrow, what it reports below. */
  control(sent: SentPacket, message: ControlMessage): string[] {
    const text = ` ${this.#route(sent)}  ${titleOf(message)} `;
    const lines = [this.#arrow(sent, text)];
    for (const report of reportsOf(message, this.#options.nameOf)) {
      lines.push(this.#inside(sent, this.#paint.dim(report), report.length));
    }
    return lines;
  }

  payload({ first, count, last }: Run): string {
    const many = count === 1 ? '' : `${count} packets, until ${this.#time(last.at).trim()}`;
    const header = first.shimmed ? 'data, extension header' : 'data';
    return this.#arrow(
      first,
      ` ${this.#route(first)}  ${[header, many].filter(Boolean).join(', ')} `,
    );
  }

  moment({ at, host, name, detail }: Moment): string | undefined {
    if (host === undefined) {
      const line = ` ${name} `;
      const dashes = Math.max(2, this.#span + 2 - line.length);
      return `${this.#time(at)} ${this.#paint.bad(`──${line}${'─'.repeat(Math.max(0, dashes - 2))}`)}`;
    }
    const shown = SHOWN[name];
    if (shown === undefined) return undefined;
    const why = detail?.['why'] ?? (name === 'path-changed' ? this.#pairText(detail?.['to']) : '');
    const text = `${shown}${why === '' ? '' : ` (${why})`}`;
    const painted = this.#paint.warn(text);
    const room = Math.max(0, this.#span - text.length);
    const inside =
      host === this.#left ? `${painted}${' '.repeat(room)}` : `${' '.repeat(room)}${painted}`;
    return `${this.#time(at)} ${host === this.#left ? '●' : '│'}${inside}${host === this.#right ? '●' : '│'}`;
  }

  #pairText(pair: string | number | boolean | undefined): string {
    if (typeof pair !== 'string') return '';
    return pair
      .split(' ')
      .map((a) => this.#options.nameOf(a as Address))
      .join('>');
  }

  #route({ source, destination }: SentPacket): string {
    return `${this.#options.nameOf(source)}>${this.#options.nameOf(destination)}`;
  }

  #arrow(sent: SentPacket, text: string): string {
    const forward = sent.from === this.#left;
    const lost = sent.fate !== 'arrived';
    const fit = text.length > this.#span - 4 ? `${text.slice(0, this.#span - 6)}… ` : text;
    const dashes = this.#span - fit.length - 1;
    const [near, far] = [Math.min(3, dashes), Math.max(0, dashes - 3)];
    // A lost one stops half way.
    const reach = lost ? Math.floor(far / 2) : far;
    const rest = ' '.repeat(far - reach);
    const head = lost ? 'X' : forward ? '>' : '<';
    const body = forward
      ? `${'─'.repeat(near)}${fit}${'─'.repeat(reach)}${head}${rest}`
      : `${rest}${head}${'─'.repeat(reach)}${fit}${'─'.repeat(near)}`;
    const painted = lost
      ? this.#paint.bad(body)
      : sent.control === undefined
        ? this.#paint.dim(body)
        : body;
    return `${this.#time(sent.at)} │${painted}│`;
  }

  #inside(sent: SentPacket, painted: string, length: number): string {
    const indent = 5;
    const room = Math.max(0, this.#span - length - indent);
    const body =
      sent.from === this.#left
        ? `${' '.repeat(indent)}${painted}${' '.repeat(room)}`
        : `${' '.repeat(room)}${painted}${' '.repeat(indent)}`;
    return `${' '.repeat(TIME)} │${body}│`;
  }

  #time(at: number): string {
    return `${((at - (this.#options.zero ?? 0)) / 1_000).toFixed(3)} s`.padStart(TIME);
  }
}

const STATE = {
  operational: 'Operational',
  exploring: 'Exploring',
  inboundOk: 'InboundOK',
} as const;

function titleOf(message: ControlMessage): string {
  if (message.message === 'probe') {
    const own = message.sent[0];
    return `Probe ${STATE[message.state]} ${own === undefined ? '' : nonce(own.nonce)}`.trim();
  }
  const name = message.message;
  return name.length <= 5 ? name.toUpperCase() : `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

/** What the peer is told to have been heard: `received: a1>b1 #3f2a, a1>b2 #90c1`. */
function reportsOf(message: ControlMessage, nameOf: (address: Address) => string): string[] {
  if (message.message !== 'probe' || message.received.length === 0) return [];
  const all = message.received.map(
    (r) => `${nameOf(r.source)}>${nameOf(r.destination)} ${nonce(r.nonce)}`,
  );
  const shown = all.slice(0, 3).join(', ');
  const more = all.length > 3 ? ` and ${all.length - 3} more` : '';
  return [`received: ${shown}${more}`];
}

const nonce = (value: number): string => `#${(value >>> 16).toString(16).padStart(4, '0')}`;
