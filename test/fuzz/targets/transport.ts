import { u16 } from '../../../src/wire/bytes.js';
import { parseIpv6, PROTOCOL, walkHeaders } from '../../../src/wire/ipv6.js';
import { buildTcp, parseTcp, transportChecksumOk } from '../../../src/wire/tcp.js';
import { buildUdp, parseUdp, udpChecksumOk } from '../../../src/wire/udp.js';
import { note } from '../harness/coverage.js';
import { must, type Target } from '../harness/target.js';
import { mustEqual, sameOctets } from '../support/equal.js';
import { capturedPackets, packetUnits, repairPacket } from '../support/packet.js';
import { soundly } from '../support/refusal.js';

export const target: Target = {
  name: 'transport',
  about: 'TCP and UDP headers and their checksums',
  code: ['src/wire/tcp', 'src/wire/udp', 'src/wire/checksum'],
  seeds: capturedPackets,
  units: packetUnits,
  repair: repairPacket,
  run(packet) {
    const ip = parseIpv6(packet);
    const walk = walkHeaders(packet);
    if (!ip.ok || !walk.ok) return;
    const { source, destination } = ip.header;
    const upper = packet.subarray(walk.upper.offset, walk.end);
    const tcp = soundly(parseTcp(upper), upper.length);
    if (tcp) {
      note(`tcp ${transportChecksumOk(source, destination, PROTOCOL.tcp, upper)}`);
      const again = buildTcp(source, destination, tcp.segment);
      must(transportChecksumOk(source, destination, PROTOCOL.tcp, again), 'our checksum is right');
      const back = parseTcp(again);
      mustEqual(back.ok && back.segment, tcp.segment, 'a segment after a round trip');
      // The reserved bits beside the data offset are not kept, and the checksum is over them.
      const whole =
        ((upper[12] ?? 0) & 15) === 0 &&
        transportChecksumOk(source, destination, PROTOCOL.tcp, upper);
      must(!whole || isSame(again, upper, 16), 'a segment without fault is written as it was read');
    }
    const udp = soundly(parseUdp(upper), upper.length);
    if (!udp) return;
    const said = u16(upper, 4);
    must(
      said >= 8 && udp.datagram.payload.length === said - 8,
      'the payload is as long as it says',
    );
    note(`udp ${udpChecksumOk(source, destination, upper)}`);
    const again = buildUdp(source, destination, udp.datagram);
    must(udpChecksumOk(source, destination, again), 'our checksum is right');
    const back = parseUdp(again);
    mustEqual(back.ok && back.datagram, udp.datagram, 'a datagram after a round trip');
  },
};

/** Equal but for the checksum at `field`, where 0 and 0xffff are the same number. */
function isSame(a: Uint8Array, b: Uint8Array, field: number): boolean {
  const [x, y] = [a.slice(), b.slice()];
  x.fill(0, field, field + 2);
  y.fill(0, field, field + 2);
  return sameOctets(x, y);
}
