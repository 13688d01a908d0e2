import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/wire/address.js';
import { concatBytes, setU16, toHex, u16, u8 } from '../../src/wire/bytes.js';
import { internetChecksum, upperLayerChecksum } from '../../src/wire/checksum.js';
import { WireError } from '../../src/wire/errors.js';
import { buildIcmpError, parseIcmpError } from '../../src/wire/icmpv6.js';
import { buildIpv6, parseIpv6, PROTOCOL, shim6Offset, walkHeaders } from '../../src/wire/ipv6.js';
import { ipv6OfFrame } from '../../src/wire/link.js';
import { parseNd, type NdMessage } from '../../src/wire/nd.js';
import { readCapture } from '../../src/wire/pcap.js';
import { decodeSamOption, encodeSamOption, viewSamOption } from '../../src/wire/sam-option.js';
import type { DecodeFailure } from '../../src/wire/result.js';
import { describePacket } from '../../src/wire/shim6/describe/index.js';
import { decodeControl, decodePayloadHeader, encodeControl } from '../../src/wire/shim6/index.js';
import { parseTcp } from '../../src/wire/tcp.js';
import { parseUdp } from '../../src/wire/udp.js';
import { vectorBytes, vectorNames } from '../wire/vectors.js';

/**
 * Mutated packets through every decoder: nothing throws, every refusal has a reason that can be counted, and what is
 * accepted can be written again. REHOME_FUZZ_N sets how many, REHOME_FUZZ_SEED which; both are printed.
 */
const COUNT = Number(process.env['REHOME_FUZZ_N'] ?? 1_000_000);
const SEED = Number(process.env['REHOME_FUZZ_SEED'] ?? Date.now() % 2 ** 31);

/** mulberry32: small, seeded, good enough to choose octets. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const source = parseAddress('2001:db8:1::a');
const destination = parseAddress('2001:db8:2::b');

function corpus(): Uint8Array[] {
  const shim6 = vectorNames('shim6').map((name) =>
    buildIpv6({ source, destination, nextHeader: 140, payload: vectorBytes(`shim6/${name}`) }),
  );
  const wrapped = shim6.slice(0, 6).map((packet) => {
    const payload = concatBytes(new Uint8Array([140, 0, 1, 4, 0, 0, 0, 0]), packet.subarray(40));
    return buildIpv6({ source, destination, nextHeader: PROTOCOL.destinationOptions, payload });
  });
  const errors = shim6
    .slice(0, 6)
    .map((invokingPacket) =>
      buildIcmpError({ source, destination, type: 4, code: 1, invokingPacket }),
    );
  const file = readFileSync(new URL('../vectors/captures/linux-veth.pcap', import.meta.url));
  const kernel = [...readCapture(new Uint8Array(file))].flatMap((item) => {
    const found = item.kind === 'packet' ? ipv6OfFrame(item.linkType, item.frame) : undefined;
    return found?.ok === true ? [found.packet] : [];
  });
  const nd = vectorNames('nd').map((name) => vectorBytes(`nd/${name}`));
  // Often, because most of its octets are deep inside.
  const sam = Array.from({ length: 12 }, () => vectorBytes('nd/router-advertisement-sam'));
  return [...shim6, ...shim6, ...wrapped, ...errors, ...nd, ...sam, ...kernel];
}

const INTERESTING = [0, 1, 2, 3, 4, 5, 7, 8, 10, 15, 16, 36, 59, 64, 127, 128, 140, 254, 255];

/** A mutated copy; most of the time with its lengths and checksums put right, to get past the first gates. */
function mutate(random: (below: number) => number, seeds: readonly Uint8Array[]): Uint8Array {
  const pick = (): Uint8Array => seeds[random(seeds.length)] ?? new Uint8Array(0);
  let bytes: Uint8Array = pick().slice();
  for (let i = random(4); i >= 0; i--) {
    const at = random(bytes.length + 1);
    switch (random(8)) {
      case 0:
      case 1:
        if (at < bytes.length) bytes[at] = u8(bytes, at) ^ (1 << random(8));
        break;
      case 2:
      case 3:
        if (at < bytes.length) bytes[at] = INTERESTING[random(INTERESTING.length)] ?? 0;
        break;
      case 4:
        if (at < bytes.length) bytes[at] = random(256);
        break;
      case 5:
        bytes = bytes.slice(0, at);
        break;
      case 6: {
        const other = pick();
        bytes = concatBytes(bytes.subarray(0, at), other.subarray(random(other.length)));
        break;
      }
      default: {
        const from = random(bytes.length + 1);
        bytes = concatBytes(bytes.subarray(0, at), bytes.subarray(from, from + random(64)), bytes.subarray(at)); // prettier-ignore
      }
    }
  }
  if (random(8) > 0) repair(bytes, random);
  return bytes;
}

function repair(bytes: Uint8Array, random: (below: number) => number): void {
  if (bytes.length < 48) return;
  bytes[0] = 0x60;
  setU16(bytes, 4, bytes.length - 40);
  const walk = walkHeaders(bytes);
  if (!walk.ok) return;
  const { protocol, offset } = walk.upper;
  if (protocol === PROTOCOL.shim6 && offset + 8 <= bytes.length) {
    const room = (bytes.length - offset) >> 3;
    if (random(2) === 0 || u8(bytes, offset + 1) + 1 > room) bytes[offset + 1] = room - 1;
    setU16(bytes, offset + 4, 0);
    const end = offset + 8 * (u8(bytes, offset + 1) + 1);
    setU16(bytes, offset + 4, internetChecksum(bytes, offset, end));
  } else if (protocol === PROTOCOL.icmpv6 && offset + 4 <= bytes.length) {
    setU16(bytes, offset + 2, 0);
    const sum = upperLayerChecksum(walk.header.source, walk.header.destination, 58, bytes.subarray(offset)); // prettier-ignore
    setU16(bytes, offset + 2, sum);
  }
}

