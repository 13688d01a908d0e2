import { buildIpv6, parseIpv6, shim6Offset, walkHeaders } from '../../../src/wire/ipv6.js';
import { must, type Target } from '../harness/target.js';
import { sameOctets } from '../support/equal.js';
import {
  capturedPackets,
  packetUnits,
  repairPacket,
  shim6Packets,
  wrappedPackets,
} from '../support/packet.js';
import { soundly } from '../support/refusal.js';

const SHIM6 = 140;

export const target: Target = {
  name: 'ipv6',
  about: 'the IPv6 header and the walk over extension headers',
  code: ['src/wire/ipv6', 'src/wire/bytes', 'src/wire/address'],
  seeds: () => [...shim6Packets().slice(0, 6), ...wrappedPackets(), ...capturedPackets()],
  units: packetUnits,
  repair: repairPacket,
  run(packet) {
    const parsed = soundly(parseIpv6(packet), packet.length);
    if (parsed) {
      const { header, end } = parsed;
      must(
        end <= packet.length && end === 40 + header.payloadLength,
        'the end is where the header has it',
      );
      const again = buildIpv6({ ...header, payload: packet.subarray(40, end) });
      must(
        sameOctets(again, packet.subarray(0, end)),
        'a header that is read can be written again',
      );
    }
    const walk = soundly(walkHeaders(packet), packet.length);
    must(parsed !== undefined || walk === undefined, 'no walk over what is no packet');
    if (walk) wellFormed(walk, 40, packet.length);
    const cut = soundly(walkHeaders(packet, { allowTruncated: true }), packet.length);
    if (cut) wellFormed(cut, 40, packet.length);
    must(walk === undefined || cut !== undefined, 'what is whole can be read as if it were cut');
    const offset = shim6Offset(packet);
    must(
      offset === undefined || offset + 8 <= packet.length,
      'eight octets are there at the offset',
    );
    if (
      walk &&
      !walk.fragment &&
      walk.upper.protocol === SHIM6 &&
      walk.upper.offset + 8 <= walk.end
    ) {
      must(
        offset !== undefined && offset <= walk.upper.offset,
        'a Shim6 header that the walk met is found',
      );
    }
  },
};

/** Headers follow each other without a gap, up to the upper layer, within the packet. */
function wellFormed(
  walk: Extract<ReturnType<typeof walkHeaders>, { ok: true }>,
  first: number,
  length: number,
): void {
  let at = first;
  for (const e of walk.extensions) {
    must(
      e.offset === at && e.length >= 8 && e.length % 4 === 0,
      'extension headers follow each other',
    );
    at += e.length;
  }
  must(
    walk.upper.offset === at && at <= walk.end && walk.end <= length,
    'the upper layer follows them',
  );
}
