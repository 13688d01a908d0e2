import { u32 } from './bytes.js';
import { captureProblem, type CaptureItem } from './capture.js';
import { isPcapng, readPcapng } from './pcapng.js';

export type { CapturedPacket, CaptureItem, CaptureProblem } from './capture.js';

const MICRO = 0xa1b2c3d4;
const NANO = 0xa1b23c4d;
const FILE_HEADER = 24;
const RECORD_HEADER = 16;

/** Do the octets start like a pcap or pcapng file? Four octets are enough to tell. */
export const isCapture = (bytes: Uint8Array): boolean =>
  bytes.length >= 4 && (isPcapng(bytes) || classicOrder(bytes) !== undefined);

interface Order {
  readonly littleEndian: boolean;
  /** Nanoseconds in one unit of the fraction field. */
  readonly unit: bigint;
}

function classicOrder(bytes: Uint8Array): Order | undefined {
  if (bytes.length < 4) return undefined;
  const big = u32(bytes, 0);
  const little = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  for (const [magic, unit] of [
    [MICRO, 1000n],
    [NANO, 1n],
  ] as const) {
    if (big === magic) return { littleEndian: false, unit };
    if (little === magic) return { littleEndian: true, unit };
  }
  return undefined;
}

/** The packets of a pcap or pcapng file, and what could not be read of it, in order. Never throws. */
export function* readCapture(bytes: Uint8Array): Generator<CaptureItem, void, undefined> {
  const order = classicOrder(bytes);
  if (order !== undefined) yield* readClassic(bytes, order);
  else if (isPcapng(bytes)) yield* readPcapng(bytes);
  else yield captureProblem(0, 'not-a-capture');
}

function* readClassic(bytes: Uint8Array, order: Order): Generator<CaptureItem, void, undefined> {
  if (bytes.length < FILE_HEADER) {
    yield captureProblem(bytes.length, 'truncated-header');
    return;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = (at: number): number => view.getUint32(at, order.littleEndian);
  // The upper bits say whether frames end with a checksum, which IPv6's own length leaves out.
  const linkType = read(20) & 0x03ffffff;
  for (let at = FILE_HEADER; at < bytes.length;) {
    if (at + RECORD_HEADER > bytes.length) {
      yield captureProblem(at, 'truncated-packet');
      return;
    }
    const start = at + RECORD_HEADER;
    const end = start + read(at + 8);
    if (end > bytes.length) yield captureProblem(at, 'truncated-packet');
    yield {
      kind: 'packet',
      timestamp: BigInt(read(at)) * 1_000_000_000n + BigInt(read(at + 4)) * order.unit,
      linkType,
      interfaceId: 0,
      frame: bytes.subarray(start, Math.min(end, bytes.length)),
      originalLength: read(at + 12),
    };
    at = end;
  }
}
