import { describe, expect, it } from 'vitest';
import { simConfig } from '../../src/sim/world.js';
import { FastWorld } from './fast-world.js';

const WARM_UP = 8_000;

describe('a notice of the exit router', () => {
  const until = (notices: boolean): number => {
    // So quiet that silence says little: 1 packet a second each way.
    const traffic = { model: 'cbr', interval: 1_000, size: 100 } as const;
    const w = new FastWorld({ seed: 'notice', notices, traffic });
    w.pass(WARM_UP + 4_000);
    const cutAt = w.now;
    w.cutExit(0);
    const step = 20;
    while ((w.spread()[0] ?? 0) > 0 && w.now < cutAt + 30_000) w.pass(step);
    expect(w.spread()).toEqual([0, 4]);
    return w.now - cutAt;
  };
  it('is a hint that makes it faster', () => {
    const [with_, without] = [until(true), until(false)];
    expect(with_).toBeLessThan(without);
  });
});

describe('another strategy', () => {
  it('may change while the host runs, and nothing is lost', () => {
    const w = new FastWorld({ seed: 'configure' });
    w.pass(WARM_UP);
    const tags = (): unknown[] => w.host.engine?.contexts().map((c) => c.localTag) ?? [];
    const before = tags();
    for (const [i, strategy] of ['shuffle', 'ranked', 'diverse', 'informed'].entries()) {
      w.host.driver?.configure(simConfig('fast', { strategy }));
      w.pass(4_000);
      expect(tags()).toEqual(before);
      const dead = i % 2;
      const at = w.now;
      w.cutExit(dead);
      w.pass(20_000);
      expect([strategy, w.spread()]).toEqual([strategy, dead === 0 ? [0, 4] : [4, 0]]);
      // Whoever was waiting for a verdict of the old strategy is not left behind by the new one.
      expect(w.named('removed', at)).toEqual([]);
      w.cutExit(dead, true);
      w.pass(4_000);
    }
    expect(w.host.engine?.contexts().map((c) => c.reap?.state)).toEqual(
      before.map(() => 'operational'),
    );
  });
});
