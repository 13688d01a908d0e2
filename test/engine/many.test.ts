import { expect, it } from 'vitest';
import { FastWorld, isPing } from './fast-world.js';

it('1,100 contexts are moved and told in batches, all of them', () => {
  const traffic = { model: 'cbr', interval: 500, size: 40 } as const;
  const w = new FastWorld({ seed: 'many', peers: 1_100, traffic });
  w.pass(12_000);
  expect(w.spread()).toEqual([1_100, 0]);
  const told: number[] = [];
  const untap = w.world.network.tap((packet) => {
    if (packet[6] === 140 && packet[42] === 64 && !isPing(packet)) told.push(w.now);
  });
  w.cutExit(0);
  w.pass(1_000);
  untap();
  expect(w.spread()).toEqual([0, 1_100]);
  expect(w.spread(w.peers)).toEqual([0, 1_100]);
  const first = told[0] ?? NaN;
  expect(told.filter((at) => at === first)).toHaveLength(1_024);
  expect(told.filter((at) => at === first + 10)).toHaveLength(76);
}, 60_000);

it('those that wait for the three who ask may be chosen to ask for all', () => {
  const traffic = { model: 'cbr', interval: 50, size: 40 } as const;
  const w = new FastWorld({ seed: 'chosen', peers: 100, traffic });
  w.pass(10_000);
  w.cutExit(0);
  w.pass(250); // 80 ms of silence, and one question of 95; the three who came first need 305
  expect(w.spread()).toEqual([0, 100]);
}, 60_000);
