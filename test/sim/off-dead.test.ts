import { expect, it } from 'vitest';
import { MessageCount } from '../../src/sim/experiments/message-count.js';
import { OffDead } from '../../src/sim/experiments/off-dead.js';
import { simConfig, World } from '../../src/sim/world.js';
import { parseAddress, type Address } from '../../src/wire/address.js';
import { buildControlPacket, type ControlMessage } from '../../src/wire/shim6/index.js';
import { contextTag, ms } from '../../src/wire/units.js';

const packet = (message: ControlMessage): Uint8Array =>
  buildControlPacket(parseAddress('2001:db8:a::1'), parseAddress('2001:db8:b::1'), message);
const tag = { receiverContextTag: contextTag(1) };

it('tells pings from updates, and counts probes and pings by the window', () => {
  const count = new MessageCount(ms(1_000), 100);
  const ping = packet({ message: 'updateRequest', ...tag, requestNonce: 1, options: [] });
  const update = packet({
    message: 'updateRequest',
    ...tag,
    requestNonce: 1,
    options: [{ option: 'keepaliveTimeout', keepaliveTimeout: 3 }],
  });
  const answer = packet({ message: 'updateAcknowledgement', ...tag, requestNonce: 1, options: [] });
  const own = {
    source: parseAddress('2001:db8:a::1'),
    destination: parseAddress('2001:db8:b::1'),
    nonce: 1,
    data: 0,
  };
  const probe = packet({
    message: 'probe',
    ...tag,
    state: 'exploring',
    sent: [own],
    received: [],
    options: [],
  });
  const keepalive = packet({ message: 'keepalive', ...tag, options: [] });
  for (const [at, sent] of [
    [1_000, ping],
    [1_099, probe],
    [1_150, update],
    [1_200, answer],
    [1_310, probe],
    [1_320, keepalive],
  ] as const) {
    count.count(sent, ms(at));
  }
  count.count(new Uint8Array(56), ms(1_310));
  expect(count.totals).toEqual({ probes: 2, pings: 1, updates: 1, acknowledgements: 1 });
  expect(count.windows).toEqual([2, 0, 0, 1]);
  expect(count.peakPerSecond).toBe(20);
});

it('a context is off a dead locator when it sends over others, and on again when it returns', () => {
  const world = new World({ seed: 'off dead', paths: { delay: 5 } });
  const [a, b] = ['A', 'B'].map((name) => world.addHost(name, 2, simConfig('rfc')));
  if (!a || !b) throw new Error('no hosts');
  const [dead, alive] = a.locators as readonly [Address, Address];
  const peer = b.locators[0] as Address;
  a.driver?.establish({ local: dead, peer });
  world.clock.run(ms(1_000));
  const senders = [a, b].flatMap(({ name, engine }) =>
    (engine?.contexts() ?? []).map(({ pair }) => ({ key: name, pair })),
  );
  const off = new OffDead(senders, [dead], world.clock.now());
  expect(off.left).toBe(2);
  expect(new OffDead(senders, [alive], 0).left).toBe(0);
  const moves = (host: typeof a, to: Address, at: number): void =>
    off.heard(host.name, {
      at: ms(at),
      name: 'path-changed',
      detail: { to: host === a ? `${to} ${peer}` : `${peer} ${to}` },
    });
  moves(a, alive, 1_200);
  expect([off.left, off.after()]).toEqual([1, [200]]);
  moves(a, dead, 1_300);
  expect(off.left).toBe(2);
  moves(a, alive, 1_500);
  moves(b, alive, 1_600);
  expect([off.left, off.after()]).toEqual([0, [500, 600]]);
  moves(b, dead, 1_700);
  off.heard(b.name, { at: ms(1_800), name: 'removed', detail: {} });
  expect(off.left).toBe(0);
});
