import { expect, it } from 'vitest';
import { FastWorld } from './fast-world.js';

it('1 % random loss for ten minutes moves nothing', () => {
  const traffic = { model: 'cbr', interval: 100, size: 100 } as const;
  const w = new FastWorld({ seed: 'loss', paths: { delay: 20, loss: 0.01 }, traffic });
  w.pass(600_000);
  // Not for want of suspicions.
  expect(w.count('suspicions')).toBeGreaterThan(10);
  expect(w.named('path-changed', 0)).toEqual([]);
  expect(w.count('exits-dead')).toBe(0);
}, 60_000);
