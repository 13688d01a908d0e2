import { expect, it } from 'vitest';
import { FastWorld, isPing } from './fast-world.js';

it('600 contexts are moved and told in batches, all of them', () => {
  const traffic = { model: 'cbr', interval: 500, size: 40 } as const;
  const w = new FastWorld({ seed: 'many', peers: 600, traffic });
  w.pass(12_000);
  expect(w.spread()).toEqual([600, 0]);
  const told: number[] = [];
  const untap = w.world.network.tap((packet) => {
    if (packet[6] === 140 && packet[42] === 64 && !isPing(packet)) told.push(w.now);
  });
  w.cutExit(0);
  w.pass(1_000);
  untap();
  expect(w.spread()).toEqual([0, 600]);
  expect(w.spread(w.peers)).toEqual([0, 600]);
  const first = told[0] ?? NaN;
  expect(told.filter((at) => at === first)).toHaveLength(512);
  expect(told.filter((at) => at === first + 10)).toHaveLength(88);
}, 60_000);
