import { buildNd, parseNd, type NdMessage } from '../../../src/wire/nd.js';
import { must, type Target } from '../harness/target.js';
import { mustEqual } from '../support/equal.js';
import { ndPackets, packetUnits, repairPacket } from '../support/packet.js';
import { soundly } from '../support/refusal.js';

export const target: Target = {
  name: 'nd',
  about: 'Neighbor Discovery messages and their options',
  code: ['src/wire/nd', 'src/wire/icmpv6', 'src/wire/prefix'],
  seeds: ndPackets,
  units: packetUnits,
  repair: repairPacket,
  run(packet) {
    const read = soundly(parseNd(packet), packet.length);
    if (!read) return;
    const { source, destination } = read.header;
    must(read.header.hopLimit === 255, 'nobody beyond a router is believed');
    const again = parseNd(buildNd(source, destination, read.message));
    must(again.ok, 'a message that is read can be written and read again');
    mustEqual(again.message, read.message, 'a message after a round trip');
    for (const option of read.message.options) inBounds(option);
  },
};

function inBounds(option: NdMessage['options'][number]): void {
  if (!('prefix' in option)) return;
  const { length } = option.prefix;
  must(Number.isInteger(length) && length >= 0 && length <= 128, `a prefix length of ${length}`);
}
