import pc from 'picocolors';
import { readInput, type InputItem } from '../../../src/cli/decode/input.js';
import { isBad, toJson, toText } from '../../../src/cli/decode/render.js';
import { describePacket, summarizePacket } from '../../../src/wire/shim6/describe/index.js';
import { concatBytes, toHex } from '../../../src/wire/bytes.js';
import { must, octetsOf, type Target } from '../harness/target.js';
import { mustEqual } from '../support/equal.js';
import {
  capturedPackets,
  ndPackets,
  packetUnits,
  repairPacket,
  shim6Packets,
  wrappedPackets,
} from '../support/packet.js';
import { target as capture } from './capture.js';

/**
 * The first octet says what the rest is: 0 a packet, which is put on a line of hexadecimal digits; 1 a file as it is.
 * The second how many octets of the file come at a time.
 */
const HEAD = 2;
const colors = pc.createColors(false);

export const target: Target = {
  name: 'decode-input',
  about: '`rehome decode`: hexadecimal lines, captures, and the description of any packet',
  code: ['src/cli/decode/', 'src/wire/shim6/describe/', 'src/wire/pcap'],
  maxLength: 4096,
  words: ['0x', '#', ',', ' ', '\n', '\r\n', '60', '8c', 'zz'],
  seeds() {
    const packets = [...shim6Packets(), ...wrappedPackets(), ...ndPackets(), ...capturedPackets()];
    const lines = shim6Packets().slice(0, 3).map(toHex).join('\n');
    const texts = [lines, '# nothing\n\n', '0x60, 0x00 60\nzz\nabc\n', `${lines}\r\n`];
    return [
      ...packets.map((p) => concatBytes(Uint8Array.of(0, 0), p)),
      ...texts.map((t) => concatBytes(Uint8Array.of(1, 7), octetsOf(t))),
      ...capture.seeds().map((f) => concatBytes(Uint8Array.of(1, 100), f)),
    ];
  },
  units: (input) =>
    input[0] === 0
      ? packetUnits(input.subarray(HEAD)).map((u) => ({ from: u.from + HEAD, to: u.to + HEAD }))
      : [],
  repair: (input, random) =>
    input[0] === 0
      ? concatBytes(input.subarray(0, HEAD), repairPacket(input.subarray(HEAD), random))
      : input,
  async run(input) {
    const [kind = 0, size = 0] = input;
    const body = input.subarray(HEAD);
    if (kind === 0) described(body);
    const file = kind === 0 ? octetsOf(toHex(body)) : body;
    const items = await read(file, 1 << 16);
    if (size > 0) mustEqual(await read(file, size), items, 'the same, however the file comes');
    for (const item of items) shown(item);
  },
};

async function read(file: Uint8Array, size: number): Promise<InputItem[]> {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < file.length; at += size) yield file.subarray(at, at + size);
  }
  const items: InputItem[] = [];
  for await (const item of readInput(pieces())) items.push(item);
  return items;
}

function described(packet: Uint8Array): void {
  const view = describePacket(packet);
  must(summarizePacket(packet).length > 0, 'a summary says something');
  if (view.kind !== 'malformed') return;
  must(view.offset >= 0 && view.offset <= packet.length, 'the trouble is in the packet');
}

/** What a terminal may get: no control character but the end of a line. */
const HARMLESS = /^[^\p{Cc}]*$/u;

function shown(item: InputItem): void {
  const view = 'octets' in item.content ? describePacket(item.content.octets) : undefined;
  const text = toText({ item, view }, colors);
  must(text.endsWith('\n'), 'a line has an end');
  must(HARMLESS.test(text.replaceAll('\n', '')), 'no control characters for the terminal');
  const json = toJson({ item, view });
  must(!json.includes('\n'), 'one object is one line');
  const back = JSON.parse(json) as { packet: unknown; kind: unknown };
  must(back.packet === item.packet && typeof back.kind === 'string', 'packet and kind are there');
  must(
    !isBad({ item, view }) || back.kind === 'malformed' || back.kind === 'control',
    'what is bad says so',
  );
}
