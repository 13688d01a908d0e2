import { fromHex } from '../../wire/bytes.js';
import { ipv6OfFrame } from '../../wire/link.js';
import { isCapture, readCapture, type CaptureItem } from '../../wire/pcap.js';

/** One thing to show: a packet, or why there is none. */
export interface InputItem {
  /** Number of the packet in the input, from 1. */
  readonly packet: number;
  /** Of hex input: number of the line, from 1. */
  readonly line?: number;
  /** Of a capture, ISO 8601 with nanoseconds. */
  readonly time?: string;
  readonly interface?: string;
  /** Octets of the frame that the capture left out. */
  readonly cut?: number;
  readonly content:
    | { readonly octets: Uint8Array }
    /** A frame of something else: ARP, IPv4, a link type that we don't know. */
    | { readonly skipped: string }
    | { readonly error: string; readonly offset: number; readonly reason: string };
}

/** A packet has at most 40 + 65535 octets; a line with more than this isn't one. */
const MAX_LINE = 1_000_000;

/**
 * Packets of hex lines, or of a capture: the first four octets tell. Hex lines are given as they come, so that a pipe
 * can be followed; a capture is read whole.
 */
export async function* readInput(source: AsyncIterable<Uint8Array>): AsyncGenerator<InputItem> {
  let head: Uint8Array = Buffer.alloc(0);
  const chunks = source[Symbol.asyncIterator]();
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    head = Buffer.concat([head, next.value]);
    if (head.length >= 4) break;
  }
  const rest: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => chunks };
  if (isCapture(head)) yield* captureItems(await collect(head, rest));
  else yield* hexItems(head, rest);
}

async function collect(head: Uint8Array, rest: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts = [head];
  for await (const chunk of rest) parts.push(chunk);
  return Buffer.concat(parts);
}

function* captureItems(bytes: Uint8Array): Generator<InputItem> {
  let packet = 0;
  for (const item of readCapture(bytes)) {
    if (item.kind === 'problem') {
      const { code: error, offset, reason } = item;
      yield { packet, content: { error, offset, reason } };
    } else {
      packet += 1;
      yield { packet, ...origin(item), content: frameContent(item) };
    }
  }
}

function origin(
  item: CaptureItem & { kind: 'packet' },
): Pick<InputItem, 'time' | 'interface' | 'cut'> {
  const cut = item.originalLength - item.frame.length;
  return {
    ...(item.timestamp === undefined ? {} : { time: isoTime(item.timestamp) }),
    ...(item.interfaceName === undefined ? {} : { interface: item.interfaceName }),
    ...(cut > 0 ? { cut } : {}),
  };
}

function frameContent(item: CaptureItem & { kind: 'packet' }): InputItem['content'] {
  const found = ipv6OfFrame(item.linkType, item.frame);
  if (found.ok) return { octets: found.packet };
  if (found.reason === 'truncated') {
    const { length } = item.frame;
    return { error: 'REHOME_E_TRUNCATED', offset: length, reason: 'truncated' };
  }
  return { skipped: `${found.reason} (link type ${item.linkType})` };
}

/** A time that JavaScript's dates can't hold is given as a number of seconds. */
function isoTime(nanoseconds: bigint): string {
  const fraction = (((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n)
    .toString()
    .padStart(9, '0');
  const seconds = (nanoseconds - BigInt(fraction)) / 1_000_000_000n;
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return `${seconds}.${fraction}`;
  return `${date.toISOString().slice(0, -5)}.${fraction}Z`;
}

async function* hexItems(
  head: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<InputItem> {
  let line = 0;
  let packet = 0;
  for await (const text of linesOf(head, rest)) {
    line += 1;
    const content = hexContent(text);
    if (content === undefined) continue;
    packet += 1;
    yield { packet, line, content };
  }
}

async function* linesOf(head: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let pending = decoder.decode(head, { stream: true });
  const take = function* (): Generator<string> {
    const lines = pending.split('\n');
    pending = lines.pop() ?? '';
    // What is past the limit is not kept: it won't become a packet.
    if (pending.length > 2 * MAX_LINE) pending = pending.slice(0, MAX_LINE + 1);
    yield* lines;
  };
  yield* take();
  for await (const chunk of rest) {
    pending += decoder.decode(chunk, { stream: true });
    yield* take();
  }
  pending += decoder.decode();
  if (pending !== '') yield pending;
}

/** The octets of a line; undefined for a blank one or a comment. */
export function hexContent(line: string): InputItem['content'] | undefined {
  const text = line.replace(/#.*/, '');
  if (text.trim() === '') return undefined;
  if (text.length > MAX_LINE) {
    return { error: 'REHOME_E_HEX', offset: MAX_LINE, reason: 'line-too-long' };
  }
  const digits = text.replace(/(^|[\s,])0[xX]/g, '$1').replace(/[\s,]/g, '');
  const octets = fromHex(digits);
  if (octets !== undefined) return { octets };
  const strange = digits.search(/[^0-9a-fA-F]/);
  return strange < 0
    ? { error: 'REHOME_E_HEX', offset: digits.length >> 1, reason: 'odd-number-of-digits' }
    : { error: 'REHOME_E_HEX', offset: strange >> 1, reason: 'not-hexadecimal' };
}
