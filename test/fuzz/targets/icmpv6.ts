import {
  buildEcho,
  buildIcmpError,
  buildIcmpv6,
  parseIcmpError,
  parseIcmpv6,
  readEcho,
} from '../../../src/wire/icmpv6.js';
import { parseIpv6 } from '../../../src/wire/ipv6.js';
import { must, type Target } from '../harness/target.js';
import { mustEqual } from '../support/equal.js';
import {
  capturedPackets,
  ndPackets,
  packetUnits,
  repairPacket,
  wrappedPackets,
} from '../support/packet.js';
import { soundly } from '../support/refusal.js';

/** RFC 4443 §2.4(c). */
const MAX_ERROR = 1280;

export const target: Target = {
  name: 'icmpv6',
  about: 'ICMPv6 messages, errors with the packet they are about, echoes',
  code: ['src/wire/icmpv6', 'src/wire/ipv6', 'src/wire/checksum'],
  seeds: () => [...wrappedPackets(), ...ndPackets(), ...capturedPackets()],
  units: packetUnits,
  repair: repairPacket,
  run(packet) {
    const message = soundly(parseIcmpv6(packet), packet.length);
    const error = soundly(parseIcmpError(packet), packet.length);
    must(message !== undefined || error === undefined, 'an error is a message');
    if (!message) return;
    const { source, destination, hopLimit } = message.header;
    const again = parseIcmpv6(buildIcmpv6({ ...message, source, destination, hopLimit }));
    must(again.ok, 'a message that is read can be written and read again');
    mustEqual(
      [again.type, again.code, again.body],
      [message.type, message.code, message.body],
      'a message after a round trip',
    );
    const echo = readEcho(message);
    if (echo) {
      const back = parseIcmpv6(buildEcho(source, destination, echo));
      mustEqual(back.ok ? readEcho(back) : undefined, echo, 'an echo after a round trip');
    }
    if (!error) return;
    const rebuilt = buildIcmpError({ ...error, source, destination });
    must(rebuilt.length <= MAX_ERROR, 'an error is no longer than the minimum MTU');
    const back = parseIcmpError(rebuilt);
    must(back.ok && back.parameter === error.parameter, 'an error after a round trip');
    mustEqual(
      back.invokingPacket,
      error.invokingPacket.subarray(0, MAX_ERROR - 48),
      'the packet in an error',
    );
    soundly(parseIpv6(error.invokingPacket, { allowTruncated: true }), error.invokingPacket.length);
  },
};
