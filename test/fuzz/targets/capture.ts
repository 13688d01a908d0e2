import { readFileSync } from 'node:fs';
import type { CaptureItem } from '../../../src/wire/capture.js';
import { ipv6OfFrame, LINKTYPE } from '../../../src/wire/link.js';
import { isCapture, readCapture } from '../../../src/wire/pcap.js';
import { pcapngInterface, pcapngPacket, pcapngSection } from '../../../src/wire/pcapng-write.js';
import { concatBytes, u32 } from '../../../src/wire/bytes.js';
import { note } from '../harness/coverage.js';
import { must, type Target, type Unit } from '../harness/target.js';
import { mustEqual } from '../support/equal.js';
import { shim6Packets } from '../support/packet.js';

const SECTION = 0x0a0d0d0a;
const SMALLEST_RECORD = 12;

export const target: Target = {
  name: 'capture',
  about: 'pcap and pcapng files, and the link layers in them',
  code: ['src/wire/pcap', 'src/wire/capture', 'src/wire/link'],
  maxLength: 4096,
  seeds,
  units,
  run(file) {
    let items = 0;
    const packets: Extract<CaptureItem, { kind: 'packet' }>[] = [];
    for (const item of readCapture(file)) {
      must(
        ++items <= 2 + (2 * file.length) / SMALLEST_RECORD,
        'a file has no more items than it has room for',
      );
      if (item.kind === 'problem') {
        note(item.reason);
        must(item.offset >= 0 && item.offset <= file.length, 'a problem is somewhere in the file');
        continue;
      }
      packets.push(item);
      must(item.frame.length <= file.length, 'a frame is in the file');
      const found = ipv6OfFrame(item.linkType, item.frame);
      note(found.ok ? 'packet' : found.reason);
      must(!found.ok || found.packet.length <= item.frame.length, 'a packet is in its frame');
    }
    must(isCapture(file) || items === 1, 'what does not begin like a capture has no packets');
    writtenAgain(packets);
  },
};

/** What can be told in the format that we write comes back from it. */
function writtenAgain(packets: readonly Extract<CaptureItem, { kind: 'packet' }>[]): void {
  const whole = packets.filter(
    (p) =>
      p.timestamp !== undefined &&
      p.timestamp >= 0n &&
      p.timestamp < 2n ** 64n &&
      p.linkType <= 0xffff &&
      p.originalLength >= p.frame.length,
  );
  const file = concatBytes(
    pcapngSection(),
    ...whole.map((p) => pcapngInterface({ linkType: p.linkType })),
    ...whole.map((p, i) =>
      pcapngPacket({
        interfaceId: i,
        timestamp: p.timestamp ?? 0n,
        frame: p.frame,
        originalLength: p.originalLength,
      }),
    ),
  );
  const back = [...readCapture(file)];
  const told = (p: CaptureItem): unknown =>
    p.kind === 'packet' ? [p.timestamp, p.linkType, p.frame, p.originalLength] : p;
  mustEqual(back.map(told), whole.map(told), 'packets after a round trip');
}

function seeds(): Uint8Array[] {
  const file = new Uint8Array(
    readFileSync(new URL('../../vectors/captures/linux-veth.pcap', import.meta.url)),
  );
  const classic = file.slice(0, 700);
  const packets = shim6Packets().slice(0, 3);
  const ng = concatBytes(
    pcapngSection(),
    pcapngInterface({ name: 'up1' }),
    pcapngInterface({ name: 'up2', linkType: LINKTYPE.ethernet, resolution: 'us' }),
    ...packets.map((packet, i) =>
      pcapngPacket({ interfaceId: 0, timestamp: BigInt(i) * 1_000_000_000n, frame: packet }),
    ),
  );
  return [classic, bigEndian(classic), ng, concatBytes(ng, ng)];
}

/** The header of a little-endian pcap file and of its first record turned round. */
function bigEndian(file: Uint8Array): Uint8Array {
  const out = file.slice();
  const words = [0, 8, 12, 16, 20, 24, 28, 32, 36];
  for (const at of words) out.set(file.subarray(at, at + 4).toReversed(), at);
  out.set(file.subarray(4, 6).toReversed(), 4);
  out.set(file.subarray(6, 8).toReversed(), 6);
  return out;
}

/** Blocks of pcapng, records of pcap; both as little-endian hosts write them. */
function units(file: Uint8Array): Unit[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const ng = file.length >= 4 && u32(file, 0) === SECTION;
  const out: Unit[] = [];
  for (let from = ng ? 0 : 24; from + 16 <= file.length && out.length < 100;) {
    const length = ng ? view.getUint32(from + 4, true) : 16 + view.getUint32(from + 8, true);
    const to = Math.min(file.length, from + Math.max(12, length));
    out.push({ from, to });
    from = to;
  }
  return out;
}
