import { u32 } from './bytes.js';
import { captureProblem, type CaptureItem } from './capture.js';

/** Reading pcapng (draft-ietf-opsawg-pcapng): sections, interfaces, enhanced, simple and old packet blocks. */

export const BLOCK = {
  section: 0x0a0d0d0a,
  interface: 1,
  packet: 2,
  simple: 3,
  enhanced: 6,
} as const;
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
export const OPTION = { end: 0, name: 2, tsresol: 9, tsoffset: 14 } as const;

interface Interface {
  readonly linkType: number;
  readonly snapLength: number;
  readonly name: string | undefined;
  /** Ticks of a timestamp to nanoseconds since 1970. */
  readonly time: (ticks: bigint) => bigint;
}

interface Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  littleEndian: boolean;
  interfaces: Interface[];
}

/** The block type of a section header reads the same in both byte orders. */
export const isPcapng = (bytes: Uint8Array): boolean =>
  bytes.length >= 4 && u32(bytes, 0) === BLOCK.section;

const at32 = (r: Reader, at: number): number => r.view.getUint32(at, r.littleEndian);
const at16 = (r: Reader, at: number): number => r.view.getUint16(at, r.littleEndian);

/** The packets of a pcapng file and its problems, in order. Never throws. */
export function* readPcapng(bytes: Uint8Array): Generator<CaptureItem, void, undefined> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reader: Reader = { bytes, view, littleEndian: true, interfaces: [] };
  for (let at = 0; at < bytes.length;) {
    if (at + 12 > bytes.length) {
      yield captureProblem(at, 'truncated-block');
      return;
    }
    if (u32(bytes, at) === BLOCK.section && !openSection(reader, at)) {
      yield captureProblem(at, 'not-a-capture');
      return;
    }
    const length = at32(reader, at + 4);
    if (length < 12 || length % 4 !== 0) {
      yield captureProblem(at + 4, 'bad-block-length');
      return;
    }
    const cut = at + length > bytes.length;
    if (cut) yield captureProblem(at, 'truncated-block');
    const item = readBlock(reader, at, cut ? bytes.length : at + length - 4);
    if (item !== undefined) yield item;
    at += length;
  }
}

/** A section brings its own byte order and its own interfaces. */
function openSection(r: Reader, at: number): boolean {
  const magic = [true, false].find(
    (little) => r.view.getUint32(at + 8, little) === BYTE_ORDER_MAGIC,
  );
  if (magic === undefined) return false;
  r.littleEndian = magic;
  r.interfaces = [];
  return true;
}

/** `end`: one past the body, without the trailing length. */
function readBlock(r: Reader, at: number, end: number): CaptureItem | undefined {
  const type = at32(r, at);
  const body = at + 8;
  switch (type) {
    case BLOCK.interface:
      if (body + 8 > end) return captureProblem(at, 'bad-block-length');
      r.interfaces.push(readInterface(r, body, end));
      return undefined;
    case BLOCK.enhanced:
    case BLOCK.packet: {
      if (body + 20 > end) return captureProblem(at, 'bad-block-length');
      const id = type === BLOCK.packet ? at16(r, body) : at32(r, body);
      const ticks = BigInt(at32(r, body + 4)) * 2n ** 32n + BigInt(at32(r, body + 8));
      return packet(r, id, ticks, body + 20, at32(r, body + 12), at32(r, body + 16), end);
    }
    case BLOCK.simple: {
      if (body + 4 > end) return captureProblem(at, 'bad-block-length');
      const original = at32(r, body);
      const snap = r.interfaces[0]?.snapLength || Infinity; // 0: no limit
      return packet(r, 0, undefined, body + 4, Math.min(original, snap), original, end);
    }
    default:
      return undefined;
  }
}

function packet(
  r: Reader,
  interfaceId: number,
  ticks: bigint | undefined,
  start: number,
  captured: number,
  originalLength: number,
  end: number,
): CaptureItem {
  const from = r.interfaces[interfaceId];
  if (from === undefined) return captureProblem(start, 'unknown-interface');
  return {
    kind: 'packet',
    timestamp: ticks === undefined ? undefined : from.time(ticks),
    linkType: from.linkType,
    interfaceId,
    ...(from.name === undefined ? {} : { interfaceName: from.name }),
    frame: r.bytes.subarray(start, Math.min(start + captured, end)),
    originalLength,
  };
}

function readInterface(r: Reader, body: number, end: number): Interface {
  let perSecond = 1_000_000n;
  let offset = 0n;
  let name: string | undefined;
  for (let at = body + 8; at + 4 <= end;) {
    const code = at16(r, at);
    const length = at16(r, at + 2);
    const value = at + 4;
    if (code === OPTION.end || value + length > end) break;
    if (code === OPTION.tsresol && length >= 1) perSecond = resolution(r.view.getUint8(value));
    if (code === OPTION.tsoffset && length >= 8) offset = r.view.getBigInt64(value, r.littleEndian);
    if (code === OPTION.name) {
      name = new TextDecoder().decode(r.bytes.subarray(value, value + length));
    }
    at = value + Math.ceil(length / 4) * 4;
  }
  return {
    linkType: at16(r, body),
    snapLength: at32(r, body + 4),
    name,
    time: (ticks) => (ticks * 1_000_000_000n) / perSecond + offset * 1_000_000_000n,
  };
}

/** Ticks in a second: a negative power of 10, or of 2 when the top bit is set. */
const resolution = (octet: number): bigint => (octet & 0x80 ? 2n : 10n) ** BigInt(octet & 0x7f);