/** Reasons of the Shim6 decoder, every one of which the mutations must reach. */
const SHIM6_REASONS = [
  'truncated',
  'payload-header',
  'hip',
  'bad-length',
  'bad-checksum',
  'unknown-type',
  'bad-probe-count',
  'bad-state',
  'bad-option',
  'critical-option',
  'duplicate-option',
];

/** The same of the SAM option in Router Advertisements. */
const SAM_REASONS = [
  'other-experiment',
  'unknown-version',
  'truncated',
  'trailing-octets',
  'bad-prefix-length',
  'stray-prefix-bit',
  'bad-lifetimes',
];

const reasons = new Map<string, number>();

/** Every refusal has a code, a kebab-case reason, and an offset inside the octets; counted under the reason. */
function tally(result: { readonly ok: true } | DecodeFailure, length: number): void {
  const reason = result.ok ? 'ok' : result.reason;
  reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  if (result.ok) return;
  const sound =
    /^[a-z0-9]+(-[a-z0-9]+)*$/.test(reason) &&
    /^REHOME_E_[A-Z]+(_[A-Z]+)*$/.test(result.code) &&
    result.offset >= 0 &&
    result.offset <= length;
  if (!sound) throw new Error(`unsound refusal ${JSON.stringify(result)} of ${length} octets`);
}

/** What was accepted can be written and read again, but for what we read and don't write. */
function checkControl(octets: Uint8Array): void {
  const result = decodeControl(octets);
  tally(result, octets.length);
  if (!result.ok) {
    const replies = ['unknown-type', 'critical-option'].includes(result.reason);
    if (replies !== (result.reply !== undefined)) throw new Error(`reply to ${result.reason}`);
    return;
  }
  const { message } = result;
  const long =
    'options' in message &&
    message.options.some((o) => o.option === 'locatorPreferences' && o.elementLength > 3);
  let again: Uint8Array;
  try {
    again = encodeControl(message);
  } catch (error) {
    const code = error instanceof WireError ? error.code : '';
    if (code === 'REHOME_E_TOO_LARGE' || (long && code === 'REHOME_E_RANGE')) return;
    throw error;
  }
  const back = decodeControl(again);
  if (!back.ok || again.length !== result.length || u16(again, 0) >>> 8 !== 59) {
    throw new Error(`does not survive: ${toHex(octets)}`);
  }
}

/** SAM options that were read can be written again; those that were not have a reason. */
function checkOptions(message: NdMessage): void {
  for (const option of message.options) {
    if (option.option === 'samParameters') {
      const again = decodeSamOption(encodeSamOption(option));
      if (!again.ok) throw new Error(`SAM option does not survive: ${again.reason}`);
    } else if (option.option === 'unknown' && option.type === 253) {
      viewSamOption(option.contents);
      tally(decodeSamOption(option.contents), option.contents.length);
    }
  }
}

function through(packet: Uint8Array): void {
  const parsed = parseIpv6(packet);
  if (!parsed.ok) tally(parsed, packet.length);
  const walk = walkHeaders(packet);
  tally(walk, packet.length);
  walkHeaders(packet, { allowTruncated: true });
  const offset = shim6Offset(packet);
  if (offset !== undefined && offset + 8 > packet.length) throw new Error('offset past the end');
  if (walk.ok) {
    const upper = packet.subarray(walk.upper.offset, walk.end);
    if (walk.upper.protocol === PROTOCOL.tcp) parseTcp(upper);
    if (walk.upper.protocol === PROTOCOL.udp) parseUdp(upper);
  }
  const octets = packet.subarray(offset ?? Math.min(40, packet.length));
  checkControl(octets);
  tally(decodePayloadHeader(octets), octets.length);
  if (!walk.ok || walk.upper.protocol === PROTOCOL.icmpv6) {
    parseIcmpError(packet);
    const nd = parseNd(packet);
    if (nd.ok) checkOptions(nd.message);
  }
}

describe('mutated packets', () => {
  it(`${COUNT} of them, seed ${SEED}: no throw, a reason for every drop [RFC5533 §12.3]`, () => {
    console.log(`fuzz decode: REHOME_FUZZ_N=${COUNT} REHOME_FUZZ_SEED=${SEED}`);
    const random = generator(SEED);
    const seeds = corpus();
    let packet: Uint8Array = new Uint8Array(0);
    const start = performance.now();
    try {
      for (let i = 0; i < COUNT; i++) {
        packet = mutate(random, seeds);
        through(packet);
        if (i % 16 === 0) JSON.stringify(describePacket(packet));
      }
    } catch (error) {
      throw new Error(`seed ${SEED}, packet ${toHex(packet)}`, { cause: error });
    }
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    const table = [...reasons].sort(([, a], [, b]) => b - a).map(([r, n]) => `${r} ${n}`);
    console.log(`fuzz decode: ${seconds} s; ${table.join(', ')}`);
    expect(reasons.get('ok')).toBeGreaterThan(COUNT / 10);
    // Few mutations reach few places: ask for all of them of a real run only.
    if (COUNT >= 100_000) {
      expect(SAM_REASONS.filter((reason) => !reasons.has(reason))).toEqual([]);
      expect(SHIM6_REASONS.filter((reason) => !reasons.has(reason))).toEqual([]);
    }
  }, 600_000);
});
