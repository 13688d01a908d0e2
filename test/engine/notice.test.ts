import { expect, it } from 'vitest';
import { buildIcmpError, ICMPV6_TYPE } from '../../src/wire/icmpv6.js';
import { FastWorld } from './fast-world.js';

it('an ICMPv6 error that is not true moves nothing, however often it comes [RFC5534 §8]', () => {
  const w = new FastWorld({ seed: 'false notice' });
  w.pass(8_000);
  let last: Uint8Array | undefined;
  const untap = w.world.network.tap((packet) => {
    if (packet[6] === 17 && packet[23] === 1) last = packet;
  });
  w.pass(200);
  untap();
  const invokingPacket = last;
  if (invokingPacket === undefined) throw new Error('no packet of ours');
  for (let i = 0; i < 100; i++) {
    w.host.deliver(
      buildIcmpError({
        source: w.locator(1),
        destination: w.locator(0),
        type: ICMPV6_TYPE.destinationUnreachable,
        code: 0,
        invokingPacket,
      }),
    );
    w.pass(50);
  }
  expect(w.count('suspicions')).toBeGreaterThan(0);
  expect(w.named('path-changed', 0)).toEqual([]);
  expect(w.count('exits-dead')).toBe(0);
});
